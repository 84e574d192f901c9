// Tokens that programs register themselves with (RFC 7591 section 1.2): what they are and how they are kept. Apart from the rest of
// registration, because commands make them without the library.
import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../core/index.ts';
import { type IdentityStore, SigningKeyRing } from '../identity/index.ts';
import { ArtifactMac } from './artifact-mac.ts';
import { type AuthorizationServerConfig, keysOfServer, type OAuthStore } from './contract.ts';
import { closeChange } from './unit-of-work.ts';

export const INITIAL_ACCESS_TOKEN = 'InitialAccessToken';
/** Name of the rule that every initial access token carries, as oidc-provider knows it. */
export const REGISTRATION_RULE = 'gate';

/** What a client that registers with a token may have at most. */
export interface RegistrationLimits {
  readonly scopes: readonly string[];
  readonly grantTypes: readonly string[];
  /** Resources that it may ask tokens for; empty: all. */
  readonly resources: readonly string[];
}

export interface InvitationParts {
  readonly config: AuthorizationServerConfig;
  readonly identity: IdentityStore;
  readonly store: OAuthStore;
  readonly clock: Clock;
}

/** A token that a program registers itself with, once, within `lifetimeMs`; shown once, and kept as its hash. */
export async function inviteProgram(
  { config, identity, store, clock }: InvitationParts,
  limits: RegistrationLimits,
  lifetimeMs: number,
): Promise<string> {
  const ring = new SigningKeyRing(identity, keysOfServer(config)[1], clock);
  await ring.rotate(false);
  const keys = ring.all.map(({ id, jwk }) => ({ id, key: (JSON.parse(jwk) as { k: string }).k }));
  const mac = new ArtifactMac({ keys, currentId: ring.current?.id ?? '' });
  const token = randomBytes(32).toString('base64url');
  const nowMs = clock.epochMs();
  const expiresMs = nowMs + lifetimeMs;
  const payload = {
    iat: Math.floor(nowMs / 1000),
    exp: Math.floor(expiresMs / 1000),
    kind: INITIAL_ACCESS_TOKEN,
    policies: [REGISTRATION_RULE],
    limits,
  };
  const artifact = {
    model: INITIAL_ACCESS_TOKEN,
    id: hash('sha256', token, 'hex'),
    payload: JSON.stringify(payload),
    grantId: '',
    uid: '',
    userCode: '',
    clientId: '',
    user: '',
    expiresMs,
  };
  await store.commit([closeChange({ kind: 'create', artifact }, mac)]);
  return token;
}
