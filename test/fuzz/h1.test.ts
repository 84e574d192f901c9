// The fuzzer's short form: a fixed seed, so that a failure stays, and a random one, so that every run looks somewhere new.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findDifference, findSplitDifference } from './compare.ts';
import { fuzzRequests, shrink } from './h1-fuzz.ts';
import { randomConnection } from './messages.ts';
import { NodeReader } from './node-reading.ts';
import { readAsGate } from './our-reading.ts';
import { newSeed, Random } from './random.ts';

const CASES = 15_000;

describe('requests against the parser of Node', () => {
  for (const seed of [1, newSeed()]) {
    test(`seed ${seed}: nothing that we accept is read otherwise`, () => {
      const result = fuzzRequests(seed, (cases) => cases >= CASES);
      assert.equal(result.failure, null);
      assert.equal(result.cases, CASES);
      // A generator that only makes rubbish, or only valid requests, would show nothing.
      assert.ok(result.accepted > CASES / 20, `${result.accepted} accepted`);
      assert.ok(result.refused > CASES / 4, `${result.refused} refused`);
      assert.ok(result.stricter > CASES / 100, `${result.stricter} refused by us alone`);
    });
  }

  test('a seed repeats its cases', () => {
    const make = (): string[] => {
      const random = new Random(7);
      return Array.from({ length: 20 }, () => randomConnection(random));
    };
    assert.deepEqual(make(), make());
  });
});

describe('the property itself', () => {
  const reader = new NodeReader();
  const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
  const head = 'POST /a HTTP/1.1\r\nHost: a\r\n';
  const pairs: readonly (readonly [string, string, string, RegExp | null])[] = [
    ['equal inputs', `${head}\r\n`, `${head}\r\n`, null],
    ['a method', `${head}\r\n`, 'PUT /a HTTP/1.1\r\nHost: a\r\n\r\n', /method/],
    ['a target', `${head}\r\n`, 'POST /b HTTP/1.1\r\nHost: a\r\n\r\n', /target/],
    ['a host', `${head}\r\n`, 'POST /a HTTP/1.1\r\nHost: b\r\n\r\n', /host/],
    ['a value', `${head}X: 1\r\n\r\n`, `${head}X: 2\r\n\r\n`, /fields/],
    ['a hidden field', `${head}\r\n`, `${head}X: 2\r\n\r\n`, /fields/],
    ['a length', `${head}Content-Length: 1\r\n\r\nab`, `${head}Content-Length: 2\r\n\r\nab`, /length/],
    ['a body', `${head}Content-Length: 1\r\n\r\na`, `${head}Content-Length: 1\r\n\r\nb`, /body/],
    ['an end', `${head}Content-Length: 1\r\n\r\na`, `${head}Content-Length: 1\r\n\r\n`, /not ended/],
    ['one request more', `${head}\r\n${head}\r\n`, `${head}\r\n`, /request 1 is none/],
    ['one request less', `${head}\r\n`, `${head}\r\n${head}\r\n`, /more requests/],
    ['an error', `${head}\r\n`, `${head}\r\n\x01`, /HPE_/],
  ];
  for (const [name, ours, theirs, expected] of pairs) {
    test(`sees ${name}`, () => {
      const difference = findDifference(readAsGate(bytes(ours)), reader.read(bytes(theirs)));
      if (expected === null) assert.equal(difference, null);
      else assert.match(difference ?? 'none', expected);
    });
  }

  test('sees what depends on cuts', () => {
    const whole = readAsGate(bytes(`${head}Content-Length: 2\r\n\r\nab`));
    const other = readAsGate(bytes(`${head}Content-Length: 2\r\n\r\nac`));
    assert.equal(findSplitDifference(whole, whole), null);
    assert.notEqual(findSplitDifference(whole, other), null);
  });

  test('shrinks to what matters', () => {
    assert.equal(
      shrink('abcXdefYghi', (text) => text.includes('X') && text.includes('Y')),
      'XY',
    );
  });
});
