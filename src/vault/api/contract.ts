// The words of the HTTP API: a call as Vault's clients make it, and an answer as they read it.
import type { Token } from '../access/tokens.ts';

export type Operation = 'read' | 'list' | 'update' | 'patch' | 'delete';

export type Json = Readonly<Record<string, unknown>>;

export interface VaultRequest {
  readonly operation: Operation;
  /** Below `/v1/`, decoded, without slashes at its ends. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Json;
  /** Empty without. */
  readonly tokenId: string;
  /** How long a wrapped answer waits, ms; 0 for none. */
  readonly wrapTtlMs: number;
  readonly address: string;
}

/** A call whose token is good. */
export interface VaultCall extends VaultRequest {
  readonly hash: string;
  readonly token: Token;
  /** Path below the mount. */
  readonly rest: string;
  /** Path of the mount, with its slash. */
  readonly mount: string;
}

export interface LeaseInfo {
  readonly id: string;
  readonly durationMs: number;
  readonly renewable: boolean;
}

export interface VaultReply {
  readonly status: number;
  /** `data` of the answer; null for an answer without a body. */
  readonly data?: Json | null;
  readonly auth?: Json;
  readonly lease?: LeaseInfo;
  readonly warnings?: readonly string[];
  /** The whole body, for the few answers that have another shape. */
  readonly raw?: Json;
}

export const noContent: VaultReply = { status: 204 };
export const notFound: VaultReply = { status: 404, raw: { errors: [] } };

/** A moment as Vault writes it; empty for none. */
export const timeText = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString());

export const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));

/** A list answer; Vault says 404 for an empty one. */
export const listReply = (keys: readonly string[]): VaultReply =>
  keys.length === 0 ? notFound : { status: 200, data: { keys } };
