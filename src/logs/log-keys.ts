// Keys of segments: each file has a random data key, wrapped by the log's own, which comes from a secret that does not stand
// in the folder. Frames are bound to their file and their place in it.
import { hkdfSync, randomBytes } from 'node:crypto';
import { associate, KEY_BYTES, openAead, SealError, sealAead } from '../envelope/index.ts';
import { LogError } from './contract.ts';

/** Fewer characters can be guessed. */
const MIN_SECRET_CHARACTERS = 32;

/** How a file is sealed: the wrapping key's id and the wrapped data key. */
export interface SealFact {
  readonly key: string;
  readonly wrapped: string;
}

export interface FrameCipher {
  seal(place: string, clear: Uint8Array): Buffer;
  /** Throws LogError when it was changed or moved. */
  open(place: string, sealed: Uint8Array): Buffer;
}

const plain: FrameCipher = {
  seal: (_place, clear) => Buffer.from(clear.buffer, clear.byteOffset, clear.byteLength),
  open: (_place, sealed) => Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength),
};

export class LogKeys {
  readonly #current: string | null;
  readonly #keys = new Map<string, Buffer>();

  /** `current` null: new files are not sealed. Throws LogError for a secret that is too short. */
  constructor(current: string | null, older: readonly string[] = []) {
    this.#current = current === null ? null : this.#add(current);
    for (const secret of older) this.#add(secret);
  }

  #add(secret: string): string {
    if (secret.length < MIN_SECRET_CHARACTERS)
      throw new LogError(`the seal of the access log has fewer than ${MIN_SECRET_CHARACTERS} characters`);
    const derive = (purpose: string, bytes: number): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, '', `gatewright log segments v1 ${purpose}`, bytes));
    const id = derive('id', 8).toString('hex');
    this.#keys.set(id, derive('key', KEY_BYTES));
    return id;
  }

  /** The seal of a new file, and what seals its frames. `place` names the file for good. */
  create(place: string): { readonly fact: SealFact | null; readonly cipher: FrameCipher } {
    if (this.#current === null) return { fact: null, cipher: plain };
    const dataKey = randomBytes(KEY_BYTES);
    const wrapped = sealAead(
      'gcm-siv',
      this.#keys.get(this.#current)!,
      associate('data key', place),
      dataKey,
    );
    return {
      fact: { key: this.#current, wrapped: wrapped.toString('base64url') },
      cipher: cipherOf(dataKey, place),
    };
  }

  /** Throws LogError when the key is not known or does not fit. */
  open(fact: SealFact | null, place: string): FrameCipher {
    if (fact === null) return plain;
    const key = this.#keys.get(fact.key);
    if (key === undefined)
      throw new LogError(`it is sealed with key ${fact.key}, which is neither the seal nor an older one`);
    try {
      const wrapped = Buffer.from(fact.wrapped, 'base64url');
      return cipherOf(openAead('gcm-siv', key, associate('data key', place), wrapped), place);
    } catch (error) {
      if (error instanceof SealError) throw new LogError('its data key can not be opened');
      throw error;
    }
  }
}

function cipherOf(key: Buffer, file: string): FrameCipher {
  return {
    // INVARIANT: random 96-bit nonces under a key of one file, which has some 100,000 frames at most.
    seal: (place, clear) => sealAead('gcm', key, associate('frame', file, place), clear),
    open(place, sealed) {
      try {
        return openAead('gcm', key, associate('frame', file, place), sealed);
      } catch (error) {
        if (error instanceof SealError) throw new LogError(`frame ${place} was changed or moved`);
        throw error;
      }
    },
  };
}
