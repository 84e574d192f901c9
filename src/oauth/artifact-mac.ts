// Proof that an artifact was written by the server and not by somebody who can write to its database: a code, grant or session
// that was made up, changed, or moved to another row is none. HMAC-SHA-256 under keys that the database holds sealed.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Artifact } from './contract.ts';

/** Keys by the id of the signing key that they are made from; the one that signs is named. */
export interface MacKeys {
  readonly keys: readonly { readonly id: string; readonly key: string }[];
  readonly currentId: string;
}

const SEPARATOR = '|';

export class ArtifactMac {
  readonly #keys = new Map<string, Uint8Array>();
  readonly #currentId: string;

  /** `key` is base64url of 32 bytes that seal other things as well. */
  constructor({ keys, currentId }: MacKeys) {
    for (const { id, key } of keys)
      this.#keys.set(
        id,
        new Uint8Array(hkdfSync('sha256', Buffer.from(key, 'base64url'), '', 'gatewright artifact v1', 32)),
      );
    this.#currentId = currentId;
  }

  /** The artifact with its proof before its payload. */
  close(artifact: Artifact): Artifact {
    const proof = this.#proof(this.#currentId, artifact.model, artifact.id, artifact.payload);
    return { ...artifact, payload: [this.#currentId, proof, artifact.payload].join(SEPARATOR) };
  }

  /** The payload that was closed for this very row; null for any other text. */
  open(model: string, id: string, text: string): string | null {
    const first = text.indexOf(SEPARATOR);
    const second = text.indexOf(SEPARATOR, first + 1);
    const keyId = text.slice(0, Math.max(0, first));
    if (first === -1 || second === -1 || !this.#keys.has(keyId)) return null;
    const payload = text.slice(second + 1);
    const given = Buffer.from(text.slice(first + 1, second));
    const expected = Buffer.from(this.#proof(keyId, model, id, payload));
    return given.length === expected.length && timingSafeEqual(given, expected) ? payload : null;
  }

  #proof(keyId: string, model: string, id: string, payload: string): string {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new Error('there is no key to sign artifacts with');
    return createHmac('sha256', key)
      .update(JSON.stringify([model, id, payload]))
      .digest('base64url');
  }
}
