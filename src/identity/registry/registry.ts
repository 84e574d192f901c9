// Who may call, as a library: people, programs and services with their keys. The store keeps; this decides what is
// valid, makes secrets and names, and never shows a secret twice.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { createApiKey, type RevocationKindName } from '../../credentials/index.ts';
import { parseCidr } from '../../net/index.ts';
import {
  type ApiKeyRecord,
  type ApiKeyView,
  IdentityError,
  type IdentityStore,
  type Principal,
  type PrincipalKind,
  type Revocation,
} from '../contract.ts';

export interface KeyOptions {
  /** Public id; made from the principal's name by default. */
  readonly id?: string;
  /** Instead of the principal's. */
  readonly scopes?: readonly string[];
  readonly addresses?: readonly string[];
  /** How long it is good, ms; for ever by default. */
  readonly lifetimeMs?: number;
}

export interface CreatedKey {
  readonly record: ApiKeyRecord;
  /** The key itself, shown once. */
  readonly key: string;
}

export interface RevocationOptions {
  readonly kind: RevocationKindName;
  readonly value: string;
  /** Only what was issued before this moment, ms. */
  readonly issuedBeforeMs?: number;
  /** How long it is remembered, ms: as long as what is withdrawn could live. */
  readonly forMs: number;
  readonly reason: string;
}

/** Longest names and notes, characters. */
const MAX_NAME = 200;
const MAX_SCOPES = 100;
/** How many are asked of the store at once. */
const PAGE = 500;

export class IdentityRegistry {
  readonly #store: IdentityStore;
  readonly #clock: Clock;

  constructor(store: IdentityStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Adds a principal; with `key`, its first key too, both or neither. Rejects with IdentityError. */
  async add(
    kind: PrincipalKind,
    id: string,
    scopes: readonly string[],
    note: string,
    key: KeyOptions | null,
  ): Promise<CreatedKey | null> {
    if (id === '' || id.length > MAX_NAME || /[\x00-\x1f\x7f]/.test(id))
      throw new IdentityError('invalid', `a name has 1 to ${MAX_NAME} characters and no control characters`);
    if (note.length > MAX_NAME) throw new IdentityError('invalid', `a note has up to ${MAX_NAME} characters`);
    checkScopes(scopes);
    const createdMs = this.#clock.epochMs();
    const created = key === null ? null : this.#create(id, key, '');
    await this.#store.addPrincipal(
      { id, kind, note, scopes, createdMs, disabledMs: null },
      created?.record ?? null,
    );
    return created;
  }

  async createKey(principal: string, options: KeyOptions): Promise<CreatedKey> {
    const created = this.#create(principal, options, '');
    await this.#store.addKey(created.record);
    return created;
  }

