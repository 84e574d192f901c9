// A key from what a person remembers: argon2id (RFC 9106), whose cost stands beside the salt. What stands there may have
// been changed by somebody who wants guessing to be cheap or this process to die, so both ends are bounded.
import { argon2, randomBytes } from 'node:crypto';
import { KEY_BYTES, type RandomBytes, SealError } from './aead.ts';

export interface PassphraseCost {
  /** base64url, 16 bytes. */
  readonly salt: string;
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The second recommendation of RFC 9106 section 4: 64 MiB, three passes, four lanes; a quarter of a second. */
const recommended = { memoryKiB: 65_536, passes: 3, parallelism: 4 } as const;
const MIN_MEMORY_KIB = 19_456;
const MAX_MEMORY_KIB = 1_048_576;
const MAX_PASSES = 64;
/** Shorter ones are guessed. */
export const MIN_PASSPHRASE = 12;

export function newPassphraseCost(random: RandomBytes = randomBytes): PassphraseCost {
  return { salt: random(16).toString('base64url'), ...recommended };
}

/** Rejects with SealError for a cost out of bounds. */
export function derivePassphraseKey(passphrase: string, cost: PassphraseCost): Promise<Buffer> {
  const { memoryKiB, passes, parallelism } = cost;
  const salt = Buffer.from(cost.salt, 'base64url');
  const sound =
    [memoryKiB, passes, parallelism].every(Number.isSafeInteger) &&
    memoryKiB >= MIN_MEMORY_KIB &&
    memoryKiB <= MAX_MEMORY_KIB &&
    passes >= 1 &&
    passes <= MAX_PASSES &&
    parallelism >= 1 &&
    parallelism <= 16 &&
    salt.length === 16;
  if (!sound) return Promise.reject(new SealError('the cost of the passphrase is out of bounds'));
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        message: Buffer.from(passphrase.normalize('NFC'), 'utf8'),
        nonce: salt,
        parallelism,
        tagLength: KEY_BYTES,
        memory: memoryKiB,
        passes,
      },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    );
  });
}
