// The run with a clock decides as the one without: over guards that pass, refuse, answer, throw, at once and later.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Answer,
  type Decision,
  Exchange,
  type Guard,
  GuardTimings,
  noHooks,
  Refusal,
} from '../exchange/index.ts';
import { FieldList } from '../http/fields/index.ts';
import { compilePipeline, runOnAnswer, runOnAnswerBody, runOnBody, runOnRequest } from './index.ts';

const names = ['admit', 'limit', 'authenticate', 'authorize', 'validate'] as const;
const act = fc.record({
  does: fc.constantFrom('pass', 'pass', 'pass', 'refuse', 'answer', 'throw'),
  waits: fc.boolean(),
});

function decide(does: string, name: (typeof names)[number]): Decision {
  if (does === 'throw') throw new Error('as the test wants it');
  if (does === 'refuse') return new Refusal('body-invalid', name, 'test');
  return does === 'answer' ? new Answer(204, name, []) : null;
}

const shown = (decision: Decision): unknown =>
  decision === null
    ? null
    : [decision.kind, decision.guard, decision.kind === 'refusal' ? decision.code : ''];

test('with and without a clock the same is decided', async () => {
  process.removeAllListeners('warning');
  process.on('warning', () => {});
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 5 }), async (acts) => {
      const run: string[] = [];
      const guards: Guard[] = acts.map(({ does, waits }, index) => {
        const name = names[index]!;
        const atOnce = (): Decision => {
          run.push(name);
          return decide(does, name);
        };
        const whenever = (): Decision | Promise<Decision> =>
          waits ? Promise.resolve().then(atOnce) : atOnce();
        return {
          ...noHooks,
          name,
          onRequest: whenever,
          onBody: whenever,
          onAnswer: atOnce,
          onAnswerBody: atOnce,
        };
      });
      const pipeline = compilePipeline(guards);
      const body = Buffer.alloc(0);
      const hooks = {
        request: (exchange: Exchange) => runOnRequest(pipeline, exchange),
        body: (exchange: Exchange) => runOnBody(pipeline, exchange, body),
        answer: (exchange: Exchange) => runOnAnswer(pipeline, exchange, 200, new FieldList()),
        'answer-body': (exchange: Exchange) => runOnAnswerBody(pipeline, exchange, body, true),
      };
      for (const [hook, call] of Object.entries(hooks)) {
        const timed = new Exchange();
        timed.timings = new GuardTimings();
        const fast = shown(await call(new Exchange()));
        const ranFast = run.splice(0);
        const slow = shown(await call(timed));
        assert.deepEqual(slow, fast);
        assert.deepEqual(run.splice(0), ranFast);
        assert.deepEqual(
          timed.timings.list.map((one) => [one.guard, one.hook]),
          ranFast.map((name) => [name, hook]),
        );
        for (const { fromMs, untilMs } of timed.timings.list) assert.ok(untilMs >= fromMs);
        const last = timed.timings.list.at(-1)?.verdict ?? 'passed';
        const kind = fast === null ? 'passed' : (fast as string[])[0] === 'answer' ? 'answered' : 'refused';
        assert.ok(last === kind || (last === 'threw' && (fast as string[])[2] === 'guard-failed'));
      }
    }),
  );
});
