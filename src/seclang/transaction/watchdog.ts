// Stops an expression on its way: V8 can be told by another thread to give up, which node:vm does for scripts with a timeout.
// Starting that thread costs about 100 µs, so it watches over long values only, where an expression that backtracks could take
// minutes or hours.

import { createContext, Script } from 'node:vm';
import { endInspection } from './budget.ts';
import type { TransactionState } from './state.ts';

/** On shorter values even a cubic expression ends within the second that a transaction has. */
export const WATCHED_BYTES = 512;

let watched: (() => void) | null = null;
const context = createContext({ run: () => watched?.() });
const script = new Script('run()');

/** Runs `work` within the time that the transaction has left. False when that was not enough: the transaction is over. */
export function runWatched(state: TransactionState, work: () => void): boolean {
  if (watched !== null) {
    work();
    return true;
  }
  const leftMs = Math.ceil(state.profile.maxInspectionMs - state.spentMs);
  watched = work;
  try {
    script.runInContext(context, { timeout: Math.max(1, leftMs) });
    return true;
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    endInspection(state);
    return false;
  } finally {
    watched = null;
  }
}
