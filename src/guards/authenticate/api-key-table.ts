// API keys as a data-plane thread knows them: those of the configuration, which go with the snapshot, and those of the
// store, which come and go one by one and outlast every reload. Both are found by the hash of what callers present. HOT
import {
  type ApiKeyUpdate,
  type ApiKeyUse,
  hashApiKey,
  MAX_API_KEY_BYTES,
  RevocationKind,
  type RevocationTable,
} from '../../credentials/index.ts';
import type { Consumer } from '../../exchange/index.ts';
import { AddressSet } from '../../net/index.ts';
import type { ConsumerConfig } from './contract.ts';

/** A use within this time of the last one that was noted is not noted again, ms. */
const NOTE_MS = 5000;

export class KeyRow {
  readonly consumer: Consumer;
  /** ms since the epoch; Infinity when the key does not expire. */
  readonly expiresMs: number;
  /** Null: may be used from anywhere. */
  readonly addresses: AddressSet | null;
  /** Version of the table of withdrawals at which the key was last found good. */
  checkedVersion = -1;
  notedMs = 0;

  constructor(consumer: Consumer, expiresMs: number, addresses: readonly string[]) {
    this.consumer = consumer;
    this.expiresMs = expiresMs;
    this.addresses = addresses.length === 0 ? null : new AddressSet(addresses);
  }
}

/** The store's keys on one thread. */
export class StoredKeys {
  readonly #rows = new Map<string, KeyRow>();
  readonly #revocations: RevocationTable | null;
  /** Most keys have one of few lists of scopes. */
  readonly #scopes = new Map<string, ReadonlySet<string>>();
  #uses: ApiKeyUse[] = [];

  /** `revocations` may be null where nothing can be withdrawn (tests). */
  constructor(revocations: RevocationTable | null) {
    this.#revocations = revocations;
  }

  update({ rows, removed }: ApiKeyUpdate): void {
    for (const row of rows) {
      const consumer: Consumer = {
        id: row.consumer,
        method: 'api-key',
        scopes: this.#scopeSet(row.scopes),
        claims: noClaims,
        credentialId: row.id,
        issuedMs: row.createdMs,
      };
      this.#rows.set(
        row.sha256,
        new KeyRow(consumer, row.expiresMs ?? Number.POSITIVE_INFINITY, row.addresses),
      );
    }
    for (const sha256 of removed) this.#rows.delete(sha256);
  }

  find(sha256: string): KeyRow | null {
    return this.#rows.get(sha256) ?? null;
  }

  /** Whether the key, or all of its consumer, is withdrawn; a look-up only when something was since the last time. */
  isRevoked(row: KeyRow): boolean {
    const table = this.#revocations;
    if (table === null) return false;
    const version = table.version;
    if (row.checkedVersion === version) return false;
    const { consumer } = row;
    if (
      table.isRevoked(RevocationKind.key, consumer.credentialId, UNDATED) ||
      table.isRevoked(RevocationKind.subject, consumer.id, UNDATED)
    ) {
      return true;
    }
    row.checkedVersion = version;
    return false;
  }

  noteUse(row: KeyRow, nowMs: number): void {
    if (nowMs - row.notedMs < NOTE_MS) return;
    row.notedMs = nowMs;
    this.#uses.push({ id: row.consumer.credentialId, usedMs: nowMs });
  }

  /** What was noted since the last time. */
  takeUses(): readonly ApiKeyUse[] {
    if (this.#uses.length === 0) return this.#uses;
    const uses = this.#uses;
    this.#uses = [];
    return uses;
  }

  #scopeSet(scopes: readonly string[]): ReadonlySet<string> {
    const name = JSON.stringify(scopes);
    let set = this.#scopes.get(name);
    if (set === undefined) {
      set = new Set(scopes);
      this.#scopes.set(name, set);
    }
    return set;
  }
}

/** A key has no date of issue: only what is withdrawn whole counts. */
const UNDATED = Number.MAX_VALUE;
const noClaims = Object.freeze({});

/** All keys of one snapshot. */
export class ApiKeyTable {
  readonly #rows = new Map<string, KeyRow>();
  readonly stored: StoredKeys;

  constructor(consumers: readonly ConsumerConfig[], stored: StoredKeys) {
    this.stored = stored;
    for (const consumer of consumers) {
      for (const key of consumer.keys) {
        const scopes = new Set(key.scopes ?? consumer.scopes);
        this.#rows.set(
          key.sha256,
          new KeyRow(
            {
              id: consumer.id,
              method: 'api-key',
              scopes,
              claims: noClaims,
              credentialId: key.id,
              ...(key.createdMs === null ? {} : { issuedMs: key.createdMs }),
            },
            key.expiresMs ?? Number.POSITIVE_INFINITY,
            key.addresses,
          ),
        );
      }
    }
  }

  /**
   * Row of a presented key, or null. The look-up goes by hash, so its time tells an attacker nothing about keys that
   * exist.
   */
  find(key: string): KeyRow | null {
    if (key.length === 0 || key.length > MAX_API_KEY_BYTES) return null;
    const sha256 = hashApiKey(key);
    return this.#rows.get(sha256) ?? this.stored.find(sha256);
  }
}
