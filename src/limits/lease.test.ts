// Shared limits under simulated interleavings: several nodes, one store, a clock that stands still or jumps, answers that come late,
// in any order or never. However that goes, no more is admitted than the design says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runRateBucket } from '../../test/support/rate-bucket.ts';
import {
  type BucketAsk,
  type BucketReply,
  type BucketStore,
  createLeaseTable,
  creditOf,
  type LeaseAsk,
  LeaseKeeper,
  type LeaseLimit,
  LeaseResult,
  LeaseTable,
  Verdict,
} from './index.ts';
import { LEASE_MS } from './lease-contract.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** A store whose exchanges happen, and whose answers arrive, when the test says so. */
class SimulatedStore implements BucketStore {
  readonly #nowMs: () => number;
  readonly buckets = new Map<string, number>();
  readonly used = new Map<string, number>();
  /** Exchanges under way: those whose effect is there wait to be answered. */
  waiting: { run: () => void; fail: () => void }[] = [];
  nodes = 1;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  exchange(asks: readonly BucketAsk[]): Promise<readonly BucketReply[]> {
    return new Promise((resolve, reject) => {
      let replies: BucketReply[] | null = null;
      this.waiting.push({
        // First the store works, later the answer arrives.
        run: () => {
          if (replies !== null) return resolve(replies);
          replies = asks.map((ask) => this.#run(ask));
          this.waiting.push({ run: () => resolve(replies!), fail: () => reject(new Error('lost')) });
        },
        fail: () => reject(new Error('lost')),
      });
    });
  }

  #run(ask: BucketAsk): BucketReply {
    if (ask.kind === 'rate') {
      const { tatMs, reply } = runRateBucket(this.buckets.get(ask.name) ?? 0, this.#nowMs(), ask);
      this.buckets.set(ask.name, tatMs);
      return reply;
    }
    const used = (this.used.get(ask.name) ?? 0) + ask.debt - ask.unused;
    const granted = Math.max(0, Math.min(ask.wanted, ask.burst - used));
    this.used.set(ask.name, used + granted);
    const level = ask.burst - used - granted;
    return { granted, level, dryMs: level > 0 ? 0 : 1e6 };
  }

  greet(): Promise<number> {
    return Promise.resolve(this.nodes);
  }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

interface Node {
  readonly table: LeaseTable;
  readonly keeper: LeaseKeeper;
}

async function startNodes(
  count: number,
  store: SimulatedStore,
  nowMs: () => number,
  kind: LeaseLimit['kind'] = 'rate',
): Promise<Node[]> {
  store.nodes = count;
  const clock = { epochMs: nowMs, monotonicMs: nowMs };
  const nodes: Node[] = [];
  for (let i = 0; i < count; i++) {
    const table = new LeaseTable(createLeaseTable(64));
    const keeper = new LeaseKeeper({
      table,
      kind,
      isSerial: false,
      isRemote: true,
      store,
      clock,
      minNodes: count,
      onAnswered: () => {},
      onState: () => {},
    });
    await keeper.start();
    nodes.push({ table, keeper });
  }
  return nodes;
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      node: fc.nat(3),
      times: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(20), fc.nat(600)) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reclaim' as const), node: fc.nat(3) }) },
);

type Step = (typeof step extends fc.Arbitrary<infer T> ? T : never) | { kind: 'fail'; which: number };

/** Runs steps and answers the moments at which something was admitted. */
async function simulate(limit: LeaseLimit, nodeCount: number, steps: readonly Step[]): Promise<number[]> {
  let now = 1_000_000;
  const store = new SimulatedStore(() => now);
  const nodes = await startNodes(nodeCount, store, () => now, limit.kind);
  const period = { subject: 's', name: '2026-11', previous: '2026-10', untilEpochMs: 1e12 };
  const ask: LeaseAsk = { limit, key: 'k', period: limit.kind === 'quota' ? period : null };
  const result = new LeaseResult();
  const admitted: number[] = [];
  for (const entry of steps) {
    if (entry.kind === 'wait') now += entry.ms;
    else if (entry.kind === 'run')
      store.waiting.splice(entry.which % Math.max(1, store.waiting.length), 1)[0]?.run();
    else if (entry.kind === 'fail')
      store.waiting.splice(entry.which % Math.max(1, store.waiting.length), 1)[0]?.fail();
    else {
      const { table, keeper } = nodes[entry.node % nodeCount]!;
      if (entry.kind === 'reclaim') keeper.reclaim();
      else
        for (let i = 0; i < entry.times; i++) {
          table.take(limit, 'k', now, limit.kind === 'quota' ? 1e12 : FOREVER, 1, true, result);
          if (result.verdict === Verdict.allowed) admitted.push(now);
          if (result.ask > 0) keeper.ask([ask]);
        }
    }
    await settle();
  }
  for (const { keeper } of nodes) {
    // Answers that never came must not keep the end from coming.
    for (const { fail } of store.waiting.splice(0)) fail();
    await settle();
    const closed = keeper.close();
    for (let i = 0; i < 3; i++) {
      for (const { fail } of store.waiting.splice(0)) fail();
      await settle();
    }
    await closed;
  }
  return admitted;
}

const rateLimit = (intervalMs: number, burst: number, alone = true): LeaseLimit => ({
  kind: 'rate',
  id: 7,
  intervalMs,
  toleranceMs: (burst - 1) * intervalMs,
  burst,
  credit: creditOf('rate', intervalMs, 0),
  alone,
  carry: 0,
});

/** The most in any window, less what a limit without nodes would let pass there. */
function excess(admitted: readonly number[], { intervalMs, burst }: LeaseLimit): number {
  let worst = Number.NEGATIVE_INFINITY;
  for (let from = 0; from < admitted.length; from++)
    for (let to = from; to < admitted.length; to++)
      worst = Math.max(worst, to - from + 1 - burst - (admitted[to]! - admitted[from]!) / intervalMs);
  return worst;
}

test('property: a rate over nodes is exceeded by no more than what leases and credit allow', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(step, { maxLength: 60 }),
      async (nodes, intervalMs, burst, steps) => {
        const limit = rateLimit(intervalMs, burst);
        const admitted = await simulate(limit, nodes, steps);
        const allowed = LEASE_MS / intervalMs + limit.credit + 1;
        const found = excess(admitted, limit);
        assert.ok(found <= allowed + 1e-6, `${found} more than the rate, ${allowed} allowed`);
      },
    ),
    { numRuns: 300 },
  );
});

