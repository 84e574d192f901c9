// Keys that the gate signs or seals with, kept in the state and replaced on a schedule. The next key is published before it signs
// and the last one after, so that whoever verifies always finds the key of a token. Of several nodes one makes the key.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import type { IdentityStore, SigningKeyRecord } from '../contract.ts';

/** Signatures, or A256GCM for what only the gate itself reads. */
export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'A256GCM';

export interface SigningKeyConfig {
  /** What the keys sign, for instance `forward`. */
  readonly purpose: string;
  readonly algorithm: SigningAlgorithm;
  /** How long a key signs, ms. */
  readonly rotateMs: number;
  /** How long it is published after its last signature: at least the life of what it signs, ms. */
  readonly keepMs: number;
}

/** Keys of a login's cookies: each opens what it has sealed until the last of it has ended. */
export const signingKeysOfLogin = (login: {
  readonly name: string;
  readonly rotateMs: number;
  readonly lifetimeMs: number;
}): SigningKeyConfig => ({
  purpose: `login-${login.name}`,
  algorithm: 'A256GCM',
  rotateMs: login.rotateMs,
  keepMs: login.lifetimeMs + 60_000,
});

export interface SigningKey {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  /** Private JWK, JSON text. */
  readonly jwk: string;
}

export interface RotationReport {
  readonly purpose: string;
  /** Key that signs now. */
  readonly current: string;
  /** Key that will sign, and from when; null while there is none. */
  readonly next: { readonly id: string; readonly activeMs: number } | null;
  /** When the next key is due to be made, ms. */
  readonly dueMs: number;
  /** A key was made by this call. */
  readonly rotated: boolean;
}

/** Who hears of what a ring does. */
export interface RotationHooks {
  /** The key that signs, or those that are published, are others than before. */
  readonly onChange?: (key: SigningKey) => void;
  /** A key was made by this node. */
  readonly onRotated?: (report: RotationReport) => void;
  readonly onProblem?: (problem: string) => void;
}

/** Verifiers fetch key sets again within this time, ms: a key is published that long before it signs. */
export const PUBLISH_AHEAD_MS = 600_000;
/** How often the state is looked at, ms. */
const LOOK_MS = 30_000;
/** Until a key is replaced it has no end: the last moment of the year 9999. */
const NO_END_MS = 253_402_300_799_000;

export class SigningKeyRing {
  readonly #store: IdentityStore;
  readonly #config: SigningKeyConfig;
  readonly #clock: Clock;
  readonly #hooks: RotationHooks;
  #keys: readonly SigningKeyRecord[] = [];
  #told = '';
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(store: IdentityStore, config: SigningKeyConfig, clock: Clock, hooks: RotationHooks = {}) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** Makes sure that there is a key. Rejects when the state can not be used. */
  async start(): Promise<void> {
    await this.rotate(false);
    this.#timer = setInterval(() => {
      this.rotate(false).catch((error: Error) => this.#hooks.onProblem?.(error.message));
    }, LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** The key that signs; null before `start`. */
  get current(): SigningKey | null {
    const nowMs = this.#clock.epochMs();
    const key = this.#keys.findLast(({ activeMs }) => activeMs <= nowMs);
    return key === undefined ? null : signingKeyOf(key);
  }

  /** Every key that may have been used or will be. */
  get all(): readonly SigningKey[] {
    const nowMs = this.#clock.epochMs();
    return this.#keys.filter(({ untilMs }) => untilMs > nowMs).map(signingKeyOf);
  }

  /** Public JWK Set of everything that may have signed or will, JSON text. */
  jwks(): string {
    const nowMs = this.#clock.epochMs();
    const keys = this.#keys
      .filter(({ untilMs }) => untilMs > nowMs)
      .map(({ jwk }) => JSON.parse(jwk) as Record<string, unknown>)
      // INVARIANT: only what has a public part is published, and only that part.
      .filter(({ kty }) => kty === 'EC' || kty === 'OKP')
      .map(({ d: _private, ...open }) => open);
    return JSON.stringify({ keys });
  }

  /**
   * Looks at the state and makes the next key if it is due, or at once when `force`d; then it signs after
   * PUBLISH_AHEAD_MS.
   */
  rotate(force: boolean): Promise<RotationReport> {
    const turn = this.#running.then(() => this.#rotateOnce(force));
    this.#running = turn.catch(() => {});
    return turn;
  }

  async #rotateOnce(force: boolean): Promise<RotationReport> {
    const { purpose, rotateMs, keepMs, algorithm } = this.#config;
    const nowMs = this.#clock.epochMs();
    await this.#load(nowMs);
    let rotated = false;
    const newest = this.#keys.at(-1);
    if (newest === undefined || newest.algorithm !== algorithm) {
      // The first key, or the first of another kind, is needed now: nobody can have fetched it before.
      const activeMs = newest === undefined ? nowMs : Math.max(nowMs, newest.activeMs + 1);
      rotated = await this.#add(activeMs, newest === undefined ? 0 : newest.activeMs + 1);
    } else if (
      newest.activeMs <= nowMs &&
      (force || nowMs >= newest.activeMs + rotateMs - PUBLISH_AHEAD_MS)
    ) {
      rotated = await this.#add(nowMs + PUBLISH_AHEAD_MS, newest.activeMs + 1);
    }
    // Another node may have been first: then its key is the next.
    await this.#load(nowMs);
    const last = this.#keys.at(-1)!;
    if (rotated && newest !== undefined)
      await this.#store.retireSigningKeys(purpose, last.id, last.activeMs + keepMs);
    const current = this.current;
    const told = JSON.stringify([current?.id, this.#keys.map(({ id }) => id)]);
    if (current !== null && told !== this.#told) {
      this.#told = told;
      this.#hooks.onChange?.(current);
    }
    const report = {
      purpose,
      current: current?.id ?? '',
      next: last.activeMs > nowMs ? { id: last.id, activeMs: last.activeMs } : null,
      dueMs: last.activeMs + rotateMs - PUBLISH_AHEAD_MS,
      rotated,
    };
    if (rotated) this.#hooks.onRotated?.(report);
    return report;
  }

  async #load(nowMs: number): Promise<void> {
    this.#keys = await this.#store.signingKeys(this.#config.purpose, nowMs);
  }

  #add(activeMs: number, unlessActiveMs: number): Promise<boolean> {
    const { purpose, algorithm } = this.#config;
    const id = `${purpose}-${randomBytes(8).toString('hex')}`;
    const jwk = { ...createKey(algorithm), kid: id, alg: algorithm };
    return this.#store.addSigningKey(
      {
        id,
        purpose,
        algorithm,
        jwk: JSON.stringify(jwk),
        createdMs: this.#clock.epochMs(),
        activeMs,
        untilMs: NO_END_MS,
      },
      unlessActiveMs,
    );
  }
}

const signingKeyOf = ({ id, algorithm, jwk }: SigningKeyRecord): SigningKey => ({
  id,
  algorithm: algorithm as SigningAlgorithm,
  jwk,
});

function createKey(algorithm: SigningAlgorithm): Readonly<Record<string, unknown>> {
  if (algorithm === 'A256GCM') return { kty: 'oct', k: randomBytes(32).toString('base64url'), use: 'enc' };
  const { privateKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig' };
}
