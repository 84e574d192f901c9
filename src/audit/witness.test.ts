// Witnesses as the specification has them, over HTTP; and a trail that lies to one.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  EMPTY_ROOT,
  parseCheckpoint,
  parseNote,
  parseVerifier,
  readNote,
  SignatureKind,
  verifierText,
} from '../merkle/index.ts';
import {
  type AuditEvent,
  Cosigning,
  cosignedNotes,
  FileTrail,
  serveWitness,
  TrailReader,
  verifyTrail,
  Witness,
} from './index.ts';

const origin = 'audit.example';
const event: AuditEvent = {
  action: 'state.change',
  outcome: 'success',
  actor: { kind: 'system', id: 'test' },
  target: null,
};

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-witness-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function fill(trail: FileTrail, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => trail.append(event)));
  await trail.checkpoint();
}

async function rig(t: TestContext) {
  const folder = folderOf(t);
  const trail = FileTrail.open({ folder, origin, secret: null, mldsa: true });
  const contradictions: string[] = [];
  const witness = Witness.open({
    folder: folderOf(t),
    name: 'witness.example/w1',
    logs: trail.signers,
    secret: null,
    onContradiction: (_origin, what) => contradictions.push(what),
  });
  const server = await serveWitness(witness, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    onProblem: assert.fail,
  });
  t.after(async () => {
    await server.close();
    witness.close();
  });
  const settings = {
    name: 'w1',
    url: `${server.url}/`,
    keys: witness.keys.map((key) => parseVerifier(key)!),
    ca: '',
  };
  const cosigning = (of: string) =>
    new Cosigning({ folder: of, origin, secret: null, witnesses: [settings] });
  const post = (body: string) => fetch(`${server.url}/add-checkpoint`, { method: 'POST', body });
  return { folder, trail, witness, contradictions, cosigning, post, url: server.url };
}

test('checkpoints are cosigned with both keys as the trail grows, and verification wants it', async (t) => {
  const { folder, trail, witness, cosigning } = await rig(t);
  await fill(trail, 300);
  const client = cosigning(folder);
  assert.deepEqual(
    (await client.run()).map(({ size, problem }) => [size, problem]),
    [[300, '']],
  );
  await fill(trail, 700);
  // A client that has forgotten what the witness has seen is told.
  rmSync(join(folder, 'cosigned'), { recursive: true });
  assert.deepEqual(
    (await cosigning(folder).run()).map(({ size, problem }) => [size, problem]),
    [[1000, '']],
  );
  await trail.close();
  const [note] = cosignedNotes(folder);
  for (const key of witness.keys) {
    const opened = readNote(note!, parseVerifier(key)!);
    assert.equal(parseCheckpoint(opened!.text)!.size, 1000);
    assert.ok(Math.abs(opened!.timeS - Date.now() / 1000) < 3600);
  }
  const logKeys = trail.signers.map(verifierText).join('\n');
  assert.deepEqual(
    trail.signers.map(({ kind }) => kind),
    [SignatureKind.ed25519, SignatureKind.mldsaCosignature],
  );
  const good = verifyTrail(folder, logKeys, [], witness.keys);
  assert.deepEqual(good.damages, []);
  assert.deepEqual(
    good.cosignatures.map(({ name, size }) => [name, size]),
    [
      ['witness.example/w1', 1000],
      ['witness.example/w1', 1000],
    ],
  );
  // Another trail's ML-DSA key is not believed, nor is the absence of cosignatures where they are wanted.
  const stranger = FileTrail.open({ folder: folderOf(t), origin, secret: null, mldsa: true });
  await stranger.close();
  const mixed = [verifierText(trail.signer), verifierText(stranger.signers[1]!)].join(' ');
  assert.match(verifyTrail(folder, mixed).damages[0]!.what, /not signed by the key audit\.example/);
  rmSync(join(folder, 'cosigned'), { recursive: true });
  assert.match(
    verifyTrail(folder, logKeys, [], witness.keys).damages[0]!.what,
    /no checkpoint here was cosigned/,
  );
});

