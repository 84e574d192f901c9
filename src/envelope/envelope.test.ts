import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { associate, openAead, SealError, sealAead } from './aead.ts';
import { openEnvelope, parseEnvelope, rewrapEnvelope, sealEnvelope } from './envelope.ts';
import { derivePassphraseKey, newPassphraseCost } from './passphrase.ts';
import { combineShares, invert, multiply, parseShare, ShareError, splitSecret } from './shamir.ts';

const bytes = (maxLength = 300) => fc.uint8Array({ maxLength });
const key = randomBytes(32);
const ref = { key: 'secrets', version: 3 };

describe('aead', () => {
  test('AES-256-GCM-SIV gives the vector of RFC 8452 appendix C.2', () => {
    const sealed = sealAead(
      'gcm-siv',
      Buffer.from(`01${'00'.repeat(31)}`, 'hex'),
      Buffer.alloc(0),
      Buffer.from('0100000000000000', 'hex'),
      () => Buffer.from(`03${'00'.repeat(11)}`, 'hex'),
    );
    assert.equal(sealed.subarray(12).toString('hex'), 'c2ef328e5c71c83b843122130f7364b761e0b97427e3df28');
  });

  test('AES-256-GCM gives test case 14 of its specification', () => {
    const sealed = sealAead('gcm', Buffer.alloc(32), Buffer.alloc(0), Buffer.alloc(16), (n) =>
      Buffer.alloc(n),
    );
    assert.equal(
      sealed.subarray(12).toString('hex'),
      'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
    );
  });

  test('what was sealed opens; a changed bit, a cut, other data or another key do not', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('gcm' as const, 'gcm-siv' as const),
        bytes(),
        bytes(40),
        fc.nat(),
        (name, clear, associated, where) => {
          const sealed = sealAead(name, key, associated, clear);
          assert.deepEqual(new Uint8Array(openAead(name, key, associated, sealed)), clear);
          const flipped = Buffer.from(sealed);
          flipped[where % sealed.length]! ^= 1 << (where % 8);
          assert.throws(() => openAead(name, key, associated, flipped), SealError);
          assert.throws(
            () => openAead(name, key, associated, sealed.subarray(0, where % sealed.length)),
            SealError,
          );
          assert.throws(() => openAead(name, key, [...associated, 0] as unknown as Uint8Array, sealed));
          assert.throws(() => openAead(name, randomBytes(32), associated, sealed), SealError);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a nonce that repeats: GCM-SIV shows equality alone, and every sealing takes a new one', () => {
    const fixed = () => Buffer.alloc(12, 7);
    const [a, b] = ['attack at dawn', 'attack at dusk'].map((text) =>
      sealAead('gcm-siv', key, Buffer.alloc(0), Buffer.from(text), fixed).subarray(12, 26),
    ) as [Buffer, Buffer];
    // Under GCM the equal beginnings would be equal here.
    assert.notDeepEqual(a.subarray(0, 11), b.subarray(0, 11));
    const nonces = new Set(
      Array.from({ length: 2000 }, () =>
        sealAead('gcm', key, Buffer.alloc(0), Buffer.alloc(0)).subarray(0, 12).toString('hex'),
      ),
    );
    assert.equal(nonces.size, 2000);
  });

  test('lists of texts give different associated data', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        assert.equal(associate(...a).equals(associate(...b)), JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    assert.ok(!associate('a', 'bc').equals(associate('ab', 'c')));
  });
});

