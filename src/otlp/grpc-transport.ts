// OTLP over gRPC: the same bytes in unary calls; which codes may be sent again, and when (OTLP 1.x, "OTLP/gRPC Response").
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { refuseUrl } from '../net/index.ts';
import type { OtlpConfig } from './contract.ts';
import { answerTables, type Signal, signals } from './messages.ts';
import { decodeMessage } from './protobuf.ts';
import { MAX_RETRY_AFTER_MS, type Outcome, shorten, type Transport, takenOf } from './transport.ts';

const retried: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);
/** `grpc.default_compression_algorithm`: gzip. */
const GZIP = 2;
/** A name that can not be (RFC 6761 section 6.4). */
const NO_NAME = 'address.invalid';
const asIs = (bytes: Buffer): Buffer => bytes;

export class GrpcTransport implements Transport {
  readonly #config: OtlpConfig;
  readonly #metadata = new Metadata();
  readonly #client: Client;

  /** Throws RangeError where the endpoint must not be called in clear. */
  constructor(config: OtlpConfig, userAgent: string) {
    const refused = refuseUrl(config.endpoint, 'anywhere');
    if (refused !== null) throw new RangeError(`the receiver is not asked: ${refused}`);
    const { protocol, hostname, port } = new URL(config.endpoint);
    const isTls = protocol === 'https:';
    const pem = (text: string): Buffer | null => (text === '' ? null : Buffer.from(text));
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const isAddress = isIP(host) !== 0;
    this.#config = config;
    for (const [name, value] of Object.entries(config.headers)) this.#metadata.set(name, value);
    this.#client = new Client(
      `${hostname}:${port === '' ? (isTls ? 443 : 80) : port}`,
      isTls
        ? credentials.createSsl(
            pem(config.ca),
            pem(config.key),
            pem(config.certificate),
            isAddress
              ? { checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer as PeerCertificate) }
              : {},
          )
        : credentials.createInsecure(),
      {
        'grpc.enable_http_proxy': 0,
        'grpc.primary_user_agent': userAgent,
        // TLS has no server name for an address, and grpc-js would send it as one; the certificate is held against the address.
        ...(isAddress ? { 'grpc.ssl_target_name_override': NO_NAME } : {}),
        'grpc.max_reconnect_backoff_ms': 10_000,
        ...(config.compression === 'gzip' ? { 'grpc.default_compression_algorithm': GZIP } : {}),
      },
    );
  }

  send(signal: Signal, body: Buffer): Promise<Outcome> {
    const shape = signals[signal];
    const deadline = Date.now() + this.#config.timeoutMs;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        shape.grpcMethod,
        asIs,
        asIs,
        body,
        this.#metadata,
        { deadline },
        (error, answer) => {
          resolve(error === null ? takenOf(shape, answer ?? Buffer.alloc(0), false) : outcomeOf(error));
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

function outcomeOf(error: ServiceError): Outcome {
  const problem = shorten(`the receiver answers ${status[error.code] ?? error.code}: ${error.details}`);
  const afterMs = retryInfoMs(error.metadata);
  // RESOURCE_EXHAUSTED may mean a quota that no wait brings back, unless the receiver says when.
  if (error.code === status.RESOURCE_EXHAUSTED && afterMs !== null)
    return { kind: 'again', afterMs, problem };
  return retried.has(error.code)
    ? { kind: 'again', afterMs: afterMs ?? 0, problem }
    : { kind: 'never', problem };
}

/** google.rpc.RetryInfo among the details of the status; null where there is none. */
export function retryInfoMs(metadata: Metadata): number | null {
  for (const value of metadata.get('grpc-status-details-bin')) {
    const read = typeof value === 'string' ? null : decodeMessage(answerTables.rpcStatus, value);
    for (const detail of (read?.['details'] as Record<string, unknown>[] | undefined) ?? []) {
      if (detail['typeUrl'] !== 'type.googleapis.com/google.rpc.RetryInfo') continue;
      const info = decodeMessage(
        answerTables.retryInfo,
        (detail['value'] as Buffer | undefined) ?? Buffer.alloc(0),
      );
      const delay = info?.['retryDelay'] as Record<string, bigint> | undefined;
      const ms = Number(delay?.['seconds'] ?? 0n) * 1000 + Number(delay?.['nanos'] ?? 0n) / 1e6;
      return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
    }
  }
  return null;
}
