// The trail: what was acknowledged is there after a crash at any byte, and every change to it is found and named.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  parseCheckpoint,
  parseNote,
  verifierText,
  verifyConsistency,
  verifyInclusion,
} from '../merkle/index.ts';
import { type AuditEvent, FileTrail, leaveInInbox, TrailReader, verifyTrail } from './index.ts';
import { Journal, journalName } from './journal.ts';
import { TileFiles } from './tile-files.ts';

const origin = 'audit.example';
const event = (id: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  action: 'state.change',
  outcome: 'success',
  actor: { kind: 'user', id: 'corp|astrid' },
  target: { kind: 'key', id },
  reason: 'ticket 17',
  ...more,
});

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const open = (folder: string, secret: string | null = null): FileTrail =>
  FileTrail.open({ folder, origin, secret });

async function fill(trail: FileTrail, count: number, from = 0): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => trail.append(event(`k${from + i}`))));
}

const rootIn = (note: string) => parseCheckpoint(parseNote(note)!.text)!;

test('entries are numbered, read back, proven, and a later trail begins with an earlier one', async (t) => {
  const folder = folderOf(t);
  let trail = open(folder);
  assert.deepEqual((await trail.append(event('first'))).index, 0);
  await fill(trail, 299);
  const early = await trail.checkpoint();
  await trail.close();
  trail = open(folder);
  await fill(trail, 700, 300);
  await trail.close();
  const reader = new TrailReader(folder, origin, null);
  assert.equal(reader.size, 1000);
  const all = [...reader.entries()];
  assert.equal(all.length, 1000);
  assert.deepEqual(all[0]!.body, {
    actor: { kind: 'user', id: 'corp|astrid' },
    target: { kind: 'key', id: 'first' },
    reason: 'ticket 17',
  });
  assert.equal([...reader.entries({ who: 'k500' })][0]?.index, 500);
  assert.equal([...reader.entries({ action: 'state' })].length, 1000);
  assert.equal([...reader.entries({ outcome: 'failure' })].length, 0);
  const { root } = rootIn(reader.checkpoint);
  for (const index of [0, 255, 256, 767, 999]) {
    const { entry, proof } = reader.prove(index);
    const hashes = proof.map((hash) => Buffer.from(hash, 'base64'));
    assert.ok(verifyInclusion(Buffer.from(entry, 'base64'), index, 1000, hashes, root));
  }
  const before = rootIn(early);
  const proof = reader.proveConsistency(before.size).map((hash) => Buffer.from(hash, 'base64'));
  assert.ok(verifyConsistency(before.size, 1000, proof, before.root, root));
  assert.deepEqual(verifyTrail(folder, verifierText(trail.signer), [early]).damages, []);
});

test('there is one writer; what other processes leave comes in once', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  assert.throws(() => open(folder), /another process writes/);
  leaveInInbox(folder, event('from-cli'), Date.now());
  // What is no entry is put aside: it must not keep others out, nor be read by anybody as one.
  for (const [i, text] of ['{', '{}', JSON.stringify({ ...event('x'), action: 'x.y', atMs: 1 })].entries())
    writeFileSync(join(folder, 'inbox', `00000000000000${i}-${randomUUID()}.json`), text);
  trail.takeInbox();
  trail.takeInbox();
  await trail.append(event('mine'));
  await trail.close();
  const again = open(folder);
  await again.close();
  const found = [...new TrailReader(folder, origin, null).entries()].map(({ body }) => body?.target?.id);
  assert.deepEqual(found.sort(), ['from-cli', 'mine']);
  assert.equal(readdirSync(join(folder, 'inbox')).filter((name) => name.endsWith('.bad')).length, 3);
  assert.equal(readdirSync(join(folder, 'inbox')).length, 3);
});

test('a journal that ends before its checkpoint is no crash', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 300);
  await trail.close();
  const journal = join(folder, journalName(0));
  const size = statSync(journal).size;
  for (const cut of [0, 100, size - 300, size - 1]) {
    const copy = folderOf(t);
    cpSync(folder, copy, { recursive: true });
    truncateSync(join(copy, journalName(0)), cut);
    assert.throws(() => open(copy), /ends before its checkpoint/);
  }
});

test('a torn record behind the checkpoint is dropped, one in the middle is an error', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 10);
  await trail.close();
  const journal = join(folder, journalName(0));
  const whole = readFileSync(journal);
  for (const torn of [Buffer.from([0]), Buffer.from([0, 0, 1, 0, 1, 2, 3, 4, 123]), Buffer.alloc(100)]) {
    writeFileSync(journal, Buffer.concat([whole, torn]));
    const again = open(folder);
    assert.equal(again.size, 10);
    await again.close();
    assert.equal(readFileSync(journal).length, whole.length);
  }
  const broken = Buffer.from(whole);
  broken[20]! ^= 1;
  writeFileSync(journal, broken);
  assert.throws(() => open(folder), /damaged at entry 0/);
});

