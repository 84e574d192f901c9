// The segments of the access log: what goes in comes out, once; what crashes and attackers leave is found and named.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  followLogs,
  type Link,
  LogError,
  LogKeys,
  type LogQuery,
  noCounts,
  placeHold,
  releaseHold,
  SegmentLog,
  type SegmentLogOptions,
  type SegmentSettings,
  searchLogs,
  verifyLogs,
} from './index.ts';
import { filterOf, mayHold } from './words.ts';

const seal = 'a seal of more than thirty-two characters';
const START_MS = Date.parse('2026-11-01T00:00:00Z');
const DAY_MS = 86_400_000;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-logs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'logs');
}

const settingsFor = (folder: string, over: Partial<SegmentSettings> = {}): SegmentSettings => ({
  folder,
  seal,
  olderSeals: [],
  rotateBytes: 20_000_000,
  rotateMs: 3_600_000,
  keepMs: { security: 400 * DAY_MS, traffic: 30 * DAY_MS },
  ...over,
});

class TestClock {
  nowMs = START_MS;
  epochMs = (): number => this.nowMs;
  monotonicMs = (): number => this.nowMs;
}

function openLog(settings: SegmentSettings, more: Omit<SegmentLogOptions, 'settings'> = {}): SegmentLog {
  const problems: string[] = [];
  return new SegmentLog({ settings, clock: new TestClock(), onProblem: (p) => problems.push(p), ...more });
}

/** Line `n` of a made-up log: one in ten refused, one second apart. */
const lineOf = (n: number): string =>
  `${JSON.stringify({
    time: new Date(START_MS + n * 1000).toISOString(),
    id: n.toString(16).padStart(32, '0'),
    listener: 'public',
    client_address: `192.0.2.${n % 200}`,
    trace_id: (n + 7_000_000).toString(16).padStart(32, '0'),
    operation: `op${n % 7}`,
    consumer: `consumer-${n % 50}`,
    decision: n % 10 === 0 ? 'refused' : 'allowed',
    status: n % 10 === 0 ? 403 : 200,
    request_bytes: 0,
    response_bytes: 12,
    duration_us: 100,
  })}\n`;

const linesOf = (from: number, until: number): Buffer =>
  Buffer.from(Array.from({ length: until - from }, (_, i) => lineOf(from + i)).join(''));

async function take(log: SegmentLog, bytes: Buffer): Promise<void> {
  assert.equal(await log.write(bytes), bytes.length);
}

async function search(folder: string, query: LogQuery = {}, counts = noCounts()): Promise<string[]> {
  const out: string[] = [];
  for await (const { line } of searchLogs(folder, new LogKeys(seal), query, counts)) out.push(`${line}\n`);
  return out;
}

/** A folder of `runs` finished runs with `size` lines each. */
async function fill(folder: string, runs: number, size: number): Promise<void> {
  const log = openLog(settingsFor(folder));
  for (let run = 0; run < runs; run++) {
    await take(log, linesOf(run * size, (run + 1) * size));
    log.reopen();
  }
  await log.close();
}

test('every line is found again, from runs and from segments, and by what is in it', async (t) => {
  const folder = folderFor(t);
  const log = openLog(settingsFor(folder));
  await take(log, linesOf(0, 3000));
  log.reopen();
  await log.settled();
  // Rings end anywhere: the second write goes on within a line.
  const more = linesOf(3000, 3100);
  await take(log, more.subarray(0, 1000));
  log.reopen();
  await take(log, more.subarray(1000));
  await log.settled();
  await take(log, linesOf(3100, 3200));
  const all = await search(folder);
  assert.equal(all.length, 3200);
  assert.deepEqual(
    all,
    Array.from({ length: 3200 }, (_, n) => lineOf(n)),
  );
  const counts = noCounts();
  assert.deepEqual(await search(folder, { id: (1234).toString(16).padStart(32, '0') }, counts), [
    lineOf(1234),
  ]);
  assert.ok(counts.lines < 1500, `${counts.lines} lines read for one`);
  assert.equal((await search(folder, { consumer: 'consumer-3' })).length, 64);
  assert.equal((await search(folder, { status: '4xx' })).length, 320);
  assert.equal((await search(folder, { status: '403', operation: 'op0' })).length, 46);
  assert.equal((await search(folder, { address: '192.0.2.9', decision: 'allowed' })).length, 16);
  const within = { fromMs: START_MS + 100_000, untilMs: START_MS + 199_000 };
  assert.equal((await search(folder, within)).length, 100);
  await log.close();
  assert.equal((await search(folder)).length, 3200);
  const report = await verifyLogs(folder);
  assert.deepEqual(report.problems, []);
  assert.equal(report.lines, 3200);
  // Nothing of a line stands in the folder in clear.
  for (const name of readdirSync(folder))
    assert.ok(!readFileSync(join(folder, name)).includes('consumer-3'), name);
});

