import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  createApiKey,
  createReplayTable,
  createRevocationTable,
  hashApiKey,
  ReplayTable,
  RevocationKind,
  type RevocationKindName,
  RevocationTable,
  RevocationWriter,
} from './index.ts';

const WHOLE = Number.POSITIVE_INFINITY;

test('an API key tells its id, holds 256 bits, and is kept as its hash', () => {
  const { key, sha256 } = createApiKey('partner-1', (bytes) => Buffer.alloc(bytes, 7));
  assert.match(key, /^gwk_partner-1_[A-Za-z0-9_-]{43}$/);
  assert.equal(hashApiKey(key), sha256);
  assert.notEqual(createApiKey('a').key, createApiKey('a').key);
  for (const id of ['', 'a_b', 'a b', 'x'.repeat(65)]) assert.throws(() => createApiKey(id), RangeError);
});

describe('withdrawals', () => {
  test('count for every reader at once, from the moment they name', () => {
    const memory = createRevocationTable(64);
    const writer = new RevocationWriter(memory);
    const reader = new RevocationTable(memory);
    const before = reader.version;
    assert.equal(reader.isRevoked(RevocationKind.token, 'corp|1', 5), false);
    writer.revoke('token', 'corp|1', WHOLE, 100, 0);
    writer.revoke('subject', 'corp|ingrid', 50, 100, 0);
    assert.notEqual(reader.version, before);
    assert.equal(reader.isRevoked(RevocationKind.token, 'corp|1', 5), true);
    assert.equal(reader.isRevoked(RevocationKind.session, 'corp|1', 5), false, 'another kind');
    assert.equal(reader.isRevoked(RevocationKind.subject, 'corp|ingrid', 49), true);
    assert.equal(reader.isRevoked(RevocationKind.subject, 'corp|ingrid', 50), false, 'issued later');
    assert.equal(reader.isRevoked(RevocationKind.subject, 'corp|ingrid', 0), true, 'no date of issue');
    writer.restore('token', 'corp|1');
    assert.equal(reader.isRevoked(RevocationKind.token, 'corp|1', 5), false);
    writer.prune(100);
    assert.equal(reader.isRevoked(RevocationKind.subject, 'corp|ingrid', 49), false);
  });

  test('a table that is full withdraws everything that was issued so far', () => {
    const memory = createRevocationTable(16);
    const writer = new RevocationWriter(memory);
    for (let i = 0; i < 11; i++) writer.revoke('token', `t${i}`, WHOLE, 1000, 500);
    assert.equal(writer.table.isRevoked(RevocationKind.token, 'other', 499), false);
    writer.revoke('token', 'one more', WHOLE, 1000, 500);
    assert.equal(writer.table.isRevoked(RevocationKind.token, 'one more', 499), true);
    assert.equal(writer.table.isRevoked(RevocationKind.token, 'other', 499), true);
    assert.equal(writer.table.isRevoked(RevocationKind.token, 'other', 501), false);
    // What has ended makes room first.
    const later = new RevocationWriter(createRevocationTable(16));
    for (let i = 0; i < 40; i++) later.revoke('token', `t${i}`, WHOLE, i + 5, i);
    assert.equal(later.table.isRevoked(RevocationKind.token, 'other', 1), false);
  });

  test('agree with a plain map over any sequence of steps', () => {
    const kinds = ['token', 'subject', 'issuer', 'key', 'session'] as const;
    const step = fc.record({
      what: fc.constantFrom('revoke', 'restore', 'prune'),
      kind: fc.constantFrom<RevocationKindName>(...kinds),
      value: fc.constantFrom('a', 'b', 'c', 'dd', ''),
      before: fc.constantFrom(10, 20, WHOLE),
      until: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const writer = new RevocationWriter(createRevocationTable(64));
        const model = new Map<string, { before: number; until: number }>();
        steps.forEach(({ what, kind, value, before, until }, nowMs) => {
          const name = `${kind}|${value}`;
          if (what === 'revoke') {
            const known = model.get(name) ?? { before: 0, until: 0 };
            model.set(name, { before: Math.max(before, known.before), until: Math.max(until, known.until) });
            writer.revoke(kind, value, before, until, nowMs);
          } else if (what === 'restore') {
            model.delete(name);
            writer.restore(kind, value);
          } else {
            for (const [key, entry] of model) if (entry.until <= nowMs) model.delete(key);
            writer.prune(nowMs);
          }
          for (const issued of [0, 15, 25]) {
            for (const entry of ['a', 'b', 'c', 'dd', '', 'never']) {
              assert.equal(
                writer.table.isRevoked(RevocationKind[kind], entry, issued),
                issued < (model.get(`${kind}|${entry}`)?.before ?? Number.NEGATIVE_INFINITY),
              );
            }
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  test('stay visible to other threads while others come and go', async () => {
    const memory = createRevocationTable(1024);
    const writer = new RevocationWriter(memory);
    writer.revoke('token', 'always', WHOLE, 1e15, 0);
    const url = new URL('./revocation-table.ts', import.meta.url).href;
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       import(${JSON.stringify(url)}).then(({ RevocationTable, RevocationKind }) => {
         const table = new RevocationTable(workerData);
         parentPort.postMessage('ready');
         let missed = 0;
         for (let i = 0; i < 400000; i++) if (!table.isRevoked(RevocationKind.token, 'always', 1)) missed++;
         parentPort.postMessage(missed);
       });`,
      { eval: true, workerData: memory },
    );
    let missed = -1;
    const started = new Promise<void>((resolve) => worker.once('message', () => resolve()));
    const ended = new Promise<void>((resolve, reject) => {
      worker.on('message', (value) => {
        if (typeof value === 'number') missed = value;
      });
      worker.once('exit', () => resolve());
      worker.once('error', reject);
    });
    await started;
    for (let i = 0; missed === -1 && i < 5000; i++) {
      writer.revoke('token', `x${i % 50}`, WHOLE, 1e15, 0);
      writer.restore('token', `x${(i + 25) % 50}`);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    assert.equal(missed, 0);
  });
});

describe('what may be used once', () => {
  test('is fresh once within its time, and again after it', () => {
    const table = new ReplayTable(createReplayTable(1024));
    const now = 1_800_000_000_000;
    assert.equal(table.use('a', now + 60_000, now), 'fresh');
    assert.equal(table.use('a', now + 60_000, now + 59_000), 'replayed');
    assert.equal(table.use('b', now + 60_000, now), 'fresh');
    assert.equal(table.use('a', now + 200_000, now + 62_000), 'fresh');
  });

  test('refuses what it can not note, and forgets what has ended to make room', () => {
    const table = new ReplayTable(createReplayTable(16));
    const now = 1_800_000_000_000;
    for (let i = 0; i < 16; i++) assert.equal(table.use(`id-${i}`, now + 10_000, now), 'fresh');
    assert.equal(table.use('one more', now + 10_000, now), 'full');
    assert.equal(table.use('id-3', now + 10_000, now), 'replayed');
    assert.equal(table.use('one more', now + 30_000, now + 12_000), 'fresh');
  });

  test('is fresh for at most one of several threads', async () => {
    const memory = createReplayTable(65_536);
    const url = new URL('./replay-table.ts', import.meta.url).href;
    const now = 1_800_000_000_000;
    const IDS = 3000;
    const run = (): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          `const { workerData, parentPort } = require('node:worker_threads');
           import(${JSON.stringify(url)}).then(({ ReplayTable }) => {
             const table = new ReplayTable(workerData);
             const fresh = [];
             for (let i = 0; i < ${IDS}; i++) if (table.use('id-' + i, ${now + 60_000}, ${now}) === 'fresh') fresh.push(i);
             parentPort.postMessage(fresh);
           });`,
          { eval: true, workerData: memory },
        );
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    const all = (await Promise.all([run(), run(), run()])).flat();
    assert.equal(new Set(all).size, all.length, 'none twice');
    assert.ok(all.length > IDS * 0.9);
  });
});
