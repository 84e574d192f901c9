// The validated configuration: plain data without references, defaults filled in, names checked, ready to be
// posted to every thread and compiled there. The raw file has types of its own (document.ts).

import type { AddressListConfig, BansConfig } from '../admission/contract.ts';
import type { ClusterConfig } from '../cluster/contract.ts';
import type { DetectConfig } from '../detect/settings.ts';
import type { ExportConfig } from '../export/contract.ts';
import type { GeographyConfig } from '../geography/contract.ts';
import type { AdmitConfig } from '../guards/admit/contract.ts';
import type {
  AuthenticationMethod,
  ConsumerConfig,
  DpopConfig,
  ForwardConfig,
  IssuerConfig,
  LoginConfig,
  LoginStep,
} from '../guards/authenticate/contract.ts';
import type {
  ApiAuthorizeConfig,
  AuthorizeConfig,
  DecisionsConfig,
  IdentityConfig,
  RelationConfig,
  RiskConfig,
  ScopeAlternative,
} from '../guards/authorize/contract.ts';
import type { GuessBudgets, GuessConfig } from '../guards/guess/contract.ts';
import type { HardenConfig } from '../guards/harden/contract.ts';
import type { InspectConfig, RuleSetConfig } from '../guards/inspect/contract.ts';
import type { LimitConfig, MembershipConfig } from '../guards/limit/contract.ts';
import type { MaskConfig } from '../guards/mask/contract.ts';
import type { RetireConfig } from '../guards/retire/contract.ts';
import type { OverloadConfig, Priority } from '../guards/shed/contract.ts';
import type { ValidateConfig } from '../guards/validate/contract.ts';
import type { AcmeAccountConfig, CertificateConfig } from '../identity/certificates/contract.ts';
import type { ServicesConfig } from '../identity/services/settings.ts';
import type { IntelConfig } from '../intel/contract.ts';
import type { SegmentSettings } from '../logs/contract.ts';
import type { TlsSettings, UpstreamTls } from '../net/tls/index.ts';
import type { AuthorizationServerConfig } from '../oauth/contract.ts';
import type { ContractOperation } from '../openapi/index.ts';
import type { OtlpConfig } from '../otlp/contract.ts';
import type { RootConfig } from '../vault/index.ts';

export type { AcmeAccountConfig, CertificateConfig } from '../identity/certificates/contract.ts';

export interface GateConfig {
  /** The file this came from; relative paths inside were resolved against its folder. */
  readonly file: string;
  readonly listeners: readonly ListenerConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly issuers: readonly IssuerConfig[];
  readonly consumers: readonly ConsumerConfig[];
  /** Authorities that issue certificates by ACME. */
  readonly acme: readonly AcmeAccountConfig[];
  readonly apis: readonly ApiConfig[];
  readonly dpop: DpopConfig;
  readonly logins: readonly LoginConfig[];
  /** Null: services are not told who calls. */
  readonly forward: ForwardConfig | null;
  /** Null: services get no identities. */
  readonly services: ServicesConfig | null;
  /** The gate as an authorization server; null where it is none. */
  readonly authorizationServer: AuthorizationServerConfig | null;
  /** Age from which what others must replace is reported, and how often it is looked for. */
  readonly rotation: { readonly maxAgeMs: number; readonly reportMs: number };
  /** Null: nothing is kept. */
  readonly state: StateConfig | null;
  readonly addressLists: readonly AddressListConfig[];
  readonly bans: BansConfig;
  /** Main thread only: threads get null. */
  readonly detect: DetectConfig | null;
  readonly overload: OverloadConfig;
  /** Wrong credentials at the gate; null for any number. */
  readonly failures: GuessBudgets | null;
  readonly planPriorities: Readonly<Record<string, Priority>>;
  /** Null: this gate counts alone. */
  readonly cluster: ClusterConfig | null;
  /** Null: no audit trail is kept. */
  readonly audit: AuditConfig | null;
  readonly vault: VaultConfig;
  /** Threat intelligence; null without any. Main thread only: threads get null. */
  readonly intel: IntelConfig | null;
  /** Main thread only: threads get null. */
  readonly export: ExportConfig | null;
  readonly identity: IdentityConfig;
  readonly membership: MembershipConfig;
  readonly relations: readonly RelationConfig[];
  /** Null: nothing is weighed. */
  readonly risk: RiskConfig | null;
  /** Null: nobody knows where addresses are. */
  readonly geography: GeographyConfig | null;
  /** Policies about objects of services; null without any. */
  readonly decisions: DecisionsConfig | null;
  /** Rules of `inspect`, each list once. */
  readonly ruleSets: readonly RuleSetConfig[];
  readonly http: HttpConfig;
  readonly telemetry: TelemetryConfig;
  /** Number of data-plane threads. */
  readonly workers: number;
  /** How long SIGTERM waits for requests in flight, ms. */
  readonly drainMs: number;
  /** Files whose change triggers a reload: the file itself, contracts, key sets, certificates. */
  readonly watchedFiles: readonly string[];
}

