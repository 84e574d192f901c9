// Root keys that need nobody else's service: wrapped with the key of a file, of a passphrase, or with a key that is split
// among several people.
import { hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  associate,
  combineShares,
  derivePassphraseKey,
  KEY_BYTES,
  MIN_PASSPHRASE,
  newPassphraseCost,
  openAead,
  type PassphraseCost,
  parseShare,
  type Share,
  sealAead,
  splitSecret,
} from '../../envelope/index.ts';
import { type RootWrap, VaultError } from '../contract.ts';

const data = (kind: string): Buffer => associate('gatewright vault root', kind);

function wrapLocally(kind: string, key: Buffer, rootKey: Uint8Array): string {
  return sealAead('gcm-siv', key, data(kind), rootKey).toString('base64url');
}

function unwrapLocally(kind: string, key: Buffer, wrapped: string): Buffer {
  try {
    return openAead('gcm-siv', key, data(kind), Buffer.from(wrapped, 'base64url'));
  } finally {
    key.fill(0);
  }
}

/** From a text with the entropy of a key, such as `state.seal`. At least 32 characters. */
export function sealTextRoot(text: string): RootWrap {
  const kind = 'seal-text';
  const key = (): Buffer => Buffer.from(hkdfSync('sha256', text, '', 'gatewright vault root v1', KEY_BYTES));
  if (text.length < 32) throw new VaultError('invalid', 'the seal key has fewer than 32 characters');
  return {
    kind,
    wrap: async (rootKey) => wrapLocally(kind, key(), rootKey),
    unwrap: async (wrapped) => unwrapLocally(kind, key(), wrapped),
  };
}

/**
 * From a file of 32 bytes as base64url that only its owner can read. Anything looser is refused: by then somebody may
 * have read it.
 */
export function keyFileRoot(file: string): RootWrap {
  const kind = 'key-file';
  return {
    kind,
    wrap: async (rootKey) => wrapLocally(kind, readKeyFile(file), rootKey),
    unwrap: async (wrapped) => unwrapLocally(kind, readKeyFile(file), wrapped),
  };
}

/** Makes a key file, whole or not at all, and never over another. Answers whether it was made. */
export function writeKeyFile(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    linkSync(draft, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new VaultError('invalid', `the key file ${file} can not be written (${code})`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function readKeyFile(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    throw new VaultError(
      'invalid',
      `the key file ${file} can not be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  try {
    // The file that is looked at is the file that is read.
    const { mode, uid } = fstatSync(descriptor);
    if (process.platform !== 'win32') {
      if ((mode & 0o077) !== 0)
        throw new VaultError(
          'invalid',
          `the key file ${file} can be read by others (mode ${(mode & 0o777).toString(8)}): make a new one with mode 600`,
        );
      const self = process.getuid?.();
      if (self !== undefined && uid !== self && uid !== 0)
        throw new VaultError('invalid', `the key file ${file} belongs to another user`);
    }
    const key = Buffer.from(readFileSync(descriptor, 'utf8').trim(), 'base64url');
    if (key.length !== KEY_BYTES)
      throw new VaultError('invalid', `the key file ${file} holds no key of 32 bytes`);
    return key;
  } finally {
    closeSync(descriptor);
  }
}

/** From what a person remembers. */
export function passphraseRoot(passphrase: string): RootWrap {
  const kind = 'passphrase';
  return {
    kind,
    wrap: async (rootKey) => {
      if (passphrase.length < MIN_PASSPHRASE)
        throw new VaultError('invalid', `a passphrase has at least ${MIN_PASSPHRASE} characters`);
      const cost = newPassphraseCost();
      const key = await derivePassphraseKey(passphrase, cost);
      return JSON.stringify({ cost, sealed: wrapLocally(kind, key, rootKey) });
    },
    unwrap: async (wrapped) => {
      const { cost, sealed } = JSON.parse(wrapped) as { cost: PassphraseCost; sealed: string };
      return unwrapLocally(kind, await derivePassphraseKey(passphrase, cost), sealed);
    },
  };
}

export interface SharesRoot extends RootWrap {
  /** After `wrap`: one text for each keeper. They are nowhere else. */
  readonly shares: readonly string[];
}

/** Splits a new wrapping key among `count` keepers, `threshold` of whom can unwrap. */
export function newSharesRoot(count: number, threshold: number): SharesRoot {
  const kind = 'shares';
  const shares: string[] = [];
  return {
    kind,
    shares,
    wrap: async (rootKey) => {
      const key = randomBytes(KEY_BYTES);
      shares.splice(0, shares.length, ...splitSecret(key, count, threshold));
      const sealed = wrapLocally(kind, key, rootKey);
      key.fill(0);
      return JSON.stringify({ sealed, set: parseShare(shares[0]!).set, count, threshold });
    },
    unwrap: () => Promise.reject(new VaultError('invalid', 'shares are needed')),
  };
}

/** Unwraps with shares that keepers have given. */
export function givenSharesRoot(given: readonly Share[]): RootWrap {
  const kind = 'shares';
  return {
    kind,
    wrap: () => Promise.reject(new VaultError('invalid', 'shares that were given wrap nothing new')),
    unwrap: async (wrapped) => {
      const { sealed } = sharesInfo(wrapped);
      return unwrapLocally(kind, combineShares(given), sealed);
    },
  };
}

export function sharesInfo(wrapped: string): {
  sealed: string;
  set: string;
  count: number;
  threshold: number;
} {
  return JSON.parse(wrapped) as { sealed: string; set: string; count: number; threshold: number };
}
