// Response wrapping: an answer that waits, sealed, for whoever shows the one token that opens it, once. Who finds the token
// used knows that somebody was there before.
import type { Clock } from '../../core/index.ts';
import type { Barrier } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import { hashToken, SYSTEM, type TokenStore } from './tokens.ts';

interface Wrapped {
  readonly body: unknown;
  readonly path: string;
  readonly createdMs: number;
  readonly ttlMs: number;
}

export interface WrapInfo {
  readonly token: string;
  readonly accessor: string;
  readonly ttl: number;
  readonly creation_time: string;
  readonly creation_path: string;
}

/** Longest time that an answer waits, ms. */
const MAX_WRAP_MS = 7 * 86_400_000;
const place = (hash: string): string => `wrapped/${hash}`;
const gone = (): VaultError => new VaultError('invalid', 'wrapping token is not valid or does not exist');

export class Wrapping {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #tokens: TokenStore;

  constructor(barrier: Barrier, clock: Clock, tokens: TokenStore) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#tokens = tokens;
  }

  wrap(body: unknown, path: string, ttlMs: number): Promise<WrapInfo> {
    const forMs = Math.min(ttlMs, MAX_WRAP_MS);
    return this.#barrier.transaction(async (session) => {
      const { id, hash, token } = await this.#tokens.issue(session, {
        policies: ['response-wrapping'],
        ttlMs: forMs,
        maxTtlMs: forMs,
        renewable: false,
        path,
        kind: 'wrapping',
      });
      const createdMs = this.#clock.epochMs();
      await session.put(place(hash), SYSTEM, { body, path, createdMs, ttlMs: forMs } satisfies Wrapped);
      return {
        token: id,
        accessor: token.accessor,
        ttl: forMs / 1000,
        creation_time: new Date(createdMs).toISOString(),
        creation_path: path,
      };
    });
  }

  async lookup(id: string): Promise<Omit<Wrapped, 'body'>> {
    const found =
      (await this.#tokens.lookup(id)) === null
        ? null
        : await this.#barrier.read<Wrapped>(place(hashToken(id)));
    if (found === null) throw gone();
    return { path: found.path, createdMs: found.createdMs, ttlMs: found.ttlMs };
  }

  /** The answer, and its end, in one transaction. */
  async unwrap(
    id: string,
  ): Promise<{ readonly body: unknown; readonly path: string; readonly ttlMs: number }> {
    if ((await this.#tokens.lookup(id)) === null) throw gone();
    const hash = hashToken(id);
    return this.#barrier.transaction(async (session) => {
      const found = await session.get<Wrapped>(place(hash));
      if (found === null) throw gone();
      await session.remove(place(hash));
      await this.#tokens.revokeIn(session, hash);
      return found;
    });
  }
}
