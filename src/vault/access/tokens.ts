// Tokens: what a client shows, kept only as a hash. A token ends with its time, its uses, its parent, or when it is revoked,
// and with it end its leases and everything it has made.
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import type { RandomBytes } from '../../envelope/index.ts';
import type { Barrier, ClearSession } from '../barrier.ts';
import { VaultError } from '../contract.ts';

export interface Token {
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly createdMs: number;
  /** Null for never, which only root tokens have. */
  readonly expiresMs: number | null;
  /** Lifetime it was made with, ms; 0 for without end. */
  readonly ttlMs: number;
  /** No renewal goes beyond this after its creation, ms; 0 for none but the system's. */
  readonly maxTtlMs: number;
  /** Renewals give this again and again, ms; 0 for none. */
  readonly periodMs: number;
  /** 0: any number. */
  readonly usesLeft: number;
  readonly renewable: boolean;
  readonly displayName: string;
  readonly meta: Readonly<Record<string, string>> | null;
  /** How it was made, for instance `auth/approle/login`. */
  readonly path: string;
  /** Hash of its parent; empty for an orphan. */
  readonly parent: string;
  /** Blocks of addresses it may be used from; empty: any. */
  readonly addresses: readonly string[];
  readonly kind: 'service' | 'wrapping';
}

export interface NewToken {
  readonly policies: readonly string[];
  readonly ttlMs: number;
  readonly maxTtlMs?: number;
  readonly periodMs?: number;
  readonly uses?: number;
  readonly renewable?: boolean;
  readonly displayName?: string;
  readonly meta?: Readonly<Record<string, string>> | null;
  readonly path: string;
  readonly parent?: string;
  readonly addresses?: readonly string[];
  readonly kind?: Token['kind'];
}

export interface IssuedToken {
  /** The token itself; it is nowhere else. */
  readonly id: string;
  readonly hash: string;
  readonly token: Token;
}

export const SYSTEM = 'system';
/** Longest life of any token but root's, and of leases, ms: Vault's 32 days. */
export const MAX_TTL_MS = 32 * 86_400_000;
const DAY_MS = 86_400_000;

export const hashToken = (id: string): string =>
  createHash('sha256').update(`gatewright token ${id}`).digest('hex');

const place = (hash: string): string => `token/${hash}`;
const accessorPlace = (accessor: string): string => `accessor/${accessor}`;
const childPlace = (parent: string, hash: string): string => `child/${parent}/${hash}`;

export class TokenStore {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Called in the transaction that ends a token, for its leases. */
  onRevoke: (session: ClearSession, hash: string) => Promise<void> = async () => {};

