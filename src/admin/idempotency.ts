// The same key from the same caller gets the same answer, and nothing is done twice. Answers are remembered for ten minutes, in
// memory: they may hold a key that is shown once.
import { createHash } from 'node:crypto';
import { AdminProblem } from './contract.ts';
import type { JsonAnswer } from './http.ts';

const REMEMBER_MS = 600_000;
const MAX_ENTRIES = 2000;

interface Remembered {
  readonly digest: string;
  readonly untilMs: number;
  readonly answer: Promise<JsonAnswer>;
}

export class Idempotency {
  readonly #entries = new Map<string, Remembered>();

  /** Runs `work` unless the same request was answered, or is being answered. */
  run(
    caller: string,
    key: string,
    request: { readonly operation: string; readonly params: unknown; readonly body: unknown },
    nowMs: number,
    work: () => Promise<JsonAnswer>,
  ): Promise<JsonAnswer> {
    for (const [name, { untilMs }] of this.#entries) {
      if (untilMs > nowMs && this.#entries.size < MAX_ENTRIES) break;
      this.#entries.delete(name);
    }
    const name = `${caller}\n${key}`;
    const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const known = this.#entries.get(name);
    if (known !== undefined) {
      if (known.digest !== digest)
        throw new AdminProblem('resource-conflict', 'This Idempotency-Key was used for another request.');
      return known.answer;
    }
    const answer = work();
    this.#entries.set(name, { digest, untilMs: nowMs + REMEMBER_MS, answer });
    // What failed may be tried again.
    answer.catch(() => this.#entries.delete(name));
    return answer;
  }
}
