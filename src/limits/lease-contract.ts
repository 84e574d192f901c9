// The words that the parts of shared limits have in common: the limit, what a request is told, and the port behind which a store
// keeps the buckets.
import type { LimitParameters } from './limit-table.ts';

/** Tokens of a rate are used within this time of being taken out of the bucket, or given back, ms. */
export const LEASE_MS = 300;
/** Those of a quota have until the end of its period; they go back after this time so that others can have them, ms. */
export const QUOTA_LEASE_MS = 2000;
/** A lease covers the demand of this time, ms. */
export const horizonMs = { rate: 100, quota: 1000 } as const;
/** Share of a minute's rate that all nodes together may admit before the store has agreed. */
export const CREDIT_SHARE = 0.005;

/** A limit whose tokens come from a store. Plain data: it goes from thread to thread. */
export interface LeaseLimit extends LimitParameters {
  /** A rate refills all the time; a quota at the end of its period, and `burst` is its count. */
  readonly kind: 'rate' | 'quota';
  /** What all nodes together may admit ahead of the store; see `creditOf`. */
  readonly credit: number;
  /** Whether requests are held to the node's share while the store does not answer; false refuses them. */
  readonly alone: boolean;
  /** Quota: the most that is carried over of what the last period left. */
  readonly carry: number;
}

/** Requests that may be admitted ahead: 0.5 % of a minute at the rate, or of a quota. */
export const creditOf = (kind: LeaseLimit['kind'], intervalMs: number, count: number): number =>
  Math.floor(CREDIT_SHARE * (kind === 'rate' ? 60_000 / intervalMs : count));

export const Verdict = { allowed: 0, refused: 1, wait: 2, unavailable: 3 } as const;

export const ASK_NOTHING = 0;
/** Some time soon. */
export const ASK_LAZILY = 1;
export const ASK_NOW = 2;

/** Outcome of the last `take`; reused. */
export class LeaseResult {
  verdict: number = Verdict.allowed;
  ask: number = ASK_NOTHING;
  remaining = 0;
  resetMs = 0;
  retryAfterMs = 0;
}

/** One key that a node needs to hear of. */
export interface LeaseAsk {
  readonly limit: LeaseLimit;
  readonly key: string;
  /** Null for a rate. */
  readonly period: QuotaPeriod | null;
}

/** One period of a quota for one caller. */
export interface QuotaPeriod {
  /** Who is counted, without the period: `key` is this and the period's name. */
  readonly subject: string;
  /** Names of this period and of the one before, for instance `2026-11`. */
  readonly name: string;
  readonly previous: string;
  readonly untilEpochMs: number;
}

export const leaseId = (limit: LeaseLimit, key: string): string => `${limit.id}\n${key}`;

/** One question to the store: settle `debt`, take `unused` back, lease up to `wanted`. */
export interface BucketAsk {
  readonly kind: 'rate' | 'quota';
  /** Name of the bucket, which tells nothing of whose it is. A quota's periods share one. */
  readonly name: string;
  /** Rate. */
  readonly intervalMs: number;
  /** Rate: the burst; quota: its count. */
  readonly burst: number;
  /** Quota: the most that is carried over. */
  readonly carry: number;
  /** Quota: names of the period and of the one before; empty for a rate. */
  readonly period: string;
  readonly previous: string;
  readonly untilEpochMs: number;
  readonly wanted: number;
  readonly debt: number;
  readonly unused: number;
}

export interface BucketReply {
  readonly granted: number;
  /** Rate: until the bucket is full again, ms. Quota: what is left after this. */
  readonly level: number;
  /** Until the next token, ms; 0 when there are some. */
  readonly dryMs: number;
}

/** Buckets that nodes share. */
export interface BucketStore {
  /** Answers in order; null for a bucket that could not be reached. Rejects when none could. */
  exchange(asks: readonly BucketAsk[]): Promise<readonly (BucketReply | null)[]>;
  /** Says that this node lives; answers how many do. Rejects when the store does not answer. */
  greet(): Promise<number>;
}
