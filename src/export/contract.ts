// Settings of `export:` as plain types; the configuration makes them, sinks read them.

export type ExportFormat = 'json' | 'ecs' | 'ocsf' | 'cef' | 'leef';
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical';

export interface ServerTrust {
  /** PEM authorities instead of the well-known ones; empty for those. */
  readonly ca: string;
}

export interface SyslogTls extends ServerTrust {
  /** PEM of the client certificate and its key; empty for none. */
  readonly certificate: string;
  readonly key: string;
}

export type SinkTarget =
  | {
      readonly kind: 'syslog';
      readonly host: string;
      readonly port: number;
      /** Null: plain TCP. */
      readonly tls: SyslogTls | null;
      readonly format: ExportFormat | 'rfc5424';
      /** 0 to 23. */
      readonly facility: number;
      /** Private enterprise number of the structured data's id. */
      readonly enterprise: number;
    }
  | (ServerTrust & {
      readonly kind: 'elastic';
      readonly url: string;
      /** Data stream. */
      readonly stream: string;
      /** Value of Authorization; empty for none. */
      readonly authorization: string;
    })
  | (ServerTrust & {
      readonly kind: 'splunk';
      readonly url: string;
      readonly token: string;
      readonly index: string;
      readonly sourcetype: string;
      readonly acknowledge: boolean;
      readonly format: 'json' | 'ecs' | 'ocsf';
    })
  | (ServerTrust & {
      readonly kind: 'sentinel';
      readonly endpoint: string;
      /** Immutable id of the data collection rule. */
      readonly rule: string;
      readonly stream: string;
      readonly tokenUrl: string;
      readonly scope: string;
      readonly clientId: string;
      readonly clientSecret: string;
    })
  | (ServerTrust & {
      readonly kind: 'webhook';
      readonly url: string;
      readonly keyId: string;
      /** Shared secret of hmac-sha256. */
      readonly key: string;
      readonly format: 'json' | 'ecs' | 'ocsf';
    })
  | (ServerTrust & {
      readonly kind: 's3';
      /** Scheme and host; the bucket is the first segment of the path. */
      readonly endpoint: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly format: 'json' | 'ecs' | 'ocsf';
    })
  | {
      readonly kind: 'nats';
      readonly servers: readonly string[];
      readonly subject: string;
      /** User and password, or a token; empty for none. */
      readonly user: string;
      readonly password: string;
      readonly format: 'json' | 'ecs' | 'ocsf';
    }
  | {
      readonly kind: 'kafka';
      /** `host:port` of some brokers. */
      readonly brokers: readonly string[];
      readonly topic: string;
      /** Null: plain TCP. */
      readonly tls: SyslogTls | null;
      /** Empty: no SASL. */
      readonly user: string;
      readonly password: string;
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly format: 'json' | 'ecs' | 'ocsf';
    }
  | { readonly kind: 'file'; readonly path: string; readonly format: ExportFormat };

export interface SinkFilter {
  /** Empty: all. */
  readonly decisions: readonly string[];
  readonly minSeverity: Severity;
  /** Names of APIs; empty: all. */
  readonly apis: readonly string[];
}

export interface SinkRedaction {
  /** Fields that are left out. */
  readonly remove: readonly string[];
  /** Fields that are replaced by a keyed hash: equal values stay equal. */
  readonly hash: readonly string[];
  readonly key: string;
}

export interface SinkConfig {
  readonly name: string;
  readonly target: SinkTarget;
  /** What is sent: finished requests, entries of the audit trail, or both. */
  readonly records: readonly ('requests' | 'audit')[];
  readonly only: SinkFilter;
  readonly redact: SinkRedaction;
  readonly batch: { readonly records: number; readonly bytes: number; readonly lingerMs: number };
  readonly spool: { readonly maxBytes: number; readonly whenFull: 'wait' | 'drop-oldest' | 'drop-newest' };
}

export interface ExportConfig {
  /** Folder of the spools, absolute. */
  readonly folder: string;
  readonly sinks: readonly SinkConfig[];
}

/** Fields of a record that may be removed. */
export const removableFields = [
  'client_address',
  'peer_address',
  'host',
  'path',
  'query',
  'consumer',
  'credential',
  'upstream_address',
  'user_agent',
  'matches',
  'threats',
] as const;
