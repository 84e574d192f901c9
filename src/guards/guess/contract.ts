import type { LimitAmount } from '../limit/contract.ts';

/** How often credentials may be wrong before nobody looks at them any more. */
export interface GuessBudgets {
  /** IPv6 by /64. */
  readonly perAddress: LimitAmount;
  /** /24 of IPv4, /56 of IPv6. */
  readonly perNetwork: LimitAmount;
  /** Refusals are held back this long, ms. */
  readonly tarpitMs: number;
}

/** An operation at which people log in to the service behind it. */
export interface GuessConfig extends GuessBudgets {
  /** Statuses by which the service says that a login has failed. */
  readonly statuses: readonly number[];
  /** JSON Pointers into the body. */
  readonly account: readonly string[];
  readonly secret: readonly string[];
  readonly perAccount: LimitAmount;
  /** Of secrets whose hashes begin alike, over all accounts. */
  readonly perSecret: LimitAmount;
}
