// OTLP over HTTP: protobuf or JSON by POST, which statuses may be sent again (OTLP 1.x, "OTLP/HTTP Response").
import { FetchError, guardedFetch } from '../net/index.ts';
import type { OtlpConfig } from './contract.ts';
import { answerTables, type Signal, signals } from './messages.ts';
import { decodeMessage } from './protobuf.ts';
import {
  compress,
  MAX_RETRY_AFTER_MS,
  type Outcome,
  parseJson,
  shorten,
  type Transport,
  takenOf,
} from './transport.ts';

const MAX_ANSWER_BYTES = 1 << 20;
const retried: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

export class HttpTransport implements Transport {
  readonly #config: OtlpConfig;
  readonly #userAgent: string;
  readonly #isJson: boolean;

  constructor(config: OtlpConfig, userAgent: string) {
    this.#config = config;
    this.#userAgent = userAgent;
    this.#isJson = config.protocol === 'http/json';
  }

  async send(signal: Signal, body: Buffer): Promise<Outcome> {
    const { endpoint, headers, compression, ca, certificate, key, timeoutMs } = this.#config;
    const shape = signals[signal];
    const zipped = compression === 'gzip' ? await compress(body) : body;
    try {
      const answer = await guardedFetch({
        url: endpoint.replace(/\/+$/, '') + shape.httpPath,
        method: 'POST',
        headers: {
          ...headers,
          'user-agent': this.#userAgent,
          'content-type': this.#isJson ? 'application/json' : 'application/x-protobuf',
          ...(compression === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
        },
        body: zipped,
        encoding: 'latin1',
        ca,
        certificate,
        key,
        reach: 'anywhere',
        timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
      });
      const bytes = Buffer.from(answer.body, 'latin1');
      const isJson = String(answer.headers['content-type'] ?? '').startsWith('application/json');
      if (answer.status >= 200 && answer.status < 300) return takenOf(shape, bytes, isJson);
      const said = isJson ? parseJson(bytes) : decodeMessage(answerTables.rpcStatus, bytes);
      const why = typeof said?.['message'] === 'string' ? `: ${said['message']}` : '';
      const problem = shorten(`the receiver answers ${answer.status}${why}`);
      return retried.has(answer.status)
        ? { kind: 'again', afterMs: retryAfterMs(answer.headers['retry-after'], Date.now()), problem }
        : { kind: 'never', problem };
    } catch (error) {
      const problem = error instanceof FetchError ? error.message : 'the receiver does not answer';
      return { kind: 'again', afterMs: 0, problem };
    }
  }

  close(): void {}
}

/** Seconds or a date (RFC 9110 section 10.2.3). */
export function retryAfterMs(value: unknown, nowMs: number): number {
  if (typeof value !== 'string') return 0;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
