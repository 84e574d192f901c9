// The keys of the trail, in its folder `keys`: the one that signs checkpoints, and one for each subject. All are sealed with a
// secret that is not in the folder, where one is configured; else they are as safe as the files are, which only their owner
// may read. A subject's key that is shredded is gone from here and from nowhere else: backups must forget it too.
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../core/index.ts';
import { type NoteSigner, noteSigner, SignatureKind } from '../merkle/index.ts';
import { AuditError } from './contract.ts';
import { syncFolder, writeWhole } from './disk.ts';
import type { SubjectKey } from './entry.ts';

/** Keys of subjects that stay in memory. */
const MAX_CACHED = 10_000;
const SHREDDED = 'shredded';
/** Times of folders are as coarse as the kernel's tick; some file systems are far coarser, ms. */
const COARSE_MS = 2000;
const isSubjectId = /^[0-9a-f]{32}$/;

export class TrailKeys {
  readonly #folder: string;
  readonly #secret: Buffer | null;
  readonly #clock: Clock;
  /** Keys by their ids, by their subjects, and the marks of subjects that were shredded. */
  readonly #cache = new Map<string, SubjectKey>();
  readonly #subjects = new Map<string, SubjectKey>();
  readonly #shredded = new Map<string, string>();
  #seenMs = 0;

  /** `secret` seals what is written here; null where none is configured. */
  constructor(trail: string, secret: string | null, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#folder = join(trail, 'keys');
    this.#secret =
      secret === null ? null : Buffer.from(hkdfSync('sha256', secret, '', 'gatewright audit keys v1', 32));
  }

  /** The key that signs checkpoints of the log `origin`; made when there is none and `make`. */
  signer(origin: string, make: boolean): NoteSigner {
    return this.#signer(origin, SignatureKind.ed25519, make);
  }

