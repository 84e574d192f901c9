// Lines in a file, durable before they count as taken; it is opened for each batch, so that it can be moved away.
import { open } from 'node:fs/promises';
import type { SinkTarget } from '../contract.ts';
import { encodeLine } from '../formats/index.ts';
import { allTaken, type Origin, SendError, type Sink } from '../sink.ts';

type FileTarget = Extract<SinkTarget, { kind: 'file' }>;

export function exportFileSink(target: FileTarget, origin: Origin): Sink {
  return {
    async send(events) {
      const text = events.map((event) => `${encodeLine(event, origin, target.format)}\n`).join('');
      try {
        const file = await open(target.path, 'a', 0o640);
        try {
          await file.appendFile(text);
          await file.datasync();
        } finally {
          await file.close();
        }
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
        throw new SendError('retry', `the file can not be written (${code})`);
      }
      return allTaken;
    },
    close: () => Promise.resolve(),
  };
}
