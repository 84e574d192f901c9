// The current SVID of one service on this node: issued when it is first needed, renewed at half of its life, replaced at once when
// it or its authority is withdrawn, and gone when the service may have none.
import type { Clock } from '../../core/index.ts';
import { IdentityError } from '../contract.ts';
import type { ServiceAuthority, X509Svid } from './authority.ts';
import type { Attestation } from './contract.ts';

/** After a failure it is tried again after this time, doubling, ms. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** Timers of longer times are cut to this, ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface SvidHolderOptions {
  readonly authority: ServiceAuthority;
  readonly service: string;
  readonly attestation: Attestation;
  readonly clock: Clock;
  readonly onChange: (svid: X509Svid | null) => void;
  /** Why there is no new one. */
  readonly onProblem: (problem: string) => void;
  /** Between 0 and 1; nodes must not renew all at once. */
  readonly random?: () => number;
}

export class SvidHolder {
  readonly #options: SvidHolderOptions;
  #current: X509Svid | null = null;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #retryMs = RETRY_MS;
  #stopped = false;

  constructor(options: SvidHolderOptions) {
    this.#options = options;
  }

  /** Null while there is none; never one that has ended. */
  get current(): X509Svid | null {
    const svid = this.#current;
    return svid !== null && svid.notAfterMs > this.#options.clock.epochMs() ? svid : null;
  }

  /** Gets one if there is none that is good. Never rejects. */
  async check(): Promise<void> {
    if (this.#stopped) return;
    if (this.#running === null) {
      this.#running = this.#checkOnce().finally(() => {
        this.#running = null;
      });
    }
    await this.#running;
  }

  async #checkOnce(): Promise<void> {
    const { authority, service, attestation, clock, onChange, onProblem } = this.#options;
    try {
      if (this.#current !== null && !(await this.#isDue(this.#current)))
        return this.#schedule(this.#renewalMs(this.#current));
      const next = await authority.issueX509(service, attestation);
      this.#retryMs = RETRY_MS;
      this.#current = next;
      this.#schedule(this.#renewalMs(next));
      onChange(next);
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
      const had = this.#current;
      // What the authority refuses is refused; while the state can not be reached, the old one serves to its end.
      if (error instanceof IdentityError || (had !== null && had.notAfterMs <= clock.epochMs()))
        this.#current = null;
      if (had !== null && this.#current === null) onChange(null);
      this.#schedule(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
    }
  }

  async #isDue(svid: X509Svid): Promise<boolean> {
    const { authority, clock, service } = this.#options;
    if (this.#renewalMs(svid) <= 0 || !(await authority.store.serviceStands(service))) return true;
    const record = await authority.store.svid(svid.serial);
    if (record === null || record.revokedMs !== null) return true;
    const signer = authority.authorities.find(({ id }) => id === record.authority);
    return signer === undefined || signer.revokedMs !== null || signer.untilMs <= clock.epochMs();
  }

  /** Half of its life, a little earlier at random. */
  #renewalMs(svid: X509Svid): number {
    const lifeMs = svid.notAfterMs - svid.notBeforeMs;
    const share = 0.5 - 0.05 * (this.#options.random ?? (() => 0))();
    return svid.notBeforeMs + lifeMs * share - this.#options.clock.epochMs();
  }

  #schedule(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.check(), Math.min(MAX_TIMER_MS, Math.max(100, ms)));
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
