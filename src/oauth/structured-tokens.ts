// Revocation (RFC 7009) and introspection (RFC 7662) of JWT access tokens. oidc-provider keeps none and refuses both; here a
// JWT is withdrawn through the table that all data-plane threads read, and known again by its signature.
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { settingsOf } from './clients.ts';
import type { OwnTokens } from './own-tokens.ts';
import { type Artifacts, revokeToken } from './unit-of-work.ts';

export interface StructuredTokenParts {
  readonly tokens: OwnTokens;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
}

/**
 * Goes on where oidc-provider has refused a JWT. INVARIANT: it does so only after it has authenticated the client, so the
 * one error that stands in the answer says that the caller is who it says.
 */
export async function answerStructured(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  { tokens, artifacts, clock }: StructuredTokenParts,
): Promise<void> {
  const { oidc } = ctx;
  const body = ctx.body as { error?: unknown } | undefined;
  if (oidc === undefined || (oidc.route !== 'revocation' && oidc.route !== 'introspection')) return;
  if (ctx.status !== 400 || body?.error !== 'unsupported_token_type') return;
  const client = oidc.client!;
  const text = oidc.params?.['token'];
  const token = typeof text === 'string' ? await tokens.read(provider, text) : null;
  const mine = token !== null && token.claims['client_id'] === client.clientId;
  ctx.status = 200;
  if (oidc.route === 'revocation') {
    // RFC 7009 section 2.2: what is not good any more is as good as revoked.
    if (mine) {
      const { jti, exp } = token.claims;
      await artifacts.change(revokeToken(String(jti), Number(exp) * 1000, clock.epochMs()));
    }
    ctx.body = '';
    return;
  }
  const introspects = client.clientAuthMethod !== 'none' && settingsOf(client).introspects;
  ctx.body =
    token !== null && (mine || introspects)
      ? { active: true, ...token.claims, token_type: isDpop(token.claims['cnf']) ? 'DPoP' : 'Bearer' }
      : { active: false };
}

/** RFC 8705 section 3.2: tokens that are bound to a certificate stay bearer tokens by name. */
const isDpop = (cnf: unknown): boolean =>
  typeof cnf === 'object' && cnf !== null && Object.hasOwn(cnf, 'jkt');
