// The barrier: everything that the vault stores passes through it sealed. The root key wraps named keys, whose versions wrap
// the key of each record. Sealed means that no key is in memory; then nothing can be read or written.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/index.ts';
import {
  associate,
  isKeyName,
  KEY_BYTES,
  openAead,
  openEnvelope,
  parseEnvelope,
  type RandomBytes,
  rewrapEnvelope,
  SealError,
  sealAead,
  sealEnvelope,
} from '../envelope/index.ts';
import {
  type RootWrap,
  StaleKeyError,
  type StoredKey,
  type StoredRecord,
  VaultError,
  type VaultSession,
  type VaultStore,
} from './contract.ts';

/** Records of one transaction of a re-wrap: others wait for it, a few milliseconds. */
const REWRAP_PAGE = 100;
/** How often a write is tried again when other nodes rotate at the same time. */
const STALE_RETRIES = 3;

interface NamedKey {
  current: number;
  readonly versions: Map<number, Buffer>;
}

export interface BarrierStatus {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Kind of what wraps the root key; empty before the vault is set up. */
  readonly rootKind: string;
}

export interface KeyStatus {
  readonly name: string;
  readonly current: number;
  /** Older versions that still wrap records. */
  readonly older: readonly number[];
  readonly createdMs: number;
}

/** What code of the vault sees of a transaction: clear values, sealed on the way. */
export interface ClearSession {
  get<T>(place: string): Promise<T | null>;
  put(place: string, key: string, value: unknown, dueMs?: number | null): Promise<void>;
  remove(place: string): Promise<boolean>;
  list(prefix: string, after?: string, limit?: number): Promise<readonly string[]>;
  due(prefix: string, beforeMs: number, limit: number): Promise<readonly string[]>;
}

const ALL = 1_000_000;

export class Barrier {
  readonly #store: VaultStore;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  #rootKey: Buffer | null = null;
  /** What the vault was unsealed with, for when another node has changed the root key. */
  #root: RootWrap | null = null;
  #keys = new Map<string, NamedKey>();

  constructor(store: VaultStore, clock: Clock, random: RandomBytes = randomBytes) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  get sealed(): boolean {
    return this.#rootKey === null;
  }

  async status(): Promise<BarrierStatus> {
    const root = await this.#store.root();
    return {
      initialized: root !== null,
      sealed: this.sealed,
      rootKind: root === null ? '' : parseRoot(root).kind,
    };
  }

