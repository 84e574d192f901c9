// Token exchange (RFC 8693): a service that got a token for itself trades it for one for the next service. It can only
// narrow: never more scopes, never longer, never another subject, never unbound where it was bound, only between
// audiences that the client's registration names. `act` says who did it (section 4.1).
import { errors, type Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { DpopVerifier } from '../jose/index.ts';
import type { ClientCertificates } from './client-certificates.ts';
import { settingsOf, TOKEN_EXCHANGE } from './clients.ts';
import type { AuthorizationServerConfig, OAuthStore } from './contract.ts';
import type { OwnTokens } from './own-tokens.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
/** How deep `act` may go: every service on the way adds one. */
const MAX_ACTORS = 8;
const PROOF_AGE_MS = 60_000;

const parameters = [
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'resource',
  'scope',
] as const;
type Parameter = (typeof parameters)[number];

export interface ExchangeParts {
  readonly config: AuthorizationServerConfig;
  readonly store: OAuthStore;
  readonly tokens: OwnTokens;
  readonly clock: Clock;
  readonly certificates: ClientCertificates;
}

export function addTokenExchange(provider: Provider, parts: ExchangeParts): void {
  const { config, store, tokens, clock, certificates } = parts;
  const proofs = new DpopVerifier({
    algorithms: new Set(['ES256', 'EdDSA', 'Ed25519', 'PS256']),
    maxAgeMs: PROOF_AGE_MS,
    clockSkewMs: 5000,
  });

  /** Thumbprint of the key that the request proves; null for none. */
  const proofOf = async (proof: string, clientId: string): Promise<string | null> => {
    if (proof === '') return null;
    const target = `${config.issuer}${provider.pathFor('token')}`;
    const request = { method: 'POST', matchesTarget: (htu: string) => htu === target, accessToken: null };
    const verified = proofs.verify(proof, request, clock.epochMs());
    if (typeof verified === 'string') throw new errors.InvalidDpopProof(`DPoP proof: ${verified}`);
    const endS = Math.ceil((clock.epochMs() + 2 * PROOF_AGE_MS) / 1000);
    if (!(await provider.ReplayDetection.unique(clientId, verified.jti, endS)))
      throw new errors.InvalidDpopProof('DPoP proof was used before');
    return verified.jkt;
  };

  provider.registerGrantType<Partial<Record<Parameter, string>>>(
    TOKEN_EXCHANGE,
    async (ctx) => {
      const { client, params } = ctx.oidc;
      const settings = settingsOf(client);
      if (client.clientAuthMethod === 'none')
        throw new errors.InvalidClient('token exchange needs a client that authenticates');
      if (params.actor_token !== undefined)
        throw new errors.InvalidRequest('actor tokens are not supported: the client itself is the actor');
      if (
        params.subject_token === undefined ||
        ![ACCESS_TOKEN, JWT].includes(params.subject_token_type ?? '')
      )
        throw new errors.InvalidRequest('subject_token must be an access token of this server');
      if (![undefined, ACCESS_TOKEN, JWT].includes(params.requested_token_type))
        throw new errors.InvalidRequest('only access tokens are given out');

      const subject = await tokens.read(provider, params.subject_token);
      if (subject === null) throw new errors.InvalidGrant('subject_token is not good');
      const { claims } = subject;
      const { sub, scope, aud, exp, sid, cnf } = claims;
      const from = Array.isArray(aud) ? aud : [aud];
      // INVARIANT: who holds a token for another service is not that service; only what was meant for it is its to pass on.
      if (!settings.exchange.from.some((uri) => from.includes(uri)))
        throw new errors.InvalidGrant('subject_token was not issued for this client');

      const wanted = params.resource ?? params.audience;
      if (wanted === undefined || (params.audience !== undefined && params.audience !== wanted))
        throw new errors.InvalidTarget('name one resource (RFC 8707)');
      if (!settings.exchange.to.includes(wanted)) throw new errors.InvalidTarget();
      const resource = config.resources.find(({ uri }) => uri === wanted);
      if (resource === undefined) throw new errors.InvalidTarget();

      const held = new Set(typeof scope === 'string' ? scope.split(' ') : []);
      const may = (one: string): boolean => held.has(one) && resource.scopes.includes(one);
      const asked = params.scope === undefined ? [...held] : params.scope.split(' ');
      const missing = asked.filter((one) => params.scope !== undefined && !may(one));
      if (missing.length > 0)
        throw new errors.InvalidScope('subject_token does not have this scope there', missing.join(' '));
      const user = typeof sid === 'string' ? await store.user(String(sub)) : null;
      if (typeof sid === 'string' && (user === null || user.disabledMs !== null))
        throw new errors.InvalidGrant('subject_token is not good');
      const granted = asked.filter((one) => may(one) && (user === null || user.scopes.includes(one)));

      const jkt = await proofOf(ctx.get('DPoP'), client.clientId);
      // By a proof or by its certificate: the new token is bound to what the client itself holds.
      const certificate = jkt === null ? certificates.pemOf(ctx) : undefined;
      const mayCertificate = !settings.dpop && certificate !== undefined;
      const mustBeBound = cnf !== undefined || settings.dpop || settings.tlsBound;
      if (mustBeBound && jkt === null && !mayCertificate)
        throw new errors.InvalidGrant(
          'what was bound to a key is only exchanged for what is: send a DPoP proof, or show a certificate',
        );
      if (settings.tlsBound && certificate === undefined)
        throw new errors.InvalidGrant('tokens of this client are bound to its certificate: show it');

      const actor = { sub: client.clientId, ...(claims['act'] === undefined ? {} : { act: claims['act'] }) };
      if (depthOf(actor) > MAX_ACTORS)
        throw new errors.InvalidGrant('the token has been passed on too often');
      const leftS = Math.floor(Number(exp) - clock.epochMs() / 1000);
      const lifetimeS = Math.min(leftS, Math.floor(resource.lifetimeMs / 1000));
      if (lifetimeS < 1) throw new errors.InvalidGrant('subject_token is not good');
      ctx.state['act'] = actor;

      const resourceServer = new provider.ResourceServer(wanted, {
        scope: resource.scopes.join(' '),
        audience: wanted,
        accessTokenFormat: resource.format,
        accessTokenTTL: lifetimeS,
        jwt: { sign: { alg: config.algorithm } },
      });
      const common = { client, scope: granted.join(' ') };
      const token =
        typeof sid === 'string'
          ? new provider.AccessToken({
              ...common,
              accountId: String(sub),
              grantId: sid,
              gty: TOKEN_EXCHANGE,
            } as never)
          : new provider.ClientCredentials(common as never);
      if (typeof sid !== 'string' && sub !== client.clientId) {
        // A program's token names the program; a token for itself can not name another, so this one may not be passed on.
        throw new errors.InvalidGrant('a program exchanges tokens of people, or its own');
      }
      token.resourceServer = resourceServer;
      if (jkt !== null) token.setThumbprint('jkt', jkt);
      else if (mustBeBound) token.setThumbprint('x5t', certificate!);
      ctx.oidc.entity(typeof sid === 'string' ? 'AccessToken' : 'ClientCredentials', token);
      const value = await token.save();
      ctx.body = {
        access_token: value,
        issued_token_type: ACCESS_TOKEN,
        token_type: token.tokenType,
        expires_in: token.expiration,
        scope: token.scope,
      };
    },
    [...parameters],
    [],
  );
}

function depthOf(actor: unknown): number {
  let depth = 0;
  for (let at = actor; typeof at === 'object' && at !== null; at = (at as Record<string, unknown>)['act'])
    depth++;
  return depth;
}
