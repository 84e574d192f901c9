// Clients as the protocol knows them, from what the state says of them. Their secrets are kept as hashes, several while
// one is being replaced; what compares them is here too.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { IdentityError } from '../identity/index.ts';
import { refuseUrl } from '../net/index.ts';
import { certificateMetadata, checkCertificateSettings } from './client-certificates.ts';
import type { AuthorizationServerConfig, ClientSettings, OAuthClient, OAuthStore } from './contract.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
/** Grants that a client can be given. */
export const grantTypes = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  DEVICE_CODE,
  TOKEN_EXCHANGE,
] as const;
/** Scopes of OpenID Connect that every user has. */
export const openIdScopes = ['openid', 'offline_access'] as const;

/** Property of oidc-provider's clients that carries our settings; never sent to anybody. */
export const SETTINGS = 'x_gate_settings';

export interface CarriedSettings extends ClientSettings {
  /** Scopes for APIs that the client may have. */
  readonly apiScopes: readonly string[];
}

/** Our settings of one of oidc-provider's clients. */
export const settingsOf = (client: unknown): CarriedSettings =>
  (client as Readonly<Record<string, CarriedSettings>>)[SETTINGS]!;

/** Client metadata (RFC 7591) for oidc-provider; its `client_secret` is a list of hashes. */
export function clientMetadata(
  { id, note, scopes, settings }: OAuthClient,
  config: AuthorizationServerConfig,
  nowMs: number,
): Record<string, unknown> {
  const hasCode = settings.grantTypes.includes('authorization_code');
  const secrets = settings.secrets.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);
  const usesSecret = settings.authMethod.startsWith('client_secret');
  return {
    client_id: id,
    client_name: note === '' ? id : note,
    redirect_uris: settings.redirectUris,
    post_logout_redirect_uris: settings.postLogoutRedirectUris,
    grant_types: settings.grantTypes,
    response_types: hasCode ? ['code'] : [],
    application_type: isNative(settings) ? 'native' : 'web',
    token_endpoint_auth_method: settings.authMethod,
    id_token_signed_response_alg: config.algorithm,
    scope: openIdScopes.join(' '),
    dpop_bound_access_tokens: settings.dpop,
    ...certificateMetadata(settings),
    // Without a good secret nothing matches; an empty one would make the metadata invalid instead.
    ...(usesSecret ? { client_secret: secrets.map(({ sha256 }) => sha256).join(' ') || '-' } : {}),
    ...(settings.jwks === null ? {} : { jwks: settings.jwks }),
    ...(settings.jwksUri === '' ? {} : { jwks_uri: settings.jwksUri }),
    ...(settings.backchannelLogoutUri === ''
      ? {}
      : { backchannel_logout_uri: settings.backchannelLogoutUri, backchannel_logout_session_required: true }),
    [SETTINGS]: { ...settings, apiScopes: scopes } satisfies CarriedSettings,
  };
}

/** Custom schemes and loopback addresses belong to programs on a person's machine (RFC 8252). */
function isNative({ redirectUris }: ClientSettings): boolean {
  return (
    redirectUris.length > 0 &&
    redirectUris.every((uri) => {
      const { protocol, hostname } = new URL(uri);
      return (
        protocol !== 'https:' &&
        (protocol !== 'http:' || /^(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(hostname))
      );
    })
  );
}

/** Whether `given` is one of the secrets whose hashes stand in `kept`. */
export function matchesSecret(kept: string, given: string): boolean {
  const digest = Buffer.from(hash('sha256', given, 'hex'));
  let matches = false;
  for (const entry of kept.split(' ')) {
    const known = Buffer.from(entry);
    if (known.length === digest.length && timingSafeEqual(known, digest)) matches = true;
  }
  return matches;
}

/** A secret of 256 bits; a plain hash keeps it, as nobody can guess at it. */
export function createSecret(): { readonly secret: string; readonly sha256: string } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, sha256: hash('sha256', secret, 'hex') };
}

