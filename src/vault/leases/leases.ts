// Leases: what was made for a caller and must be unmade. A lease is written down before anything is made, so that a crash at
// any moment leaves at most a lease whose thing may or may not be there; ending it is safe to do twice.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { MAX_TTL_MS, SYSTEM } from '../access/tokens.ts';
import type { Barrier, ClearSession } from '../barrier.ts';
import { VaultError } from '../contract.ts';

export interface Lease {
  /** Which engine made it. */
  readonly kind: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly maxMs: number;
  readonly ttlMs: number;
  readonly renewable: boolean;
  /** Hash of the token it was made for. */
  readonly token: string;
  /** `making` until the engine has said that it is there; `ending` from when it is to be unmade. */
  readonly state: 'making' | 'active' | 'ending';
  /** What the engine needs to unmake it; no secret. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Why it could not be ended the last time; empty when it was not tried. */
  readonly problem: string;
  readonly attempts: number;
}

/** Makes and unmakes what leases are for. */
export interface LeaseEngine {
  /** Unmakes it; done twice it does nothing the second time. */
  revoke(data: Readonly<Record<string, unknown>>): Promise<void>;
  /** Moves its end where the thing itself knows it, for instance VALID UNTIL of a role. */
  renew?(data: Readonly<Record<string, unknown>>, expiresMs: number): Promise<void>;
}

/** A thing that is still being made after this was given up, ms: longer than any engine's own time limit. */
const MAKING_MS = 60_000;
/** Between two tries to end a lease, ms, doubled up to the maximum. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 600_000;

export interface LeaseRequest {
  readonly kind: string;
  /** Path that was read, for instance `database/creds/app`. */
  readonly path: string;
  readonly token: string;
  /** The lease ends with the token at the latest, ms; null when that has no end. */
  readonly tokenExpiresMs: number | null;
  readonly ttlMs: number;
  readonly maxTtlMs: number;
  readonly renewable: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

export class Leases {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #engines = new Map<string, LeaseEngine>();

  constructor(barrier: Barrier, clock: Clock) {
    this.#barrier = barrier;
    this.#clock = clock;
  }

  register(kind: string, engine: LeaseEngine): void {
    this.#engines.set(kind, engine);
  }

