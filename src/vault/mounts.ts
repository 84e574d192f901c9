// What is served where: engines and ways to log in by their paths. Each has an id and a key of its own, so that what is mounted
// again at a path never sees what was there before, and unmounting destroys.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/index.ts';
import { SYSTEM } from './access/tokens.ts';
import type { Barrier } from './barrier.ts';
import { VaultError } from './contract.ts';
import { defaultKvSettings, type KvSettings } from './secrets/kv.ts';

export const engineTypes = ['kv', 'transit', 'database', 'gatewright'] as const;
export type EngineType = (typeof engineTypes)[number];
export type MountType = EngineType | 'approle' | 'token';

export interface Mount {
  readonly type: MountType;
  readonly id: string;
  readonly description: string;
  readonly createdMs: number;
  /** Of kv alone. */
  readonly kv: KvSettings;
}

export interface MountTable {
  /** By path with its slash, `secret/`, `team/kv/`. */
  readonly engines: Readonly<Record<string, Mount>>;
  readonly auths: Readonly<Record<string, Mount>>;
}

const PLACE = 'mounts/table';
const reserved = ['sys/', 'auth/', 'cubbyhole/', 'identity/'];
const MAX_MOUNTS = 500;

/** Key that seals what an engine keeps; null where it keeps it under `system`. */
export const keyOfMount = (mount: Mount): string | null =>
  mount.type === 'kv' ? `kv-${mount.id}` : mount.type === 'transit' ? `transit-${mount.id}` : null;

export class Mounts {
  readonly #barrier: Barrier;
  readonly #clock: Clock;

  constructor(barrier: Barrier, clock: Clock) {
    this.#barrier = barrier;
    this.#clock = clock;
  }

  /** The table; made with `secret/` the first time. */
  async table(): Promise<MountTable> {
    const found = await this.#barrier.read<MountTable>(PLACE);
    if (found !== null) return found;
    const secret = this.#make('kv', 'key/value secrets');
    await this.#barrier.ensureKey(keyOfMount(secret)!);
    return this.#barrier.transaction(async (session) => {
      const other = await session.get<MountTable>(PLACE);
      if (other !== null) return other;
      const table: MountTable = {
        engines: { 'secret/': secret },
        auths: { 'token/': this.#make('token', 'token based credentials') },
      };
      await session.put(PLACE, SYSTEM, table);
      return table;
    });
  }

  #make(type: MountType, description: string, kv = defaultKvSettings): Mount {
    return {
      type,
      id: randomBytes(8).toString('hex'),
      description,
      createdMs: this.#clock.epochMs(),
      kv,
    };
  }

  async mount(where: 'engines' | 'auths', path: string, type: MountType, description: string): Promise<void> {
    const clean = cleanPath(path);
    await this.table();
    const made = this.#make(type, description);
    const key = keyOfMount(made);
    if (key !== null) await this.#barrier.ensureKey(key);
    await this.#change((table) => {
      const taken = Object.keys(table[where]).find(
        (other) => other.startsWith(clean) || clean.startsWith(other),
      );
      if (taken !== undefined || (where === 'engines' && reserved.some((name) => clean.startsWith(name))))
        throw new VaultError('invalid', `path is already in use at ${taken ?? clean}`);
      if (Object.keys(table[where]).length >= MAX_MOUNTS)
        throw new VaultError('invalid', 'there are too many mounts');
      return { ...table, [where]: { ...table[where], [clean]: made } };
    });
  }

  /** Takes the mount away; what it kept is the caller's to destroy. Null when there is none. */
  async unmount(where: 'engines' | 'auths', path: string): Promise<Mount | null> {
    const clean = cleanPath(path);
    const found = (await this.table())[where][clean];
    if (found === undefined) return null;
    if (found.type === 'token')
      throw new VaultError('invalid', 'token credential backend cannot be disabled');
    await this.#change((table) => {
      const { [clean]: _gone, ...rest } = table[where];
      return { ...table, [where]: rest };
    });
    return found;
  }

  async tuneKv(path: string, change: Partial<KvSettings>): Promise<void> {
    await this.#change((table) => {
      const found = table.engines[path];
      if (found === undefined) throw new VaultError('not-found', `no mount at ${path}`);
      return {
        ...table,
        engines: { ...table.engines, [path]: { ...found, kv: { ...found.kv, ...change } } },
      };
    });
  }

  #change(change: (table: MountTable) => MountTable): Promise<void> {
    return this.#barrier.transaction(async (session) => {
      const table = await session.get<MountTable>(PLACE);
      if (table !== null) await session.put(PLACE, SYSTEM, change(table));
    });
  }
}

function cleanPath(path: string): string {
  const clean = `${path.replace(/^\/+|\/+$/g, '')}/`;
  if (!/^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\/){1,4}$/.test(clean))
    throw new VaultError('invalid', 'the path of a mount has letters, digits, ".", "-", "_" and "/"');
  return clean;
}

/** The mount that `path` belongs to: mounts do not lie in each other. */
export function findMount(
  mounts: Readonly<Record<string, Mount>>,
  path: string,
): { readonly path: string; readonly mount: Mount; readonly rest: string } | null {
  const full = `${path}/`;
  for (const [prefix, mount] of Object.entries(mounts)) {
    if (full.startsWith(prefix)) return { path: prefix, mount, rest: path.slice(prefix.length) };
  }
  return null;
}