describe('envelope', () => {
  test('opens at its place only, and survives a change of the key', () => {
    const next = randomBytes(32);
    fc.assert(
      fc.property(bytes(), fc.string(), fc.string(), (clear, place, other) => {
        const envelope = parseEnvelope(sealEnvelope(ref, key, place, clear));
        assert.deepEqual(new Uint8Array(openEnvelope(envelope, key, place)), clear);
        if (other !== place) assert.throws(() => openEnvelope(envelope, key, other), SealError);
        const again = parseEnvelope(rewrapEnvelope(envelope, key, { ...ref, version: 4 }, next, place));
        assert.deepEqual(again.sealed, envelope.sealed);
        assert.deepEqual(new Uint8Array(openEnvelope(again, next, place)), clear);
        assert.throws(() => openEnvelope({ ...again, version: 3 }, next, place), SealError);
        assert.throws(() => openEnvelope({ ...again, key: 'state' }, next, place), SealError);
      }),
    );
  });

  test('no character of it can be changed, none left out, no two parts swapped', () => {
    fc.assert(
      fc.property(bytes(60), fc.nat(), fc.constantFrom(...'ABab01_-.'), (clear, where, character) => {
        const text = sealEnvelope(ref, key, 'a/b', clear);
        const at = where % text.length;
        for (const spoiled of [
          text.slice(0, at) + character + text.slice(at + 1),
          text.slice(0, at) + text.slice(at + 1),
          text.slice(0, at),
          `${text}${character}`,
        ]) {
          if (spoiled !== text)
            assert.throws(() => openEnvelope(parseEnvelope(spoiled), key, 'a/b'), SealError);
        }
      }),
      { numRuns: 400 },
    );
    const [a, b] = [1, 2].map((n) => parseEnvelope(sealEnvelope(ref, key, 'a/b', Buffer.from([n]))));
    assert.throws(() => openEnvelope({ ...a!, sealed: b!.sealed }, key, 'a/b'), SealError);
    assert.throws(() => openEnvelope({ ...a!, wrapped: b!.wrapped }, key, 'a/b'), SealError);
  });
});

describe('shares', () => {
  test('the field is a field', () => {
    for (let a = 1; a < 256; a++) assert.equal(multiply(a, invert(a)), 1);
    // FIPS 197 section 4.2.
    assert.equal(multiply(0x57, 0x83), 0xc1);
  });

  test('any threshold of them gives the secret, fewer do not', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc
          .integer({ min: 2, max: 9 })
          .chain((count) => fc.tuple(fc.constant(count), fc.integer({ min: 2, max: count }))),
        fc.infiniteStream(fc.nat()),
        (secret, [count, threshold], order) => {
          const shares = splitSecret(secret, count, threshold).map(parseShare);
          const mixed = shares
            .map((share) => ({ share, rank: order.next().value as number }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ share }) => share);
          assert.deepEqual(new Uint8Array(combineShares(mixed.slice(0, threshold))), secret);
          assert.throws(() => combineShares(mixed.slice(0, threshold - 1)), ShareError);
        },
      ),
    );
  });

  test('what one share short says of the secret is nothing: every value is as likely', () => {
    const counts = new Array<number>(256).fill(0);
    for (let i = 0; i < 25_600; i++)
      counts[parseShare(splitSecret(Buffer.from([42]), 2, 2)[0]!).bytes[0]!]!++;
    // Chi-squared with 255 degrees of freedom stays below 400 but once in a hundred million runs.
    const chi = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0);
    assert.ok(chi < 400, `chi-squared ${chi}`);
  });

  test('mistyped, doubled and mixed shares are named', () => {
    const [a, b] = splitSecret(Buffer.from('secret'), 3, 2) as [string, string];
    const [c] = splitSecret(Buffer.from('secret'), 3, 2) as [string];
    assert.throws(
      () => parseShare(a.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))),
      /a character is wrong/,
    );
    assert.throws(() => parseShare('hello'), /no share/);
    assert.throws(() => combineShares([parseShare(a), parseShare(a)]), /twice/);
    assert.throws(() => combineShares([parseShare(a), parseShare(c)]), /different sets/);
    assert.equal(combineShares([parseShare(b), parseShare(a)]).toString(), 'secret');
    assert.throws(() => splitSecret(Buffer.from('x'), 3, 1), ShareError);
    assert.throws(() => splitSecret(Buffer.from('x'), 256, 3), ShareError);
  });
});

describe('passphrase', () => {
  test('gives the same key again; composed and decomposed letters are the same', async () => {
    const cost = { ...newPassphraseCost(), memoryKiB: 19_456, passes: 1 };
    const [a, b] = await Promise.all(['Zoë', 'Zoe\u0308'].map((text) => derivePassphraseKey(text, cost)));
    assert.deepEqual(a, b);
    assert.notDeepEqual(await derivePassphraseKey('Zoe', cost), a);
  });

  test('a cost that was made cheap or endless is refused', async () => {
    const cost = newPassphraseCost();
    for (const change of [
      { memoryKiB: 8 },
      { memoryKiB: 1e9 },
      { passes: 0 },
      { passes: 1e6 },
      { salt: 'AA' },
    ])
      await assert.rejects(derivePassphraseKey('x', { ...cost, ...change }), SealError);
  });
});
