// All that one request changes, kept back until its answer is known and then written in one transaction: a code is used
// up together with the tokens that it gives, a refresh token together with its successor. A process that dies before
// leaves everything as it was; a request that loses a race for the same code gets nothing.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ArtifactMac } from './artifact-mac.ts';
import {
  type ArtifactChange,
  type ArtifactKey,
  BUILT_IN_ISSUER,
  type OAuthStore,
  type StoredArtifact,
} from './contract.ts';

/** Withdrawals are remembered longer than any token of the server lives and clocks differ, ms. */
const REVOCATION_SLACK_MS = 300_000;

interface Unit {
  readonly changes: ArtifactChange[];
}

export class Artifacts {
  readonly #store: OAuthStore;
  readonly #units = new AsyncLocalStorage<Unit>();
  readonly #mac: () => ArtifactMac;
  readonly #onRevoked: () => Promise<void>;
  readonly #onForged: (place: string) => void;

  /**
   * `onRevoked` is awaited after a withdrawal was written: it has the threads know before the answer goes out. `onForged` hears of
   * rows that the server has not written.
   */
  constructor(
    store: OAuthStore,
    mac: () => ArtifactMac,
    onRevoked: () => Promise<void>,
    onForged: (place: string) => void,
  ) {
    this.#store = store;
    this.#mac = mac;
    this.#onRevoked = onRevoked;
    this.#onForged = onForged;
  }

  /**
   * Runs `work`; what it changes is written after it, if `keeps` says so then. Rejects with ArtifactConflict when something
   * else has used what it uses: then nothing was written.
   */
  async run(work: () => Promise<void>, keeps: () => boolean): Promise<void> {
    if (this.#units.getStore() !== undefined) return work();
    const unit: Unit = { changes: [] };
    await this.#units.run(unit, work);
    if (keeps()) await this.#write(unit.changes);
  }

  /** With the rest of the request, or at once where there is none. */
  async change(...changes: readonly ArtifactChange[]): Promise<void> {
    const unit = this.#units.getStore();
    if (unit === undefined) await this.#write(changes);
    else unit.changes.push(...changes);
  }

  /** Writes now, whatever becomes of the request. */
  async #write(changes: readonly ArtifactChange[]): Promise<void> {
    if (changes.length === 0) return;
    const mac = this.#mac();
    await this.#store.commit(changes.map((change) => closeChange(change, mac)));
    if (changes.some(({ kind }) => kind === 'revoke')) await this.#onRevoked();
  }

  writeNow(...changes: readonly ArtifactChange[]): Promise<void> {
    return this.#write(changes);
  }

  async find(model: string, key: ArtifactKey, value: string): Promise<StoredArtifact | null> {
    const unit = this.#units.getStore();
    let consumedMs: number | null = null;
    for (const change of unit?.changes.toReversed() ?? []) {
      if (change.kind === 'put' || change.kind === 'create') {
        const { artifact } = change;
        if (artifact.model !== model) continue;
        const found = key === 'id' ? artifact.id : key === 'uid' ? artifact.uid : artifact.userCode;
        const { id, payload, expiresMs } = artifact;
        if (found === value) return { id, payload, consumedMs, expiresMs };
      } else if (key === 'id' && (change.kind === 'remove' || change.kind === 'consume')) {
        if (change.model !== model || change.id !== value) continue;
        if (change.kind === 'remove') return null;
        consumedMs = change.atMs;
      }
    }
    const stored = await this.#store.artifact(model, key, value);
    if (stored === null) return null;
    const payload = this.#mac().open(model, stored.id, stored.payload);
    if (payload === null) {
      this.#onForged(`${model}/${stored.id}`);
      return null;
    }
    return { ...stored, payload, consumedMs: consumedMs ?? stored.consumedMs };
  }
}

/** The change as it is written: artifacts with the proof that the server made them. */
export const closeChange = (change: ArtifactChange, mac: ArtifactMac): ArtifactChange =>
  change.kind === 'put' || change.kind === 'create'
    ? { ...change, artifact: mac.close(change.artifact) }
    : change;

/** Withdraws what was issued under a grant: its tokens carry its id as `sid`. */
export const revokeGrant = (
  grantId: string,
  lifetimeMs: number,
  nowMs: number,
  reason: string,
): ArtifactChange => ({
  kind: 'revoke',
  revocation: {
    kind: 'session',
    value: `${BUILT_IN_ISSUER}|${grantId}`,
    issuedBeforeMs: null,
    untilMs: nowMs + lifetimeMs + REVOCATION_SLACK_MS,
    createdMs: nowMs,
    reason,
  },
});

/** Withdraws one token by its `jti`, until it would have ended. */
export const revokeToken = (jti: string, endMs: number, nowMs: number): ArtifactChange => ({
  kind: 'revoke',
  revocation: {
    kind: 'token',
    value: `${BUILT_IN_ISSUER}|${jti}`,
    issuedBeforeMs: null,
    untilMs: endMs + REVOCATION_SLACK_MS,
    createdMs: nowMs,
    reason: 'revoked by its client',
  },
});
