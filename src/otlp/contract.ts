// Settings of `telemetry.otlp` as plain types; the configuration makes them, the senders read them.

/** Fields of a record that may be kept from the receiver. */
export const withheldFields = [
  'client_address',
  'peer_address',
  'country',
  'asn',
  'host',
  'path',
  'query',
  'consumer',
  'credential',
  'upstream_address',
  'user_agent',
] as const;
export type WithheldField = (typeof withheldFields)[number];

export interface TraceSettings {
  /** Share of traces that are kept whatever happens in them, 0 to 1; by the trace id, so that all gates choose the same. */
  readonly ratio: number;
  /** What the client's `traceparent` decides: nothing; that a sampled one is kept too; or all. */
  readonly parent: 'ignore' | 'keep' | 'follow';
  /** Kept besides: failures, refusals, answers that began after so many ms or later (null for none). */
  readonly errors: boolean;
  readonly refusals: boolean;
  readonly slowMs: number | null;
  /** Most traces a second that are kept for one of these reasons, or because a client wished it (`keep`). */
  readonly perSecond: number;
  /** Which requests have spans of their guards. */
  readonly guards: 'sampled' | 'all' | 'none';
}

export interface OtlpConfig {
  /** Base of the receiver: scheme, host, port, and for HTTP a path. */
  readonly endpoint: string;
  readonly protocol: 'http/protobuf' | 'http/json' | 'grpc';
  readonly headers: Readonly<Record<string, string>>;
  /** PEM of authorities instead of the well-known ones, of the client certificate and its key; empty for none. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly compression: 'gzip' | 'none';
  readonly timeoutMs: number;
  /** Attributes of the resource, besides those that the gate knows itself. */
  readonly resource: Readonly<Record<string, string>>;
  readonly withhold: readonly WithheldField[];
  /** Most spans or log records that wait, and most in one request. */
  readonly queue: number;
  readonly batch: number;
  readonly lingerMs: number;
  /** How long one request is tried. */
  readonly giveUpMs: number;
  readonly traces: TraceSettings | null;
  readonly metrics: { readonly everyMs: number; readonly temporality: 'cumulative' | 'delta' } | null;
  readonly logs: { readonly access: boolean; readonly gate: boolean } | null;
}
