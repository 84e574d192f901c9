// The table of bench/detect-traffic.ts in small: attacks of medium strength are found after a few days of learning, calm days are calm, and
// what was learned survives being written down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banBlock } from '../../src/admission/index.ts';
import { DetectEngine } from '../../src/detect/index.ts';
import { campaigns } from '../traffic/campaigns.ts';
import { evaluate, measureSpeed, tableOf } from '../traffic/evaluate.ts';
import { operations, Simulator, START_MS } from '../traffic/simulator.ts';

test('attacks of medium strength are found, and calm days bring next to nothing', () => {
  // Three weeks of habits are more than a test can wait for: campaigns that need them are in the benchmark.
  const long = [
    'unusual schedule',
    'unusual region',
    'token theft',
    'new privilege',
    'operation nobody used',
    'dead key',
  ];
  const result = evaluate({
    learnDays: 4,
    calmDays: 2,
    seeds: [1],
    consumers: 200,
    strengths: [2],
    only: ({ kind }) => !long.includes(kind),
  });
  assert.equal(result.kinds.length, campaigns.length - long.length);
  const missed = result.kinds.filter(({ found, tried }) => found[1] !== tried[1]).map(({ kind }) => kind);
  assert.ok(missed.length <= 1, `missed ${missed.join(', ')}\n${tableOf(result)}`);
  assert.ok(result.falseIncidents.length <= 1, tableOf(result));
});

test('memory is bounded, and models go on where they were', () => {
  const { callers, addresses } = measureSpeed(3000, 20_000);
  assert.ok(callers! <= 3000 && addresses! <= 100_000);
  const simulator = new Simulator({ seed: 4, consumers: 60 });
  const engine = new DetectEngine({
    operations,
    seed: [1, 2],
    onAlert: () => {},
    settings: { maxEntities: 20 },
  });
  for (let minute = 0; minute < 1440; minute++)
    for (const record of simulator.minute(START_MS + minute * 60_000)) engine.take(record);
  assert.ok(engine.sizes.callers <= 40, `${engine.sizes.callers}`);
  const text = JSON.stringify(engine);
  assert.deepEqual(JSON.parse([...engine.pieces()].join('')), JSON.parse(text));
  const other = new DetectEngine({
    operations,
    seed: [3, 4],
    onAlert: () => {},
    settings: { maxEntities: 20 },
  });
  assert.ok(other.restore(JSON.parse(text)));
  assert.equal(JSON.stringify(other), text);
  assert.ok(!other.restore({ ...JSON.parse(text), format: 0 }));
});

test('IPv6 callers are judged by their /64, which can be banned; what is ignored is no incident', () => {
  const told: string[] = [];
  const guess = (address: string, engine: DetectEngine): void => {
    for (let i = 0; i < 60; i++)
      engine.take({
        time: new Date(START_MS + i * 1000).toISOString(),
        id: String(i),
        listener: 'public',
        client_address: address.replace('X', i.toString(16)),
        api: 'shop',
        operation: 'op0',
        method: 'POST',
        path: '/login',
        decision: 'allowed',
        status: 401,
        request_bytes: 1,
        response_bytes: 1,
        duration_us: 1,
      });
  };
  const engineWith = (ignoreAddresses: readonly string[]): DetectEngine =>
    new DetectEngine({
      operations,
      seed: [1, 2],
      settings: { ignoreAddresses },
      onAlert: ({ detector, entity }) => told.push(`${detector} ${entity.id}`),
    });
  guess('2001:db8::X', engineWith([]));
  assert.deepEqual(told, ['brute-force 2001:db8:0:0::/64']);
  assert.equal(banBlock('2001:db8:0:0::/64'), '2001:db8::/64');
  guess('2001:db8::X', engineWith(['2001:db8::/32']));
  assert.equal(told.length, 1);
});
