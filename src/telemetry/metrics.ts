// Counters of a data-plane thread in shared memory: one row an operation, every cell written by that thread only and
// read by the main thread, so that counting is an addition. Labels come from the configuration, never from a request. HOT
import { type ErrorCode, errorCodes } from '../core/index.ts';
import type { Exchange, InspectionRecord, Operation } from '../exchange/index.ts';
import { type HandshakeOutcome, handshakeOutcomes } from '../net/tls/index.ts';

/** Upper bounds of the duration histograms, ms. */
export const durationBoundsMs: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];
const BUCKETS = durationBoundsMs.length + 1;

export const decisions = ['allowed', 'refused', 'failed', 'answered'] as const;
export const STATUS_CLASSES = 5;

/** Offsets within a row, in cells. */
export const Cell = {
  requests: 0,
  duration: STATUS_CLASSES * decisions.length,
  durationSum: STATUS_CLASSES * decisions.length + BUCKETS,
  upstream: STATUS_CLASSES * decisions.length + BUCKETS + 1,
  upstreamSum: STATUS_CLASSES * decisions.length + 2 * BUCKETS + 1,
  bytesIn: STATUS_CLASSES * decisions.length + 2 * BUCKETS + 2,
  bytesOut: STATUS_CLASSES * decisions.length + 2 * BUCKETS + 3,
  size: STATUS_CLASSES * decisions.length + 2 * BUCKETS + 4,
} as const;

/** Offsets within the part that is not of an operation. */
export const Global = {
  open: 0,
  accepted: 1,
  /** Exchanges that inspection would have refused if it blocked. */
  wouldRefuse: 2,
  /** Answers that broke their contract, whatever was done about it. */
  brokenAnswers: 3,
  refusals: 4,
  handshakes: 4 + errorCodes.length,
  size: 4 + errorCodes.length + handshakeOutcomes.length,
} as const;

export interface MetricsMemory {
  readonly buffer: SharedArrayBuffer;
  /** `api` and operation id of each row; a last row takes requests without an operation. */
  readonly rows: readonly (readonly [api: string, operation: string])[];
  /** Ids of all rules, ascending: one cell each, after the rows. */
  readonly ruleIds: readonly number[];
}

export function createMetrics(rows: MetricsMemory['rows'], ruleIds: readonly number[] = []): MetricsMemory {
  const cells = ruleCellsAt(rows.length) + ruleIds.length;
  return { buffer: new SharedArrayBuffer(cells * 8), rows, ruleIds };
}

/** Index of the first rule's cell. */
export const ruleCellsAt = (rows: number): number => Global.size + (rows + 1) * Cell.size;

const codeIndex = new Map<ErrorCode, number>(errorCodes.map((code, index) => [code, index]));

/** The data-plane thread's end. */
export class WorkerMetrics {
  readonly #cells: Float64Array;
  readonly #byKey = new Map<string, number>();
  readonly #byOperation = new WeakMap<Operation, number>();
  readonly #byRule = new Map<number, number>();
  readonly #unknown: number;

  constructor(memory: MetricsMemory) {
    this.#cells = new Float64Array(memory.buffer);
    memory.rows.forEach(([api, operation], index) => {
      this.#byKey.set(`${api}\n${operation}`, Global.size + index * Cell.size);
    });
    this.#unknown = Global.size + memory.rows.length * Cell.size;
    const first = ruleCellsAt(memory.rows.length);
    memory.ruleIds.forEach((id, index) => void this.#byRule.set(id, first + index));
  }

  connectionOpened(): void {
    this.#cells[Global.open]!++;
    this.#cells[Global.accepted]!++;
  }

  handshakeEnded(outcome: HandshakeOutcome): void {
    this.#cells[Global.handshakes + handshakeOutcomes.indexOf(outcome)]!++;
  }

  connectionClosed(): void {
    this.#cells[Global.open]!--;
  }

  /** Connections that stay open while the thread moves on to a new memory. */
  get open(): number {
    return this.#cells[Global.open]!;
  }

  set open(count: number) {
    this.#cells[Global.open] = count;
  }

  record(exchange: Exchange): void {
    const cells = this.#cells;
    const row = exchange.operation === null ? this.#unknown : this.#rowOf(exchange.operation);
    const status = exchange.status;
    const statusClass = status >= 100 && status < 600 ? Math.floor(status / 100) - 1 : 4;
    const refusal = exchange.refusal;
    let decision = 0;
    if (refusal !== null) {
      decision = refusal.guard === 'upstream' ? 2 : 1;
      cells[Global.refusals + codeIndex.get(refusal.code)!]!++;
    } else if (exchange.decidedBy !== '') decision = 3;
    cells[row + Cell.requests + statusClass * decisions.length + decision]!++;
    cells[row + Cell.duration + bucketOf(exchange.endMs)]!++;
    cells[row + Cell.durationSum]! += exchange.endMs;
    if (exchange.upstreamFirstByteMs >= 0) {
      const upstreamMs = exchange.upstreamFirstByteMs - exchange.judgedMs;
      cells[row + Cell.upstream + bucketOf(upstreamMs)]!++;
      cells[row + Cell.upstreamSum]! += upstreamMs;
    }
    cells[row + Cell.bytesIn]! += exchange.requestBytes;
    cells[row + Cell.bytesOut]! += exchange.responseBytes;
    if (exchange.answerFinding !== '') cells[Global.brokenAnswers]!++;
    if (exchange.inspection !== null) this.#recordInspection(exchange.inspection);
  }

  #recordInspection(record: InspectionRecord): void {
    const cells = this.#cells;
    if (record.wouldRefuse !== '') cells[Global.wouldRefuse]!++;
    const { matches } = record;
    for (let i = 0; i < matches.length; i++) {
      const cell = this.#byRule.get(matches[i]!.ruleId);
      if (cell !== undefined) cells[cell]!++;
    }
  }

  /** Exchanges that began before a reload carry the old operation; its name finds the new row. */
  #rowOf(operation: Operation): number {
    let row = this.#byOperation.get(operation);
    if (row === undefined) {
      row = this.#byKey.get(`${operation.api}\n${operation.id}`) ?? this.#unknown;
      this.#byOperation.set(operation, row);
    }
    return row;
  }
}

/** Index of the bucket that a duration falls into. */
export function bucketOf(valueMs: number): number {
  let bucket = 0;
  while (bucket < durationBoundsMs.length && valueMs > durationBoundsMs[bucket]!) bucket++;
  return bucket;
}