  /** Makes the root key and the first key `system`; leaves the vault unsealed. Rejects where it is set up already. */
  async initialize(root: RootWrap): Promise<void> {
    const rootKey = this.#random(KEY_BYTES);
    const text = JSON.stringify({ kind: root.kind, wrapped: await root.wrap(rootKey) });
    await this.#store.transaction(async (session) => {
      if ((await session.root()) !== null) throw new VaultError('conflict', 'the vault is set up already');
      await session.setRoot(text);
      await session.putKey(this.#makeKey(rootKey, 'system', 1).stored);
    });
    await this.#open(rootKey);
    this.#root = root;
  }

  /** Rejects with SealError when `root` is not what wraps the root key. */
  async unseal(root: RootWrap, session: VaultSession = this.#store): Promise<void> {
    const text = await session.root();
    if (text === null) throw new VaultError('not-initialized', 'the vault is not set up');
    const { kind, wrapped } = parseRoot(text);
    if (kind !== root.kind)
      throw new VaultError('invalid', `the root key is wrapped by ${kind}, not by ${root.kind}`);
    await this.#open(await root.unwrap(wrapped), session);
    this.#root = root;
  }

  /** How the root key is wrapped now, for those who collect shares. */
  async wrappedRoot(): Promise<{ readonly kind: string; readonly wrapped: string } | null> {
    const text = await this.#store.root();
    return text === null ? null : parseRoot(text);
  }

  /** Forgets all keys, as far as the runtime lets it: their buffers are overwritten. */
  seal(): void {
    this.#rootKey?.fill(0);
    this.#rootKey = null;
    for (const { versions } of this.#keys.values()) for (const key of versions.values()) key.fill(0);
    this.#keys = new Map();
  }

  async #open(rootKey: Buffer, session: VaultSession = this.#store): Promise<void> {
    if (rootKey.length !== KEY_BYTES) throw new SealError('the root key has another length');
    const keys = unwrapAll(rootKey, await session.keys());
    if (keys.size === 0) throw new VaultError('corrupt', 'the vault has lost its keys');
    this.seal();
    this.#rootKey = rootKey;
    this.#keys = keys;
  }

  /** Learns what other nodes have changed about keys; inside of a transaction through its session. */
  async refresh(session: VaultSession = this.#store): Promise<void> {
    if (this.#rootKey === null) return;
    const stored = await session.keys();
    let keys: Map<string, NamedKey>;
    try {
      keys = unwrapAll(this.#rootKey, stored);
    } catch (error) {
      // Another node has changed the root key: what wraps it may still open it, else this node is sealed from now on.
      const root = this.#root;
      this.seal();
      if (root === null || !(error instanceof SealError)) throw error;
      return this.unseal(root, session);
    }
    for (const [name, { versions }] of this.#keys) {
      const kept = keys.get(name);
      for (const [version, key] of versions) if (kept?.versions.has(version) !== true) key.fill(0);
    }
    this.#keys = keys;
  }

  // Reading and writing.

  /** The clear bytes of a record, or null. Rejects with SealError when it was changed or moved. */
  async open(record: StoredRecord): Promise<Buffer> {
    return this.openText(record.place, record.envelope);
  }

  /** Opens an envelope that lies somewhere else than in the vault's own records. */
  async openText(place: string, text: string): Promise<Buffer> {
    const envelope = parseEnvelope(text);
    let key = this.#versionOf(envelope.key, envelope.version);
    if (key === null) {
      await this.refresh();
      key = this.#versionOf(envelope.key, envelope.version);
    }
    if (key === null) throw new SealError(`${place} is sealed under a key that was destroyed`);
    return openEnvelope(envelope, key, place);
  }

  /** An envelope under the current version of `name`, which must be there. */
  sealText(place: string, name: string, clear: Uint8Array): string {
    const key = this.#keyOrThrow(name);
    return sealEnvelope(
      { key: name, version: key.current },
      key.versions.get(key.current)!,
      place,
      clear,
      this.#random,
    );
  }

  /** One text for `text` under the current version of its key; the same text when it is that already. */
  async renewText(place: string, text: string): Promise<string> {
    const envelope = parseEnvelope(text);
    const key = this.#keyOrThrow(envelope.key);
    if (envelope.version === key.current) return text;
    const old = this.#versionOf(envelope.key, envelope.version);
    if (old === null) throw new SealError(`${place} is sealed under a key that was destroyed`);
    const ref = { key: envelope.key, version: key.current };
    return rewrapEnvelope(envelope, old, ref, key.versions.get(key.current)!, place, this.#random);
  }

  /** Calls back within a second of a change by whomever; answers a function that stops it. */
  onChange(callback: () => void): () => void {
    return this.#store.onChange(callback);
  }

  async read<T>(place: string): Promise<T | null> {
    this.#mustBeOpen();
    return this.#read<T>(this.#store, place);
  }

  async list(prefix: string, after = '', limit = ALL): Promise<readonly string[]> {
    this.#mustBeOpen();
    return this.#store.list(prefix, after, limit);
  }

  async due(prefix: string, beforeMs: number, limit: number): Promise<readonly string[]> {
    this.#mustBeOpen();
    return (await this.#store.due(prefix, beforeMs, limit)).map(({ place }) => place);
  }

  /** `work` may run again, when another node has rotated keys meanwhile. */
  async transaction<T>(work: (session: ClearSession) => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#store.transaction((session) => work(this.#clearSession(session)));
      } catch (error) {
        if (!(error instanceof StaleKeyError) || attempt >= STALE_RETRIES) throw error;
        await this.refresh();
      }
    }
  }

  #clearSession(session: VaultSession): ClearSession {
    return {
      get: <T>(place: string) => this.#read<T>(session, place),
      put: (place, key, value, dueMs = null) =>
        session.put({
          place,
          envelope: this.sealText(place, key, Buffer.from(JSON.stringify(value), 'utf8')),
          dueMs,
        }),
      remove: (place) => session.remove(place),
      list: (prefix, after = '', limit = ALL) => session.list(prefix, after, limit),
      due: async (prefix, beforeMs, limit) =>
        (await session.due(prefix, beforeMs, limit)).map(({ place }) => place),
    };
  }

  async #read<T>(session: VaultSession, place: string): Promise<T | null> {
    const record = await session.get(place);
    if (record === null) return null;
    const envelope = parseEnvelope(record.envelope);
    let key = this.#versionOf(envelope.key, envelope.version);
    if (key === null && this.#rootKey !== null) {
      const keys = unwrapAll(this.#rootKey, await session.keys());
      key = keys.get(envelope.key)?.versions.get(envelope.version) ?? null;
    }
    if (key === null) throw new SealError(`${place} is sealed under a key that was destroyed`);
    const clear = openEnvelope(envelope, key, place);
    const value = JSON.parse(clear.toString('utf8')) as T;
    clear.fill(0);
    return value;
  }

  // Keys.

  /** Makes the key `name` where it is not there. */
  async ensureKey(name: string): Promise<void> {
    if (!isKeyName(name)) throw new VaultError('invalid', `"${name}" is no name for a key`);
    if (this.#keys.has(name)) return;
    const rootKey = this.#mustBeOpen();
    await this.#store.transaction(async (session) => {
      const stored = await session.keys();
      if (!stored.some((key) => key.name === name))
        await session.putKey(this.#makeKey(rootKey, name, 1).stored);
    });
    await this.refresh();
  }

  async keyStatus(): Promise<readonly KeyStatus[]> {
    const stored = await this.#store.keys();
    const names = [...new Set(stored.map(({ name }) => name))].sort();
    return names.map((name) => {
      const versions = stored.filter((key) => key.name === name).sort((a, b) => b.version - a.version);
      return {
        name,
        current: versions[0]!.version,
        older: versions.slice(1).map(({ version }) => version),
        createdMs: versions[0]!.createdMs,
      };
    });
  }

  /** A new version of `name`; records are moved to it by `rewrap`. Answers the version. */
  async rotate(name: string): Promise<number> {
    const rootKey = this.#mustBeOpen();
    const version = await this.#store.transaction(async (session) => {
      const versions = (await session.keys()).filter((key) => key.name === name).map((key) => key.version);
      if (versions.length === 0) throw new VaultError('not-found', `there is no key "${name}"`);
      const next = Math.max(...versions) + 1;
      await session.putKey(this.#makeKey(rootKey, name, next).stored);
      return next;
    });
    await this.refresh();
    return version;
  }

  /**
   * Moves records of `name` to its current version, page by page beside whatever else goes on, then forgets the older
   * versions. A crash leaves it half done and everything readable; running it again ends it. Answers how many it moved.
   */
  async rewrap(name: string): Promise<number> {
    this.#mustBeOpen();
    await this.refresh();
    const key = this.#keyOrThrow(name);
    let moved = 0;
    for (;;) {
      const count = await this.#store.transaction(async (session) => {
        const page = await session.wrappedBelow(name, key.current, REWRAP_PAGE);
        for (const record of page)
          await session.put({ ...record, envelope: await this.renewText(record.place, record.envelope) });
        // INVARIANT: writers wait for each other, so nothing is written under an older version between this look and the end
        // of the transaction; afterwards the store refuses it.
        if (page.length === 0) await session.removeKeys(name, key.current);
        return page.length;
      });
      moved += count;
      if (count === 0) break;
    }
    await this.refresh();
    return moved;
  }

  /**
   * Destroys the key `name` in all its versions: whatever was sealed under it is gone for good, here and in every copy of
   * this store that was made after the last change of the root key.
   */
  async shred(name: string): Promise<void> {
    this.#mustBeOpen();
    if (name === 'system') throw new VaultError('invalid', 'the vault can not live without its key "system"');
    await this.#store.transaction(async (session) => {
      for (;;) {
        const page = await session.wrappedBelow(name, Number.MAX_SAFE_INTEGER, REWRAP_PAGE);
        for (const { place } of page) await session.remove(place);
        if (page.length === 0) break;
      }
      await session.removeKeys(name, Number.MAX_SAFE_INTEGER);
    });
    await this.refresh();
  }

  /** A new root key, wrapped by `root`; all keys are wrapped with it in one transaction. */
  async changeRoot(root: RootWrap): Promise<void> {
    const old = this.#mustBeOpen();
    const next = this.#random(KEY_BYTES);
    const text = JSON.stringify({ kind: root.kind, wrapped: await root.wrap(next) });
    await this.#store.transaction(async (session) => {
      for (const stored of await session.keys()) {
        const clear = openAead(
          'gcm-siv',
          old,
          keyData(stored.name, stored.version),
          fromText(stored.wrapped),
        );
        await session.putKey({ ...stored, wrapped: this.#wrapKey(next, stored.name, stored.version, clear) });
        clear.fill(0);
      }
      await session.setRoot(text);
    });
    await this.#open(next);
    this.#root = root;
  }

  #makeKey(rootKey: Buffer, name: string, version: number): { stored: StoredKey } {
    const clear = this.#random(KEY_BYTES);
    const wrapped = this.#wrapKey(rootKey, name, version, clear);
    clear.fill(0);
    return { stored: { name, version, wrapped, createdMs: this.#clock.epochMs() } };
  }

  #wrapKey(rootKey: Buffer, name: string, version: number, clear: Uint8Array): string {
    return sealAead('gcm-siv', rootKey, keyData(name, version), clear, this.#random).toString('base64url');
  }

  #versionOf(name: string, version: number): Buffer | null {
    this.#mustBeOpen();
    return this.#keys.get(name)?.versions.get(version) ?? null;
  }

  #keyOrThrow(name: string): NamedKey {
    this.#mustBeOpen();
    const key = this.#keys.get(name);
    if (key === undefined) throw new VaultError('not-found', `there is no key "${name}"`);
    return key;
  }

  #mustBeOpen(): Buffer {
    if (this.#rootKey === null) throw new VaultError('sealed', 'Vault is sealed');
    return this.#rootKey;
  }
}

const keyData = (name: string, version: number): Buffer =>
  associate('gatewright vault key', name, String(version));

const fromText = (text: string): Buffer => Buffer.from(text, 'base64url');

function unwrapAll(rootKey: Buffer, stored: readonly StoredKey[]): Map<string, NamedKey> {
  const out = new Map<string, NamedKey>();
  for (const { name, version, wrapped } of stored) {
    const key = openAead('gcm-siv', rootKey, keyData(name, version), fromText(wrapped));
    const entry = out.get(name);
    if (entry === undefined) out.set(name, { current: version, versions: new Map([[version, key]]) });
    else {
      entry.versions.set(version, key);
      entry.current = Math.max(entry.current, version);
    }
  }
  return out;
}

function parseRoot(text: string): { kind: string; wrapped: string } {
  const found = JSON.parse(text) as { kind?: unknown; wrapped?: unknown };
  if (typeof found.kind !== 'string' || typeof found.wrapped !== 'string')
    throw new VaultError('corrupt', 'the record of the root key is damaged');
  return { kind: found.kind, wrapped: found.wrapped };
}
