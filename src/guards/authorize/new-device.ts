// Whether a caller comes with a device that it was not seen with before. Known devices are cells of the limit table, so that
// all threads share what they know; a start of the gate forgets, and then each caller's first device is not new. HOT
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import type { Exchange } from '../../exchange/index.ts';
import { type LimitParameters, LimitResult, type LimitTable } from '../../limits/index.ts';

/** Devices of one caller that are remembered; who changes more often is always on a new one. */
const MAX_DEVICES = 20;

/** What the table's arithmetic may add to a whole interval, ms. */
const ROUNDING_MS = 1;

/**
 * A cell lives for `rememberMs` after it was first taken. Half of that later it may be taken again, which prolongs it: who
 * comes back in time is never forgotten.
 */
const memory = (name: string, rememberMs: number): LimitParameters => ({
  id: createHash('sha256').update(`risk\n${name}\n${rememberMs}`).digest().readUIntBE(0, 6),
  intervalMs: rememberMs,
  toleranceMs: rememberMs / 2,
  burst: 1,
});

export class KnownDevices {
  readonly #table: LimitTable;
  readonly #clock: Clock;
  readonly #callers: LimitParameters;
  readonly #devices: LimitParameters;
  readonly #changes: LimitParameters;
  readonly #result = new LimitResult();

  constructor(rememberMs: number, table: LimitTable, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
    this.#callers = memory('callers', rememberMs);
    this.#devices = memory('devices', rememberMs);
    const intervalMs = rememberMs / MAX_DEVICES;
    this.#changes = {
      ...memory('changes', rememberMs),
      intervalMs,
      toleranceMs: rememberMs - intervalMs,
      burst: MAX_DEVICES,
    };
  }

  /** Notes the device of the exchange's caller; true when the caller is known, and not with this one. */
  isNew({ consumer, fields, clientCertificate }: Exchange): boolean {
    if (consumer === null) return false;
    const nowMs = this.#clock.monotonicMs();
    const caller = consumer.id;
    const agent = fields.get('user-agent') ?? '';
    const device = `${caller}\n${clientCertificate?.fingerprint ?? ''}\n${fields.get('accept-language') ?? ''}\n${agent}`;
    const isKnownCaller = !this.#first(this.#callers, caller, nowMs);
    if (!this.#first(this.#devices, device, nowMs)) return false;
    this.#table.take(this.#changes, caller, nowMs, this.#result);
    if (!this.#result.allowed) this.#table.giveBack(this.#devices, device, nowMs);
    return isKnownCaller;
  }

  #first(limit: LimitParameters, key: string, nowMs: number): boolean {
    this.#table.take(limit, key, nowMs, this.#result);
    return this.#result.allowed && this.#result.resetMs <= limit.intervalMs + ROUNDING_MS;
  }
}