test('a trail that is rewritten or cut is not cosigned, and is told', async (t) => {
  const { folder, trail, contradictions, cosigning, witness } = await rig(t);
  await fill(trail, 10);
  const before = folderOf(t);
  cpSync(folder, before, { recursive: true, filter: (name) => !name.endsWith('lock') });
  await fill(trail, 10);
  await cosigning(folder).run();
  await trail.close();
  // The older copy goes on otherwise, with the same keys.
  const liar = FileTrail.open({ folder: before, origin, secret: null });
  await fill(liar, 4);
  const [cut] = await cosigning(before).run();
  assert.deepEqual(
    [cut!.isContradiction, cut!.problem],
    [true, 'it has cosigned 20 entries, and the trail has 14'],
  );
  await fill(liar, 6);
  const [other] = await cosigning(before).run();
  assert.ok(other!.isContradiction, other!.problem);
  await fill(liar, 40);
  const [rewritten] = await cosigning(before).run();
  assert.ok(rewritten!.isContradiction, rewritten!.problem);
  assert.match(rewritten!.problem, /not the beginning/);
  await liar.close();
  assert.equal(contradictions.length, 2);
  // What the witness kept proves the lie by itself.
  const kept = cosignedNotes(folder);
  const damages = verifyTrail(before, verifierText(liar.signer), kept, witness.keys).damages;
  assert.match(damages[0]!.what, /the trail was rewritten/);
});

test('requests that are none, strangers and stale ones get the answers of the specification', async (t) => {
  const { folder, trail, post, url } = await rig(t);
  await fill(trail, 5);
  await trail.close();
  const reader = new TrailReader(folder, origin, null);
  const status = async (body: string): Promise<number> => (await post(body)).status;
  assert.equal(await status(`old 0\n\n${reader.checkpoint}`), 200);
  const stale = await post(`old 0\n\n${reader.checkpoint}`);
  assert.deepEqual(
    [stale.status, stale.headers.get('content-type'), await stale.text()],
    [409, 'text/x.tlog.size', '5\n'],
  );
  assert.equal(await status(`old 5\n\n${reader.checkpoint}`), 200);
  assert.equal(await status(`old 6\n\n${reader.checkpoint}`), 400);
  assert.equal(await status(`old 05\n\n${reader.checkpoint}`), 400);
  const line = Buffer.alloc(32).toString('base64');
  assert.equal(await status(`old 5\n${line}\n\n${reader.checkpoint}`), 422);
  assert.equal(await status(`old 5\n${`${line}\n`.repeat(64)}\n${reader.checkpoint}`), 400);
  assert.equal(await status(`old 5\n\n${reader.checkpoint.replace('\n5\n', '\n6\n')}`), 403);
  assert.equal(await status(`old 5\n\n${reader.checkpoint.replaceAll(origin, 'other.example')}`), 404);
  assert.equal(await status('x'.repeat(200_000)), 413);
  assert.equal((await fetch(`${url}/add-checkpoint`)).status, 405);
  assert.equal((await fetch(`${url}/elsewhere`)).status, 404);
  assert.equal((await (await fetch(`${url}/keys`)).text()).split('\n').length, 3);
});

test('no bytes make a witness throw or cosign', async (t) => {
  const trail = FileTrail.open({ folder: folderOf(t), origin, secret: null });
  const folder = folderOf(t);
  const witness = Witness.open({ folder, name: 'w', logs: trail.signers, secret: null });
  const empty = EMPTY_ROOT.toString('base64');
  const pieces = fc.constantFrom(
    'old 0\n',
    'old 1\n',
    '\n',
    `${origin}\n`,
    '0\n',
    '7\n',
    `${empty}\n`,
    `— ${origin} AAAAAAAA\n`,
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((list) => list.join('')),
      ),
      (body) => {
        const { status } = witness.addCheckpoint(body);
        assert.ok(status >= 400 && status < 500, `${status} for ${JSON.stringify(body)}`);
      },
    ),
    { numRuns: 500 },
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => name === 'logs'),
    [],
  );
  assert.equal(parseNote('x'), null);
  witness.close();
  await trail.close();
});
