// Pressure as clocks and memory tell it, and who is refused at which level.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exchange } from '../../exchange/index.ts';
import { compileShed, Pressure, priorities } from './index.ts';

/** Priorities that are served. */
const served = (pressure: Pressure): string[] =>
  priorities.filter(
    (priority) => compileShed(priority, pressure, () => 0).onRequest!(new Exchange()) === null,
  );

test('a loop that is late refuses what matters least first, and takes it back slowly', () => {
  const pressure = new Pressure();
  pressure.configure({ delayMs: 100, memoryBytes: 0 });
  let nowMs = 0;
  const tick = (afterMs: number): void => {
    nowMs += afterMs;
    pressure.tick(nowMs);
  };
  tick(0);
  tick(30);
  assert.deepEqual(served(pressure), ['critical', 'high', 'normal', 'low']);
  const late = (ms: number): void => {
    for (let i = 0; i < 30; i++) tick(25 + ms);
  };
  tick(25 + 450);
  assert.deepEqual(served(pressure), ['critical', 'high', 'normal', 'low'], 'a single pause');
  late(120);
  assert.deepEqual(served(pressure), ['critical', 'high', 'normal']);
  late(250);
  assert.deepEqual(served(pressure), ['critical', 'high']);
  late(1000);
  assert.deepEqual(served(pressure), ['critical']);
  tick(25);
  assert.deepEqual(served(pressure), ['critical']);
  for (let i = 0; i < 30; i++) tick(25);
  assert.deepEqual(served(pressure), ['critical', 'high', 'normal', 'low']);
});

test('memory that is used up does the same', () => {
  let rss = 50;
  const pressure = new Pressure(() => rss);
  pressure.configure({ delayMs: 0, memoryBytes: 100 });
  const level = (used: number): number => {
    rss = used;
    for (let i = 0; i < 40; i++) pressure.tick(i * 1e6);
    return pressure.level;
  };
  assert.deepEqual([50, 90, 95, 100, 400, 89].map(level), [0, 1, 2, 3, 3, 0]);
});
