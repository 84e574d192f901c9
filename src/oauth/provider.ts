// oidc-provider set up for this server: the narrow, modern part of OAuth 2.1 and OpenID Connect, with every default that
// could be misused turned to its safe side. One is made for every set of signing keys; all state is in the store.
import { type Configuration, errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import type { SigningKeyRing } from '../identity/index.ts';
import { createAdapter } from './adapter.ts';
import { acrValues, createPolicy, loginClaims } from './authentication-context.ts';
import type { ClientCertificates } from './client-certificates.ts';
import { matchesSecret, openIdScopes, SETTINGS, settingsOf } from './clients.ts';
import {
  ArtifactConflict,
  type AuthorizationServerConfig,
  authMethods,
  GRANT_SLACK_MS,
  type OAuthStore,
} from './contract.ts';
import { guardedFetchLike } from './guarded-fetch-like.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { ProviderPages } from './pages/provider-pages.ts';
import { registrationFeature, tellScopes } from './registration.ts';
import { answerStructured } from './structured-tokens.ts';
import { addTokenExchange } from './token-exchange.ts';
import { type Artifacts, revokeGrant } from './unit-of-work.ts';

export interface ProviderParts {
  readonly config: AuthorizationServerConfig;
  readonly store: OAuthStore;
  readonly artifacts: Artifacts;
  readonly tokens: OwnTokens;
  readonly ring: SigningKeyRing;
  /** Keys that sign cookies, newest first. */
  readonly cookieKeys: readonly string[];
  readonly pages: ProviderPages;
  readonly clock: Clock;
  /** Address of the caller of a request, as the gate knows it. */
  readonly addressOf: (ctx: KoaContextWithOIDC) => string;
  readonly certificates: ClientCertificates;
  readonly onEvent: (action: string, ctx: KoaContextWithOIDC, reason: string) => void;
}

/** How long an interaction may take, s: people look for their phones. */
const INTERACTION_S = 900;
/** A request object pushed is used at once, s (RFC 9126 section 2.2). */
const PUSHED_S = 60;

/** Names of cookies: `__Host-` and `__Secure-` where there is TLS, so that no other host or scheme can set them. */
export function cookieNames(config: AuthorizationServerConfig): {
  readonly session: string;
  readonly interaction: string;
  readonly resume: string;
  readonly known: string;
  readonly federated: string;
} {
  const tls = config.issuer.startsWith('https:');
  const host = tls ? '__Host-' : '';
  const secure = tls ? '__Secure-' : '';
  return {
    session: `${host}gw-session`,
    interaction: `${secure}gw-interaction`,
    resume: `${secure}gw-resume`,
    known: `${host}gw-known`,
    federated: `${host}gw-federated`,
  };
}

const seconds = (ms: number): number => Math.max(1, Math.floor(ms / 1000));

export function createProvider(parts: ProviderParts): Provider {
  const { config, store, artifacts, tokens, ring, pages, clock, certificates } = parts;
  const basePath = new URL(config.issuer).pathname.replace(/\/$/, '');
  const secure = config.issuer.startsWith('https:');
  const names = cookieNames(config);
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, secure, overwrite: true } as const;
  const fetchLike = guardedFetchLike({ trusted: '', mayBePrivate: config.privateClients, ca: '' });

  const resourceOf = (uri: string, client: unknown) => {
    const resource = config.resources.find((entry) => entry.uri === uri);
    const { resources } = settingsOf(client);
    if (resource === undefined || (resources.length > 0 && !resources.includes(uri)))
      throw new errors.InvalidTarget();
    return resource;
  };

  const configuration: Configuration = {
    adapter: (model: string) => createAdapter(model, { artifacts, store, config, clock }),
    jwks: { keys: signingKeys(ring) as never },
    clientAuthMethods: [...authMethods],
    clientDefaults: { id_token_signed_response_alg: config.algorithm },
    extraClientMetadata: { properties: [SETTINGS], validator: () => {} },
    enabledJWA: {
      idTokenSigningAlgValues: [config.algorithm],
      userinfoSigningAlgValues: [config.algorithm],
      clientAuthSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'PS256'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519', 'PS256'],
    } as never,
    discovery: aliasesOf(config, basePath),
    responseTypes: ['code'],
    scopes: [...openIdScopes],
    claims: { openid: ['sub', 'auth_time', 'amr', 'acr'], sid: null, iss: null },
    acrValues: [...acrValues],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    cookies: {
      names: { session: names.session, interaction: names.interaction, resume: names.resume },
      keys: [...parts.cookieKeys],
      long: cookie,
      short: cookie,
    },
    routes: {
      authorization: '/authorize',
      token: '/token',
      jwks: '/jwks',
      userinfo: '/userinfo',
      introspection: '/introspect',
      revocation: '/revoke',
      pushed_authorization_request: '/par',
      device_authorization: '/device/authorize',
      code_verification: '/device',
      end_session: '/logout',
      registration: '/register',
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) =>
          token.clientId === client.clientId ||
          (client.clientAuthMethod !== 'none' && settingsOf(client).introspects),
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      dPoP: { enabled: true, allowReplay: false },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => certificates.pemOf(ctx),
        certificateAuthorized: (ctx) => certificates.isVerified(ctx),
        certificateSubjectMatches: (ctx, property, expected) => certificates.hasName(ctx, property, expected),
      },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: config.requirePar,
        allowUnregisteredRedirectUris: false,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, _client, oneOf) =>
          oneOf !== undefined && oneOf.length > 0
            ? (oneOf as unknown as string)
            : ((config.defaultResource || undefined) as never),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, uri, client) => {
          const resource = resourceOf(uri, client);
          const may = new Set(settingsOf(client).apiScopes);
          return {
            scope: resource.scopes.filter((scope) => may.has(scope)).join(' '),
            audience: resource.uri,
            accessTokenFormat: resource.format,
            accessTokenTTL: seconds(resource.lifetimeMs),
            jwt: { sign: { alg: config.algorithm } },
          } as never;
        },
      },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        deviceInfo: (ctx) => ({ address: parts.addressOf(ctx) }),
        userCodeInputSource: (ctx, form, _out, error) => pages.userCode(ctx, form, error),
        userCodeConfirmSource: (ctx, form, client, device, code) =>
          pages.confirmDevice(ctx, form, client, device, code),
        successSource: (ctx) => pages.deviceDone(ctx),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => pages.logout(ctx, form),
        postLogoutSuccessSource: (ctx) => pages.loggedOut(ctx),
      },
      backchannelLogout: { enabled: true },
      userinfo: { enabled: true },
      requestObjects: { enabled: false },
      registration: registrationFeature(config.registration, artifacts),
    } as Configuration['features'] & object,
    ttl: {
      AccessToken: (_ctx, token) => Number(token.resourceServer?.accessTokenTTL ?? 300),
      AuthorizationCode: () => seconds(config.codeMs),
      ClientCredentials: (_ctx, token) => Number(token.resourceServer?.accessTokenTTL ?? 300),
      DeviceCode: () => seconds(config.deviceMs),
      Grant: () => seconds(config.refreshMs + config.sessionMs + GRANT_SLACK_MS),
      IdToken: () => seconds(config.idTokenMs),
      Interaction: () => INTERACTION_S,
      PushedAuthorizationRequest: PUSHED_S,
      // Rotation does not make a login last longer: each successor ends when the first would have.
      RefreshToken: (ctx) =>
        (ctx?.oidc.entities['RotatedRefreshToken'] as { remainingTTL?: number } | undefined)?.remainingTTL ??
        seconds(config.refreshMs),
      Session: () => seconds(config.sessionMs),
    },
    rotateRefreshToken: () => true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: (_ctx, token) => !token.scopes.has('offline_access'),
    extraTokenClaims: (ctx, token) => {
      const grantId = (token as { grantId?: string }).grantId;
      const act: unknown = ctx?.state?.['act'];
      return {
        ...(grantId === undefined ? {} : { sid: grantId }),
        ...(act === undefined ? {} : { act }),
        ...loginClaims(ctx),
      } as never;
    },
    findAccount: async (_ctx, id) => {
      const user = await store.user(id);
      if (user === null || user.disabledMs !== null) return undefined;
      return { accountId: user.id, claims: () => ({ sub: user.id }) };
    },
    loadExistingGrant: (ctx) => loadGrant(ctx, store),
    interactions: {
      url: (_ctx, interaction) => `${basePath}/interaction/${interaction.uid}`,
      policy: createPolicy(),
    },
    renderError: (ctx, out, error) => pages.error(ctx, out, error),
    clientBasedCORS: () => false,
    fetch: fetchLike as never,
  };

  const provider = new Provider(config.issuer, configuration);
  // The address and scheme of requests come from the issuer's name, which the server writes into them itself.
  provider.proxy = true;
  (
    provider.Client as unknown as { prototype: { compareClientSecret(given: string): boolean } }
  ).prototype.compareClientSecret = function compare(
    this: { clientSecret?: string },
    given: string,
  ): boolean {
    return matchesSecret(this.clientSecret ?? '', given);
  };
  addTokenExchange(provider, { config, store, tokens, clock, certificates });

  provider.use(async (ctx, next) => {
    try {
      await artifacts.run(
        async () => {
          await next();
          tellScopes(ctx as KoaContextWithOIDC);
          await answerStructured(provider, ctx as KoaContextWithOIDC, { tokens, artifacts, clock });
        },
        () => ctx.status < 500,
      );
    } catch (error) {
      if (!(error instanceof ArtifactConflict)) throw error;
      // Two requests with one code or refresh token: one of them is not its owner, so neither keeps what it gave.
      const grantId = (ctx as KoaContextWithOIDC).oidc?.entities.Grant?.jti;
      if (grantId !== undefined)
        await artifacts.writeNow(
          revokeGrant(grantId, config.refreshMs, clock.epochMs(), 'used twice'),
          ...['AuthorizationCode', 'DeviceCode', 'AccessToken', 'RefreshToken', 'Grant'].map(
            (model) => ({ kind: 'remove-grant', model, grantId }) as const,
          ),
        );
      ctx.remove('Set-Cookie');
      ctx.remove('Location');
      ctx.status = 400;
      ctx.body = { error: 'invalid_grant', error_description: 'it was used already' };
    }
    pages.harden(ctx as KoaContextWithOIDC);
  });

  for (const [event, action] of [
    ['grant.success', 'token.issue'],
    ['grant.error', 'token.refuse'],
    ['authorization.success', 'authorization.grant'],
    ['authorization.error', 'authorization.refuse'],
    ['revocation.error', 'token.revoke-refused'],
    ['pushed_authorization_request.error', 'authorization.refuse'],
    ['device_authorization.error', 'device.refuse'],
    ['end_session.success', 'session.end'],
    ['registration_create.success', 'client.register'],
    ['registration_create.error', 'client.register-refused'],
    ['server_error', 'server.error'],
  ] as const)
    provider.on(event as 'grant.error', (ctx: KoaContextWithOIDC, error?: Error) =>
      parts.onEvent(action, ctx, error instanceof Error ? error.message : ''),
    );
  provider.on('grant.revoked', (ctx) => parts.onEvent('grant.revoke', ctx, ''));
  return provider;
}

