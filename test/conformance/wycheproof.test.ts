// Project Wycheproof's vectors for signed tokens and their keys, through the functions that the JWT guard calls: parse,
// compile the keys, choose one, verify. Where we differ, the reason stands here.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileKeySet, JwkError, parseJws, selectKey, verifyJws } from '../../src/jose/index.ts';
import { findCorpus, readCorpusJson } from '../support/corpus.ts';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  /** A compact token, or an object for the JSON serialisation; absent in vectors for encryption. */
  readonly jws?: string | Readonly<Record<string, unknown>>;
}

interface Group {
  readonly comment: string;
  readonly private?: unknown;
  readonly public?: unknown;
  readonly tests: readonly Vector[];
}

interface VectorFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

interface EncryptionFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly private?: unknown;
    readonly public?: unknown;
    readonly tests: readonly {
      readonly tcId: number;
      readonly jwe: string | Readonly<Record<string, unknown>>;
    }[];
  }[];
}

interface Expectation {
  readonly file: string;
  readonly agreeing: number;
  /** Vectors for encryption, which the gate does not do. */
  readonly encrypted: number;
  /** Our result where it differs from the vector's, and why, by `tcId`. */
  readonly deviations: Readonly<Record<number, readonly ['accepted' | 'refused', string]>>;
}

const lostPadding =
  'labelled invalid, but byte for byte the valid token of its group: the padding that spoils it is lost';

const expectations: readonly Expectation[] = [
  {
    file: 'json_web_signature_test.json',
    agreeing: 271,
    encrypted: 0,
    deviations: {
      346: ['refused', 'PS384 token, PS256 key: a key serves the algorithm it names (RFC 7517 section 4.4)'],
      347: ['refused', 'ES512 token, key that names ES521, which is no algorithm (RFC 7517 section 4.4)'],
      367: ['accepted', lostPadding],
      370: ['accepted', lostPadding],
      372: ['refused', 'labelled valid, but a question mark stands in its header part'],
    },
  },
  { file: 'json_web_key_test.json', agreeing: 18, encrypted: 0, deviations: {} },
  { file: 'json_web_crypto_test.json', agreeing: 27, encrypted: 21, deviations: {} },
];

/** Whether the gate takes the token with these keys. */
function accepts(token: Vector['jws'], keys: unknown): boolean {
  // A header field holds text, so the JSON serialisation never gets this far.
  if (typeof token !== 'string') return false;
  const jws = parseJws(token);
  if (typeof jws === 'string') return false;
  try {
    const key = selectKey(jws, compileKeySet(JSON.stringify(keys)));
    return typeof key !== 'string' && verifyJws(jws, key);
  } catch (error) {
    if (error instanceof JwkError) return false;
    throw error;
  }
}

const corpus = findCorpus('wycheproof');

describe('wycheproof', { skip: corpus.skip }, () => {
  for (const { file, agreeing, encrypted, deviations } of expectations) {
    test(file, () => {
      const { testGroups, numberOfTests } = readCorpusJson<VectorFile>(corpus, file);
      const found: Record<number, 'accepted' | 'refused'> = {};
      let agreed = 0;
      let skipped = 0;
      for (const group of testGroups) {
        for (const vector of group.tests) {
          if (vector.jws === undefined) {
            skipped++;
            continue;
          }
          assert.notEqual(vector.result, 'acceptable', 'such a vector needs a decision');
          const accepted = accepts(vector.jws, group.public ?? group.private);
          if (accepted === (vector.result === 'valid')) agreed++;
          else found[vector.tcId] = accepted ? 'accepted' : 'refused';
        }
      }
      const expected = Object.fromEntries(Object.entries(deviations).map(([id, [result]]) => [id, result]));
      assert.deepEqual(found, expected);
      assert.equal(agreed, agreeing);
      assert.equal(skipped, encrypted);
      assert.equal(agreed + skipped + Object.keys(deviations).length, numberOfTests);
    });
  }

  // The gate takes no encrypted tokens: what an issuer says of a caller is no secret from the gate, and decryption would be one more
  // thing that a stranger's bytes reach before any signature is looked at. All vectors, the valid ones too, are refused.
  test('json_web_encryption_test.json', () => {
    const { testGroups, numberOfTests } = readCorpusJson<EncryptionFile>(
      corpus,
      'json_web_encryption_test.json',
    );
    let refused = 0;
    for (const group of testGroups)
      for (const { jwe, tcId } of group.tests) {
        assert.equal(accepts(jwe, { keys: [group.private] }), false, String(tcId));
        assert.equal(accepts(jwe, group.public ?? group.private), false, String(tcId));
        refused++;
      }
    assert.equal(refused, numberOfTests);
    assert.equal(numberOfTests, 80);
  });

  test('the tokens with lost padding are the valid one', () => {
    const { testGroups } = readCorpusJson<VectorFile>(corpus, 'json_web_signature_test.json');
    const group = testGroups.find(({ tests }) => tests.some(({ tcId }) => tcId === 367))!;
    const valid = group.tests.filter(({ result }) => result === 'valid').map(({ jws }) => jws);
    for (const id of [367, 370]) assert.ok(valid.includes(group.tests.find(({ tcId }) => tcId === id)?.jws));
  });
});
