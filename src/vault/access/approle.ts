// AppRole: how programs log in. A role's id says who, a secret id proves it; secret ids are kept as hashes, and end with
// their time, their uses, or when they are destroyed.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { parseCidr } from '../../net/index.ts';
import type { Barrier, ClearSession } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import { addressAllowed } from './addresses.ts';
import { type IssuedToken, SYSTEM, type TokenStore } from './tokens.ts';

export interface AppRole {
  readonly roleId: string;
  readonly bindSecretId: boolean;
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly secretIdAddresses: readonly string[];
  readonly secretIdUses: number;
  readonly secretIdTtlMs: number;
  readonly tokenTtlMs: number;
  readonly tokenMaxTtlMs: number;
  readonly tokenPeriodMs: number;
  readonly tokenUses: number;
  readonly tokenAddresses: readonly string[];
}

export interface SecretId {
  readonly accessor: string;
  readonly role: string;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly ttlMs: number;
  /** 0: any number. */
  readonly usesLeft: number;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly addresses: readonly string[];
}

export interface NewSecretId {
  readonly value?: string;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly addresses: readonly string[];
  readonly ttlMs?: number;
  readonly uses?: number;
}

const hashSecret = (value: string): string =>
  createHash('sha256').update(`gatewright secret id ${value}`).digest('hex');
const denied = (): VaultError => new VaultError('invalid', 'invalid role or secret ID');

export const emptyRole = (): AppRole => ({
  roleId: randomUUID(),
  bindSecretId: true,
  policies: [],
  noDefaultPolicy: false,
  secretIdAddresses: [],
  secretIdUses: 0,
  secretIdTtlMs: 0,
  tokenTtlMs: 0,
  tokenMaxTtlMs: 0,
  tokenPeriodMs: 0,
  tokenUses: 0,
  tokenAddresses: [],
});

export class AppRoles {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #tokens: TokenStore;
  readonly #base: string;

