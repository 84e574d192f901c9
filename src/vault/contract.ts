// What the vault needs of the world: where its sealed records lie, who wraps its root key, and who is told of every use.
// What lies in the store is sealed but for the places of records, the names of keys and the moments when something is due.

/** A sealed record as it is stored. */
export interface StoredRecord {
  /** Names it among all records, parts separated by `/`. */
  readonly place: string;
  /** `gv1.…`, see envelope/. */
  readonly envelope: string;
  /** When somebody has to look at it, ms since the epoch; null for never. */
  readonly dueMs: number | null;
}

/** A version of a key that wraps records' keys, itself wrapped with the root key. */
export interface StoredKey {
  readonly name: string;
  readonly version: number;
  /** base64url. */
  readonly wrapped: string;
  readonly createdMs: number;
}

/** What can be done inside of a transaction, or one by one outside. */
export interface VaultSession {
  get(place: string): Promise<StoredRecord | null>;
  /** Rejects with StaleKeyError when the version of the key that wraps it is not stored any more. */
  put(record: StoredRecord): Promise<void>;
  /** Whether it was there. */
  remove(place: string): Promise<boolean>;
  /** Places that begin with `prefix`, in the order of their bytes, from behind `after`. */
  list(prefix: string, after: string, limit: number): Promise<readonly string[]>;
  /** Records under `prefix` that are due, the earliest first. */
  due(prefix: string, beforeMs: number, limit: number): Promise<readonly StoredRecord[]>;
  /** Records whose keys are wrapped by versions of `key` below `version`. */
  wrappedBelow(key: string, version: number, limit: number): Promise<readonly StoredRecord[]>;
  keys(): Promise<readonly StoredKey[]>;
  putKey(key: StoredKey): Promise<void>;
  /** Forgets versions of a key below `version`; whether they were in use is the caller's to know. */
  removeKeys(name: string, belowVersion: number): Promise<void>;
  /** How the root key is wrapped, JSON; null before the vault is set up. */
  root(): Promise<string | null>;
  setRoot(text: string): Promise<void>;
}

export interface VaultStore extends VaultSession {
  /** One transaction; writers wait for each other. Durable when it resolves, nothing of it when it rejects. */
  transaction<T>(work: (session: VaultSession) => Promise<T>): Promise<T>;
  /** Calls back within a second of a change by whomever; answers a function that stops it. */
  onChange(callback: () => void): () => void;
}

/** A record was to be written under a version of a key that another node has retired. */
export class StaleKeyError extends Error {
  override readonly name = 'StaleKeyError';
}

/** Who keeps what the root key is wrapped with: a file, a person, several, or a key service. */
export interface RootWrap {
  /** Stands beside the wrapped key, so that another kind is not tried in vain. */
  readonly kind: string;
  /** The wrapped root key as text, safe to store. */
  wrap(rootKey: Uint8Array): Promise<string>;
  /** Rejects with SealError or VaultError. */
  unwrap(wrapped: string): Promise<Buffer>;
}

export type VaultFault =
  | 'sealed'
  | 'not-initialized'
  | 'denied'
  | 'not-found'
  | 'invalid'
  | 'conflict'
  | 'unsupported'
  | 'upstream'
  | 'corrupt';

/** Everything that can go wrong with a call to the vault; the message may be shown to the caller. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly fault: VaultFault;

  constructor(fault: VaultFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** A use of the vault for the audit log. Never holds a secret. */
export interface VaultUse {
  readonly atMs: number;
  /** Accessor of the token, or who acted: `cli`, `gate`, `rotation`. */
  readonly actor: string;
  /** `read`, `update`, `rotate` … */
  readonly action: string;
  /** Path without secrets, for instance `secret/data/db`. */
  readonly path: string;
  readonly outcome: 'allowed' | 'denied' | 'failed';
  readonly address: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Resolves when the use is written down; a use that can not be written down does not happen. */
export type AuditSink = (use: VaultUse) => void | Promise<void>;
