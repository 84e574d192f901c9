// The tree against the definitions of RFC 9162 written down plainly, and notes against every way to change them.
import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addSignature,
  checkpointText,
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  levelsOf,
  nodeHash,
  noteSigner,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVerifier,
  rootOf,
  SignatureKind,
  signNote,
  splitOf,
  tilePath,
  tilesOf,
  verifierText,
  verifyConsistency,
  verifyInclusion,
} from './index.ts';

const entries = Array.from({ length: 300 }, (_, i) => Buffer.from(`entry ${i}`));

/** MTH of section 2.1.1. */
function naiveRoot(list: readonly Buffer[]): Buffer {
  if (list.length === 0) return EMPTY_ROOT;
  if (list.length === 1) return leafHash(list[0]!);
  const k = splitOf(list.length);
  return nodeHash(naiveRoot(list.slice(0, k)), naiveRoot(list.slice(k)));
}

/** PATH of section 2.1.3.1. */
function naivePath(m: number, list: readonly Buffer[]): Buffer[] {
  if (list.length === 1) return [];
  const k = splitOf(list.length);
  return m < k
    ? [...naivePath(m, list.slice(0, k)), naiveRoot(list.slice(k))]
    : [...naivePath(m - k, list.slice(k)), naiveRoot(list.slice(0, k))];
}

/** SUBPROOF of section 2.1.4.1. */
function naiveProof(m: number, list: readonly Buffer[], isWhole: boolean): Buffer[] {
  if (m === list.length) return isWhole ? [] : [naiveRoot(list)];
  const k = splitOf(list.length);
  return m <= k
    ? [...naiveProof(m, list.slice(0, k), isWhole), naiveRoot(list.slice(k))]
    : [...naiveProof(m - k, list.slice(k), false), naiveRoot(list.slice(0, k))];
}

const read = (level: number, index: number): Buffer => {
  const count = 2 ** level;
  return naiveRoot(entries.slice(index * count, (index + 1) * count));
};

test('the empty tree and the first leaf have the hashes of RFC 9162', () => {
  assert.equal(
    EMPTY_ROOT.toString('hex'),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  assert.equal(
    leafHash(Buffer.alloc(0)).toString('hex'),
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
});

test('roots and proofs are those of the definitions, and prove', () => {
  const sizes = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(sizes, sizes, fc.nat(), (a, b, pick) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const root = rootOf(to, read);
      assert.deepEqual(root, naiveRoot(entries.slice(0, to)));
      const index = pick % to;
      const path = inclusionProof(index, to, read);
      assert.deepEqual(path, naivePath(index, entries.slice(0, to)));
      assert.ok(verifyInclusion(entries[index]!, index, to, path, root));
      const proof = consistencyProof(from, to, read);
      assert.deepEqual(proof, naiveProof(from, entries.slice(0, to), true));
      assert.ok(verifyConsistency(from, to, proof, naiveRoot(entries.slice(0, from)), root));
    }),
    { numRuns: 150 },
  );
});

test('a proof proves nothing else', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 64 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      (size, pick, at, bit) => {
        const root = rootOf(size, read);
        const index = pick % size;
        const path = inclusionProof(index, size, read);
        assert.ok(!verifyInclusion(entries[(index + 1) % size]!, index, size, path, root));
        assert.ok(!verifyInclusion(entries[index]!, (index + 1) % size, size, path, root));
        assert.ok(!verifyInclusion(entries[index]!, index, size, path.slice(1), root));
        assert.ok(!verifyInclusion(entries[index]!, index, size, [...path, root], root));
        const changed = path.map((hash) => Buffer.from(hash));
        changed[at % changed.length]![bit >> 3]! ^= 1 << (bit & 7);
        assert.ok(!verifyInclusion(entries[index]!, index, size, changed, root));
        const from = 1 + (pick % (size - 1));
        const proof = consistencyProof(from, size, read);
        const fromRoot = naiveRoot(entries.slice(0, from));
        const other = naiveRoot([...entries.slice(0, from - 1), Buffer.from('forged')]);
        assert.ok(!verifyConsistency(from, size, proof, other, root));
        assert.ok(!verifyConsistency(from, size, proof.slice(1), fromRoot, root) || proof.length === 0);
        assert.ok(!verifyConsistency(from, size, [...proof, root], fromRoot, root));
      },
    ),
    { numRuns: 300 },
  );
  assert.throws(() => inclusionProof(3, 3, read), RangeError);
  assert.throws(() => consistencyProof(0, 3, read), RangeError);
});