  /** `id` is the mount's. */
  constructor(barrier: Barrier, clock: Clock, tokens: TokenStore, id: string) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#tokens = tokens;
    this.#base = `approle/${id}`;
  }

  #rolePlace(name: string): string {
    if (!/^[A-Za-z0-9._-]{1,128}$/.test(name))
      throw new VaultError('invalid', 'the name of a role has letters, digits, ".", "-" and "_"');
    return `${this.#base}/role/${name}`;
  }

  role(name: string): Promise<AppRole | null> {
    return this.#barrier.read<AppRole>(this.#rolePlace(name));
  }

  async names(): Promise<readonly string[]> {
    const prefix = `${this.#base}/role/`;
    return (await this.#barrier.list(prefix)).map((place) => place.slice(prefix.length));
  }

  /** Makes the role or changes what `change` names. */
  async put(name: string, change: Partial<AppRole>): Promise<void> {
    const { tokenMaxTtlMs = 0, tokenTtlMs = 0 } = change;
    if (tokenMaxTtlMs > 0 && tokenTtlMs > tokenMaxTtlMs)
      throw new VaultError('invalid', 'token_ttl is longer than token_max_ttl');
    for (const block of [...(change.tokenAddresses ?? []), ...(change.secretIdAddresses ?? [])])
      if (parseCidr(block) === null) throw new VaultError('invalid', `"${block}" is no block of addresses`);
    if (change.policies?.includes('root'))
      throw new VaultError('invalid', 'a role can not give out the root policy');
    if (change.roleId !== undefined && !/^[A-Za-z0-9._-]{1,128}$/.test(change.roleId))
      throw new VaultError('invalid', 'a role id has letters, digits, ".", "-" and "_"');
    await this.#barrier.transaction(async (session) => {
      const place = this.#rolePlace(name);
      const old = (await session.get<AppRole>(place)) ?? emptyRole();
      const next = { ...old, ...change };
      const idPlace = `${this.#base}/id/${next.roleId}`;
      const owner = await session.get<{ role: string }>(idPlace);
      if (owner !== null && owner.role !== name)
        throw new VaultError('invalid', 'the role id belongs to another role');
      if (old.roleId !== next.roleId) await session.remove(`${this.#base}/id/${old.roleId}`);
      await session.put(place, SYSTEM, next);
      await session.put(idPlace, SYSTEM, { role: name });
    });
  }

  async remove(name: string): Promise<void> {
    await this.#barrier.transaction(async (session) => {
      const role = await session.get<AppRole>(this.#rolePlace(name));
      if (role === null) return;
      for (const entry of await session.list(`${this.#base}/accessor/${name}/`)) {
        const found = await session.get<{ hash: string }>(entry);
        if (found !== null) await session.remove(`${this.#base}/secret/${found.hash}`);
        await session.remove(entry);
      }
      await session.remove(`${this.#base}/id/${role.roleId}`);
      await session.remove(this.#rolePlace(name));
    });
  }

  /** The secret id itself is in the answer only. */
  addSecretId(name: string, wanted: NewSecretId): Promise<{ value: string; secret: SecretId }> {
    for (const block of wanted.addresses)
      if (parseCidr(block) === null) throw new VaultError('invalid', `"${block}" is no block of addresses`);
    return this.#barrier.transaction(async (session) => {
      const role = await session.get<AppRole>(this.#rolePlace(name));
      if (role === null) throw new VaultError('not-found', `role "${name}" does not exist`);
      if (!role.bindSecretId) throw new VaultError('invalid', 'bind_secret_id is not set on the role');
      const value = wanted.value ?? randomUUID();
      const nowMs = this.#clock.epochMs();
      const ttlMs = shorter(wanted.ttlMs ?? 0, role.secretIdTtlMs);
      const secret: SecretId = {
        accessor: randomBytes(18).toString('base64url'),
        role: name,
        createdMs: nowMs,
        expiresMs: ttlMs === 0 ? null : nowMs + ttlMs,
        ttlMs,
        usesLeft: shorter(wanted.uses ?? 0, role.secretIdUses),
        meta: wanted.meta,
        addresses: wanted.addresses,
      };
      const hash = hashSecret(value);
      if ((await session.get(`${this.#base}/secret/${hash}`)) !== null)
        throw new VaultError('invalid', 'this secret id exists already');
      await session.put(`${this.#base}/secret/${hash}`, SYSTEM, secret, secret.expiresMs);
      await session.put(`${this.#base}/accessor/${name}/${secret.accessor}`, SYSTEM, { hash });
      return { value, secret };
    });
  }

  async accessors(name: string): Promise<readonly string[]> {
    const prefix = `${this.#base}/accessor/${name}/`;
    this.#rolePlace(name);
    return (await this.#barrier.list(prefix)).map((place) => place.slice(prefix.length));
  }

  async #hashOf(name: string, given: { value?: string; accessor?: string }): Promise<string> {
    this.#rolePlace(name);
    if (given.value !== undefined) return hashSecret(given.value);
    if (!/^[A-Za-z0-9_-]{24}$/.test(given.accessor ?? '')) return '';
    const found = await this.#barrier.read<{ hash: string }>(
      `${this.#base}/accessor/${name}/${given.accessor}`,
    );
    return found?.hash ?? '';
  }

  async secretId(name: string, given: { value?: string; accessor?: string }): Promise<SecretId | null> {
    const hash = await this.#hashOf(name, given);
    if (hash === '') return null;
    const secret = await this.#barrier.read<SecretId>(`${this.#base}/secret/${hash}`);
    return secret === null || secret.role !== name || this.#isOver(secret) ? null : secret;
  }

  async destroySecretId(name: string, given: { value?: string; accessor?: string }): Promise<void> {
    const hash = await this.#hashOf(name, given);
    if (hash === '') throw new VaultError('invalid', 'failed to find the secret id');
    await this.#barrier.transaction(async (session) => {
      const secret = await session.get<SecretId>(`${this.#base}/secret/${hash}`);
      if (secret?.role === name) await this.#remove(session, hash, secret);
    });
  }

  async #remove(session: ClearSession, hash: string, secret: SecretId): Promise<void> {
    await session.remove(`${this.#base}/secret/${hash}`);
    await session.remove(`${this.#base}/accessor/${secret.role}/${secret.accessor}`);
  }

  #isOver(secret: SecretId): boolean {
    return secret.expiresMs !== null && secret.expiresMs <= this.#clock.epochMs();
  }

  /** A token for who shows both ids. Rejects with one message whatever is wrong. */
  login(roleId: string, value: string, address: string, mount: string): Promise<IssuedToken> {
    if (!/^[A-Za-z0-9._-]{1,128}$/.test(roleId)) return Promise.reject(denied());
    return this.#barrier.transaction(async (session) => {
      const owner = await session.get<{ role: string }>(`${this.#base}/id/${roleId}`);
      const role = owner === null ? null : await session.get<AppRole>(this.#rolePlace(owner.role));
      if (owner === null || role === null) throw denied();
      let meta: Readonly<Record<string, string>> = {};
      if (role.bindSecretId) {
        const hash = hashSecret(value);
        const secret = await session.get<SecretId>(`${this.#base}/secret/${hash}`);
        if (secret === null || secret.role !== owner.role || this.#isOver(secret)) throw denied();
        if (!addressAllowed(address, secret.addresses)) throw denied();
        if (secret.usesLeft === 1) await this.#remove(session, hash, secret);
        else if (secret.usesLeft > 1)
          await session.put(
            `${this.#base}/secret/${hash}`,
            SYSTEM,
            { ...secret, usesLeft: secret.usesLeft - 1 },
            secret.expiresMs,
          );
        meta = secret.meta ?? {};
      }
      if (!addressAllowed(address, role.secretIdAddresses) || !addressAllowed(address, role.tokenAddresses))
        throw denied();
      return this.#tokens.issue(session, {
        policies: withDefault(role.policies, role.noDefaultPolicy),
        ttlMs: role.tokenTtlMs,
        maxTtlMs: role.tokenMaxTtlMs,
        periodMs: role.tokenPeriodMs,
        uses: role.tokenUses,
        addresses: role.tokenAddresses,
        displayName: 'approle',
        meta: { ...meta, role_name: owner.role },
        path: `auth/${mount}login`,
      });
    });
  }

  /** Removes secret ids that have ended. */
  async tidy(limit = 200): Promise<number> {
    const over = await this.#barrier.due(`${this.#base}/secret/`, this.#clock.epochMs(), limit);
    for (const place of over) {
      await this.#barrier.transaction(async (session) => {
        const secret = await session.get<SecretId>(place);
        if (secret !== null && this.#isOver(secret))
          await this.#remove(session, place.slice(`${this.#base}/secret/`.length), secret);
      });
    }
    return over.length;
  }
}

/** The smaller of two limits of which 0 is none. */
const shorter = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

export const withDefault = (policies: readonly string[], without: boolean): readonly string[] =>
  [...new Set(without ? policies : ['default', ...policies])].sort();