export interface AuditConfig {
  readonly folder: string;
  readonly origin: string;
  readonly secret: string | null;
  readonly refusals: boolean;
  /** Time in which the uses of a credential are two entries, ms; 0: none are. */
  readonly credentialUsesMs: number;
  /** Checkpoints are signed with ML-DSA-44, too. */
  readonly mldsa: boolean;
  readonly witnesses: readonly AuditWitness[];
  readonly witnessEveryMs: number;
  /** By action, by the word before its dot, or `*`; ms. */
  readonly keepMs: Readonly<Record<string, number>>;
}

export interface AuditWitness {
  readonly name: string;
  readonly url: string;
  /** `name+id+base64`. */
  readonly keys: readonly string[];
  /** PEM; empty for the well-known authorities. */
  readonly ca: string;
}

/** The database behind all that is kept. */
export type StateConfig =
  | (StateSealing & { readonly kind: 'sqlite'; readonly file: string })
  | (StateSealing & { readonly kind: 'postgres'; readonly url: string; readonly schema: string });

export interface VaultConfig {
  /** Age at which each key gets a new version, ms; 0 for never. */
  readonly rotateMs: number;
  readonly isConfigured: boolean;
  /** References into the vault, and the versions that this configuration was made with. */
  readonly references: readonly { readonly name: string; readonly version: string }[];
}

export interface StateSealing {
  readonly sealKey: string | null;
  /** What wraps the vault's root key; absent: the seal key, or the file beside SQLite's. */
  readonly root?: RootConfig | null;
}

export interface ListenerConfig {
  readonly name: string;
  readonly host: string;
  /** 0 lets the system choose (tests). */
  readonly port: number;
  readonly exposure: 'public' | 'internal';
  /** Null speaks plain HTTP. */
  readonly tls: ListenerTlsConfig | null;
  /** Null serves APIs; else every request is sent to https. */
  readonly redirect: RedirectConfig | null;
  /** CIDR blocks of peers that must send a PROXY protocol header (v1 or v2); empty: nobody may. */
  readonly http2: boolean;
  readonly proxyProtocolFrom: readonly string[];
  /** CIDR blocks of proxies whose X-Forwarded-For or Forwarded is believed. */
  readonly trustedProxies: readonly string[];
}

export interface ListenerTlsConfig {
  readonly settings: TlsSettings;
  /** Whether OCSP answers are fetched and stapled. */
  readonly staple: boolean;
  /** The first is the default. */
  readonly certificates: readonly CertificateConfig[];
}

export interface RedirectConfig {
  /** Lower-case names; never empty. */
  readonly hosts: readonly string[];
  readonly port: number;
}

export interface UpstreamConfig {
  readonly name: string;
  /** True: the gate's own services, which have no targets. */
  readonly isControl: boolean;
  readonly targets: readonly TargetConfig[];
  /** What it speaks; `auto` asks by ALPN over TLS and is HTTP/1.1 in clear text. */
  readonly protocol: 'http1' | 'http2' | 'auto';
  readonly tls: UpstreamTls;
  /** How the service is told of the client's certificate. */
  readonly clientCertificate: 'none' | 'client-cert' | 'xfcc';
  readonly balance: 'least-request' | 'round-robin' | 'hash';
  /** What consistent hashing hashes; only for `hash`. `header:x-name` takes a request field. */
  readonly hashOn: 'address' | 'consumer' | 'path' | `header:${string}`;
  readonly health: HealthConfig | null;
  /** Passive checks: consecutive failures after which an endpoint is left out for a while. */
  readonly ejection: {
    readonly consecutiveFailures: number;
    readonly baseMs: number;
    readonly maxMs: number;
  };
  readonly breaker: {
    /** Open when this share (0..1) of at least `minimumRequests` in `windowMs` failed; stays open `openMs`. */
    readonly failureRatio: number;
    readonly minimumRequests: number;
    readonly windowMs: number;
    readonly openMs: number;
    /** Most requests in flight to the upstream from one thread; more are refused with 503. */
    readonly maxInFlight: number;
  };
  /** How many requests may be in flight adapts between these; null: it does not. */
  readonly adaptive: { readonly min: number; readonly initial: number; readonly max: number } | null;
  readonly retries: {
    /** Attempts beyond the first; 0 switches retries off. */
    readonly attempts: number;
    /** Share (0..1) of requests that may be retries, over a sliding window. */
    readonly budget: number;
    /** Upstream statuses that are retried when the request is safe to repeat. */
    readonly statuses: readonly number[];
  };
  readonly timeouts: {
    readonly connectMs: number;
    readonly firstByteMs: number;
    readonly totalMs: number;
    readonly idleMs: number;
  };
  readonly slowStartMs: number;
  /** How often host names are resolved again, ms. */
  readonly resolveMs: number;
  /** Host sent upstream: the client's, or the target's own. */
  readonly host: 'client' | 'target';
  /** Idle connections kept for each endpoint and thread. */
  readonly maxIdle: number;
}