/** Throws IdentityError for what a client must not have. */
export function checkSettings(settings: ClientSettings): void {
  const invalid = (message: string): never => {
    throw new IdentityError('invalid', message);
  };
  for (const grant of settings.grantTypes)
    if (!(grantTypes as readonly string[]).includes(grant)) invalid(`there is no grant "${grant}"`);
  for (const uri of [...settings.redirectUris, ...settings.postLogoutRedirectUris])
    checkRedirect(uri, invalid);
  const { grantTypes: grants, authMethod } = settings;
  if (grants.includes('authorization_code') !== settings.redirectUris.length > 0)
    invalid('authorization_code needs a redirect URI, and only it has a use for one');
  if (authMethod === 'none' && (grants.includes('client_credentials') || grants.includes(TOKEN_EXCHANGE)))
    invalid('a client that can not authenticate can not get tokens for itself or exchange them');
  const usesKeys = authMethod === 'private_key_jwt' || authMethod === 'self_signed_tls_client_auth';
  if (usesKeys !== (settings.jwks !== null || settings.jwksUri !== ''))
    invalid(
      'private_key_jwt and self_signed_tls_client_auth need a key set, and only they have a use for one',
    );
  const problem = checkCertificateSettings(settings);
  if (problem !== null) invalid(problem);
  if (
    grants.includes(TOKEN_EXCHANGE) &&
    (settings.exchange.from.length === 0 || settings.exchange.to.length === 0)
  )
    invalid('token exchange needs the audiences of the tokens that come and of those that go');
  for (const url of [settings.jwksUri, settings.backchannelLogoutUri]) {
    const refused = url === '' ? null : refuseUrl(url, 'anywhere');
    if (refused !== null) invalid(`${url} would not be fetched: ${refused}`);
  }
}

function checkRedirect(uri: string, invalid: (message: string) => never): void {
  if (!URL.canParse(uri)) return invalid(`"${uri}" is no absolute URI`);
  const { protocol, hash: fragment, username, password, hostname } = new URL(uri);
  if (fragment !== '' || uri.includes('#')) return invalid(`"${uri}" has a fragment`);
  if (username !== '' || password !== '') return invalid(`"${uri}" holds credentials`);
  if (/[*\\\s]/.test(uri)) return invalid(`"${uri}" is no exact URI`);
  if (protocol === 'https:') return undefined;
  if (protocol === 'http:')
    return /^(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(hostname)
      ? undefined
      : invalid(`"${uri}" would send codes in the clear: use https`);
  // RFC 8252 section 7.1: a scheme that belongs to somebody has a dot in it. It keeps out javascript: and data: as well.
  return /^[a-z][a-z0-9+-]*\.[a-z0-9+.-]+:$/.test(protocol)
    ? undefined
    : invalid(
        `"${uri}" has a scheme that belongs to nobody; use a reversed domain name such as com.example.app:`,
      );
}

/** Sets `settings` for the client and gives it a secret if it needs one and has none, shown once. */
export async function registerClient(
  store: OAuthStore,
  id: string,
  settings: ClientSettings,
  nowMs = Date.now(),
): Promise<string | null> {
  checkSettings(settings);
  const needsSecret = settings.authMethod.startsWith('client_secret') && settings.secrets.length === 0;
  const made = needsSecret ? createSecret() : null;
  await store.setClient(
    id,
    made === null
      ? settings
      : { ...settings, secrets: [{ sha256: made.sha256, untilMs: null, createdMs: nowMs }] },
  );
  return made?.secret ?? null;
}

/** A new secret beside those there, which end after `overlapMs`. */
export async function rotateSecret(
  store: OAuthStore,
  id: string,
  overlapMs: number,
  nowMs: number,
): Promise<string> {
  const client = await store.client(id);
  if (client === null || !client.settings.authMethod.startsWith('client_secret'))
    throw new IdentityError('unknown', `"${id}" is no client with a secret`);
  const { secret, sha256 } = createSecret();
  const endMs = nowMs + overlapMs;
  const kept = client.settings.secrets
    .map((old) => ({ ...old, untilMs: Math.min(old.untilMs ?? endMs, endMs) }))
    .filter(({ untilMs }) => untilMs > nowMs);
  await store.setClient(id, {
    ...client.settings,
    secrets: [{ sha256, untilMs: null, createdMs: nowMs }, ...kept],
  });
  return secret;
}