  /** A key that takes the place of `id`, which stays good for `overlapMs`. */
  async rotateKey(id: string, overlapMs: number, lifetimeMs?: number): Promise<CreatedKey> {
    const old = await this.key(id);
    const created = this.#create(
      old.principal,
      {
        addresses: old.addresses,
        ...(old.scopes === null ? {} : { scopes: old.scopes }),
        ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      },
      id,
    );
    await this.#store.rotateKey(created.record, this.#clock.epochMs() + overlapMs);
    return created;
  }

  async revokeKey(id: string): Promise<void> {
    await this.#store.revokeKey(id, this.#clock.epochMs());
  }

  async key(id: string): Promise<ApiKeyView> {
    const found = await this.#store.key(id);
    if (found === null) throw new IdentityError('unknown', `there is no key "${id}"`);
    return found;
  }

  /** All keys, or those of one principal. */
  async keys(principal = ''): Promise<ApiKeyView[]> {
    const out: ApiKeyView[] = [];
    for (;;) {
      const page = await this.#store.keys(principal, out.at(-1)?.id ?? '', PAGE);
      out.push(...page);
      if (page.length < PAGE) return out;
    }
  }

  async principals(kind: PrincipalKind | null = null): Promise<Principal[]> {
    const out: Principal[] = [];
    for (;;) {
      const page = await this.#store.principals(kind, out.at(-1)?.id ?? '', PAGE);
      out.push(...page);
      if (page.length < PAGE) return out;
    }
  }

  /** Rejects unless there is a principal of this kind and name. */
  async principal(kind: PrincipalKind, id: string): Promise<Principal> {
    const found = await this.#store.principal(id);
    if (found === null || found.kind !== kind)
      throw new IdentityError('unknown', `there is no ${kind} "${id}"`);
    return found;
  }

  async setScopes(kind: PrincipalKind, id: string, scopes: readonly string[]): Promise<void> {
    checkScopes(scopes);
    await this.principal(kind, id);
    await this.#store.updatePrincipal(id, { scopes });
  }

  /** Withdraws everything of a principal: its keys, and tokens whose subject it is. */
  async disable(kind: PrincipalKind, id: string, forMs: number): Promise<void> {
    await this.principal(kind, id);
    const nowMs = this.#clock.epochMs();
    await this.#store.setDisabled(id, nowMs, nowMs + forMs);
  }

  async enable(kind: PrincipalKind, id: string): Promise<void> {
    await this.principal(kind, id);
    await this.#store.setDisabled(id, null, 0);
  }

  async revoke(options: RevocationOptions): Promise<Revocation> {
    const nowMs = this.#clock.epochMs();
    if (options.value === '' || options.value.length > 2048)
      throw new IdentityError('invalid', 'what is revoked needs a name of up to 2048 characters');
    const revocation: Revocation = {
      kind: options.kind,
      value: options.value,
      issuedBeforeMs: options.issuedBeforeMs ?? null,
      untilMs: nowMs + options.forMs,
      createdMs: nowMs,
      reason: options.reason,
    };
    await this.#store.addRevocation(revocation);
    return revocation;
  }

  restore(kind: RevocationKindName, value: string): Promise<boolean> {
    return this.#store.removeRevocation(kind, value);
  }

  revocations(): Promise<readonly Revocation[]> {
    return this.#store.revocations(this.#clock.epochMs());
  }

  #create(principal: string, options: KeyOptions, rotatedFrom: string): CreatedKey {
    const id = options.id ?? `${slug(principal)}-${randomBytes(4).toString('hex')}`;
    if (options.scopes !== undefined) checkScopes(options.scopes);
    const addresses = options.addresses ?? [];
    for (const address of addresses) {
      if (parseCidr(address) === null)
        throw new IdentityError('invalid', `"${address}" is no address and no block such as 10.0.0.0/8`);
    }
    if (options.lifetimeMs !== undefined && !(options.lifetimeMs > 0))
      throw new IdentityError('invalid', 'a key lives longer than no time');
    let made: ReturnType<typeof createApiKey>;
    try {
      made = createApiKey(id);
    } catch (error) {
      throw new IdentityError('invalid', (error as Error).message);
    }
    const createdMs = this.#clock.epochMs();
    return {
      key: made.key,
      record: {
        id,
        principal,
        sha256: made.sha256,
        scopes: options.scopes ?? null,
        addresses,
        createdMs,
        expiresMs: options.lifetimeMs === undefined ? null : createdMs + options.lifetimeMs,
        revokedMs: null,
        rotatedFrom,
      },
    };
  }
}

/** Part of a key's id that tells whose it is. */
function slug(principal: string): string {
  const text = principal.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return text.slice(0, 40) || 'key';
}

function checkScopes(scopes: readonly string[]): void {
  // RFC 6749 section 3.3: a scope is made of visible characters but for the quote and the backslash.
  if (scopes.length > MAX_SCOPES || scopes.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(scope)))
    throw new IdentityError('invalid', 'a scope has visible ASCII characters, no quote, backslash or space');
}