test('tiles lie where the specification puts them', () => {
  assert.equal(tilePath(0, 0), 'tile/0/000');
  assert.equal(tilePath(0, 1_234_067), 'tile/0/x001/x234/067');
  assert.equal(tilePath(1, 5, 12), 'tile/1/005.p/12');
  assert.equal(tilePath('entries', 1000), 'tile/entries/x001/000');
  assert.deepEqual(tilesOf(70_000, 0), { full: 273, partial: 112 });
  assert.deepEqual(tilesOf(70_000, 1), { full: 1, partial: 17 });
  assert.deepEqual(
    [levelsOf(0), levelsOf(1), levelsOf(255), levelsOf(256), levelsOf(65_536)],
    [0, 1, 1, 2, 3],
  );
});

test('a note is what its signer signed, and no other byte', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = noteSigner('audit.example', privateKey);
  const verifier = parseVerifier(verifierText(signer))!;
  const checkpoint = { origin: 'audit.example', size: 300, root: rootOf(300, read) };
  const text = checkpointText(checkpoint);
  const note = signNote(text, signer);
  assert.equal(openNote(note, verifier), text);
  assert.deepEqual(parseCheckpoint(text), checkpoint);
  const stranger = noteSigner('audit.example', generateKeyPairSync('ed25519').privateKey);
  assert.equal(openNote(signNote(text, stranger), verifier), null);
  fc.assert(
    fc.property(fc.nat(note.length - 1), fc.integer({ min: 1, max: 127 }), (at, change) => {
      const forged =
        note.slice(0, at) + String.fromCharCode(note.charCodeAt(at) ^ change) + note.slice(at + 1);
      const opened = openNote(forged, verifier);
      // Padding bits of base64 carry nothing: such a note says the same.
      assert.ok(opened === null || opened === text, forged);
    }),
    { numRuns: 2000 },
  );
  for (const wrong of ['', 'a', 'a\n\n', 'a\n\n— b c\n', `${note}x`])
    assert.equal(parseNote(wrong)?.text, undefined);
  for (const wrong of ['x', 'x+00000000+AQ==', verifierText(signer).replace(/\+[0-9a-f]{8}\+/, '+00000000+')])
    assert.equal(parseVerifier(wrong), null);
});

test('a witness signs with its time', () => {
  const log = noteSigner('audit.example', generateKeyPairSync('ed25519').privateKey);
  const { privateKey } = generateKeyPairSync('ed25519');
  const base = noteSigner('witness.example', privateKey);
  const [, , ...encoded] = verifierText(base).split('+');
  const raw = Buffer.from(encoded.join('+'), 'base64').subarray(1);
  const witnessKey = Buffer.concat([Buffer.from([SignatureKind.cosignature]), raw]);
  const id = Buffer.from(
    new Uint8Array(
      hash('sha256', Buffer.concat([Buffer.from('witness.example\n'), witnessKey]), 'buffer').subarray(0, 4),
    ),
  );
  const verifier = parseVerifier(`witness.example+${id.toString('hex')}+${witnessKey.toString('base64')}`)!;
  const body = checkpointText({ origin: 'audit.example', size: 0, root: EMPTY_ROOT });
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(1_790_000_000n);
  const bytes = sign(null, Buffer.from(`cosignature/v1\ntime 1790000000\n${body}`), privateKey);
  const note = addSignature(signNote(body, log), {
    name: 'witness.example',
    id,
    bytes: Buffer.concat([time, bytes]),
  });
  assert.equal(openNote(note, verifier), body);
  assert.equal(openNote(note, parseVerifier(verifierText(log))!), body);
  time.writeBigUInt64BE(1_790_000_001n);
  const late = addSignature(signNote(body, log), {
    name: 'witness.example',
    id,
    bytes: Buffer.concat([time, bytes]),
  });
  assert.equal(openNote(late, verifier), null);
});
