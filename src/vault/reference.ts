// What `${vault:path#field}` of a configuration stands for: a field of a secret, or of an account whose password the vault
// changes.
import { systemClock } from '../core/index.ts';
import { SealError } from '../envelope/index.ts';
import type { Barrier } from './barrier.ts';
import { VaultError } from './contract.ts';
import type { StaticRole } from './dynamic/static-role.ts';
import { findMount, Mounts } from './mounts.ts';
import { KvMount } from './secrets/kv.ts';

export type ReferencedValue =
  | { readonly kind: 'value'; readonly value: string; readonly version: string }
  | { readonly kind: 'missing'; readonly problem: string };

const missing = (problem: string): ReferencedValue => ({ kind: 'missing', problem });

/** Never rejects for what a user or an operator may have done. `name` is `secret/app/db#password`. */
export async function readReference(barrier: Barrier, name: string): Promise<ReferencedValue> {
  const hash = name.lastIndexOf('#');
  const path = hash === -1 ? name : name.slice(0, hash);
  const field = hash === -1 ? 'value' : name.slice(hash + 1);
  if (barrier.sealed) return missing('it is sealed');
  try {
    const mounts = new Mounts(barrier, systemClock);
    const found = findMount((await mounts.table()).engines, path);
    if (found === null) return missing(`nothing is mounted at ${path}`);
    if (found.mount.type === 'kv') {
      const kv = new KvMount(barrier, systemClock, found.mount.id, () => found.mount.kv);
      const meta = await kv.meta(found.rest);
      // Reading it here would use it up, again at every reload.
      if (meta?.versions[meta.current]?.readsLeft != null) return missing('its reads are counted');
      const read = await kv.read(found.rest);
      if (read?.data == null) return missing(`there is no secret ${path}`);
      return fieldOf(read.data, field, String(read.version));
    }
    const [kind, role = ''] = found.rest.split('/');
    if (found.mount.type === 'database' && kind === 'static-creds') {
      const stored = await barrier.read<StaticRole>(`db/${found.mount.id}/static/${role}`);
      if (stored === null || stored.password === '') return missing(`there is no static role ${role}`);
      const data = { username: stored.usernames[stored.active], password: stored.password };
      return fieldOf(data, field, String(stored.rotations));
    }
    return missing(`${found.mount.type} gives out nothing that a configuration could use`);
  } catch (error) {
    if (error instanceof VaultError || error instanceof SealError) return missing(error.message);
    throw error;
  }
}

function fieldOf(data: Readonly<Record<string, unknown>>, field: string, version: string): ReferencedValue {
  const value = Object.hasOwn(data, field) ? data[field] : undefined;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'value', value: String(value), version };
  return missing(`the secret has no text "${field}"`);
}