/** Where clients find a listener that asks for certificates (RFC 8705 section 5). */
function aliasesOf({ mtlsOrigin }: AuthorizationServerConfig, basePath: string): Record<string, never> {
  if (mtlsOrigin === '') return {};
  const at = (path: string): string => `${mtlsOrigin}${basePath}${path}`;
  const aliases = {
    token_endpoint: at('/token'),
    revocation_endpoint: at('/revoke'),
    introspection_endpoint: at('/introspect'),
    pushed_authorization_request_endpoint: at('/par'),
    device_authorization_endpoint: at('/device/authorize'),
    userinfo_endpoint: at('/userinfo'),
  };
  return { mtls_endpoint_aliases: aliases } as never;
}

/** Private JWKs: the one that signs first, then what is published besides. */
function signingKeys(ring: SigningKeyRing): unknown[] {
  const current = ring.current?.id;
  return [...ring.all]
    .sort((a, b) => Number(b.id === current) - Number(a.id === current))
    .map(({ jwk }) => JSON.parse(jwk) as unknown);
}

/** What the user has allowed this client before; a program of the house needs to ask nobody. */
async function loadGrant(ctx: KoaContextWithOIDC, store: OAuthStore) {
  const { provider, client, session, result } = ctx.oidc;
  const consented = (result?.consent as { grantId?: string } | undefined)?.grantId;
  const grantId = consented ?? session!.grantIdFor(client!.clientId);
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  if (known !== undefined) {
    // INVARIANT: a grant speaks for the user and client that it was made for.
    return known.accountId === session!.accountId && known.clientId === client!.clientId ? known : undefined;
  }
  if (settingsOf(client).consent || session?.accountId === undefined) return undefined;
  const user = await store.user(session.accountId);
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client!.clientId });
  grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
  for (const [uri, server] of Object.entries(ctx.oidc.resourceServers ?? {})) {
    const may = [...server.scopes].filter(
      (scope) => ctx.oidc.requestParamScopes.has(scope) && user?.scopes.includes(scope),
    );
    grant.addResourceScope(uri, may.join(' '));
    const denied = [...server.scopes].filter((scope) => !may.includes(scope));
    if (denied.length > 0) grant.rejectResourceScope(uri, denied.join(' '));
  }
  await grant.save();
  return grant;
}
