// Which traces are kept, decided when an exchange is over: a share by the trace id, what the caller's trace says, and besides them
// failures, refusals and slow ones, so many a second.
import { type ExchangeRecord, TraceChoice } from '../telemetry/index.ts';
import type { TraceSettings } from './contract.ts';

export const keepReasons = ['ratio', 'parent', 'error', 'refusal', 'slow'] as const;
export type KeepReason = (typeof keepReasons)[number];

/** `5` in ASCII. */
const FIVE = 0x35;
/** Members as the line has them, without the quote that every member begins with: it would be found at each. */
const TRACE = 'trace_id":"';
const BETWEEN_IDS = '","span_id":"'.length;
const PARENT = '","parent_span_id":"';
const BETWEEN_IDS_AND_PARENT = PARENT.length;
const SAMPLED = '","trace_sampled":true';
const DECISION = 'decision":"';
const STATUS = 'status":';
const DURATION = 'duration_us":';

export class TailSampler {
  readonly #settings: TraceSettings;
  readonly #choice: TraceChoice;
  readonly #nowMs: () => number;
  #tokens: number;
  #filledMs: number;
  readonly kept: Record<KeepReason, number> = { ratio: 0, parent: 0, error: 0, refusal: 0, slow: 0 };
  /** Worth keeping, but there were too many that second. */
  limited = 0;

  constructor(settings: TraceSettings, nowMs: () => number = Date.now) {
    this.#settings = settings;
    this.#choice = new TraceChoice(settings);
    this.#nowMs = nowMs;
    this.#tokens = settings.perSecond;
    this.#filledMs = nowMs();
  }

  /** Null: not kept. */
  decide(record: ExchangeRecord): KeepReason | null {
    const reason = this.#reasonOf(record);
    if (reason === null) return null;
    const isOwed = reason === 'ratio' || (reason === 'parent' && this.#settings.parent === 'follow');
    if (!isOwed && !this.#hasRoom()) {
      this.limited++;
      return null;
    }
    this.kept[reason]++;
    return reason;
  }

  /**
   * Whether the exchange of a line of the access log, which begins at `at`, may be worth keeping: false means that `decide` would say
   * no, so that the line need not be decoded. Looks for members in the order in which the line has them, so that it is read once; texts
   * of clients can not look like members, because quotes in them are escaped.
   */
  mayKeep(lines: string, at: number, end: number): boolean {
    const { parent, errors, slowMs } = this.#settings;
    const trace = lines.indexOf(TRACE, at);
    if (trace === -1 || trace >= end) return false;
    const idAt = trace + TRACE.length;
    const parentAt = idAt + 32 + BETWEEN_IDS + 16;
    const sampled = lines.startsWith(SAMPLED, parentAt + BETWEEN_IDS_AND_PARENT + 16);
    if (sampled && parent !== 'ignore' && lines.startsWith(PARENT, parentAt)) return true;
    if (this.#choice.isSampled(lines.slice(idAt, idAt + 32), false, false)) return true;
    const decision = lines.indexOf(DECISION, parentAt) + DECISION.length;
    if (!lines.startsWith('allowed"', decision)) return true;
    const status = lines.indexOf(STATUS, decision) + STATUS.length;
    if (errors && lines.charCodeAt(status) === FIVE) return true;
    if (slowMs === null) return false;
    const lasted = lines.indexOf(DURATION, status) + DURATION.length;
    return Number.parseInt(lines.slice(lasted, lasted + 16), 10) >= slowMs * 1000;
  }

  #reasonOf(record: ExchangeRecord): KeepReason | null {
    const { trace_id: traceId } = record;
    if (traceId === undefined) return null;
    const hasParent = record.parent_span_id !== undefined;
    const sampled = record.trace_sampled === true;
    const { parent, errors, refusals, slowMs } = this.#settings;
    if (this.#choice.isSampled(traceId, hasParent, sampled))
      return hasParent && sampled && parent !== 'ignore' ? 'parent' : 'ratio';
    if (parent === 'follow' && hasParent) return null;
    if (errors && (record.status >= 500 || record.decision === 'failed')) return 'error';
    if (refusals && record.decision === 'refused') return 'refusal';
    // Until the answer began: WebSockets and event streams last, and are not slow for it.
    const answeredUs = record.upstream_first_byte_us ?? record.duration_us;
    return slowMs !== null && answeredUs >= slowMs * 1000 ? 'slow' : null;
  }

  #hasRoom(): boolean {
    const { perSecond } = this.#settings;
    const nowMs = this.#nowMs();
    this.#tokens = Math.min(
      perSecond,
      this.#tokens + (Math.max(0, nowMs - this.#filledMs) * perSecond) / 1000,
    );
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