export interface TargetConfig {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly weight: number;
}

export interface HealthConfig {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** Expected statuses, inclusive bounds. */
  readonly statusFrom: number;
  readonly statusTo: number;
}

export interface ApiConfig {
  readonly name: string;
  /** Lower-case host names; `*.example.com` matches one label; empty: any host. */
  readonly hosts: readonly string[];
  /** Path prefix in front of the contract's templates, `` or `/x/y`. */
  readonly base: string;
  /** Listener names the API is served on; never empty. */
  readonly listeners: readonly string[];
  readonly upstream: string;
  /** Service of the gate itself that answers; null for those of upstreams. */
  readonly service: string | null;
  /** True: the base is not part of the path that the upstream gets. */
  readonly stripBase: boolean;
  readonly admit: AdmitConfig;
  readonly harden: HardenConfig;
  readonly authorize: ApiAuthorizeConfig;
  readonly operations: readonly OperationConfig[];
  /** The contract as parsed JSON, for `$ref` in schemas of its operations. */
  readonly contractDocument: unknown;
  readonly contractVersion: '3.0' | '3.1' | '3.2';
}

export interface GrpcConfig {
  /** Largest message of a client. */
  readonly maxMessageBytes: number;
}

export interface WebSocketConfig {
  /** Origins beside the API's own whose pages may open one, in lower case. */
  readonly origins: readonly string[];
  readonly mayCompress: boolean;
  readonly maxMessageBytes: number;
  /** 0 for no limit. */
  readonly maxMessagesPerSecond: number;
}

export interface OperationConfig {
  readonly id: string;
  readonly method: string;
  /** Template with the API's base. */
  readonly template: string;
  /** Listeners of its API that it is served on; may be empty. */
  readonly listeners: readonly string[];
  readonly exposure: 'public' | 'internal' | 'both';
  /** Reason when the operation is public, else null. */
  readonly publicReason: string | null;
  /** Empty only when public. */
  readonly authenticate: readonly AuthenticationMethod[];
  /** One of these must be met; empty: no scope needed. */
  readonly scopes: readonly ScopeAlternative[];
  readonly authorize: AuthorizeConfig;
  readonly limits: readonly LimitConfig[];
  /** Null: nobody logs in to the service here. */
  readonly guesses: GuessConfig | null;
  readonly priority: Priority;
  /** What a request counts for. */
  readonly cost: number;
  /** Largest request body, bytes. */
  readonly maxBodyBytes: number;
  /** How requests are validated against `contract`; null: not at all. */
  readonly validate: ValidateConfig | null;
  /** Null: requests and answers are not inspected by rules. */
  readonly inspect: InspectConfig | null;
  /** Null: answers are not masked. */
  readonly mask: MaskConfig | null;
  /** Null: nobody speaks of its end. */
  readonly retire: RetireConfig | null;
  readonly contract: ContractOperation;
  /** A method of a gRPC service; null for others. */
  readonly grpc: GrpcConfig | null;
  /** Null: no WebSocket may be opened. */
  readonly websocket: WebSocketConfig | null;
  /** The gate itself answers, for this login; null for all operations of contracts. */
  readonly login: { readonly name: string; readonly step: LoginStep } | null;
}

export interface HttpConfig {
  readonly maxHeadBytes: number;
  readonly maxFields: number;
  readonly maxTargetBytes: number;
  /** Time for a whole request head from its first byte, ms. */
  readonly headTimeoutMs: number;
  /** Longest pause between two reads of a body, ms. */
  readonly bodyTimeoutMs: number;
  /** Keep-alive: how long a connection may wait for the next request, ms. */
  readonly idleTimeoutMs: number;
  /** Least average rate of a body being received or an answer being read, bytes a second; 0 for none. */
  readonly minBytesPerSecond: number;
  readonly maxRequestsPerConnection: number;
  /** Connections of one thread; more are closed at once. */
  readonly maxConnections: number;
  /** Connections of one address over all threads; 0 for any. */
  readonly maxConnectionsPerAddress: number;
}

export interface TelemetryConfig {
  /** Metrics and health; null switches the port off. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly accessLog: {
    readonly to: 'stdout' | 'none' | { readonly file: string } | { readonly segments: SegmentSettings };
    /** What a data-plane thread does when the log can not be written as fast as it is made. */
    readonly whenFull: 'wait' | 'drop';
    /** `mask` writes the names of query parameters only. */
    readonly queryValues: 'mask' | 'keep';
    /** Values that inspection rules matched. */
    readonly matchValues: 'mask' | 'keep' | 'none';
  };
  /** Series of one metric that are shown by themselves. */
  readonly maxSeries: number;
  /** Null: nothing is sent by OTLP. */
  readonly otlp: OtlpConfig | null;
}
