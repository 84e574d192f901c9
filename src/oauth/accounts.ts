// People and how they show who they are: passwords, one-time passwords, passkeys (WebAuthn). Every way is counted by the
// throttle or can not be guessed; a secret that was used once is used up.
import { timingSafeEqual } from 'node:crypto';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { AuthorizationServerConfig, OAuthStore, OAuthUser, UserCredential } from './contract.ts';
import type { PasswordHasher } from './passwords/password-hasher.ts';
import { matchTotp } from './totp.ts';
import {
  hasEnded,
  hashRecoveryCode,
  isTemporary,
  newPassword,
  newRecoveryCodes,
  newTotp,
  passwordProblem,
} from './user-credentials.ts';

export type Factor = 'totp' | 'passkey' | 'recovery';

interface PasskeyValue {
  readonly credentialId: string;
  readonly publicKey: string;
  readonly transports: readonly string[];
}

/** Where people sign in, and what their authenticators show. */
export type AccountsConfig = Pick<AuthorizationServerConfig, 'issuer' | 'title'>;

export class Accounts {
  readonly #store: OAuthStore;
  readonly #hasher: PasswordHasher;
  readonly #config: AccountsConfig;
  readonly #clock: Clock;

  constructor(store: OAuthStore, hasher: PasswordHasher, config: AccountsConfig, clock: Clock) {
    this.#store = store;
    this.#hasher = hasher;
    this.#config = config;
    this.#clock = clock;
  }

  get #host(): string {
    return new URL(this.#config.issuer).hostname;
  }

  get #origin(): string {
    return new URL(this.#config.issuer).origin;
  }

  /** Whether so many passwords wait already that another would be refused. */
  get isBusy(): boolean {
    return this.#hasher.isFull;
  }

  /** A user who may come in; null for others. */
  async user(id: string): Promise<OAuthUser | null> {
    const found = await this.#store.user(id);
    return found === null || found.disabledMs !== null ? null : found;
  }

  credentials(user: string): Promise<readonly UserCredential[]> {
    return this.#store.credentials(user);
  }

  /** The user with this password; null for a wrong name or password, after the same time. Rejects with HasherBusyError. */
  async byPassword(id: string, password: string): Promise<OAuthUser | null> {
    const user = id.length > 200 ? null : await this.user(id);
    const kept = user === null ? [] : await this.#store.credentials(user.id);
    const nowMs = this.#clock.epochMs();
    const known = kept.find((one) => one.kind === 'password' && !hasEnded(one, nowMs));
    const matches = await this.#hasher.verify(password, known?.value ?? null);
    if (!matches || user === null || known === undefined) return null;
    await this.#store.useCredential(known.id, 0, true, nowMs);
    return user;
  }

