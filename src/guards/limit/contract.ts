/** A rate limit (GCRA). All limits of an operation must allow a request. */
export interface LimitConfig {
  /** Stable name for the RateLimit fields (RFC 8941 token), unique within an operation. */
  readonly name: string;
  /** What is counted apart. `operation` counts all callers of the operation together. */
  readonly per: 'address' | 'consumer' | 'operation';
  /** What shares a cell: each operation has its own, or the whole API has one. */
  readonly scope: 'api' | 'operation';
  readonly count: number;
  readonly periodMs: number;
  /** Requests that may come at once; at least 1. */
  readonly burst: number;
  /** Counted over all nodes, where there are several. */
  readonly isShared: boolean;
}
