/** Where nodes meet. Plain data. */
export interface ClusterConfig {
  readonly redis: RedisTarget;
  /** In front of every key. */
  readonly prefix: string;
  /** The longest that a request waits for an answer, ms. */
  readonly waitMs: number;
  /** What happens to requests under shared limits while Redis does not answer. */
  readonly whenAway: 'share' | 'refuse';
  /** The fewest nodes to reckon with. */
  readonly minNodes: number;
}

export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | {
      readonly kind: 'sentinel';
      /** Name of the master that sentinels watch. */
      readonly name: string;
      readonly sentinels: readonly { readonly host: string; readonly port: number }[];
      readonly username: string;
      readonly password: string;
      readonly tls: boolean;
    };