  /** Kinds of second factors that a user has; recovery codes stand in for one and are none. */
  async factors(user: string): Promise<ReadonlySet<Factor>> {
    const kinds = (await this.#store.credentials(user)).map(({ kind }) => kind);
    const factors = kinds.filter((kind) => kind === 'totp' || kind === 'passkey');
    return new Set<Factor>(
      factors.length > 0 && kinds.includes('recovery') ? [...factors, 'recovery'] : factors,
    );
  }

  /** Whether somebody else has made the password of a user. */
  async mustChoose(user: string): Promise<boolean> {
    return (await this.#store.credentials(user)).some(isTemporary);
  }

  /** Whether `code` is one of the user's recovery codes; it is used up. */
  async byRecoveryCode(user: string, code: string): Promise<boolean> {
    const given = Buffer.from(hashRecoveryCode(code));
    const kept = (await this.#store.credentials(user)).filter(({ kind }) => kind === 'recovery');
    const found = kept.filter(({ value }) => timingSafeEqual(Buffer.from(value), given));
    // Of two that bring the same code at once, one is first.
    return found.length > 0 && this.#store.spendCredential(found[0]!.id);
  }

  /** Recovery codes in the place of those before; shown once. */
  async newRecoveryCodes(user: string): Promise<readonly string[]> {
    const { codes, kept } = newRecoveryCodes(user, this.#clock.epochMs());
    await this.#store.replaceRecovery(user, kept);
    return codes;
  }

  /** Whether `code` is good now; it is good once. */
  async byTotp(user: string, code: string): Promise<boolean> {
    const nowMs = this.#clock.epochMs();
    for (const credential of await this.#store.credentials(user)) {
      if (credential.kind !== 'totp') continue;
      const step = matchTotp(credential.value, code, nowMs, credential.counter);
      // Of two that bring the same code at once, one is first.
      if (step !== null && (await this.#store.useCredential(credential.id, step, false, nowMs))) return true;
    }
    return false;
  }

  /** As setPassword, by somebody who has just shown a temporary one, which must not be kept. */
  async choosePassword(user: string, password: string): Promise<void> {
    const kept = (await this.#store.credentials(user)).find(({ kind }) => kind === 'password');
    if (kept !== undefined && (await this.#hasher.verify(password, kept.value)))
      throw new IdentityError('invalid', 'This is the password that you were given. Choose one of your own.');
    await this.setPassword(user, password);
  }

  async setPassword(user: string, password: string): Promise<void> {
    const problem = passwordProblem(user, password);
    if (problem !== null) throw new IdentityError('invalid', problem);
    const hash = await this.#hasher.hash(password);
    await this.#store.setCredential(newPassword(hash, user, this.#clock.epochMs()));
  }

  /** Adds a TOTP secret after its owner has shown that the app has it. */
  async addTotp(user: string, secret: string, code: string, label: string): Promise<boolean> {
    const nowMs = this.#clock.epochMs();
    const step = matchTotp(secret, code, nowMs, 0);
    if (step === null) return false;
    await this.#store.setCredential({ ...newTotp(user, label, nowMs, secret), counter: step, usedMs: nowMs });
    return true;
  }

  remove(user: string, id: string): Promise<boolean> {
    return this.#store.removeCredential(user, id);
  }

  // Passkeys.

  /** Options for `navigator.credentials.get`; of one user as a second factor, of anybody (null) to come in with. */
  async passkeyRequest(user: string | null): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const kept = user === null ? [] : await this.#passkeys(user);
    return generateAuthenticationOptions({
      rpID: this.#host,
      userVerification: 'required',
      allowCredentials: kept.map(({ value: { credentialId, transports } }) => ({
        id: credentialId,
        transports: [...transports] as never,
      })),
    });
  }

  /** The user whose passkey has signed `challenge`; null for none, and for one other than `user` where that is not null. */
  async byPasskey(response: unknown, challenge: string, user: string | null): Promise<OAuthUser | null> {
    const id = credentialIdOf(response);
    const credential = id === null ? null : await this.#store.credential(passkeyId(id));
    if (credential === null || credential.kind !== 'passkey') return null;
    if (user !== null && credential.user !== user) return null;
    const owner = await this.user(credential.user);
    if (owner === null) return null;
    const value = JSON.parse(credential.value) as PasskeyValue;
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: response as AuthenticationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: this.#origin,
        expectedRPID: this.#host,
        requireUserVerification: true,
        credential: {
          id: value.credentialId,
          publicKey: new Uint8Array(Buffer.from(value.publicKey, 'base64url')),
          counter: credential.counter,
        },
      });
      if (!verified) return null;
      const { newCounter } = authenticationInfo;
      // Passkeys that are kept by a service on several devices count nothing and say 0 always.
      const noted = await this.#store.useCredential(
        credential.id,
        newCounter,
        newCounter === 0,
        this.#clock.epochMs(),
      );
      return noted ? owner : null;
    } catch {
      return null;
    }
  }

  async passkeyCreation(user: OAuthUser): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const kept = await this.#passkeys(user.id);
    return generateRegistrationOptions({
      rpName: this.#config.title,
      rpID: this.#host,
      userName: user.id,
      userDisplayName: user.note === '' ? user.id : user.note,
      userID: new Uint8Array(Buffer.from(user.id)),
      attestationType: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: kept.map(({ value }) => ({ id: value.credentialId })),
    });
  }

  async addPasskey(user: string, response: unknown, challenge: string, label: string): Promise<boolean> {
    try {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response: response as RegistrationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: this.#origin,
        expectedRPID: this.#host,
        requireUserVerification: true,
      });
      if (!verified) return false;
      const { id, publicKey, counter, transports } = registrationInfo.credential;
      const value: PasskeyValue = {
        credentialId: id,
        publicKey: Buffer.from(publicKey).toString('base64url'),
        transports: transports ?? [],
      };
      await this.#store.setCredential({
        ...newPassword(JSON.stringify(value), user, this.#clock.epochMs()),
        id: passkeyId(id),
        kind: 'passkey',
        label,
        counter,
      });
      return true;
    } catch (error) {
      if (error instanceof IdentityError) throw error;
      return false;
    }
  }

  async #passkeys(user: string): Promise<{ readonly value: PasskeyValue }[]> {
    return (await this.#store.credentials(user))
      .filter(({ kind }) => kind === 'passkey')
      .map(({ value }) => ({ value: JSON.parse(value) as PasskeyValue }));
  }
}

const passkeyId = (credentialId: string): string => `passkey-${credentialId}`;

function credentialIdOf(response: unknown): string | null {
  const id = (response as { id?: unknown } | null)?.id;
  return typeof id === 'string' && id.length <= 1024 ? id : null;
}
