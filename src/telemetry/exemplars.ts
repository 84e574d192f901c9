// The newest request with a kept trace in each bucket of each operation's histograms: from a slow bucket of a dashboard to what was
// slow. Filled on the main thread by whoever keeps traces.
import type { ExemplarSample } from './families.ts';
import { bucketOf, durationBoundsMs } from './metrics.ts';

export type ExemplarFamily = 'request' | 'upstream';

/** Operations that have any; some 30 small objects each. */
const MAX_OPERATIONS = 2000;

export class Exemplars {
  readonly #rows = new Map<string, Record<ExemplarFamily, (ExemplarSample | null)[]>>();

  /** `valueMs` must be what the histogram counted. */
  note(
    api: string,
    operation: string,
    family: ExemplarFamily,
    valueMs: number,
    trace: { readonly traceId: string; readonly spanId: string; readonly timeMs: number },
  ): void {
    const key = `${api}\n${operation}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      if (this.#rows.size >= MAX_OPERATIONS) return;
      const empty = () => new Array<ExemplarSample | null>(durationBoundsMs.length + 1).fill(null);
      row = { request: empty(), upstream: empty() };
      this.#rows.set(key, row);
    }
    row[family][bucketOf(valueMs)] = { ...trace, value: valueMs / 1000 };
  }

  of(key: string, family: ExemplarFamily): readonly (ExemplarSample | null)[] | null {
    return this.#rows.get(key)?.[family] ?? null;
  }
}