test('the journal is begun anew, and a crash in between is harmless', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 5000);
  await trail.close();
  const names = readdirSync(folder).filter((name) => name.endsWith('.journal'));
  assert.deepEqual(names.length, 1);
  assert.notEqual(names[0], journalName(0));
  // As if the old file had not been removed yet: the new one repeats its end.
  const files = new TileFiles(folder);
  const entries = Array.from({ length: 20 }, (_, i) => files.readEntries(i, i < 19 ? 256 : 136)).flat();
  const elsewhere = folderOf(t);
  const journal = new Journal(elsewhere);
  await journal.write({ firstIndex: 0, entries });
  journal.close();
  cpSync(join(elsewhere, journalName(0)), join(folder, journalName(0)));
  const again = open(folder);
  assert.equal(again.size, 5000);
  await fill(again, 10, 5000);
  await again.close();
  assert.deepEqual(verifyTrail(folder, verifierText(trail.signer)).damages, []);
});

test('any flipped bit is found, and the smallest damaged range is named', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 900);
  await trail.close();
  const key = verifierText(trail.signer);
  const files = [...readdirSync(join(folder, 'tile'), { recursive: true, withFileTypes: true })]
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    // Parts that older checkpoints counted are another matter.
    .filter((file) => !file.includes('.p/') || /\.p\/(?:132|3)$/.test(file));
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 7 }), (pick, at, bit) => {
      const file = files[pick % files.length]!;
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      changed[at % bytes.length]! ^= 1 << bit;
      writeFileSync(file, changed);
      try {
        const { damages } = verifyTrail(folder, key);
        assert.ok(damages.length > 0, `${file} at ${at % bytes.length}`);
        const isEntries = file.includes('/entries/');
        assert.ok(
          damages.every(({ kind }) => kind === (isEntries ? 'entries' : 'tile')),
          JSON.stringify(damages),
        );
        if (!isEntries) assert.equal(damages.length, 1);
        // A bundle's lengths lead from one entry to the next: damage to one of them ends with its bundle at the latest.
        if (isEntries) assert.ok(damages.at(-1)!.to - damages[0]!.from < 256);
      } finally {
        writeFileSync(file, bytes);
      }
    }),
    { numRuns: 60 },
  );
  const entries = join(folder, 'tile/entries/001');
  const bytes = readFileSync(entries);
  const second = 2 + bytes.readUInt16BE(0);
  bytes[second + 40]! ^= 1;
  writeFileSync(entries, bytes);
  const { damages } = verifyTrail(folder, key);
  assert.deepEqual(
    damages.map(({ kind, from, to }) => [kind, from, to]),
    [['entries', 257, 257]],
  );
});

test('removed, reordered and cut entries, a forged tree and an older one are found', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 600);
  await trail.close();
  const key = verifierText(trail.signer);
  const kept = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const copyOf = (): string => {
    const copy = mkdtempSync(join(tmpdir(), 'gatewright-audit-'));
    t.after(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(folder, copy, { recursive: true });
    return copy;
  };
  const named = (copy: string, others: string[] = []) =>
    verifyTrail(copy, key, others).damages.map(({ from, to }) => [from, to]);
  const removed = copyOf();
  rmSync(join(removed, 'tile/entries/001'));
  assert.deepEqual(named(removed), [[256, 511]]);
  const swapped = copyOf();
  const bundle = readFileSync(join(swapped, 'tile/entries/000'));
  const first = 2 + bundle.readUInt16BE(0);
  const next = first + 2 + bundle.readUInt16BE(first);
  writeFileSync(
    join(swapped, 'tile/entries/000'),
    Buffer.concat([bundle.subarray(first, next), bundle.subarray(0, first), bundle.subarray(next)]),
  );
  assert.deepEqual(named(swapped), [[0, 1]]);
  const cut = copyOf();
  const bytes = readFileSync(join(cut, 'tile/entries/001'));
  truncateSync(join(cut, 'tile/entries/001'), bytes.length - 1);
  assert.deepEqual(named(cut), [[511, 511]]);
  // Entries and hashes changed together still do not lead to what was signed.
  const both = copyOf();
  for (const file of ['tile/entries/000', 'tile/0/000']) {
    const text = readFileSync(join(both, file));
    text[50]! ^= 1;
    writeFileSync(join(both, file), text);
  }
  assert.ok(named(both).length > 0);
  // A log that begins anew with the same key can not hide what was signed before.
  const rewritten = copyOf();
  rmSync(join(rewritten, 'tile'), { recursive: true });
  for (const name of readdirSync(rewritten)) if (name.endsWith('.journal')) rmSync(join(rewritten, name));
  rmSync(join(rewritten, 'checkpoint'));
  const liar = FileTrail.open({ folder: rewritten, origin, secret: null });
  await fill(liar, 600);
  await liar.close();
  assert.deepEqual(verifyTrail(rewritten, key).damages, []);
  assert.match(verifyTrail(rewritten, key, [kept]).damages[0]!.what, /the trail was rewritten/);
  const shorter = copyOf();
  rmSync(join(shorter, 'tile'), { recursive: true });
  for (const name of readdirSync(shorter)) if (name.endsWith('.journal')) rmSync(join(shorter, name));
  rmSync(join(shorter, 'checkpoint'));
  const small = FileTrail.open({ folder: shorter, origin, secret: null });
  await fill(small, 5);
  await small.close();
  assert.match(verifyTrail(shorter, key, [kept]).damages[0]!.what, /the trail was cut/);
  const unsigned = copyOf();
  appendFileSync(join(unsigned, 'checkpoint'), 'x');
  writeFileSync(join(unsigned, 'checkpoint'), kept.replace('600', '601'));
  assert.match(verifyTrail(unsigned, key).damages[0]!.what, /not signed by the key/);
});

