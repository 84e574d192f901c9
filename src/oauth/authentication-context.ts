// How well somebody signed in, as classes that clients can ask for (OpenID Connect Core section 2, `acr`), and what happens
// when a class is asked for that the session does not have: the person signs in again, or the client is told that this can
// not be had here (RFC 9470 section 5).
import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';

/** A password, or what another provider says. */
export const ACR_SINGLE = 'urn:gatewright:acr:single-factor';
/** Two factors, or a passkey with user verification, which is two by itself. */
export const ACR_MULTI = 'urn:gatewright:acr:multi-factor';

/** Weakest first. */
export const acrValues: readonly string[] = [ACR_SINGLE, ACR_MULTI];

/** The class of a login with these methods (RFC 8176). */
export const acrOf = (amr: readonly string[]): string =>
  amr.includes('mfa') || (amr.includes('pop') && amr.includes('user')) ? ACR_MULTI : ACR_SINGLE;

const { Check, base } = interactionPolicy;

/** The usual prompts; signing in also serves for a class that is asked for. */
export function createPolicy(): ReturnType<typeof base> {
  const policy = base();
  policy.get('login')!.checks.add(
    new Check('acr_values', 'a stronger login is asked for', (ctx) => {
      const { oidc } = ctx;
      const asked = String(oidc.params?.['acr_values'] ?? '')
        .split(' ')
        .filter((value) => value !== '');
      if (asked.length === 0) return Check.NO_NEED_TO_PROMPT;
      const levels = asked.map((value) => acrValues.indexOf(value)).filter((level) => level !== -1);
      if (levels.length === 0) throw unmet('no class that is asked for is known here');
      // A stronger class serves for a weaker one.
      if (acrValues.indexOf(oidc.acr ?? '') >= Math.min(...levels)) return Check.NO_NEED_TO_PROMPT;
      // Who has just signed in has nothing better.
      if (oidc.result?.login !== undefined) throw unmet('this account has no second factor');
      return Check.REQUEST_PROMPT;
    }),
  );
  return policy;
}

const unmet = (description: string): Error =>
  new errors.CustomOIDCProviderError('unmet_authentication_requirements', description);

/** How somebody signed in for a grant, for its access tokens (RFC 9068 section 2.2.1). */
export function loginClaims(ctx: KoaContextWithOIDC | undefined): Record<string, unknown> {
  const { entities } = ctx?.oidc ?? {};
  const source = (entities?.['AuthorizationCode'] ??
    entities?.['RotatedRefreshToken'] ??
    entities?.['RefreshToken'] ??
    entities?.['DeviceCode']) as
    | { readonly authTime?: number; readonly acr?: string; readonly amr?: readonly string[] }
    | undefined;
  if (source?.authTime === undefined) return {};
  const { authTime, acr, amr } = source;
  return {
    auth_time: authTime,
    ...(acr === undefined ? {} : { acr }),
    ...(amr === undefined ? {} : { amr }),
  };
}