  constructor(barrier: Barrier, clock: Clock, random: RandomBytes = randomBytes) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#random = random;
  }

  /** `expires` is null only for root tokens: every other one ends. */
  async issue(session: ClearSession, wanted: NewToken): Promise<IssuedToken> {
    const nowMs = this.#clock.epochMs();
    const isRoot = wanted.policies.includes('root');
    const limitMs = Math.min(wanted.maxTtlMs || MAX_TTL_MS, MAX_TTL_MS);
    const ttlMs = wanted.periodMs || Math.min(wanted.ttlMs || (isRoot ? 0 : limitMs), limitMs);
    const id = `${wanted.kind === 'wrapping' ? 'gwr' : 'gwv'}.${this.#random(32).toString('base64url')}`;
    const hash = hashToken(id);
    const token: Token = {
      accessor: this.#random(18).toString('base64url'),
      policies: wanted.policies,
      createdMs: nowMs,
      expiresMs: ttlMs === 0 ? null : nowMs + ttlMs,
      ttlMs,
      maxTtlMs: wanted.maxTtlMs ?? 0,
      periodMs: wanted.periodMs ?? 0,
      usesLeft: wanted.uses ?? 0,
      renewable: wanted.renewable ?? true,
      displayName: wanted.displayName ?? 'token',
      meta: wanted.meta ?? null,
      path: wanted.path,
      parent: wanted.parent ?? '',
      addresses: wanted.addresses ?? [],
      kind: wanted.kind ?? 'service',
    };
    await this.#put(session, hash, token);
    await session.put(accessorPlace(token.accessor), SYSTEM, { hash });
    if (token.parent !== '') await session.put(childPlace(token.parent, hash), SYSTEM, {});
    return { id, hash, token };
  }

  #put(session: ClearSession, hash: string, token: Token): Promise<void> {
    return session.put(place(hash), SYSTEM, token, token.expiresMs);
  }

  /** Null for what is unknown, ended or revoked. */
  async lookup(id: string): Promise<{ hash: string; token: Token } | null> {
    if (!/^gw[vr]\.[A-Za-z0-9_-]{43}$/.test(id)) return null;
    return this.lookupHash(hashToken(id));
  }

  async lookupHash(hash: string): Promise<{ hash: string; token: Token } | null> {
    const token = await this.#barrier.read<Token>(place(hash));
    if (token === null || this.#isOver(token)) return null;
    return { hash, token };
  }

  async lookupAccessor(accessor: string): Promise<{ hash: string; token: Token } | null> {
    if (!/^[A-Za-z0-9_-]{24}$/.test(accessor)) return null;
    const found = await this.#barrier.read<{ hash: string }>(accessorPlace(accessor));
    return found === null ? null : this.lookupHash(found.hash);
  }

  async accessors(): Promise<readonly string[]> {
    return (await this.#barrier.list('accessor/')).map((entry) => entry.slice('accessor/'.length));
  }

  #isOver(token: Token): boolean {
    return token.expiresMs !== null && token.expiresMs <= this.#clock.epochMs();
  }

  /** Takes one use of a token whose uses are counted; false when there is none left. */
  async use(hash: string): Promise<boolean> {
    return this.#barrier.transaction(async (session) => {
      const token = await session.get<Token>(place(hash));
      if (token === null || this.#isOver(token)) return false;
      if (token.usesLeft === 0) return true;
      if (token.usesLeft === 1) {
        // Its last use: it works on for the call that has it in hand, and for nobody else.
        await this.revokeIn(session, hash);
        return true;
      }
      await this.#put(session, hash, { ...token, usesLeft: token.usesLeft - 1 });
      return true;
    });
  }

  /** Rejects for what can not be renewed. */
  renew(hash: string, incrementMs: number): Promise<Token> {
    return this.#barrier.transaction(async (session) => {
      const token = await session.get<Token>(place(hash));
      if (token === null || this.#isOver(token)) throw new VaultError('denied', 'permission denied');
      if (!token.renewable || token.expiresMs === null)
        throw new VaultError('invalid', 'lease is not renewable');
      const nowMs = this.#clock.epochMs();
      const lastMs = token.createdMs + Math.min(token.maxTtlMs || MAX_TTL_MS, MAX_TTL_MS);
      const expiresMs =
        token.periodMs > 0
          ? nowMs + token.periodMs
          : Math.min(nowMs + (incrementMs > 0 ? incrementMs : token.ttlMs), lastMs);
      const next = { ...token, expiresMs };
      await this.#put(session, hash, next);
      return next;
    });
  }

  revoke(hash: string): Promise<void> {
    return this.#barrier.transaction((session) => this.revokeIn(session, hash));
  }

  /** The token only; its children become orphans. */
  revokeOrphan(hash: string): Promise<void> {
    return this.#barrier.transaction(async (session) => {
      for (const entry of await session.list(`child/${hash}/`)) {
        const child = entry.slice(`child/${hash}/`.length);
        const token = await session.get<Token>(place(child));
        if (token !== null) await this.#put(session, child, { ...token, parent: '' });
        await session.remove(entry);
      }
      await this.revokeIn(session, hash);
    });
  }

  /** The token and all below it. */
  async revokeIn(session: ClearSession, hash: string): Promise<void> {
    const waiting = [hash];
    for (;;) {
      const next = waiting.pop();
      if (next === undefined) return;
      const token = await session.get<Token>(place(next));
      for (const entry of await session.list(`child/${next}/`)) {
        waiting.push(entry.slice(`child/${next}/`.length));
        await session.remove(entry);
      }
      if (token === null) continue;
      await session.remove(place(next));
      await session.remove(accessorPlace(token.accessor));
      await session.remove(`wrapped/${next}`);
      for (const entry of await session.list(`cubbyhole/${next}/`)) await session.remove(entry);
      if (token.parent !== '') await session.remove(childPlace(token.parent, next));
      await this.onRevoke(session, next);
    }
  }

  /** Removes what has ended; answers how many. */
  async tidy(limit = 200): Promise<number> {
    const over = await this.#barrier.due('token/', this.#clock.epochMs(), limit);
    for (const entry of over) {
      const hash = entry.slice('token/'.length);
      await this.#barrier.transaction(async (session) => {
        const token = await session.get<Token>(entry);
        // Renewed meanwhile.
        if (token !== null && this.#isOver(token)) await this.revokeIn(session, hash);
      });
    }
    return over.length;
  }
}

/** A lifetime as Vault's clients write it: seconds as a number, or `72h`, `1h30m`, `90s`. Throws VaultError. */
export function parseTtl(value: unknown, what = 'ttl'): number {
  if (value === undefined || value === null || value === '') return 0;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return Math.round(value * 1000);
  if (typeof value === 'string') {
    if (/^\d{1,10}$/.test(value)) return Number(value) * 1000;
    if (/^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d))+$/.test(value)) {
      const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS };
      let total = 0;
      for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
        total += Number(count) * units[unit!]!;
      return Math.round(total);
    }
  }
  throw new VaultError('invalid', `"${what}" is no time such as 3600 or 72h`);
}