  /** Writes the lease down, lets `make` make the thing, and says that it is there. Answers the lease's id. */
  async create(
    request: LeaseRequest,
    make: (expiresMs: number) => Promise<void>,
  ): Promise<{ readonly id: string; readonly lease: Lease }> {
    const id = `${request.path}/${randomBytes(18).toString('base64url')}`;
    const nowMs = this.#clock.epochMs();
    const maxMs = nowMs + Math.min(request.maxTtlMs || MAX_TTL_MS, MAX_TTL_MS);
    const expiresMs = Math.min(nowMs + (request.ttlMs || 3_600_000), maxMs, request.tokenExpiresMs ?? maxMs);
    const lease: Lease = {
      kind: request.kind,
      issuedMs: nowMs,
      expiresMs,
      maxMs,
      ttlMs: expiresMs - nowMs,
      renewable: request.renewable,
      token: request.token,
      state: 'making',
      data: request.data,
      problem: '',
      attempts: 0,
    };
    await this.#barrier.transaction(async (session) => {
      await this.#put(session, id, lease, nowMs + MAKING_MS);
      await session.put(ofToken(request.token, id), SYSTEM, {});
    });
    try {
      await make(expiresMs);
    } catch (error) {
      await this.#end(id);
      throw error;
    }
    const active: Lease = { ...lease, state: 'active' };
    const kept = await this.#barrier.transaction(async (session) => {
      // Its token may have been revoked meanwhile, or it took so long that it was given up.
      const found = await session.get<Lease>(place(id));
      if (found?.state !== 'making') return false;
      await this.#put(session, id, active, expiresMs);
      return true;
    });
    if (kept) return { id, lease: active };
    await this.#end(id);
    throw new VaultError('denied', 'the token was revoked meanwhile');
  }

  #put(session: ClearSession, id: string, lease: Lease, dueMs: number): Promise<void> {
    return session.put(place(id), SYSTEM, lease, dueMs);
  }

  async lookup(id: string): Promise<Lease | null> {
    const lease = await this.#barrier.read<Lease>(place(checkId(id)));
    return lease?.state === 'active' ? lease : null;
  }

  /** Ids below a prefix, whatever their state. */
  async list(prefix: string): Promise<readonly string[]> {
    const from = prefix === '' ? '' : `${checkId(prefix)}/`;
    return (await this.#barrier.list(`lease/${from}`)).map((entry) => entry.slice('lease/'.length));
  }

  async renew(id: string, incrementMs: number): Promise<Lease> {
    checkId(id);
    const nowMs = this.#clock.epochMs();
    const next = await this.#barrier.transaction(async (session) => {
      const lease = await session.get<Lease>(place(id));
      if (lease === null || lease.state !== 'active' || lease.expiresMs <= nowMs)
        throw new VaultError('invalid', 'lease not found');
      if (!lease.renewable) throw new VaultError('invalid', 'lease is not renewable');
      const expiresMs = Math.min(nowMs + (incrementMs || lease.ttlMs), lease.maxMs);
      return { ...lease, expiresMs };
    });
    await this.#engines.get(next.kind)?.renew?.(next.data, next.expiresMs);
    return this.#barrier.transaction(async (session) => {
      const lease = await session.get<Lease>(place(id));
      if (lease?.state !== 'active') throw new VaultError('invalid', 'lease not found');
      await this.#put(session, id, next, next.expiresMs);
      return next;
    });
  }

  /** Ends it and unmakes the thing. Where that fails it is tried again later; `problem` says why, empty when all is done. */
  async revoke(id: string): Promise<{ readonly problem: string }> {
    checkId(id);
    await this.#barrier.transaction((session) => this.#markEnding(session, id));
    return { problem: await this.#end(id) };
  }

  /** In the transaction that ends a token: its leases end too. They are unmade by `tidy`. */
  async endThoseOf(session: ClearSession, token: string): Promise<void> {
    const prefix = `leaseof/${token}/`;
    for (const entry of await session.list(prefix))
      await this.#markEnding(session, Buffer.from(entry.slice(prefix.length), 'base64url').toString('utf8'));
  }

  async #markEnding(session: ClearSession, id: string): Promise<void> {
    const lease = await session.get<Lease>(place(id));
    if (lease === null) return;
    await this.#put(session, id, { ...lease, state: 'ending' }, this.#clock.epochMs());
  }

  /** Ends what is due, what was given up half made, and what could not be ended before. Answers how many are gone. */
  async tidy(limit = 100): Promise<number> {
    let ended = 0;
    for (const entry of await this.#barrier.due('lease/', this.#clock.epochMs(), limit)) {
      const id = entry.slice('lease/'.length);
      const due = await this.#barrier.transaction(async (session) => {
        const lease = await session.get<Lease>(entry);
        if (lease === null) return false;
        // Renewed meanwhile.
        if (lease.state === 'active' && lease.expiresMs > this.#clock.epochMs()) return false;
        if (lease.state !== 'ending') await this.#markEnding(session, id);
        return true;
      });
      if (due && (await this.#end(id)) === '') ended++;
    }
    return ended;
  }

  /** Unmakes the thing and forgets the lease; else writes down why not. */
  async #end(id: string): Promise<string> {
    const lease = await this.#barrier.read<Lease>(place(id));
    if (lease === null) return '';
    const engine = this.#engines.get(lease.kind);
    let problem = '';
    try {
      if (engine === undefined) throw new Error(`there is no engine for ${lease.kind}`);
      await engine.revoke(lease.data);
    } catch (error) {
      problem = (error as Error).message;
    }
    await this.#barrier.transaction(async (session) => {
      if (problem === '') {
        await session.remove(place(id));
        await session.remove(ofToken(lease.token, id));
        return;
      }
      const attempts = lease.attempts + 1;
      const waitMs = Math.min(RETRY_MS * 2 ** Math.min(attempts, 20), MAX_RETRY_MS);
      const next: Lease = { ...lease, state: 'ending', problem, attempts };
      await this.#put(session, id, next, this.#clock.epochMs() + waitMs);
    });
    return problem;
  }
}

const place = (id: string): string => `lease/${id}`;
const ofToken = (token: string, id: string): string =>
  `leaseof/${token}/${Buffer.from(id, 'utf8').toString('base64url')}`;

function checkId(id: string): string {
  if (!/^[A-Za-z0-9._/-]{1,512}$/.test(id)) throw new VaultError('invalid', 'invalid lease');
  return id;
}
