// HOT. Decides whether a value, put where it would stand in a query, continues the query as SQL and changes it. What was read
// up to a failure or to the end is weighed (`sql-evidence.ts`), and some things decide at once: a union with a query, a
// second statement, a subquery, a function that only attackers call.
import { Ending, isInjection } from './sql-evidence.ts';
import { readAfter, readOperand } from './sql-expressions.ts';
import { SqlReading } from './sql-reading.ts';
import { Kind } from './sql-words.ts';

export class SqlJudge {
  readonly #reading = new SqlReading();

  /** Tokens read since the judge was made. */
  get steps(): number {
    return this.#reading.scanner.steps;
  }

  /** Whether `value` from `from` on is an injection; `context` is 0 or the quote that stands before `from`. */
  judge(value: string, from: number, context: number): boolean {
    const r = this.#reading;
    const e = r.evidence;
    r.begin(value, from, context);
    let wants = context === 0;
    while (e.ending === Ending.none && !r.isDecided) {
      const kind = r.scanner.kind(0);
      if (kind <= Kind.comment) r.finish(kind, wants);
      else if (wants) wants = readOperand(r, kind);
      else wants = readAfter(r, kind);
      r.isStart = false;
    }
    e.comments = r.scanner.comments;
    const result = r.isDecided || isInjection(e);
    r.scanner.unload();
    return result;
  }

  /** Letters of the first tokens of the last value judged. */
  fingerprint(): string {
    return this.#reading.fingerprint();
  }
}
