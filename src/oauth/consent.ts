// What somebody is asked to allow, and the grant that their yes makes: never more than they have themselves.
import type { Provider } from 'oidc-provider';
import type { OAuthUser } from './contract.ts';
import type { Interaction } from './interaction.ts';

interface Missing {
  readonly missingOIDCScope?: readonly string[];
  readonly missingOIDCClaims?: readonly string[];
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
}

/** Scopes of APIs that are asked for and the user has, and whether it goes on without them being there. */
export function askedOf(
  interaction: Interaction,
  user: OAuthUser | null,
): { readonly scopes: readonly string[]; readonly offline: boolean } {
  const { missingResourceScopes = {}, missingOIDCScope = [] } = interaction.prompt.details as Missing;
  const may = new Set(user?.scopes);
  const scopes = new Set(Object.values(missingResourceScopes).flat());
  return {
    scopes: [...scopes].filter((scope) => may.has(scope)),
    offline: missingOIDCScope.includes('offline_access'),
  };
}

/** Writes what was allowed; answers the id of a new grant, null where one that was there has grown. */
export async function grantAsked(
  provider: Provider,
  interaction: Interaction,
  user: OAuthUser,
): Promise<string | null> {
  const { grantId } = interaction;
  const kept = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const clientId = String(interaction.params['client_id']);
  const grant = kept ?? new provider.Grant({ accountId: user.id, clientId });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = interaction.prompt
    .details as Missing;
  if (missingOIDCScope !== undefined) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims !== undefined) grant.addOIDCClaims([...missingOIDCClaims]);
  for (const [uri, scopes] of Object.entries(missingResourceScopes ?? {})) {
    // INVARIANT: nobody gives away what they do not have.
    const may = scopes.filter((scope) => user.scopes.includes(scope));
    const denied = scopes.filter((scope) => !user.scopes.includes(scope));
    if (may.length > 0) grant.addResourceScope(uri, may.join(' '));
    if (denied.length > 0) grant.rejectResourceScope(uri, denied.join(' '));
  }
  const id = await grant.save();
  return kept === undefined ? id : null;
}
