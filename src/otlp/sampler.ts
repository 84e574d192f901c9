// Which traces are kept, decided when an exchange is over: a share by the trace id, what the caller's trace says, and besides them
// failures, refusals and slow ones, so many a second.
import { type ExchangeRecord, TraceChoice } from '../telemetry/index.ts';
import type { TraceSettings } from './contract.ts';

export const keepReasons = ['ratio', 'parent', 'error', 'refusal', 'slow'] as const;
export type KeepReason = (typeof keepReasons)[number];

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
