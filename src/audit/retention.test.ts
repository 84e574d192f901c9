// What is over loses its bytes and nothing else; what is held stays; what was removed by hand is not taken for pruned.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { parseCheckpoint, parseNote, rootOf, verifierText, verifyInclusion } from '../merkle/index.ts';
import { FileTrail, Pruner, placeTrailHold, TrailReader, verifyTrail, Witness } from './index.ts';
import { keepFor, withIndexes } from './retention.ts';
import { joinBundle, splitBundle, TileFiles } from './tile-files.ts';

const origin = 'audit.example';
const dayMs = 86_400_000;
const startMs = Date.parse('2026-01-01T00:00:00Z');

async function trailOf(t: TestContext, count: number): Promise<FileTrail> {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-retention-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const trail = FileTrail.open({ folder, origin, secret: null });
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      trail.append({
        action: i % 10 === 0 ? 'state.change' : 'request.refuse',
        outcome: 'refused',
        actor: { kind: 'consumer', id: `caller ${i % 7}` },
        target: null,
        atMs: startMs + i * 60_000,
      }),
    ),
  );
  await trail.checkpoint();
  return trail;
}

const at = (ms: number) => ({ epochMs: () => ms, nowMs: () => ms }) as never;

test('entries go when their time is over, and proofs over them and all others still hold', async (t) => {
  const trail = await trailOf(t, 1000);
  const keepMs = new Map([
    ['request', 30 * dayMs],
    ['*', 400 * dayMs],
  ]);
  const kept = await trail.checkpoint();
  assert.equal(await new Pruner(trail, keepMs, at(startMs + 29 * dayMs)).run(), 0);
  placeTrailHold(trail.folder, {
    name: 'case-7',
    reason: 'letter of 3 February',
    by: 'counsel',
    at: '2026-02-03T00:00:00Z',
    until: '2027-01-01T00:00:00Z',
    query: { who: 'caller 3' },
  });
  const pruner = new Pruner(trail, keepMs, at(startMs + 60 * dayMs));
  const isGone = (i: number): boolean => i < 768 && i % 10 !== 0 && i % 7 !== 3;
  const expected = Array.from({ length: 1000 }, (_, i) => i).filter(isGone).length;
  assert.equal(await pruner.run(), expected);
  assert.equal(await pruner.run(), 0);
  await fillAndClose(trail);
  const reader = new TrailReader(trail.folder, origin, null);
  const left = [...reader.entries()].map(({ index }) => index).filter((index) => index < 1000);
  assert.deepEqual(
    left,
    Array.from({ length: 1000 }, (_, i) => i).filter((i) => !isGone(i)),
  );
  const key = verifierText(trail.signer);
  const report = verifyTrail(trail.folder, key, [kept]);
  assert.deepEqual([report.damages, report.pruned], [[], expected]);
  const { root } = parseCheckpoint(parseNote(reader.checkpoint)!.text)!;
  const gone = reader.prove(1);
  assert.equal(gone.entry, '');
  assert.equal(gone.leaf.length, 64);
  const there = reader.prove(10);
  assert.ok(
    verifyInclusion(
      Buffer.from(there.entry, 'base64'),
      10,
      reader.size,
      there.proof.map((text) => Buffer.from(text, 'base64')),
      root,
    ),
  );
  const prunes = [...reader.entries({ action: 'audit.prune' })];
  assert.deepEqual(prunes[0]?.body?.details, { count: expected, first: 1, last: 767, holds: 1 });
  // When the hold is over, so is what it held.
  const again = FileTrail.open({ folder: trail.folder, origin, secret: null });
  const late = new Pruner(again, keepMs, at(Date.parse('2027-01-02T00:00:00Z')));
  assert.ok((await late.run()) > 0);
  await again.close();
  assert.deepEqual(verifyTrail(trail.folder, key, [kept]).damages, []);
});

async function fillAndClose(trail: FileTrail): Promise<void> {
  await trail.append({
    action: 'gate.stop',
    outcome: 'success',
    actor: { kind: 'system', id: 'gate' },
    target: null,
  });
  await trail.close();
}

