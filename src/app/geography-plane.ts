// Databases of places in memory that all threads share: read once, kept as long as their files do not change.
import { open } from 'node:fs/promises';
import type { GateConfig } from '../config/index.ts';
import { Database, DatabaseError, type DatabaseMemory, Geography } from '../geography/index.ts';

/** Nodes of a search tree that are looked at before others have their turn: some milliseconds. */
const CHECK_NODES = 100_000;
/** Bytes of a database; the largest that are sold have some gigabytes, which no gate needs. */
const MAX_DATABASE_BYTES = 1_073_741_824;
const READ_BYTES = 4_194_304;

interface Loaded {
  /** Tells versions of a file apart. */
  readonly version: string;
  readonly memory: DatabaseMemory;
}

export class GeographyPlane {
  /** By file. */
  #loaded = new Map<string, Loaded>();
  readonly #ofConfig = new WeakMap<GateConfig, readonly DatabaseMemory[]>();
  readonly #places = new WeakMap<GateConfig, Geography>();

  /** Loads what the configuration names; throws DatabaseError, and then forgets nothing. */
  async load(config: GateConfig): Promise<void> {
    const loaded = new Map<string, Loaded>();
    for (const { name, file } of config.geography?.databases ?? [])
      loaded.set(file, await readDatabase(name, file, this.#loaded.get(file)));
    this.#ofConfig.set(
      config,
      [...loaded.values()].map(({ memory }) => memory),
    );
    this.#loaded = loaded;
  }

  /** Of a configuration that was loaded. */
  memoryOf(config: GateConfig): readonly DatabaseMemory[] {
    return this.#ofConfig.get(config) ?? [];
  }

  /** For the control plane's own questions; null where nobody knows where addresses are. */
  placesOf(config: GateConfig): Geography | null {
    let places = this.#places.get(config);
    if (places === undefined) {
      const databases = this.memoryOf(config);
      if (databases.length === 0) return null;
      places = new Geography(databases);
      this.#places.set(config, places);
    }
    return places;
  }

  /** When each database was made, ms since the epoch. */
  ages(config: GateConfig): { readonly name: string; readonly builtMs: number }[] {
    return this.memoryOf(config).map(({ name, buffer }) => ({
      name,
      builtMs: new Database(Buffer.from(buffer)).info.builtMs,
    }));
  }
}

async function readDatabase(name: string, file: string, before: Loaded | undefined): Promise<Loaded> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new DatabaseError(`${name} can not be read (${error.code})`);
  });
  try {
    const { size, mtimeMs, ino } = await handle.stat();
    const version = `${size} ${mtimeMs} ${ino}`;
    if (before?.version === version) return before;
    if (size > MAX_DATABASE_BYTES) throw new DatabaseError(`${name} is larger than 1 GiB`);
    const buffer = new SharedArrayBuffer(size);
    const bytes = Buffer.from(buffer);
    // What is read meanwhile may be a file that is still being written: the check below finds its end missing.
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(READ_BYTES, size - at), at);
      if (bytesRead === 0) throw new DatabaseError(`${name} became shorter while it was read`);
      at += bytesRead;
    }
    const database = new Database(bytes);
    for (let node = 0; node < database.nodeCount; node += CHECK_NODES) {
      database.checkNodes(node, CHECK_NODES);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { version, memory: { name, buffer } };
  } catch (error) {
    if (error instanceof DatabaseError && !error.message.startsWith(name))
      throw new DatabaseError(`${name} can not be used: ${error.message}`);
    throw error;
  } finally {
    await handle.close();
  }
}
