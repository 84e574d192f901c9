// The root's private key as a file that its keeper takes away: encrypted under a passphrase, bound to the certificate that it
// belongs to, written whole or not at all and readable by its owner only.
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { IdentityError } from '../contract.ts';

const FORMAT = 'gatewright-root-key-1';
/** scrypt with 128 MiB: some tenths of a second, once a rotation; a guess costs an attacker the same. */
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 160 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Shorter passphrases are guessed. */
export const MIN_PASSPHRASE = 12;
const MAX_FILE_BYTES = 65_536;

export interface RootKey {
  /** Id of the root authority. */
  readonly id: string;
  readonly trustDomain: string;
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly privatePem: string;
}

const associated = (id: string, trustDomain: string, certificate: string): Buffer =>
  Buffer.from(JSON.stringify([FORMAT, id, trustDomain, certificate]));

/** The file's text. Throws IdentityError for a passphrase that is too short. */
export function sealRootKey(root: RootKey, passphrase: string): string {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new IdentityError('invalid', `the passphrase needs ${MIN_PASSPHRASE} characters or more`);
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, 32, SCRYPT), nonce);
  cipher.setAAD(associated(root.id, root.trustDomain, root.certificate));
  const sealed = Buffer.concat([cipher.update(root.privatePem, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const { id, trustDomain, certificate } = root;
  return `${JSON.stringify(
    {
      format: FORMAT,
      id,
      trustDomain,
      certificate,
      scrypt: { N: SCRYPT.N, r: SCRYPT.r, p: SCRYPT.p, salt: salt.toString('base64url') },
      nonce: nonce.toString('base64url'),
      sealed: sealed.toString('base64url'),
    },
    null,
    2,
  )}\n`;
}

/** Throws IdentityError when it is no such file, was changed, or the passphrase is another. */
export function openRootKey(text: string, passphrase: string): RootKey {
  const file = parse(text);
  if (file === null) throw new IdentityError('invalid', 'this is not a root key file of Gatewright');
  const { id, trustDomain, certificate, salt, nonce, sealed } = file;
  try {
    // INVARIANT: the cost is ours, not the file's: a file can not ask for less, nor for all memory.
    const key = scryptSync(passphrase, salt, 32, SCRYPT);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associated(id, trustDomain, certificate));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const clear = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    const privatePem = Buffer.concat([clear, decipher.final()]).toString('utf8');
    return { id, trustDomain, certificate, privatePem };
  } catch {
    throw new IdentityError(
      'invalid',
      'the root key can not be opened: another passphrase, or the file was changed',
    );
  }
}

interface SealedFile {
  readonly id: string;
  readonly trustDomain: string;
  readonly certificate: string;
  readonly salt: Buffer;
  readonly nonce: Buffer;
  readonly sealed: Buffer;
}

function parse(text: string): SealedFile | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { format, id, trustDomain, certificate, scrypt, nonce, sealed } = value as Record<string, unknown>;
  const salt = typeof scrypt === 'object' && scrypt !== null ? (scrypt as { salt?: unknown }).salt : null;
  const texts = [id, trustDomain, certificate, salt, nonce, sealed];
  if (format !== FORMAT || !texts.every((entry) => typeof entry === 'string')) return null;
  const bytes = [salt, nonce, sealed].map((entry) => Buffer.from(entry as string, 'base64url'));
  const [saltBytes, nonceBytes, sealedBytes] = bytes as [Buffer, Buffer, Buffer];
  if (saltBytes.length !== SALT_BYTES || nonceBytes.length !== NONCE_BYTES || sealedBytes.length <= TAG_BYTES)
    return null;
  return {
    id: id as string,
    trustDomain: trustDomain as string,
    certificate: certificate as string,
    salt: saltBytes,
    nonce: nonceBytes,
    sealed: sealedBytes,
  };
}

/** Writes a new file; never over one that is there. */
export function writeRootKey(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new IdentityError(
      code === 'EEXIST' ? 'exists' : 'invalid',
      code === 'EEXIST' ? `${file} exists already` : `${file} can not be written (${code})`,
    );
  } finally {
    rmSync(draft, { force: true });
  }
}

export function readRootKey(file: string, passphrase: string): RootKey {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').slice(0, MAX_FILE_BYTES);
  } catch (error) {
    throw new IdentityError('unknown', `${file} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return openRootKey(text, passphrase);
}
