// Secrets with versions, as Vault's KV version 2 keeps them: check-and-set, soft deletion, destruction, metadata, and versions
// that can be read only so many times. Each version is a record of its own; what binds them together is the record of
// the path.
import type { Clock } from '../../core/index.ts';
import type { Barrier, ClearSession } from '../barrier.ts';
import { VaultError } from '../contract.ts';

export interface KvVersion {
  readonly createdMs: number;
  /** When it is or was deleted; null for never. */
  readonly deletedMs: number | null;
  readonly destroyed: boolean;
  /** How often it may still be read; null for without end. */
  readonly readsLeft: number | null;
}

export interface KvMeta {
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Newest version; 0 when there is none yet. */
  readonly current: number;
  readonly oldest: number;
  /** 0: as the mount says. */
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** 0: versions are not deleted by themselves. */
  readonly deleteAfterMs: number;
  readonly custom: Readonly<Record<string, string>> | null;
  readonly versions: Readonly<Record<string, KvVersion>>;
}

export interface KvSettings {
  readonly maxVersions: number;
  readonly casRequired: boolean;
  readonly deleteAfterMs: number;
}

export type KvData = Readonly<Record<string, unknown>>;

export interface KvRead {
  /** Null when this version is deleted or destroyed. */
  readonly data: KvData | null;
  readonly version: number;
  readonly meta: KvMeta;
}

export interface KvWriteOptions {
  /** Version that must be the newest; 0 for a path that has none. */
  readonly cas?: number;
  /** How often this version may be read before it is destroyed. */
  readonly reads?: number;
}

export const defaultKvSettings: KvSettings = { maxVersions: 0, casRequired: false, deleteAfterMs: 0 };
/** Versions of a path when neither it nor its mount says. */
const DEFAULT_VERSIONS = 10;
const MAX_VERSIONS = 1000;
const MAX_PATH = 1024;
/** Largest secret, bytes of JSON: keys and credentials, not files. */
const MAX_SECRET_BYTES = 512 * 1024;
const MAX_CUSTOM = 64;

const emptyMeta = (nowMs: number): KvMeta => ({
  createdMs: nowMs,
  updatedMs: nowMs,
  current: 0,
  oldest: 0,
  maxVersions: 0,
  casRequired: false,
  deleteAfterMs: 0,
  custom: null,
  versions: {},
});

/** Rejects what would be another place than it seems. */
export function checkPath(path: string): string {
  const parts = path.split('/');
  // What a record's place can be is what every database stores and orders the same way.
  if (
    path.length > MAX_PATH ||
    parts.some((part) => part === '' || part === '.' || part === '..') ||
    /[\x00-\x1f\x7f]/.test(path) ||
    !path.isWellFormed()
  )
    throw new VaultError('invalid', 'the path of a secret has 1 to 1024 characters and no empty parts');
  return path;
}

export class KvMount {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #settings: () => KvSettings;
  readonly id: string;

