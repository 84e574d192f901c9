// Dynamic registration (RFC 7591), for where it is switched on: with an initial access token that somebody who runs the gate
// has given out, good once and for a while, which says what the client may have at most. What the client says of itself
// is copied member by member; none of it reaches further than the token does.
import { hash, randomBytes } from 'node:crypto';
import { type AdapterPayload, errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { IdentityError } from '../identity/index.ts';
import { checkSettings, createSecret, openIdScopes, SETTINGS } from './clients.ts';
import { type ArtifactChange, authMethods, type ClientSettings, defaultSettings } from './contract.ts';
import { INITIAL_ACCESS_TOKEN, REGISTRATION_RULE, type RegistrationLimits } from './initial-access-token.ts';
import type { Artifacts } from './unit-of-work.ts';

/** A name that fits on a page for people, characters. */
const MAX_CLIENT_NAME = 100;
const REGISTERING = 'registering';

/** What the token of a request lets its client have. */
interface Registering {
  readonly token: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
}

const digest = (text: string): string => hash('sha256', text, 'hex');

/** The feature as oidc-provider is told. */
export function registrationFeature(
  mode: 'off' | 'initial-access-token',
  artifacts: Artifacts,
): Readonly<Record<string, unknown>> {
  if (mode === 'off') return { enabled: false };
  return {
    enabled: true,
    initialAccessToken: true,
    // Nobody changes a client from outside: whoever runs the gate does, or gives out another token.
    issueRegistrationAccessToken: false,
    idFactory: () => `registered-${randomBytes(12).toString('base64url')}`,
    secretFactory: () => createSecret().secret,
    policies: {
      [REGISTRATION_RULE]: (ctx: KoaContextWithOIDC, given: Record<string, unknown>) =>
        holdToLimits(ctx, given, artifacts),
    },
  };
}

async function holdToLimits(
  ctx: KoaContextWithOIDC,
  given: Record<string, unknown>,
  artifacts: Artifacts,
): Promise<void> {
  const refuse = (message: string): never => {
    throw new errors.InvalidClientMetadata(message);
  };
  const token = ctx.oidc.entities.InitialAccessToken!;
  const kept = await artifacts.find(INITIAL_ACCESS_TOKEN, 'id', digest(token.jti));
  if (kept === null || kept.consumedMs !== null)
    throw new errors.InvalidToken('the initial access token was used');
  const { limits } = JSON.parse(kept.payload) as { limits: RegistrationLimits };
  // INVARIANT: settings of ours come from the token alone.
  if (Object.hasOwn(given, SETTINGS)) refuse(`${SETTINGS} is not taken`);
  if (given['sector_identifier_uri'] !== undefined) refuse('sector_identifier_uri is not supported');
  given['grant_types'] ??= limits.grantTypes.filter((grant) => grant !== 'client_credentials');
  const grants = given['grant_types'];
  if (!Array.isArray(grants) || grants.some((grant) => !limits.grantTypes.includes(String(grant))))
    refuse(`grant_types are at most ${limits.grantTypes.join(', ')}`);
  const hasCode = (grants as unknown[]).includes('authorization_code');
  given['response_types'] ??= hasCode ? ['code'] : [];
  if (!hasCode) given['redirect_uris'] ??= [];
  const name = given['client_name'];
  if (
    name !== undefined &&
    (typeof name !== 'string' || name.length > MAX_CLIENT_NAME || /\p{C}/u.test(name))
  )
    refuse('client_name is too long, or holds what can not be seen');
  const scope = given['scope'] ?? limits.scopes.join(' ');
  const scopes = typeof scope === 'string' ? scope.split(' ').filter((one) => one !== '') : [];
  const allowed = new Set<string>([...limits.scopes, ...openIdScopes]);
  if (typeof scope !== 'string' || scopes.some((one) => !allowed.has(one)))
    refuse(`scope is at most ${[...allowed].join(' ')}`);
  // Scopes of APIs are kept with the principal; oidc-provider knows those of OpenID Connect alone.
  given['scope'] = openIdScopes.join(' ');
  const registering: Registering = {
    token: kept.id,
    scopes: scopes.filter((one) => limits.scopes.includes(one)),
    resources: limits.resources,
  };
  ctx.state[REGISTERING] = registering;
}

/** Says in the answer which scopes the client got. */
export function tellScopes(ctx: KoaContextWithOIDC): void {
  const registering = ctx.state[REGISTERING] as Registering | undefined;
  if (registering === undefined || ctx.status !== 201) return;
  (ctx.body as Record<string, unknown>)['scope'] = [...openIdScopes, ...registering.scopes].join(' ');
}

/** What is written of the client that registers in the request that is being answered. */
export function registeredClient(metadata: AdapterPayload, clock: Clock): readonly ArtifactChange[] {
  const registering = Provider.ctx?.state?.[REGISTERING] as Registering | undefined;
  if (registering === undefined) throw new Error('a client registers without a token');
  const text = (name: string): string =>
    typeof metadata[name] === 'string' ? (metadata[name] as string) : '';
  const list = (name: string): string[] =>
    Array.isArray(metadata[name]) ? (metadata[name] as string[]) : [];
  const secret = text('client_secret');
  const authMethod = text('token_endpoint_auth_method') as ClientSettings['authMethod'];
  if (!authMethods.includes(authMethod)) throw new errors.InvalidClientMetadata('token_endpoint_auth_method');
  const settings: ClientSettings = {
    ...defaultSettings,
    redirectUris: list('redirect_uris'),
    postLogoutRedirectUris: list('post_logout_redirect_uris'),
    grantTypes: list('grant_types'),
    authMethod,
    certificateName: certificateNameOf(text),
    tlsBound: metadata['tls_client_certificate_bound_access_tokens'] === true,
    jwks: (metadata['jwks'] as ClientSettings['jwks'] | undefined) ?? null,
    jwksUri: text('jwks_uri'),
    resources: registering.resources,
    dpop: metadata['dpop_bound_access_tokens'] === true,
    backchannelLogoutUri: text('backchannel_logout_uri'),
    secrets: secret === '' ? [] : [{ sha256: digest(secret), untilMs: null, createdMs: clock.epochMs() }],
  };
  try {
    checkSettings(settings);
  } catch (error) {
    if (error instanceof IdentityError) throw new errors.InvalidClientMetadata(error.message);
    throw error;
  }
  const atMs = clock.epochMs();
  const client = { id: text('client_id'), note: text('client_name'), scopes: registering.scopes, settings };
  return [
    // With the client, in one transaction: of two that bring the token at once one registers.
    { kind: 'consume', model: INITIAL_ACCESS_TOKEN, id: registering.token, atMs },
    { kind: 'client', client, atMs },
  ];
}

function certificateNameOf(text: (name: string) => string): string {
  for (const [kind, name] of [
    ['dns', 'tls_client_auth_san_dns'],
    ['uri', 'tls_client_auth_san_uri'],
    ['email', 'tls_client_auth_san_email'],
    ['subject', 'tls_client_auth_subject_dn'],
  ] as const)
    if (text(name) !== '') return `${kind}:${text(name)}`;
  return '';
}
