// Accounts that exist, whose passwords the vault changes. What is to be is written down before it is done, so that a crash at
// any moment is finished afterwards; what does not work is taken back. With two accounts that take turns, the one in use is
// never touched: whoever still has it goes on until the next rotation.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { SYSTEM } from '../access/tokens.ts';
import type { Barrier } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import type { DatabaseConnection, DatabaseDriver } from './contract.ts';

export interface StaticRole {
  /** Name of the database's configuration. */
  readonly database: string;
  /** One account, or two that take turns. */
  readonly usernames: readonly string[];
  /** Index of the account that is given out. */
  readonly active: number;
  /** Its password; empty before the first rotation. */
  readonly password: string;
  readonly periodMs: number;
  /** Run as the account to see whether it works; empty: logging in is enough. */
  readonly checkStatement: string;
  readonly rotatedMs: number | null;
  /** A rotation that has begun. */
  readonly pending: { readonly index: number; readonly password: string; readonly startedMs: number } | null;
  /** Why the last rotation did not work; empty when it did. */
  readonly problem: string;
  readonly failures: number;
  readonly rotations: number;
}

export interface StaticTarget {
  readonly driver: DatabaseDriver;
  readonly connection: DatabaseConnection;
}

const RETRY_MS = 5000;
const MAX_RETRY_MS = 3_600_000;

/** 32 characters of 64: 192 bits. They mean nothing to SQL, URLs or shells. */
export const newPassword = (): string => randomBytes(24).toString('base64url');

export class StaticRotation {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #target: (database: string) => Promise<StaticTarget>;

  /** `target` finds the database of a role by its name. */
  constructor(barrier: Barrier, clock: Clock, target: (database: string) => Promise<StaticTarget>) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#target = target;
  }

  /** Rotates the role at `place`, or ends a rotation that was begun. Rejects when it did not work and was taken back. */
  async rotate(place: string): Promise<StaticRole> {
    const begun = await this.#begin(place);
    const { index, password } = begun.pending!;
    const username = begun.usernames[index]!;
    const { driver, connection } = await this.#target(begun.database);
    try {
      await driver.setPassword(connection, username, password);
      await driver.check(connection, username, password, begun.checkStatement);
    } catch (error) {
      await this.#takeBack(place, begun, { driver, connection }, error as Error);
      throw error;
    }
    return this.#publish(place, password);
  }

  #begin(place: string): Promise<StaticRole> {
    return this.#barrier.transaction(async (session) => {
      const role = await session.get<StaticRole>(place);
      if (role === null) throw new VaultError('not-found', 'unknown role');
      if (role.pending !== null) return role;
      const index = role.password === '' ? role.active : (role.active + 1) % role.usernames.length;
      const next = { ...role, pending: { index, password: newPassword(), startedMs: this.#clock.epochMs() } };
      await session.put(place, SYSTEM, next, this.#clock.epochMs() + RETRY_MS);
      return next;
    });
  }

  #publish(place: string, password: string): Promise<StaticRole> {
    return this.#barrier.transaction(async (session) => {
      const role = await session.get<StaticRole>(place);
      if (role === null) throw new VaultError('not-found', 'unknown role');
      // Two nodes that ended the same rotation: the second finds it done.
      if (role.pending === null || role.pending.password !== password) return role;
      const nowMs = this.#clock.epochMs();
      const next: StaticRole = {
        ...role,
        active: role.pending.index,
        password,
        rotatedMs: nowMs,
        pending: null,
        problem: '',
        failures: 0,
        rotations: role.rotations + 1,
      };
      await session.put(place, SYSTEM, next, nowMs + role.periodMs);
      return next;
    });
  }

  /** The account in use must work as before; a rotation that can not be taken back stays begun, and is tried again. */
  async #takeBack(place: string, role: StaticRole, target: StaticTarget, cause: Error): Promise<void> {
    const { index } = role.pending!;
    let isBack = index !== role.active;
    if (!isBack && role.password !== '') {
      const username = role.usernames[index]!;
      try {
        await target.driver.setPassword(target.connection, username, role.password);
        await target.driver.check(target.connection, username, role.password, '');
        isBack = true;
      } catch {
        // Said in the problem.
      }
    }
    await this.#barrier.transaction(async (session) => {
      const found = await session.get<StaticRole>(place);
      if (found?.pending == null || found.pending.password !== role.pending!.password) return;
      const failures = found.failures + 1;
      const waitMs = Math.min(RETRY_MS * 2 ** Math.min(failures, 20), MAX_RETRY_MS);
      const next: StaticRole = {
        ...found,
        pending: isBack ? null : found.pending,
        problem: `${cause.message}${isBack ? '; the old password is in force' : ''}`.slice(0, 500),
        failures,
      };
      await session.put(place, SYSTEM, next, this.#clock.epochMs() + waitMs);
    });
  }
}
