/** What is counted apart. */
export type LimitPer =
  | 'address'
  | 'network'
  | 'asn'
  | 'country'
  | 'operation'
  | 'tenant'
  | 'consumer'
  | 'key'
  | `header:${string}`
  | `claim:${string}`;

/** One limit. All limits of an operation must allow a request. */
export interface LimitConfig {
  /** Stable name for the RateLimit fields (RFC 8941 token), unique within an operation. */
  readonly name: string;
  /** `operation` counts all callers of the operation together. */
  readonly per: LimitPer;
  /** What shares a count: each operation has its own, or the whole API has one. */
  readonly scope: 'api' | 'operation';
  /** A rate (GCRA), a quota of a period of the calendar, or requests under way at once. */
  readonly kind: 'rate' | 'quota' | 'concurrent';
  /** Bytes of bodies both ways are charged when the request is over. */
  readonly unit: 'requests' | 'bytes';
  readonly amount: LimitAmount;
  /** Instead of `amount` for callers with these plans. */
  readonly plans: readonly { readonly plan: string; readonly amount: LimitAmount }[];
  /** Quota; null for others. */
  readonly calendar: {
    readonly period: 'hour' | 'day' | 'week' | 'month';
    /** IANA name. */
    readonly zone: string;
    /** Share (0..1) of the count that may be carried over. */
    readonly carry: number;
  } | null;
  /** How long a request beyond a rate may wait for its turn, ms; 0 refuses it. */
  readonly queueMs: number;
  /** Counted over all nodes, where there are several. */
  readonly isShared: boolean;
}

export interface LimitAmount {
  readonly count: number;
  /** Rate: what `count` is for, ms. */
  readonly periodMs: number;
  /** Rate: what may come at once; at least 1. */
  readonly burst: number;
}

/** What plans and tenants callers have. */
export interface MembershipConfig {
  /** Path of the claim that names the plan; empty: tokens do not. */
  readonly planClaim: readonly string[];
  /** Plan of callers without one; empty for none. */
  readonly defaultPlan: string;
  readonly tenantClaim: readonly string[];
  /** Of API consumers. */
  readonly members: readonly { readonly consumer: string; readonly plan: string; readonly tenant: string }[];
}