test('an entry that was emptied by hand is not taken for pruned', async (t) => {
  const trail = await trailOf(t, 600);
  await new Pruner(trail, new Map([['state', dayMs]]), at(startMs + 60 * dayMs)).run();
  await trail.close();
  const key = verifierText(trail.signer);
  assert.deepEqual(verifyTrail(trail.folder, key).damages, []);
  const file = join(trail.folder, 'tile/entries/001');
  const entries = splitBundle(readFileSync(file));
  writeFileSync(file, joinBundle(entries.map((bytes, i) => (i === 3 ? Buffer.alloc(0) : bytes))));
  const damaged = verifyTrail(trail.folder, key);
  assert.deepEqual(
    damaged.damages.map(({ from, to, what }) => [from, to, what]),
    [[259, 259, 'the entry was emptied, and no signed list says that it was pruned']],
  );
  // A list of one's own is not signed.
  const list = readFileSync(join(trail.folder, 'pruned'), 'utf8');
  writeFileSync(join(trail.folder, 'pruned'), list.replace('/pruned\n', '/pruned\n0-511\n'));
  assert.ok(verifyTrail(trail.folder, key).damages.length > 1);
  const opened = FileTrail.open({ folder: trail.folder, origin, secret: null });
  await assert.rejects(
    new Pruner(opened, new Map([['request', dayMs]]), at(startMs + 60 * dayMs)).run(),
    /not signed by the trail/,
  );
  // A hold that can not be read stops everything.
  writeFileSync(join(trail.folder, 'pruned'), list);
  placeTrailHold(trail.folder, { name: 'x', reason: '', by: '', at: '', until: null, query: {} });
  writeFileSync(join(trail.folder, 'holds/x.json'), '{');
  await assert.rejects(
    new Pruner(opened, new Map([['request', dayMs]]), at(startMs + 60 * dayMs)).run(),
    /can not be read/,
  );
  await opened.close();
  // Bytes behind the entries of a bundle are no entries, and are told.
  writeFileSync(file, Buffer.concat([joinBundle(entries), Buffer.from('x')]));
  assert.match(verifyTrail(trail.folder, key).damages[0]!.what, /1 bytes stand behind the last entry/);
});

test('how long an action is kept is the longest word that names it', () => {
  const keepMs = new Map([
    ['request.refuse', 1],
    ['request', 2],
    ['*', 3],
  ]);
  assert.deepEqual(
    ['request.refuse', 'request.refuse-more', 'state.change', 'audit.prune'].map((one) =>
      keepFor(one, keepMs),
    ),
    [1, 2, 3, Number.POSITIVE_INFINITY],
  );
  assert.equal(keepFor('state.change', new Map()), Number.POSITIVE_INFINITY);
});

test('ranges hold exactly the indexes that were put in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60)), fc.array(fc.nat(60)), (first, second) => {
      const ranges = withIndexes(withIndexes([], first), second);
      const all = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
      assert.deepEqual(
        all,
        [...new Set([...first, ...second])].sort((a, b) => a - b),
      );
      for (let i = 1; i < ranges.length; i++) assert.ok(ranges[i]![0] > ranges[i - 1]![1] + 1);
    }),
  );
});

test('the edge of a growing tree has the root that its tiles have', async (t) => {
  for (const size of [1, 255, 256, 257, 700]) {
    const trail = await trailOf(t, size);
    await trail.close();
    const files = new TileFiles(trail.folder);
    const { root } = parseCheckpoint(parseNote(files.readCheckpoint()!)!.text)!;
    assert.deepEqual(Buffer.from(rootOf(size, files.reader(size))), Buffer.from(root));
  }
});

test('a byte that is changed, added or cut off anywhere in a pruned and cosigned trail is found', async (t) => {
  const trail = await trailOf(t, 700);
  await new Pruner(trail, new Map([['request', dayMs]]), at(startMs + 60 * dayMs)).run();
  const witness = Witness.open({
    folder: join(trail.folder, 'elsewhere'),
    name: 'w',
    logs: [trail.signer],
    secret: null,
  });
  await trail.close();
  const note = new TrailReader(trail.folder, origin, null).checkpoint;
  const { status, body } = witness.addCheckpoint(`old 0\n\n${note}`);
  assert.equal(status, 200);
  mkdirSync(join(trail.folder, 'cosigned'));
  writeFileSync(join(trail.folder, 'cosigned/w'), note + body);
  witness.close();
  const key = verifierText(trail.signer);
  const damages = () => verifyTrail(trail.folder, key, [], witness.keys).damages;
  assert.deepEqual(damages(), []);
  const files = ['tile', 'cosigned'].flatMap((folder) =>
    readdirSync(join(trail.folder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  files.push(join(trail.folder, 'checkpoint'), join(trail.folder, 'pruned'));
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.constantFrom('flip', 'flip', 'add', 'cut'),
      fc.nat(),
      fc.nat(7),
      (file, kind, place, bit) => {
        const good = readFileSync(file);
        const bad = Buffer.from(good);
        bad[place % bad.length]! ^= 1 << bit;
        const more = kind === 'add' ? Buffer.concat([good, Buffer.from('x')]) : good.subarray(0, -1);
        writeFileSync(file, kind === 'flip' ? bad : more);
        try {
          assert.ok(damages().length > 0, `${kind} in ${file} at ${place % bad.length}`);
        } finally {
          writeFileSync(file, good);
        }
      },
    ),
    { numRuns: 150 },
  );
});
