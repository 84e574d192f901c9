// The same runs with a clock beside them, for exchanges whose guards are timed. They decide as the fast ones do; a test holds the two
// against each other.
import type { Decision, GuardHook, GuardName, GuardTimings, GuardVerdict } from '../exchange/index.ts';
import { failed } from './failure.ts';

const verdictOf = (decision: Decision): GuardVerdict =>
  decision === null ? 'passed' : decision.kind === 'refusal' ? 'refused' : 'answered';

/** Runs hook after hook until one decides. Never throws, never rejects. */
export function runTimed(
  timings: GuardTimings,
  hook: GuardHook,
  names: readonly GuardName[],
  call: (index: number) => Decision | Promise<Decision>,
  from = 0,
): Decision | Promise<Decision> {
  for (let i = from; i < names.length; i++) {
    const name = names[i]!;
    const fromMs = performance.now();
    let decision: Decision | Promise<Decision>;
    try {
      decision = call(i);
    } catch (cause) {
      timings.add(name, hook, fromMs, performance.now(), 'threw');
      return failed(name, cause);
    }
    if (decision instanceof Promise) {
      return afterWait(decision, name, fromMs, timings, hook).then(
        (settled) => settled ?? runTimed(timings, hook, names, call, i + 1),
      );
    }
    timings.add(name, hook, fromMs, performance.now(), verdictOf(decision));
    if (decision !== null) return decision;
  }
  return null;
}

async function afterWait(
  waiting: Promise<Decision>,
  name: GuardName,
  fromMs: number,
  timings: GuardTimings,
  hook: GuardHook,
): Promise<Decision> {
  try {
    const decision = await waiting;
    timings.add(name, hook, fromMs, performance.now(), verdictOf(decision));
    return decision;
  } catch (cause) {
    timings.add(name, hook, fromMs, performance.now(), 'threw');
    return failed(name, cause);
  }
}

/** For hooks that decide at once. Never throws. */
export function runTimedAnswer(
  timings: GuardTimings,
  hook: GuardHook,
  names: readonly GuardName[],
  call: (index: number) => Decision,
): Decision {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const fromMs = performance.now();
    let decision: Decision;
    try {
      decision = call(i);
    } catch (cause) {
      timings.add(name, hook, fromMs, performance.now(), 'threw');
      return failed(name, cause);
    }
    timings.add(name, hook, fromMs, performance.now(), verdictOf(decision));
    if (decision !== null) return decision;
  }
  return null;
}
