// The vault's engine `gatewright` over the registry of callers.
import { systemClock } from '../core/index.ts';
import { IdentityError, IdentityRegistry, type IdentityStore } from '../identity/index.ts';
import { type GateKeys, VaultError } from '../vault/index.ts';

const kind = 'client';
/** How long it is remembered that a client made for a lease is gone, ms: longer than any token about it lives. */
const REMEMBER_MS = 400 * 86_400_000;

export function gateKeys(store: IdentityStore): GateKeys {
  const registry = new IdentityRegistry(store, systemClock);
  return {
    issue: async ({ client, isNew, id, scopes, addresses, lifetimeMs }) => {
      const options = { id, addresses, lifetimeMs, ...(scopes.length === 0 ? {} : { scopes }) };
      try {
        const created = isNew
          ? await registry.add(kind, client, scopes, 'made by the vault', options)
          : await registry.createKey(client, options);
        return created!.key;
      } catch (error) {
        if (error instanceof IdentityError) throw new VaultError('invalid', error.message);
        throw error;
      }
    },
    revoke: async (id, client, wasNew) => {
      try {
        await registry.revokeKey(id);
        if (wasNew) await registry.disable(kind, client, REMEMBER_MS);
      } catch (error) {
        // Not there: it was never made.
        if (!(error instanceof IdentityError) || error.code !== 'unknown') throw error;
      }
    },
  };
}
