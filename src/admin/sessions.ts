// Sessions of the console and what leads to one: what a browser holds is a random secret, what the state holds is its SHA-256.
// Sessions end by their time, by signing out, and with their user; a new one is made at each sign-in, so that none can be
// planted before.
import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../admin-api/index.ts';
import type { Clock } from '../core/index.ts';
import { type Artifact, ArtifactConflict, type OAuthStore } from '../oauth/index.ts';

/** Longest session, whatever is done in it, ms. */
export const SESSION_MS = 12 * 3_600_000;
/** Time for the second step of a sign-in, ms. */
const STEP_MS = 5 * 60_000;
const SECRET_BYTES = 32;

export interface ConsoleSession {
  readonly id: string;
  readonly user: string;
  readonly createdMs: number;
  readonly untilMs: number;
}

/** What was done of a sign-in, or which challenge was given. */
export interface PendingStep {
  /** Empty where nobody has been recognised yet. */
  readonly user: string;
  readonly challenge: string;
}

export interface Invitation {
  readonly user: string;
  readonly role: Role;
  readonly untilMs: number;
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');
const isSecret = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text);

export class ConsoleSessions {
  readonly #store: OAuthStore;
  readonly #clock: Clock;

  constructor(store: OAuthStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  #artifact(model: string, secret: string, user: string, payload: object, untilMs: number): Artifact {
    return {
      model,
      id: hashOf(secret),
      payload: JSON.stringify(payload),
      grantId: '',
      uid: '',
      userCode: '',
      clientId: '',
      user,
      expiresMs: untilMs,
    };
  }

  async #find(
    model: string,
    secret: string,
  ): Promise<{ id: string; payload: Record<string, unknown>; untilMs: number } | null> {
    if (!isSecret(secret)) return null;
    const found = await this.#store.artifact(model, 'id', hashOf(secret));
    if (found === null || found.consumedMs !== null || found.expiresMs <= this.#clock.epochMs()) return null;
    return {
      id: found.id,
      payload: JSON.parse(found.payload) as Record<string, unknown>,
      untilMs: found.expiresMs,
    };
  }

  /** Begins a session; answers its secret. */
  async begin(user: string): Promise<string> {
    const secret = newSecret();
    const createdMs = this.#clock.epochMs();
    const artifact = this.#artifact(
      'ConsoleSession',
      secret,
      user,
      { user, createdMs },
      createdMs + SESSION_MS,
    );
    await this.#store.commit([{ kind: 'create', artifact }]);
    return secret;
  }

  async session(secret: string): Promise<ConsoleSession | null> {
    const found = await this.#find('ConsoleSession', secret);
    if (found === null) return null;
    const { id, payload, untilMs } = found;
    return { id, untilMs, user: String(payload['user']), createdMs: Number(payload['createdMs']) };
  }

  /** Ends the session that is kept under `id`. */
  end(id: string): Promise<void> {
    return this.#store.commit([{ kind: 'remove', model: 'ConsoleSession', id }]);
  }

  /** Ends everything that a user has open, here and at the authorization server. */
  endAll(user: string): Promise<void> {
    return this.#store.commit([{ kind: 'remove-user', user }]);
  }

  async keepStep(step: PendingStep): Promise<string> {
    const secret = newSecret();
    const untilMs = this.#clock.epochMs() + STEP_MS;
    await this.#store.commit([
      { kind: 'create', artifact: this.#artifact('ConsoleStep', secret, step.user, step, untilMs) },
    ]);
    return secret;
  }

  async step(secret: string): Promise<PendingStep | null> {
    const found = await this.#find('ConsoleStep', secret);
    if (found === null) return null;
    return { user: String(found.payload['user']), challenge: String(found.payload['challenge']) };
  }

  /** Uses a step up; null when it was used before, or is none. */
  async takeStep(secret: string): Promise<PendingStep | null> {
    const step = await this.step(secret);
    if (step === null) return null;
    return (await this.#consume('ConsoleStep', secret)) ? step : null;
  }

  /** Makes a one-time link's token; the user's role is set when it is used. */
  async invite(
    user: string,
    role: Role,
    lifetimeMs: number,
  ): Promise<{ readonly token: string; readonly untilMs: number }> {
    const token = newSecret();
    const untilMs = this.#clock.epochMs() + lifetimeMs;
    await this.#store.commit([
      { kind: 'create', artifact: this.#artifact('ConsoleInvitation', token, user, { user, role }, untilMs) },
    ]);
    return { token, untilMs };
  }

  async invitation(token: string): Promise<Invitation | null> {
    const found = await this.#find('ConsoleInvitation', token);
    if (found === null) return null;
    return {
      user: String(found.payload['user']),
      role: found.payload['role'] as Role,
      untilMs: found.untilMs,
    };
  }

  /** Uses an invitation up; false when somebody else was faster. */
  useInvitation(token: string): Promise<boolean> {
    return this.#consume('ConsoleInvitation', token);
  }

  async #consume(model: string, secret: string): Promise<boolean> {
    try {
      await this.#store.commit([{ kind: 'consume', model, id: hashOf(secret), atMs: this.#clock.epochMs() }]);
      return true;
    } catch (error) {
      if (error instanceof ArtifactConflict) return false;
      throw error;
    }
  }

  prune(): Promise<number> {
    return this.#store.pruneArtifacts(this.#clock.epochMs());
  }
}
