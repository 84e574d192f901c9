// HOT. A bound on the work for one transaction, so that no request can hold a thread. Counted are the bytes that rules look at, and,
// since an expression can take long over few bytes, the time spent on all but short values. Beyond the bound the transaction
// is interrupted: what was not inspected does not pass.

import type { TransactionState } from './state.ts';

/** About what a look at a value costs beside its bytes. */
const STEP = 64;

/**
 * Bytes that all rules together may look at. The Core Rule Set at paranoia level 4 looks some 400 times at each argument: this
 * allows for a body of five megabytes in its arguments.
 */
const MAX_WORK = 2_000_000_000;

/** On shorter values no expression takes long enough to be worth a look at the clock. */
export const TIMED_BYTES = 64;

/** The status of an answer to a request that would cost too much: content too large. */
const STATUS = 413;

/** To be called before a value is looked at. */
export function exceedsBudget(state: TransactionState, length: number): boolean {
  state.work += length + STEP;
  return state.work > MAX_WORK && endInspection(state);
}

/** To be called after a value was looked at that is longer than `TIMED_BYTES`. */
export function exceedsTime(state: TransactionState, sinceMs: number): boolean {
  state.spentMs += performance.now() - sinceMs;
  return state.spentMs > state.profile.maxInspectionMs && endInspection(state);
}

/** True. */
export function endInspection(state: TransactionState): boolean {
  if (state.mode !== 'on' || state.phase === 5) {
    // Where nothing blocks, inspecting ends instead.
    state.mode = 'off';
    return true;
  }
  state.interruption ??= {
    action: 'deny',
    status: STATUS,
    ruleId: 0,
    phase: state.phase,
    reason: 'work-budget',
    location: '',
  };
  return true;
}
