// The OCSP answer for one certificate: fetched by the main thread, verified, renewed at half of its life, dropped when it
// ends. A responder that can not be reached leaves the old answer serving as long as it is valid.
import type { Clock } from '../../core/index.ts';
import {
  buildOcspRequest,
  type CertificateDetails,
  parseCertificate,
  readOcspResponse,
} from '../../net/tls/index.ts';
import type { CertificateLog } from './acme-source.ts';

const FETCH_TIMEOUT_MS = 5000;
/** Answers with a responder's own chain take a few KiB. */
const MAX_RESPONSE_BYTES = 65_536;
const RETRY_MIN_MS = 10_000;
const RETRY_MAX_MS = 3_600_000;
/** Where the responder does not say when it will know more. */
const DEFAULT_LIFE_MS = 3_600_000;
const MAX_WAIT_MS = 12 * 3_600_000;

export interface StaplerOptions {
  readonly certificate: Buffer;
  readonly issuer: Buffer;
  readonly label: string;
  readonly clock: Clock;
  readonly log: CertificateLog;
  readonly onChange: () => void;
}

export class Stapler {
  /** Valid answer in DER, or null. */
  response: Buffer | null = null;
  /** When the answer ends, ms since the epoch; 0 without one. */
  nextUpdateMs = 0;
  readonly #options: StaplerOptions;
  readonly #details: CertificateDetails;
  #timer: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MIN_MS;
  #stopped = false;
  #running: Promise<void> | null = null;

  constructor(options: StaplerOptions) {
    this.#options = options;
    this.#details = parseCertificate(options.certificate);
  }

  /** The certificate demands a staple. */
  get isRequired(): boolean {
    return this.#details.mustStaple;
  }

  /** Fetches the first answer. Never rejects. */
  start(): Promise<void> {
    return this.refresh();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  refresh(): Promise<void> {
    this.#running ??= this.#refreshOnce().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #refreshOnce(): Promise<void> {
    const { certificate, issuer, clock, label, log } = this.#options;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const before = this.response;
    let waitMs: number;
    try {
      const response = await fetchStatus(this.#details.ocspUrl, buildOcspRequest(certificate, issuer));
      const answer = readOcspResponse(response, certificate, issuer, clock.epochMs());
      if (typeof answer === 'string') throw new Error(answer);
      if (answer.status !== 'good') {
        // The authority's word: an older answer must not cover it.
        this.#drop();
        throw new Error(`the authority says the certificate is ${answer.status}`);
      }
      const endsMs = answer.nextUpdateMs ?? clock.epochMs() + DEFAULT_LIFE_MS;
      this.response = response;
      this.nextUpdateMs = endsMs;
      this.#retryMs = RETRY_MIN_MS;
      waitMs = Math.min(MAX_WAIT_MS, Math.max(1000, (endsMs - clock.epochMs()) / 2));
    } catch (error) {
      if (this.response !== null && this.nextUpdateMs <= clock.epochMs()) this.#drop();
      waitMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      if (this.response !== null)
        waitMs = Math.min(waitMs, Math.max(1000, this.nextUpdateMs - clock.epochMs()));
      log(this.#details.mustStaple ? 'error' : 'warning', 'staple-failed', {
        certificate: label,
        problem: error instanceof Error ? error.message : String(error),
        keeps_old_answer: this.response !== null,
      });
    }
    if (this.#stopped) return;
    if (this.response !== before) this.#options.onChange();
    this.#timer = setTimeout(() => void this.refresh(), waitMs);
    this.#timer.unref();
  }

  #drop(): void {
    this.response = null;
    this.nextUpdateMs = 0;
  }
}

/** Answer of the responder at `url`. Throws Error: other statuses, redirects, too large, late. */
async function fetchStatus(url: string, request: Buffer): Promise<Buffer> {
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    headers: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
    body: new Uint8Array(request),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the responder answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
