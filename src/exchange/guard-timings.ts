// When each guard of one exchange ran and what it said: only for exchanges whose trace is kept, so that the others pay nothing. HOT
import type { GuardName } from './guard.ts';

export type GuardHook = 'request' | 'body' | 'answer' | 'answer-body';
export type GuardVerdict = 'passed' | 'refused' | 'answered' | 'threw';

export interface GuardTiming {
  readonly guard: GuardName;
  readonly hook: GuardHook;
  /** Monotonic ms, as `Exchange.startMs`. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly verdict: GuardVerdict;
}

/** More are not kept: a guard runs four times at most, so that only a mistake could make more. */
const MAX_TIMINGS = 64;

export class GuardTimings {
  readonly list: GuardTiming[] = [];

  add(guard: GuardName, hook: GuardHook, fromMs: number, untilMs: number, verdict: GuardVerdict): void {
    if (this.list.length < MAX_TIMINGS) this.list.push({ guard, hook, fromMs, untilMs, verdict });
  }
}
