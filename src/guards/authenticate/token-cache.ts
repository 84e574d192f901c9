// Verdicts of tokens that were verified before: a signature check costs some hundred microseconds, the look-up less
// than one. Only good verdicts are kept, two generations of a bounded size, so that junk can not push out much. HOT
import type { Consumer } from '../../exchange/index.ts';
import type { Confirmation } from './possession.ts';

export interface CachedToken {
  readonly consumer: Consumer;
  readonly expiresMs: number;
  readonly notBeforeMs: number;
  /** ms since the epoch; 0 when the token does not say. */
  readonly issuedMs: number;
  /** What the token is bound to; null for a plain bearer token. */
  readonly confirmation: Confirmation | null;
  /** Version of the key set that verified it. */
  readonly version: number;
  /** Version of the table of withdrawals at which it was last found good. */
  checkedVersion: number;
}

/** Entries of one generation; with tokens of 1 KiB both together stay below 25 MB. */
const GENERATION = 10_000;

export class TokenCache {
  #young = new Map<string, CachedToken>();
  #old = new Map<string, CachedToken>();

  get(token: string): CachedToken | undefined {
    const hit = this.#young.get(token);
    if (hit !== undefined) return hit;
    const aged = this.#old.get(token);
    if (aged !== undefined) this.set(token, aged);
    return aged;
  }

  set(token: string, entry: CachedToken): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(token, entry);
  }

  delete(token: string): void {
    this.#young.delete(token);
    this.#old.delete(token);
  }
}