test('the key is needed, an older one will do, and without one lines are packed only', async (t) => {
  const folder = folderFor(t);
  await fill(folder, 1, 100);
  const other = 'another seal of more than thirty-two characters';
  const read = async (keys: LogKeys): Promise<number> => {
    let count = 0;
    for await (const _ of searchLogs(folder, keys, {})) count++;
    return count;
  };
  await assert.rejects(read(new LogKeys(other)), /sealed with key/);
  await assert.rejects(read(new LogKeys(null)), /sealed with key/);
  assert.equal(await read(new LogKeys(other, [seal])), 100);
  const log = openLog(settingsFor(folder, { seal: null }));
  await take(log, linesOf(100, 200));
  await log.close();
  assert.equal(await read(new LogKeys(seal)), 200);
  assert.throws(() => new LogKeys('short'), LogError);
});

test('one writer a folder', async (t) => {
  const folder = folderFor(t);
  const log = openLog(settingsFor(folder));
  assert.throws(() => openLog(settingsFor(folder)), /another process writes/);
  await log.close();
  await openLog(settingsFor(folder)).close();
});

test('what a crash leaves is packed at the next start; torn bytes and dropped lines are said', async (t) => {
  const folder = folderFor(t);
  const log = openLog(settingsFor(folder));
  await take(log, linesOf(0, 500));
  await take(log, linesOf(500, 520));
  // As a crash would leave it: a copy while the writer is at it, its last frame cut.
  const crashed = folderFor(t);
  cpSync(folder, crashed, { recursive: true });
  await log.close();
  const run = join(crashed, 'run-0000000000.open');
  const bytes = readFileSync(run);
  writeFileSync(run, bytes.subarray(0, bytes.length - 10));
  const again = openLog(settingsFor(crashed), { dropped: () => 3 });
  await again.settled();
  await again.close();
  const report = await verifyLogs(crashed);
  assert.deepEqual(report.problems, []);
  assert.equal(report.lines, 500);
  assert.equal(report.lost, 3);
  assert.ok(report.tornBytes > 0);
  assert.equal((await search(crashed)).length, 500);
});

test('a page that is missing in a run costs its lines only', async (t) => {
  const folder = folderFor(t);
  const log = openLog(settingsFor(folder));
  for (let n = 0; n < 300; n += 100) await take(log, linesOf(n, n + 100));
  const crashed = folderFor(t);
  cpSync(folder, crashed, { recursive: true });
  await log.close();
  const run = join(crashed, 'run-0000000000.open');
  const bytes = readFileSync(run);
  bytes.fill(0, Math.floor(bytes.length / 2) - 2048, Math.floor(bytes.length / 2) + 2048);
  writeFileSync(run, bytes);
  await openLog(settingsFor(crashed)).close();
  assert.equal((await search(crashed)).length, 200);
  assert.ok((await verifyLogs(crashed)).tornBytes > 4096);
});

test('whatever is flipped, cut, removed or added is found, and its place is named', async (t) => {
  const folder = folderFor(t);
  await fill(folder, 2, 1500);
  const before = await verifyLogs(folder);
  assert.deepEqual(before.problems, []);
  const names = readdirSync(folder).filter((name) => name.startsWith('segment-') || name === 'chain.jsonl');
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(7), fc.boolean(), async (file, at, bit, cut) => {
      const name = names[file % names.length]!;
      const path = join(folder, name);
      const bytes = readFileSync(path);
      const place = at % bytes.length;
      const changed = Buffer.from(cut ? bytes.subarray(0, place) : bytes);
      if (!cut) changed[place]! ^= 1 << bit;
      writeFileSync(path, changed);
      try {
        // The end of the chain is held by whoever has its hash, as the audit trail does.
        const { problems } = await verifyLogs(folder, before.head);
        assert.ok(problems.length > 0, `${name} byte ${place} bit ${bit} cut ${cut}`);
        if (name !== 'chain.jsonl') {
          assert.ok(problems.every((problem) => problem.file === name));
          const ranges = problems.flatMap(({ what }) => /bytes (\d+) to (\d+)/.exec(what) ?? []);
          if (!cut && ranges.length > 0)
            assert.ok(Number(ranges[1]) <= place && place < Number(ranges[2]), problems[0]!.what);
        }
      } finally {
        writeFileSync(path, bytes);
      }
    }),
    { numRuns: 60 },
  );
  assert.deepEqual((await verifyLogs(folder)).problems, []);
});