  /** All keys that sign checkpoints: Ed25519, and ML-DSA-44 where there is one or `makeMldsa`. */
  signers(origin: string, make: boolean, makeMldsa = false): NoteSigner[] {
    const signers = [this.signer(origin, make)];
    if (makeMldsa || existsSync(join(this.#folder, fileOf(SignatureKind.mldsaCosignature))))
      signers.push(this.#signer(origin, SignatureKind.mldsaCosignature, makeMldsa));
    return signers;
  }

  #signer(name: string, kind: number, make: boolean): NoteSigner {
    const file = fileOf(kind);
    const path = join(this.#folder, file);
    if (!existsSync(path)) {
      if (!make) throw new AuditError(`there is no signing key in ${this.#folder}`);
      const { privateKey } =
        kind === SignatureKind.mldsaCosignature
          ? generateKeyPairSync('ml-dsa-44')
          : generateKeyPairSync('ed25519');
      this.#write(file, privateKey.export({ format: 'der', type: 'pkcs8' }));
    }
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: this.#read(file), format: 'der', type: 'pkcs8' });
    } catch (error) {
      if (error instanceof AuditError) throw error;
      throw new AuditError(`${path} holds no key`);
    }
    return noteSigner(name, key, kind);
  }

  /** The keys of a witness: Ed25519 and ML-DSA-44, made when they are not there. */
  witnessSigners(name: string): NoteSigner[] {
    return [SignatureKind.cosignature, SignatureKind.mldsaCosignature].map((kind) =>
      this.#signer(name, kind, true),
    );
  }

  /**
   * Looks whether subjects were shredded, by this process or by another: `forSubject` goes by what was seen here last. Call it
   * before each batch of entries.
   */
  refresh(): void {
    const folder = join(this.#folder, SHREDDED);
    const changedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    // Clocks of file systems are coarse: a folder that was changed just now may be changed again at the same time.
    if (changedMs === this.#seenMs && this.#clock.epochMs() - changedMs > COARSE_MS) return;
    this.#seenMs = changedMs;
    this.#shredded.clear();
    this.#subjects.clear();
    if (changedMs === 0) return;
    for (const id of readdirSync(folder)) {
      if (!isSubjectId.test(id)) continue;
      this.#shredded.set(id, readFileSync(join(folder, id), 'utf8'));
      this.#cache.delete(id);
    }
  }

  /** The key for entries of `subject` from now on; made when it has none. Who comes back after being shredded gets a new one. */
  forSubject(subject: string): SubjectKey {
    const cached = this.#subjects.get(subject);
    if (cached !== undefined) return cached;
    const id = subjectId(subject);
    const marker = this.#shredded.get(id);
    const name = marker === undefined ? id : `${id}-${marker}`;
    let key = this.byId(name);
    if (key === null) {
      key = { id: name, bytes: randomBytes(32) };
      this.#write(name, key.bytes);
      this.#remember(name, key);
    }
    if (this.#subjects.size >= MAX_CACHED) this.#subjects.clear();
    this.#subjects.set(subject, key);
    return key;
  }

  /** Null when it was shredded, or was never here. */
  byId(id: string): SubjectKey | null {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    if (!/^[0-9a-f]{32}(?:-[0-9a-f]{16})?$/.test(id) || !existsSync(join(this.#folder, id))) return null;
    const key = { id, bytes: this.#read(id) };
    this.#remember(id, key);
    return key;
  }

  #remember(id: string, key: SubjectKey): void {
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(id, key);
  }

  /** Ids of the keys that `subject` has. */
  namesOf(subject: string): string[] {
    const id = subjectId(subject);
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder).filter((name) => name === id || name.startsWith(`${id}-`));
  }

  /** Destroys the keys of `subject`: its entries stay, and nobody can read them. Answers how many keys there were. */
  shred(subject: string): number {
    const id = subjectId(subject);
    const names = this.namesOf(subject);
    for (const name of names) {
      const file = join(this.#folder, name);
      const descriptor = openSync(file, 'r+');
      writeSync(descriptor, randomBytes(statSync(file).size), 0);
      fsyncSync(descriptor);
      closeSync(descriptor);
      unlinkSync(file);
      this.#cache.delete(name);
    }
    // What comes after has a key of another name: nothing that was written before opens with it.
    writeWhole(join(this.#folder, SHREDDED, id), randomBytes(8).toString('hex'));
    this.#seenMs = -1;
    this.refresh();
    if (names.length > 0) syncFolder(this.#folder);
    return names.length;
  }

  #write(name: string, clear: Buffer): void {
    let bytes = clear;
    if (this.#secret !== null) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', this.#secret, nonce);
      cipher.setAAD(Buffer.from(name));
      bytes = Buffer.concat([
        Buffer.from('s1'),
        nonce,
        cipher.update(clear),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
    } else bytes = Buffer.concat([Buffer.from('c1'), clear]);
    writeWhole(join(this.#folder, name), bytes);
  }

  #read(name: string): Buffer {
    const file = join(this.#folder, name);
    if ((statSync(file).mode & 0o077) !== 0)
      throw new AuditError(`${file} can be read by others: chmod 600 ${file}`);
    const bytes = readFileSync(file);
    const form = bytes.subarray(0, 2).toString();
    if (form === 'c1') return bytes.subarray(2);
    if (form !== 's1' || bytes.length < 30) throw new AuditError(`${file} holds no key`);
    if (this.#secret === null) throw new AuditError(`${file} is sealed: the secret "audit.seal" is needed`);
    const decipher = createDecipheriv('aes-256-gcm', this.#secret, bytes.subarray(2, 14), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(bytes.subarray(bytes.length - 16));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(14, bytes.length - 16)), decipher.final()]);
    } catch {
      throw new AuditError(
        `${file} does not open: the secret "audit.seal" is another, or the file was changed`,
      );
    }
  }
}

const fileOf = (kind: number): string =>
  kind === SignatureKind.mldsaCosignature ? 'signing-ml-dsa-44' : 'signing';

const subjectId = (subject: string): string =>
  hash('sha256', `gatewright audit subject\n${subject}`, 'hex').slice(0, 32);
