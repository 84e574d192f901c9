// A thread that does nothing but hash passwords, at the lowest priority of the machine: what a storm of logins asks for
// is taken from what the data plane leaves over.
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type Argon2Settings, hashPassword, verifyPassword } from './argon2id.ts';

export type HashJob =
  | {
      readonly id: number;
      readonly kind: 'hash';
      readonly password: string;
      readonly settings: Argon2Settings;
    }
  | { readonly id: number; readonly kind: 'verify'; readonly password: string; readonly hash: string };

export interface HashAnswer {
  readonly id: number;
  readonly result: string | boolean;
}

/** Linux gives every thread a priority of its own; elsewhere this would be the whole process's, so it stays. */
function stepBack(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isSafeInteger(thread) && thread > 0 && thread !== process.pid)
      setPriority(thread, constants.priority.PRIORITY_LOW);
  } catch {
    // Without /proc the thread runs like any other.
  }
}

stepBack();
parentPort!.on('message', (job: HashJob) => {
  const result =
    job.kind === 'hash' ? hashPassword(job.password, job.settings) : verifyPassword(job.password, job.hash);
  parentPort!.postMessage({ id: job.id, result } satisfies HashAnswer);
});
