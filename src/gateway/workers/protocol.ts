// Messages between the control plane (main thread) and the data-plane threads. Everything is plain data; shared
// memory travels as SharedArrayBuffer inside it.
import type { BanMemory, NamedList } from '../../admission/index.ts';
import type { GateConfig } from '../../config/index.ts';
import type { ControlAddress } from '../../control/index.ts';
import type {
  ApiKeyRow,
  ApiKeyUpdate,
  ApiKeyUse,
  ReplayMemory,
  RevocationMemory,
} from '../../credentials/index.ts';
import type { DatabaseMemory, LastPlacesMemory } from '../../geography/index.ts';
import type {
  Introspection,
  LoginData,
  LoginRequest,
  LoginResult,
  SigningKeyData,
  StoredCaller,
} from '../../guards/authenticate/index.ts';
import type { Owners } from '../../guards/authorize/index.ts';
import type { ChallengeAnswers } from '../../identity/certificates/index.ts';
import type { ConcurrencyMemory, LeaseAsk, LeaseTableMemory, LimitTableMemory } from '../../limits/index.ts';
import type { GateIdentity, TlsMaterial } from '../../net/tls/index.ts';
import type { AccessLogMemory, MetricsMemory, TracingStart } from '../../telemetry/index.ts';
import type { EndpointUpdate } from '../upstream/index.ts';

export interface IssuerKeys {
  readonly issuer: string;
  /** JWK Set as JSON text; null when none could be fetched yet. */
  readonly document: string | null;
  readonly version: number;
}

export interface UpstreamEndpoints {
  readonly upstream: string;
  readonly endpoints: readonly EndpointUpdate[];
}

/** Everything a thread needs to serve one generation of the configuration. */
export interface SnapshotMessage {
  readonly generation: number;
  readonly config: GateConfig;
  readonly metrics: MetricsMemory;
  readonly keys: readonly IssuerKeys[];
  readonly logins: readonly LoginData[];
  readonly endpoints: readonly UpstreamEndpoints[];
  readonly lists: readonly NamedList[];
  /** For every TLS listener. */
  readonly tls: readonly TlsMaterial[];
  readonly challenges: ChallengeAnswers;
  /** Databases of places, in the order in which they are asked. */
  readonly geography: readonly DatabaseMemory[];
}

/** What a thread knows of callers from its start, whatever the configuration. */
export interface CredentialsStart {
  /** Shared by all threads. */
  readonly revocations: RevocationMemory;
  readonly replays: ReplayMemory;
  /** Nonces for proofs of possession are made with it. */
  readonly nonceKey: Uint8Array;
  /** Signs what services are told of callers; null where they are told nothing. */
  readonly signingKey: SigningKeyData | null;
  /** The state's keys at the moment; changes follow as messages. */
  readonly keys: readonly ApiKeyRow[];
  readonly callers: readonly StoredCaller[];
  readonly gateIdentity: GateIdentity;
}

/** `workerData` of a data-plane thread. */
export interface WorkerStart {
  readonly workerId: number;
  readonly limits: LimitTableMemory;
  readonly leases: LeaseTableMemory;
  /** Where callers were seen last, over all threads. */
  readonly places: LastPlacesMemory;
  readonly concurrency: ConcurrencyMemory;
  readonly bans: BanMemory;
  /** Connections of each address. */
  readonly connections: ConcurrencyMemory;
  readonly accessLog: AccessLogMemory | null;
  /** Null where the gate records no traces. */
  readonly tracing: TracingStart | null;
  readonly credentials: CredentialsStart;
  /** Where the control plane's services are. */
  readonly control: ControlAddress;
  readonly snapshot: SnapshotMessage;
  /** Ports that other threads got from the system for listeners with port 0, by listener. */
  readonly ports: Readonly<Record<string, number>>;
}

export type ToWorker =
  /** Compile this snapshot, answer `prepared` or `prepare-failed`, and keep it. */
  | { readonly kind: 'prepare'; readonly snapshot: SnapshotMessage }
  /** Serve the prepared snapshot from now on. */
  | {
      readonly kind: 'activate';
      readonly generation: number;
      readonly ports: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'discard'; readonly generation: number }
  | { readonly kind: 'keys'; readonly keys: IssuerKeys }
  | { readonly kind: 'refreshed'; readonly issuer: string }
  | { readonly kind: 'endpoints'; readonly update: UpstreamEndpoints }
  /** New certificates, staples or keys for tickets of one listener. */
  | { readonly kind: 'tls'; readonly material: TlsMaterial }
  /** Answer these ACME challenges from now on, and say `challenges-set`. */
  | { readonly kind: 'challenges'; readonly challenges: ChallengeAnswers }
  | { readonly kind: 'logins'; readonly logins: readonly LoginData[] }
  | {
      readonly kind: 'login-answered';
      readonly login: string;
      readonly id: number;
      readonly result: LoginResult;
    }
  | { readonly kind: 'signing-key'; readonly key: SigningKeyData }
  | { readonly kind: 'api-keys'; readonly update: ApiKeyUpdate }
  /** All callers of the state that are known by names in certificates. */
  | { readonly kind: 'callers'; readonly callers: readonly StoredCaller[] }
  | { readonly kind: 'gate-identity'; readonly identity: GateIdentity }
  | {
      readonly kind: 'introspected';
      readonly issuer: string;
      readonly id: number;
      readonly answer: Introspection;
    }
  | { readonly kind: 'related'; readonly id: number; readonly answer: Owners }
  | { readonly kind: 'address-list'; readonly list: NamedList }
  /** The store has been asked about these keys, for better or worse. */
  | { readonly kind: 'leases'; readonly ids: readonly string[] }
  | { readonly kind: 'drain'; readonly deadlineMs: number };

export type FromWorker =
  | { readonly kind: 'ready'; readonly ports: Readonly<Record<string, number>> }
  | { readonly kind: 'prepared'; readonly generation: number }
  | { readonly kind: 'prepare-failed'; readonly generation: number; readonly message: string }
  | {
      readonly kind: 'activated';
      readonly generation: number;
      readonly ports: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'activate-failed'; readonly generation: number; readonly message: string }
  | { readonly kind: 'challenges-set' }
  | { readonly kind: 'refresh-keys'; readonly issuer: string }
  | { readonly kind: 'introspect'; readonly issuer: string; readonly id: number; readonly token: string }
  | { readonly kind: 'login'; readonly login: string; readonly id: number; readonly request: LoginRequest }
  | { readonly kind: 'relate'; readonly relation: string; readonly id: number; readonly object: string }
  | { readonly kind: 'api-key-uses'; readonly uses: readonly ApiKeyUse[] }
  | { readonly kind: 'lease-asks'; readonly asks: readonly LeaseAsk[] }
  | { readonly kind: 'drained' };