  /** Records are sealed under the key `kv-<id>`. */
  constructor(barrier: Barrier, clock: Clock, id: string, settings: () => KvSettings) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.id = id;
    this.#key = `kv-${id}`;
    this.#settings = settings;
  }

  get key(): string {
    return this.#key;
  }

  #metaPlace(path: string): string {
    return `kv/${this.id}/meta/${checkPath(path)}`;
  }

  #dataPlace(path: string, version: number): string {
    return `kv/${this.id}/data/${checkPath(path)}/${version}`;
  }

  async meta(path: string): Promise<KvMeta | null> {
    return this.#barrier.read<KvMeta>(this.#metaPlace(path));
  }

  /** The newest version, or the one asked for; null when there is none at all. Counts where reads are counted. */
  async read(path: string, version = 0): Promise<KvRead | null> {
    const meta = await this.meta(path);
    if (meta === null || meta.current === 0) return null;
    const wanted = version === 0 ? meta.current : version;
    const entry = meta.versions[wanted];
    if (entry === undefined) return null;
    if (entry.destroyed || isDeleted(entry, this.#clock.epochMs()))
      return { data: null, version: wanted, meta };
    if (entry.readsLeft !== null) return this.#readCounted(path, wanted);
    const data = await this.#barrier.read<KvData>(this.#dataPlace(path, wanted));
    // Destroyed between the two reads, or lost: the record of the path says which.
    if (data === null) {
      const again = await this.meta(path);
      if (again?.versions[wanted]?.destroyed === false)
        throw new VaultError('corrupt', `version ${wanted} of ${path} has lost its data`);
      return { data: null, version: wanted, meta: again ?? meta };
    }
    return { data, version: wanted, meta };
  }

  /** The last read destroys the version in the transaction that answers it. */
  #readCounted(path: string, version: number): Promise<KvRead | null> {
    return this.#barrier.transaction(async (session) => {
      const meta = await session.get<KvMeta>(this.#metaPlace(path));
      const entry = meta?.versions[version];
      if (meta === null || entry === undefined) return null;
      const data = await session.get<KvData>(this.#dataPlace(path, version));
      if (data === null || entry.destroyed) return { data: null, version, meta };
      const left = (entry.readsLeft ?? 1) - 1;
      if (left === 0) await session.remove(this.#dataPlace(path, version));
      await this.#putMeta(session, path, {
        ...meta,
        versions: {
          ...meta.versions,
          [version]: { ...entry, readsLeft: left, destroyed: left === 0 },
        },
      });
      return { data, version, meta };
    });
  }

  /** Answers the new version and the record of the path. */
  write(path: string, data: KvData, options: KvWriteOptions = {}): Promise<KvRead> {
    this.#checkData(data);
    return this.#barrier.transaction((session) => this.#write(session, path, data, options));
  }

  /** Applies a merge patch (RFC 7396) to the newest version. */
  patch(path: string, patch: KvData, options: KvWriteOptions = {}): Promise<KvRead | null> {
    return this.#barrier.transaction(async (session) => {
      const meta = await session.get<KvMeta>(this.#metaPlace(path));
      const entry = meta?.versions[meta.current];
      if (meta === null || entry === undefined || entry.destroyed || isDeleted(entry, this.#clock.epochMs()))
        return null;
      // A secret that may be read so often is not read by the way.
      if (entry.readsLeft !== null)
        throw new VaultError('invalid', 'a secret whose reads are counted can not be patched');
      const old = await session.get<KvData>(this.#dataPlace(path, meta.current));
      const data = mergePatch(old, patch) as KvData;
      this.#checkData(data);
      return this.#write(session, path, data, options);
    });
  }

  async #write(
    session: ClearSession,
    path: string,
    data: KvData,
    { cas, reads }: KvWriteOptions,
  ): Promise<KvRead> {
    const nowMs = this.#clock.epochMs();
    const meta = (await session.get<KvMeta>(this.#metaPlace(path))) ?? emptyMeta(nowMs);
    const settings = this.#settings();
    if (cas === undefined && (meta.casRequired || settings.casRequired))
      throw new VaultError('invalid', 'check-and-set parameter required for this call');
    if (cas !== undefined && cas !== meta.current)
      throw new VaultError('invalid', 'check-and-set parameter did not match the current version');
    const version = meta.current + 1;
    const after = meta.deleteAfterMs || settings.deleteAfterMs;
    const versions: Record<string, KvVersion> = {
      ...meta.versions,
      [version]: {
        createdMs: nowMs,
        deletedMs: after > 0 ? nowMs + after : null,
        destroyed: false,
        readsLeft: reads ?? null,
      },
    };
    const keep = Math.min(meta.maxVersions || settings.maxVersions || DEFAULT_VERSIONS, MAX_VERSIONS);
    for (const old of Object.keys(versions)) {
      if (Number(old) > version - keep) continue;
      delete versions[old];
      await session.remove(this.#dataPlace(path, Number(old)));
    }
    const next: KvMeta = {
      ...meta,
      updatedMs: nowMs,
      current: version,
      oldest: Math.min(...Object.keys(versions).map(Number)),
      versions,
    };
    await session.put(this.#dataPlace(path, version), this.#key, data);
    await this.#putMeta(session, path, next);
    return { data, version, meta: next };
  }

  #checkData(data: KvData): void {
    if (Buffer.byteLength(JSON.stringify(data)) > MAX_SECRET_BYTES)
      throw new VaultError('invalid', `a secret has up to ${MAX_SECRET_BYTES} bytes`);
  }

  #putMeta(session: ClearSession, path: string, meta: KvMeta): Promise<void> {
    return session.put(this.#metaPlace(path), this.#key, meta);
  }

  #changeVersions(
    path: string,
    versions: readonly number[],
    change: (entry: KvVersion, version: number, session: ClearSession) => Promise<KvVersion>,
  ): Promise<boolean> {
    return this.#barrier.transaction(async (session) => {
      const meta = await session.get<KvMeta>(this.#metaPlace(path));
      if (meta === null) return false;
      const next: Record<string, KvVersion> = { ...meta.versions };
      for (const version of versions.length === 0 ? [meta.current] : versions) {
        const entry = next[version];
        if (entry !== undefined) next[version] = await change(entry, version, session);
      }
      await this.#putMeta(session, path, { ...meta, updatedMs: this.#clock.epochMs(), versions: next });
      return true;
    });
  }

  /** Softly; the newest version when none is named. */
  remove(path: string, versions: readonly number[] = []): Promise<boolean> {
    const nowMs = this.#clock.epochMs();
    return this.#changeVersions(path, versions, async (entry) =>
      entry.destroyed || isDeleted(entry, nowMs) ? entry : { ...entry, deletedMs: nowMs },
    );
  }

  undelete(path: string, versions: readonly number[]): Promise<boolean> {
    return this.#changeVersions(path, versions, async (entry) =>
      entry.destroyed ? entry : { ...entry, deletedMs: null },
    );
  }

  /** For good: with its record goes the only key that opens it. */
  destroy(path: string, versions: readonly number[]): Promise<boolean> {
    return this.#changeVersions(path, versions, async (entry, version, session) => {
      await session.remove(this.#dataPlace(path, version));
      return { ...entry, destroyed: true };
    });
  }

  /** Everything of a path. */
  removeAll(path: string): Promise<boolean> {
    return this.#barrier.transaction(async (session) => {
      const meta = await session.get<KvMeta>(this.#metaPlace(path));
      if (meta === null) return false;
      for (const version of Object.keys(meta.versions))
        await session.remove(this.#dataPlace(path, Number(version)));
      return session.remove(this.#metaPlace(path));
    });
  }

  setMeta(
    path: string,
    change: Partial<Pick<KvMeta, 'maxVersions' | 'casRequired' | 'deleteAfterMs' | 'custom'>>,
  ): Promise<void> {
    if (change.custom !== undefined && change.custom !== null) {
      const entries = Object.entries(change.custom);
      if (
        entries.length > MAX_CUSTOM ||
        entries.some(([name, value]) => name.length > 128 || typeof value !== 'string' || value.length > 512)
      )
        throw new VaultError('invalid', 'custom metadata has up to 64 texts of up to 512 characters');
    }
    return this.#barrier.transaction(async (session) => {
      const nowMs = this.#clock.epochMs();
      const meta = (await session.get<KvMeta>(this.#metaPlace(path))) ?? emptyMeta(nowMs);
      await this.#putMeta(session, path, { ...meta, ...change, updatedMs: nowMs });
    });
  }

  /** Names below a folder, `''` or `a/b/`; names of folders end with `/`. */
  async list(folder: string): Promise<readonly string[]> {
    const prefix = `kv/${this.id}/meta/${folder}`;
    const names = new Set<string>();
    for (const place of await this.#barrier.list(prefix)) {
      const [head, ...rest] = place.slice(prefix.length).split('/');
      names.add(rest.length === 0 ? head! : `${head}/`);
    }
    return [...names];
  }
}

export const isDeleted = (entry: KvVersion, nowMs: number): boolean =>
  entry.deletedMs !== null && entry.deletedMs <= nowMs;

/** RFC 7396 section 2. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const out = new Map<string, unknown>(Object.entries(base));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) out.delete(name);
    else out.set(name, mergePatch(out.get(name), value));
  }
  return Object.fromEntries(out);
}