test('property: a quota over nodes is exceeded by no more than its credit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.array(step, { maxLength: 60 }),
      async (nodes, count, steps) => {
        const limit: LeaseLimit = {
          ...rateLimit(1, count),
          kind: 'quota',
          credit: creditOf('quota', 0, count),
        };
        const admitted = await simulate(limit, nodes, steps);
        assert.ok(admitted.length <= count + limit.credit, `${admitted.length} of ${count}`);
      },
    ),
    { numRuns: 300 },
  );
});

test('property: while exchanges fail, nodes keep to their shares', async () => {
  const failing = fc.oneof(step, fc.record({ kind: fc.constant('fail' as const), which: fc.nat(20) }));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 4, max: 40 }),
      fc.array(failing, { maxLength: 60 }),
      async (nodes, intervalMs, burst, steps) => {
        const limit = rateLimit(intervalMs, burst);
        const admitted = await simulate(limit, nodes, steps);
        // As docs/design/shared-limits.md says: one more burst for each time that the store goes or comes.
        const losses = 1 + steps.filter(({ kind }) => kind === 'fail').length;
        const allowed = LEASE_MS / intervalMs + limit.credit + 1 + losses * Math.max(burst, nodes);
        assert.ok(excess(admitted, limit) <= allowed + 1e-6);
      },
    ),
    { numRuns: 200 },
  );
});

test('a hot key asks the store once for many requests, a cold one gives back what it does not use', async () => {
  let now = 1_000_000;
  const store = new SimulatedStore(() => now);
  const [node] = await startNodes(1, store, () => now);
  const { table, keeper } = node!;
  const limit = rateLimit(1, 1000);
  const ask: LeaseAsk = { limit, key: 'k', period: null };
  const result = new LeaseResult();
  let allowed = 0;
  let asked = 0;
  for (let i = 0; i < 2000; i++) {
    now += 1.5;
    table.take(limit, 'k', now, FOREVER, 1, true, result);
    if (result.verdict === Verdict.allowed) allowed++;
    if (result.ask > 0) {
      asked++;
      keeper.ask([ask]);
      await settle();
    }
    while (store.waiting.length > 0) {
      store.waiting.shift()!.run();
      await settle();
    }
  }
  assert.equal(allowed, 2000);
  assert.ok(asked < 200, `${asked} asks`);
  now += LEASE_MS + 1;
  assert.equal(table.owes(limit, 'k', now), true);
  keeper.reclaim();
  await settle();
  assert.equal(table.owes(limit, 'k', now), false);
  while (store.waiting.length > 0) {
    store.waiting.shift()!.run();
    await settle();
  }
  const closed = keeper.close();
  await settle();
  while (store.waiting.length > 0) store.waiting.shift()!.run();
  await closed;
});

test('without the store four nodes together admit what one would', () => {
  const limit = rateLimit(10, 40);
  const result = new LeaseResult();
  const tables = Array.from({ length: 4 }, () => {
    const table = new LeaseTable(createLeaseTable(64));
    table.setNodes('rate', 4);
    return table;
  });
  let admitted = 0;
  for (let nowMs = 1000; nowMs <= 11_000; nowMs++)
    for (const table of tables) {
      table.take(limit, 'k', nowMs, FOREVER, 1, true, result);
      if (result.verdict === Verdict.allowed) admitted++;
    }
  assert.ok(admitted <= 40 + 1000, String(admitted));
  assert.ok(admitted >= 1000, String(admitted));
});

test('where the choice is to refuse, nothing passes while the store is away', () => {
  const table = new LeaseTable(createLeaseTable(64));
  const result = new LeaseResult();
  table.take(rateLimit(1000, 5, false), 'k', 1000, FOREVER, 1, true, result);
  assert.equal(result.verdict, Verdict.unavailable);
  table.take(rateLimit(1000, 5, true), 'k', 1000, FOREVER, 1, true, result);
  assert.equal(result.verdict, Verdict.allowed);
});
