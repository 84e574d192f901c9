// The port through which identity keeps state: who may call, with which keys, what was withdrawn, and the keys that
// the gate signs with. `stores/` implements it; one test suite runs on every implementation.
import type { ApiKeyUse, RevocationKindName } from '../credentials/index.ts';

export type PrincipalKind = 'user' | 'client' | 'service';

/** Somebody or something that calls. */
export interface Principal {
  /** Name in limits, logs and policies. */
  readonly id: string;
  readonly kind: PrincipalKind;
  /** For people; may be empty. */
  readonly note: string;
  /** Scopes of its keys, unless a key has its own. */
  readonly scopes: readonly string[];
  readonly createdMs: number;
  /** Since when nothing of it is accepted; null while it is. */
  readonly disabledMs: number | null;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly principal: string;
  readonly sha256: string;
  /** Null: those of the principal. */
  readonly scopes: readonly string[] | null;
  /** CIDR blocks it may be used from; empty: any. */
  readonly addresses: readonly string[];
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
  /** Key that this one replaces; empty for none. */
  readonly rotatedFrom: string;
}

export interface ApiKeyView extends ApiKeyRecord {
  readonly lastUsedMs: number | null;
}

export interface Revocation {
  readonly kind: RevocationKindName;
  /** `issuer|jti` of a token, `issuer|subject` or a principal, the name of an issuer, `issuer|sid` of a session. */
  readonly value: string;
  /** What was issued before is withdrawn, ms; null: all of it. */
  readonly issuedBeforeMs: number | null;
  /** When it may be forgotten, ms. */
  readonly untilMs: number;
  readonly createdMs: number;
  readonly reason: string;
}

/** A key that the gate signs with; its private part is sealed by the store. */
export interface SigningKeyRecord {
  readonly id: string;
  /** What it signs, for instance `forward`. */
  readonly purpose: string;
  readonly algorithm: string;
  /** Private JWK, JSON text. */
  readonly jwk: string;
  readonly createdMs: number;
  /** From when it signs. */
  readonly activeMs: number;
  /** Until when it is published. */
  readonly untilMs: number;
}

/** A key with what its principal adds to it. */
export interface ApiKeyState {
  readonly key: ApiKeyRecord;
  readonly principal: Pick<Principal, 'id' | 'scopes' | 'disabledMs'>;
}

export interface IdentityChanges {
  /** State up to which this tells. */
  readonly revision: number;
  readonly revocations: readonly Revocation[];
  /** Revocations that were taken back, as kind and value. */
  readonly restored: readonly Pick<Revocation, 'kind' | 'value'>[];
}

/** Why a change was refused; the message is for people. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: 'exists' | 'unknown' | 'invalid' | 'revoked';

  constructor(code: IdentityError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Every change is durable when its promise resolves, and whole or not there at all if the process dies before. Methods
 * reject with IdentityError for what a user can mend, with other errors when the state can not be reached.
 */
export interface IdentityStore {
  /** Adds a principal, with its first key if it has one. */
  addPrincipal(principal: Principal, key: ApiKeyRecord | null): Promise<void>;
  updatePrincipal(
    id: string,
    change: Partial<Pick<Principal, 'note' | 'scopes' | 'disabledMs'>>,
  ): Promise<void>;
  /**
   * Disables a principal and withdraws all that was issued to it until `untilMs`, or enables it again (`disabledMs` null).
   */
  setDisabled(id: string, disabledMs: number | null, untilMs: number): Promise<void>;
  principal(id: string): Promise<Principal | null>;
  /** By id, from the one after `after`. */
  principals(kind: PrincipalKind | null, after: string, limit: number): Promise<readonly Principal[]>;

  addKey(key: ApiKeyRecord): Promise<void>;
  /** Adds `next` and lets the key it replaces end at `oldExpiresMs`, or before if it would anyway. */
  rotateKey(next: ApiKeyRecord, oldExpiresMs: number): Promise<void>;
  revokeKey(id: string, revokedMs: number): Promise<void>;
  key(id: string): Promise<ApiKeyView | null>;
  /** By id, from the one after `after`; of one principal, or of all when it is empty. */
  keys(principal: string, after: string, limit: number): Promise<readonly ApiKeyView[]>;
  noteUses(uses: readonly ApiKeyUse[]): Promise<void>;

  addRevocation(revocation: Revocation): Promise<void>;
  /** Takes it back; false when there was none. */
  removeRevocation(kind: RevocationKindName, value: string): Promise<boolean>;
  revocations(nowMs: number): Promise<readonly Revocation[]>;
  /** Forgets what ended before; tells how many. */
  prune(nowMs: number): Promise<number>;

  /** All of a purpose that are published at `nowMs` or will be. */
  signingKeys(purpose: string, nowMs: number): Promise<readonly SigningKeyRecord[]>;
  /**
   * Adds a key unless one of its purpose becomes active at or after `unlessActiveMs`: of several nodes that want to
   * rotate, one does. Tells whether it was added.
   */
  addSigningKey(key: SigningKeyRecord, unlessActiveMs: number): Promise<boolean>;
  /** Lets the keys of a purpose but `keep` end at `untilMs`, or before if they would anyway. */
  retireSigningKeys(purpose: string, keep: string, untilMs: number): Promise<void>;

  /** The newest state. */
  revision(): Promise<number>;
  /** What has changed after `revision`; 0 tells everything. Keys come in pages to `onKeys`, the rest in the answer. */
  changesSince(revision: number, onKeys: (keys: readonly ApiKeyState[]) => void): Promise<IdentityChanges>;
  /** Calls back when the state may have changed, by whomever; answers a function that stops it. */
  onChange(callback: () => void): () => void;
}