test('shredding makes one subject unreadable and changes no proof', async (t) => {
  const folder = folderOf(t);
  const secret = 'a secret of at least thirty-two characters';
  const trail = open(folder, secret);
  await trail.append(event('a'));
  await trail.append(event('b', { actor: { kind: 'user', id: 'corp|tom' } }));
  const before = await trail.checkpoint();
  assert.equal(trail.keys.shred('corp|astrid'), 1);
  await trail.append(event('c'));
  await trail.close();
  const reader = new TrailReader(folder, origin, secret);
  assert.deepEqual(
    [...reader.entries()].map(({ body }) => body?.target?.id ?? null),
    [null, 'b', 'c'],
  );
  assert.deepEqual(verifyTrail(folder, verifierText(trail.signer), [before]).damages, []);
  // Nothing in the folder tells who it was: names stand under keys alone.
  const grep = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('');
  assert.ok(!grep.includes('corp|tom') && !grep.includes('ticket 17'));
  assert.throws(
    () => new TrailReader(folder, origin, 'another secret of at least 32 characters'),
    /does not open/,
  );
  assert.throws(() => new TrailReader(folder, origin, null), /is sealed/);
});

test('a key that others can read is refused', async (t) => {
  const folder = folderOf(t);
  await open(folder).close();
  chmodSync(join(folder, 'keys/signing'), 0o644);
  assert.throws(() => open(folder), /can be read by others: chmod 600/);
});

test('the verifier runs alone', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  await fill(trail, 20);
  await trail.close();
  const verifier = new URL('./verifier.ts', import.meta.url).pathname;
  const imports = [...readFileSync(verifier, 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1]!);
  assert.ok(imports.every((name) => name.startsWith('node:')));
  const output = execFileSync(process.execPath, [verifier, folder, verifierText(trail.signer)]);
  assert.match(output.toString(), /^audit\.example: 20 entries are what/);
});

test('what waits without anybody waiting is bounded, and what does not fit is told in the trail', async (t) => {
  const folder = folderOf(t);
  const trail = open(folder);
  for (let i = 0; i < 70_000; i++)
    trail.note(event('flood', { actor: { kind: 'address', id: '192.0.2.1' } }));
  assert.equal(trail.lost, 70_000 - 65_536);
  await trail.close();
  assert.equal(new TrailReader(folder, origin, null).size, 65_536);
});

test('a disk without room: what was not acknowledged is refused, and the trail goes on when there is room', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-small-disk-'));
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', folder]).status === 0;
  if (!mounted) return t.skip('SKIPPED: a small file system can not be mounted here');
  const path = join(folder, 'trail');
  const problems: (string | null)[] = [];
  const trail = FileTrail.open({
    folder: path,
    origin,
    secret: null,
    onProblem: (one) => problems.push(one),
  });
  await fill(trail, 300);
  const kept = await trail.checkpoint();
  writeFileSync(join(folder, 'ballast'), Buffer.alloc(3 << 20));
  let acknowledged = 300;
  const long = 'x'.repeat(20_000);
  await assert.rejects(async () => {
    for (;;) {
      await trail.append(event('more', { reason: long }));
      acknowledged++;
    }
  }, /can not be written: ENOSPC/);
  await assert.rejects(trail.append(event('later')), /can not be written/);
  trail.note(event('lost'));
  rmSync(join(folder, 'ballast'));
  for (let i = 0; problems.at(-1) !== null && i < 100; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(problems.at(-1), null);
  const { index } = await trail.append(event('again'));
  assert.ok(index >= acknowledged);
  await trail.close();
  assert.deepEqual(verifyTrail(path, verifierText(trail.signer), [kept]).damages, []);
  const found = [...new TrailReader(path, origin, null).entries()];
  assert.equal(found[index]!.body?.target?.id, 'again');
  const again = FileTrail.open({ folder: path, origin, secret: null });
  assert.ok(again.size > index);
  await again.close();
});
