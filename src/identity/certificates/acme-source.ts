// A certificate that ACME keeps fresh: read from the store at start, ordered when there is none, renewed when a third of
// its life is left. A renewal that fails is tried again, later each time; meanwhile the old certificate serves.
import type { Clock } from '../../core/index.ts';
import { parseCertificate, pemCertificates } from '../../net/tls/index.ts';
import { orderCertificate } from './acme-order.ts';
import { AcmeStore } from './acme-store.ts';
import type { Challenges } from './challenges.ts';
import type { AcmeAccountConfig } from './contract.ts';
import type { CertificateBundle, CertificateSource } from './source.ts';

/** Renewed when this share of the lifetime is left. */
const RENEW_SHARE = 1 / 3;
/** Gates that were started together must not renew together: up to this share of the lifetime earlier. */
const JITTER_SHARE = 1 / 30;
const RETRY_MIN_MS = 60_000;
const RETRY_MAX_MS = 6 * 3_600_000;
/** Timers take 32 bits of ms; longer waits are taken in steps. */
const MAX_TIMER_MS = 2_000_000_000;

export type CertificateLog = (
  level: 'info' | 'warning' | 'error',
  event: string,
  details: Readonly<Record<string, string | number | boolean>>,
) => void;

export interface AcmeSourceOptions {
  readonly account: AcmeAccountConfig;
  readonly names: readonly string[];
  readonly challenges: Challenges;
  readonly clock: Clock;
  readonly log: CertificateLog;
  readonly random: () => number;
  readonly onChange: () => void;
}

export class AcmeSource implements CertificateSource {
  readonly label: string;
  readonly kind = 'acme';
  current: CertificateBundle | null = null;
  /** Orders that succeeded and failed since the start. */
  readonly orders = { success: 0, failure: 0 };
  readonly #options: AcmeSourceOptions;
  readonly #store: AcmeStore;
  #timer: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MIN_MS;
  #serving = false;
  #ordering = false;
  #stopped = false;

  constructor(options: AcmeSourceOptions) {
    this.#options = options;
    this.label = options.names.join(' ');
    this.#store = new AcmeStore(options.account.store, options.account.directory);
  }

  async start(): Promise<void> {
    try {
      this.current = await this.#store.readCertificate(this.#options.names);
    } catch (error) {
      this.#options.log('error', 'acme-store-unreadable', { names: this.label, problem: messageOf(error) });
    }
  }

  serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    this.#plan(this.#renewInMs());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Time until the next order, ms. */
  #renewInMs(): number {
    const [der] = this.current === null ? [] : pemCertificates(this.current.chain);
    if (der === undefined) return 0;
    const { notBeforeMs, notAfterMs } = parseCertificate(der);
    const lifeMs = notAfterMs - notBeforeMs;
    const atMs = notAfterMs - lifeMs * (RENEW_SHARE + JITTER_SHARE * this.#options.random());
    return Math.max(0, atMs - this.#options.clock.epochMs());
  }

  #plan(waitMs: number): void {
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const stepMs = Math.min(waitMs, MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      if (stepMs < waitMs) this.#plan(this.#renewInMs());
      else void this.renew();
    }, stepMs);
    this.#timer.unref();
  }

  /** Orders now. Never rejects. */
  async renew(): Promise<void> {
    if (this.#ordering || this.#stopped) return;
    this.#ordering = true;
    const { account, names, challenges, log } = this.#options;
    const details = { authority: account.name, names: this.label };
    try {
      const bundle = await orderCertificate(account, names, this.#store, challenges);
      await this.#store.writeCertificate(names, bundle);
      this.orders.success++;
      this.#retryMs = RETRY_MIN_MS;
      this.current = bundle;
      log('info', 'certificate-obtained', details);
      if (!this.#stopped) this.#options.onChange();
      this.#plan(this.#renewInMs());
    } catch (error) {
      this.orders.failure++;
      const waitMs = this.#retryMs * (0.75 + 0.5 * this.#options.random());
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      log('error', 'certificate-order-failed', {
        ...details,
        problem: messageOf(error),
        keeps_old_certificate: this.current !== null,
        retry_in_seconds: Math.round(waitMs / 1000),
      });
      this.#plan(waitMs);
    } finally {
      this.#ordering = false;
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
