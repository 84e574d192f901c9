// HOT. A bound on the work for one transaction, so that no request can hold a thread: each value that a rule looks at costs its
// length and a flat part. Beyond the bound the transaction is interrupted: what was not inspected does not pass.

import type { TransactionState } from './state.ts';

/** About what a look at a value costs beside its bytes. */
const STEP = 64;

/**
 * Byte-steps for one transaction. The Core Rule Set at paranoia level 4 takes some 400 looks at each argument: this allows for a
 * thousand arguments of a kilobyte, or for a body of a megabyte in one argument, and ends in a few seconds of work.
 */
export const MAX_WORK = 2_000_000_000;

/** The status of an answer to a request that would cost too much: content too large. */
const STATUS = 413;

export function exceedsBudget(state: TransactionState, length: number): boolean {
  state.work += length + STEP;
  if (state.work <= MAX_WORK) return false;
  if (state.mode !== 'on') {
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