test('links removed from the middle or moved, segments put in or taken out', async (t) => {
  const folder = folderFor(t);
  await fill(folder, 4, 20);
  const chain = join(folder, 'chain.jsonl');
  const text = readFileSync(chain, 'utf8');
  const lines = text.trimEnd().split('\n');
  assert.equal(lines.length, 4);
  const problemsWith = async (edited: string[], head = ''): Promise<string[]> => {
    writeFileSync(chain, edited.map((line) => `${line}\n`).join(''));
    const { problems } = await verifyLogs(folder, head);
    writeFileSync(chain, text);
    return problems.map(({ file, what }) => `${file} ${what}`);
  };
  const [a, b, c, d] = lines as [string, string, string, string];
  assert.match((await problemsWith([a, c, d])).join(), /link 1 does not follow/);
  assert.match((await problemsWith([a, c, b, d])).join(), /link 1 does not follow/);
  assert.match((await problemsWith([b, c, d])).join(), /link 0 is not the first/);
  // Cut at the end: the segments give it away, or, when those are gone, too, the hash that was noted.
  assert.match((await problemsWith([a, b, c])).join(), /is not in the chain/);
  const { head } = await verifyLogs(folder);
  assert.match((await problemsWith([a, b, c], head)).join(), /has no link/);
  const segment = join(folder, 'segment-0000000001-traffic.log');
  const bytes = readFileSync(segment);
  rmSync(segment);
  assert.match((await verifyLogs(folder)).problems[0]!.what, /is missing: 18 lines/);
  await assert.rejects(search(folder), /segment-0000000001-traffic.log is missing/);
  writeFileSync(segment, readFileSync(join(folder, 'segment-0000000002-traffic.log')));
  assert.equal((await verifyLogs(folder)).problems.length, 1);
  writeFileSync(segment, bytes);
  // Whoever adds half a link meets a start that cuts it off; a whole false one stops the writer.
  appendFileSync(chain, '{"version":1');
  await openLog(settingsFor(folder)).close();
  assert.deepEqual((await verifyLogs(folder)).problems, []);
  appendFileSync(chain, `${a}\n`);
  assert.throws(() => openLog(settingsFor(folder)), /does not follow/);
});

test('retention by class, holds, and a chain that tells of it', async (t) => {
  const folder = folderFor(t);
  const clock = new TestClock();
  const start = async (): Promise<void> => {
    const log = openLog(settingsFor(folder), { clock });
    await log.settled();
    await log.close();
  };
  const log = openLog(settingsFor(folder), { clock });
  await take(log, linesOf(0, 100));
  await log.close();
  clock.nowMs = START_MS + 29 * DAY_MS;
  await start();
  assert.equal((await search(folder)).length, 100);
  placeHold(folder, { name: 'case-7', fromMs: START_MS, untilMs: START_MS + 1000, reason: 'a court asks' });
  clock.nowMs = START_MS + 31 * DAY_MS;
  await start();
  assert.equal((await search(folder)).length, 100);
  assert.throws(() => placeHold(folder, { name: '../x', fromMs: 0, untilMs: 1, reason: '' }), /not a name/);
  assert.equal(releaseHold(folder, '../holds/case-7'), false);
  assert.equal(releaseHold(folder, 'case-7'), true);
  await start();
  assert.equal((await search(folder)).length, 10);
  const report = await verifyLogs(folder);
  assert.deepEqual([report.problems, report.removed, report.segments], [[], 1, 1]);
  // A hold that can not be read holds everything.
  placeHold(folder, { name: 'broken', fromMs: 0, untilMs: 1, reason: '' });
  writeFileSync(join(folder, 'holds', 'broken.json'), '{');
  clock.nowMs = START_MS + 500 * DAY_MS;
  const problems: string[] = [];
  const again = openLog(settingsFor(folder), { clock, onProblem: (problem) => problems.push(problem) });
  await again.close();
  assert.match(problems.join(), /hold broken.json can not be read/);
  assert.equal((await search(folder)).length, 10);
});

test('the anchor is told every link in order, again after it failed', async (t) => {
  const folder = folderFor(t);
  const told: [number, string][] = [];
  let isDown = true;
  const anchor = (link: Link, sha256: string): Promise<void> => {
    if (isDown) return Promise.reject(new Error('down'));
    told.push([link.link, sha256]);
    return Promise.resolve();
  };
  const log = openLog(settingsFor(folder), { anchor });
  await take(log, linesOf(0, 10));
  log.reopen();
  await log.settled();
  assert.equal(log.failures, 1);
  isDown = false;
  await take(log, linesOf(10, 20));
  await log.close();
  assert.deepEqual(
    told.map(([link]) => link),
    [0, 1],
  );
  assert.equal(told[1]![1], (await verifyLogs(folder)).head);
  await openLog(settingsFor(folder), { anchor }).close();
  assert.equal(told.length, 2);
});

test('following sees each line once, over the ends of runs', async (t) => {
  const folder = folderFor(t);
  const log = openLog(settingsFor(folder));
  await take(log, linesOf(0, 10));
  const stop = new AbortController();
  const seen: string[] = [];
  let ready = (): void => {};
  const following = (async () => {
    for await (const { line } of followLogs(folder, new LogKeys(seal), {}, stop.signal)) {
      seen.push(`${line}\n`);
      if (seen.length === 1) ready();
      if (seen.length === 120) stop.abort();
    }
  })();
  const first = new Promise<void>((resolve) => {
    ready = resolve;
  });
  // The follower starts in the same turn, at line 10.
  await take(log, linesOf(10, 20));
  await first;
  for (let n = 20; n < 130; n += 10) {
    await take(log, linesOf(n, n + 10));
    log.reopen();
    await log.settled();
  }
  await following;
  assert.deepEqual(
    seen,
    Array.from({ length: 120 }, (_, i) => lineOf(10 + i)),
  );
  await log.close();
});

test('a filter never misses a word', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 200 }), (words) => {
      const filter = filterOf(new Set(words));
      return words.every((word) => mayHold(filter, word));
    }),
  );
});
