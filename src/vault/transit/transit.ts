// Transit: encryption as a service. Keys never leave (unless they were made exportable); texts carry the version of their
// key, so that rotation needs no one to know which is which.
import type { Clock } from '../../core/index.ts';
import type { Barrier } from '../barrier.ts';
import { VaultError } from '../contract.ts';
import {
  type CipherOptions,
  canDerive,
  canEncrypt,
  decryptTransit,
  encryptTransit,
  newTransitVersion,
  type TransitType,
  type TransitVersion,
} from './transit-key.ts';

export interface TransitKey {
  readonly type: TransitType;
  readonly derived: boolean;
  readonly convergent: boolean;
  readonly exportable: boolean;
  readonly allowDeletion: boolean;
  readonly minDecryption: number;
  /** 0: the newest. */
  readonly minEncryption: number;
  readonly latest: number;
  /** 0: not by itself. */
  readonly rotateMs: number;
  readonly versions: Readonly<Record<string, TransitVersion>>;
}

export interface NewTransitKey {
  readonly type: TransitType;
  readonly derived: boolean;
  readonly convergent: boolean;
  readonly exportable: boolean;
  readonly rotateMs: number;
}

/** Opened keys of one mount that are kept, for as long as their record does not change. */
const MAX_CACHED = 200;
const MAX_VERSIONS = 1000;

export class Transit {
  readonly #barrier: Barrier;
  readonly #clock: Clock;
  readonly #id: string;

  /** Keys are sealed under `transit-<id>`. */
  constructor(barrier: Barrier, clock: Clock, id: string) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#id = id;
  }

  #place(name: string): string {
    if (!/^[A-Za-z0-9._-]{1,128}$/.test(name))
      throw new VaultError('invalid', 'the name of a key has letters, digits, ".", "-" and "_"');
    return `transit/${this.#id}/${name}`;
  }

  key(name: string): Promise<TransitKey | null> {
    return this.#barrier.read<TransitKey>(this.#place(name));
  }

  async names(): Promise<readonly string[]> {
    const prefix = `transit/${this.#id}/`;
    return (await this.#barrier.list(prefix)).map((place) => place.slice(prefix.length));
  }

  /** Does nothing when the key is there. */
  create(name: string, wanted: NewTransitKey): Promise<void> {
    if ((wanted.derived || wanted.convergent) && !canDerive(wanted.type))
      throw new VaultError('invalid', `keys of type ${wanted.type} can not be derived`);
    if (wanted.convergent && !wanted.derived)
      throw new VaultError('invalid', 'convergent encryption needs derivation');
    return this.#barrier.transaction(async (session) => {
      const place = this.#place(name);
      if ((await session.get(place)) !== null) return;
      const nowMs = this.#clock.epochMs();
      const key: TransitKey = {
        ...wanted,
        allowDeletion: false,
        minDecryption: 1,
        minEncryption: 0,
        latest: 1,
        versions: { 1: newTransitVersion(wanted.type, nowMs) },
      };
      await session.put(place, `transit-${this.#id}`, key, dueOf(key, nowMs));
    });
  }

  /** Answers what `change` makes of the key. Rejects when it is not there. */
  change(name: string, change: (key: TransitKey) => TransitKey): Promise<TransitKey> {
    return this.#barrier.transaction(async (session) => {
      const key = await session.get<TransitKey>(this.#place(name));
      if (key === null) throw new VaultError('invalid', `no existing key named ${name} could be found`);
      const next = change(key);
      const newestMs = next.versions[next.latest]!.createdMs;
      await session.put(this.#place(name), `transit-${this.#id}`, next, dueOf(next, newestMs));
      return next;
    });
  }

  rotate(name: string): Promise<TransitKey> {
    const nowMs = this.#clock.epochMs();
    return this.change(name, (key) => {
      if (Object.keys(key.versions).length >= MAX_VERSIONS)
        throw new VaultError('invalid', `a key has up to ${MAX_VERSIONS} versions: trim it`);
      return {
        ...key,
        latest: key.latest + 1,
        versions: { ...key.versions, [key.latest + 1]: newTransitVersion(key.type, nowMs) },
      };
    });
  }

  /** Destroys versions below `version`: what they sealed is gone. */
  trim(name: string, version: number): Promise<TransitKey> {
    return this.change(name, (key) => {
      if (version > key.minDecryption || (key.minEncryption !== 0 && version > key.minEncryption))
        throw new VaultError(
          'invalid',
          'min_available_version is above min_decryption_version or min_encryption_version',
        );
      const kept = Object.entries(key.versions).filter(([number]) => Number(number) >= version);
      return { ...key, versions: Object.fromEntries(kept) };
    });
  }

  remove(name: string): Promise<void> {
    return this.#barrier.transaction(async (session) => {
      const key = await session.get<TransitKey>(this.#place(name));
      if (key === null) return;
      if (!key.allowDeletion) throw new VaultError('invalid', 'deletion is not allowed for this key');
      await session.remove(this.#place(name));
    });
  }

  /** Rotates what is due; answers the names. */
  async tidy(): Promise<readonly string[]> {
    const prefix = `transit/${this.#id}/`;
    const due = await this.#barrier.due(prefix, this.#clock.epochMs(), MAX_CACHED);
    const names = due.map((place) => place.slice(prefix.length));
    for (const name of names) await this.rotate(name);
    return names;
  }
}

const dueOf = (key: TransitKey, fromMs: number): number | null =>
  key.rotateMs === 0 ? null : fromMs + key.rotateMs;

/** The version that encrypts, signs and authenticates: the one asked for, or the newest. Throws VaultError. */
export function versionToUse(key: TransitKey, wanted: number): [number, TransitVersion] {
  const number = wanted === 0 ? key.latest : wanted;
  if (number < key.minEncryption)
    throw new VaultError(
      'invalid',
      'requested version for encryption is less than the minimum encryption key version',
    );
  return [number, versionAt(key, number)];
}

function versionAt(key: TransitKey, number: number): TransitVersion {
  const version = key.versions[number];
  if (version === undefined) throw new VaultError('invalid', `there is no version ${number} of the key`);
  return version;
}

/** Parts of `vault:v3:…`. Throws VaultError for a version that may not be used any more. */
export function readTagged(key: TransitKey, text: string): [number, TransitVersion, Buffer] {
  const match = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/_-]*={0,2})$/.exec(text);
  if (match === null) throw new VaultError('invalid', 'invalid ciphertext: no prefix');
  const number = Number(match[1]);
  if (number < key.minDecryption)
    throw new VaultError('invalid', 'ciphertext or signature version is disallowed by policy (too old)');
  return [number, versionAt(key, number), Buffer.from(match[2]!, 'base64')];
}

export function encryptText(key: TransitKey, clear: Buffer, wanted: number, options: CipherOptions): string {
  if (!canEncrypt(key.type))
    throw new VaultError('invalid', `message encryption not supported for key type ${key.type}`);
  const [number, version] = versionToUse(key, wanted);
  return `vault:v${number}:${encryptTransit(key.type, version, clear, options).toString('base64')}`;
}

export function decryptText(key: TransitKey, text: string, options: CipherOptions): Buffer {
  if (!canEncrypt(key.type))
    throw new VaultError('invalid', `message decryption not supported for key type ${key.type}`);
  const [, version, sealed] = readTagged(key, text);
  return decryptTransit(key.type, version, sealed, options);
}
