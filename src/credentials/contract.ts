// What a data-plane thread needs of an API key, as plain data.

export interface ApiKeyRow {
  /** Public id, for logs and withdrawal. */
  readonly id: string;
  /** Lower-case hexadecimal SHA-256 of the whole key. */
  readonly sha256: string;
  /** Who calls with it. */
  readonly consumer: string;
  readonly scopes: readonly string[];
  /** CIDR blocks that it may be used from; empty: any. */
  readonly addresses: readonly string[];
  /** When it was made, ms since the epoch. */
  readonly createdMs: number;
  /** ms since the epoch, null for a key that does not expire. */
  readonly expiresMs: number | null;
}

/** A step from one state of the keys to the next. */
export interface ApiKeyUpdate {
  /** Keys that are new or have changed. */
  readonly rows: readonly ApiKeyRow[];
  /** Hashes of keys that are good no longer. */
  readonly removed: readonly string[];
}

/** That a key was used, to be written down now and then. */
export interface ApiKeyUse {
  readonly id: string;
  readonly usedMs: number;
}

/** Claim of a session that a better login made: what was asked for. */
export const STEP_UP_CLAIM = 'gatewright-step-up';
