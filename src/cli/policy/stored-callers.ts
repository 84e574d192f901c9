// Callers that the state knows, for what is said of callers from recorded traffic: the log holds no scopes.
import type { GateConfig } from '../../config/load.ts';
import { BUILT_IN_ISSUER } from '../../oauth/contract.ts';
import { CommandError, Exit } from '../output.ts';
import { type StateAccess, withState } from '../state.ts';
import type { Known } from './recorded.ts';
import type { Caller } from './usage.ts';

export interface StoredCaller extends Pick<Caller, 'id' | 'method'> {
  /** Of people their tokens tell: null. */
  readonly scopes: readonly string[] | null;
}

/** Clients, services and users of the state that are not disabled; a state that can not be read is told of. */
export async function storedCallers(
  options: Readonly<Record<string, unknown>>,
  config: GateConfig,
): Promise<StoredCaller[]> {
  if (config.state === null) return [];
  const found: StoredCaller[] = [];
  const read = async ({ registry }: StateAccess): Promise<number> => {
    for (const { id, kind, disabledMs, scopes } of await registry.principals()) {
      if (disabledMs !== null) continue;
      if (kind !== 'user') found.push({ id, method: kind === 'service' ? 'mtls' : 'api-key', scopes });
      else if (config.authorizationServer !== null)
        found.push({ id: `${BUILT_IN_ISSUER}|${id}`, method: 'jwt', scopes: null });
    }
    return Exit.ok;
  };
  try {
    await withState(options, read, false);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`Callers of the state are missing here: ${error.message}\n`);
  }
  return found;
}

/** What is known of callers, with the scopes of those of the state; what `known` says of a caller goes first. */
export function withStored(known: Known, stored: readonly StoredCaller[]): Known {
  const out: Known = {};
  for (const { id, scopes } of stored) if (scopes !== null) out[id] = { scopes: [...scopes], claims: {} };
  return { ...out, ...known };
}
