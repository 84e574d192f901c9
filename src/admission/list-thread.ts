// The thread that packs one list and ends: a million lines take a second, in which the main thread has other things to do.
import { parentPort, workerData } from 'node:worker_threads';
import { parseAddressList } from './list-text.ts';

const { bytes } = workerData as { bytes: Uint8Array };
try {
  parentPort!.postMessage({ list: parseAddressList(Buffer.from(bytes).toString('latin1')), problem: '' });
} catch (error) {
  parentPort!.postMessage({ list: null, problem: error instanceof Error ? error.message : String(error) });
}
