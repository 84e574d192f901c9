import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Spool, type SpoolOptions } from './spool.ts';

const options: SpoolOptions = { maxBytes: 1 << 20, whenFull: 'drop-oldest' };

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gw-spool-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const lines = (...ids: number[]): Buffer => Buffer.from(ids.map((id) => `{"id":${id}}\n`).join(''));
const idsOf = (bytes: Buffer): number[] =>
  bytes
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: number }).id);

async function readAll(spool: Spool): Promise<number[]> {
  const ids: number[] = [];
  for (let chunk = await spool.read(10, 1 << 20); chunk !== null; chunk = await spool.read(10, 1 << 20)) {
    ids.push(...idsOf(chunk.lines));
    await spool.commit(chunk);
  }
  return ids;
}

test('what was appended comes back in order, over restarts, from where it was committed', async (t) => {
  const path = await folder(t);
  let spool = await Spool.open(path, options);
  assert.deepEqual(await Promise.all([1, 2, 3].map((id) => spool.append(lines(id), 1))), [true, true, true]);
  const first = await spool.read(2, 1 << 20);
  assert.deepEqual(idsOf(first!.lines), [1, 2]);
  await spool.commit(first!);
  await spool.close();
  spool = await Spool.open(path, options);
  assert.equal(spool.pending, 1);
  await spool.append(lines(4, 5), 2);
  assert.deepEqual(await readAll(spool), [3, 4, 5]);
  assert.equal(spool.pending, 0);
  // An idle spool keeps no segment.
  assert.deepEqual(
    (await readdir(path)).filter((name) => name.endsWith('.seg')),
    [],
  );
  await spool.append(lines(6), 1);
  assert.deepEqual(await readAll(spool), [6]);
  await spool.close();
});

test('cut anywhere in its last frame, a segment gives all frames before it', async (t) => {
  const path = await folder(t);
  let spool = await Spool.open(path, options);
  for (const id of [1, 2, 3]) await spool.append(lines(id), 1);
  const size = spool.bytes;
  await spool.close();
  const segment = join(path, (await readdir(path)).find((name) => name.endsWith('.seg'))!);
  for (let cut = 1; cut < size / 3; cut += 5) {
    await truncate(segment, size - cut);
    spool = await Spool.open(path, options);
    assert.equal(spool.pending, 2, `cut ${cut}`);
    assert.equal(spool.damaged, 1);
    await spool.append(lines(3), 1);
    const chunk = await spool.read(10, 1 << 20);
    assert.deepEqual(idsOf(chunk!.lines), [1, 2]);
    await spool.close();
    for (const name of await readdir(path))
      if (name.endsWith('.seg') && join(path, name) !== segment) await rm(join(path, name));
    await truncate(segment, (size / 3) * 2);
    await appendFile(segment, Buffer.alloc(size / 3));
  }
});

test('the oldest go when it is full, and are counted', async (t) => {
  const spool = await Spool.open(await folder(t), { maxBytes: 16_384, whenFull: 'drop-oldest' });
  for (let id = 0; id < 3000; id += 100)
    await spool.append(lines(...Array.from({ length: 100 }, (_, i) => id + i)), 100);
  assert.ok(spool.bytes <= 16_384);
  const ids = await readAll(spool);
  assert.equal(ids.length + spool.dropped, 3000);
  assert.equal(ids.at(-1), 2999);
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
  await spool.close();
});

test('the newest go, or the writer waits', async (t) => {
  const newest = await Spool.open(await folder(t), { maxBytes: 4096, whenFull: 'drop-newest' });
  const kept = [];
  for (let id = 0; id < 900; id += 20)
    kept.push(await newest.append(lines(...Array.from({ length: 20 }, (_, i) => id + i)), 20));
  assert.equal(kept[0], true);
  assert.equal(kept.at(-1), false);
  assert.equal((await readAll(newest)).length + newest.dropped, 900);
  await newest.close();

  const waits = await Spool.open(await folder(t), { maxBytes: 16_384, whenFull: 'wait' });
  const writing = (async () => {
    for (let id = 0; id < 2000; id += 100)
      await waits.append(lines(...Array.from({ length: 100 }, (_, i) => id + i)), 100);
  })();
  const ids: number[] = [];
  while (ids.length < 2000) {
    await waits.arrival();
    ids.push(...(await readAll(waits)));
  }
  await writing;
  assert.deepEqual(
    ids,
    Array.from({ length: 2000 }, (_, i) => i),
  );
  assert.equal(waits.dropped, 0);
  await waits.close();
});

test('two processes can not have one spool; that of a dead one is taken over', async (t) => {
  const path = await folder(t);
  await writeFile(join(path, 'lock'), '1\n');
  await assert.rejects(Spool.open(path, options), /in use by process 1/);
  await writeFile(join(path, 'lock'), '2147480000\n');
  await (await Spool.open(path, options)).close();
});

test('a damaged cursor sends again rather than not at all', async (t) => {
  const path = await folder(t);
  let spool = await Spool.open(path, options);
  await spool.append(lines(1), 1);
  await spool.append(lines(2), 1);
  await spool.commit((await spool.read(1, 1 << 20))!);
  await spool.close();
  await writeFile(join(path, 'cursor'), '');
  spool = await Spool.open(path, options);
  assert.deepEqual(await readAll(spool), [1, 2]);
  await spool.close();
});
