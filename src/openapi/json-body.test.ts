// JSON bodies: what is taken is what JSON.parse reads, and nothing that another reader could read otherwise is taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonBody, parseJsonBody } from './json-body.ts';

const out = new JsonBody();
function read(bytes: string | Uint8Array): JsonBody {
  parseJsonBody(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, out);
  return out;
}

test('property: every value comes back as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      const { problem } = read(text);
      if (problem === null) assert.deepEqual(out.value, JSON.parse(text));
      else assert.ok(/"__proto__"|"\\(?:.|u....)":|\\ud|\d{16}|e[+-]?\d/i.test(text), `${problem}: ${text}`);
    }),
    { numRuns: 2000 },
  );
});

test('property: no bytes throw, and what JSON.parse refuses is refused', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0d8e1-+. tf') }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      const { problem } = read(input);
      if (problem !== null) return;
      assert.deepEqual(out.value, JSON.parse(Buffer.from(input).toString('utf8')));
    }),
    { numRuns: 5000 },
  );
});

const refused: readonly (readonly [string | Uint8Array, string])[] = [
  ['{"a":1,"a":2}', 'duplicate-member'],
  ['{"ab":1,"\\u0061b":2}', 'duplicate-member'],
  ['{"a":1,"\\u0061":2}', 'member-name'],
  ['{"x":[{"b":1,"b":1}]}', 'duplicate-member'],
  ['{"__proto__":{}}', 'member-name'],
  ['{"\\u005f_proto__":{}}', 'member-name'],
  ['{"a":1,"\\u0062":1}', 'member-name'],
  ['{"a":1,"\\"":1}', 'member-name'],
  ['"\\ud800"', 'encoding'],
  ['{"x\\udfff":1}', 'encoding'],
  ['"\\ude00\\ud83d"', 'encoding'],
  ['['.repeat(100) + ']'.repeat(100), 'too-deep'],
  ['9007199254740993', 'number-range'],
  ['1e400', 'number-range'],
  ['\ufeff{}', 'encoding'],
  [Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'encoding'],
  [Buffer.from([0x22, 0xff, 0x22]), 'encoding'],
  [Buffer.from('{"a":1}', 'utf16le'), 'syntax'],
  ['{a:1}', 'syntax'],
  ["{'a':1}", 'syntax'],
  ['[1,]', 'syntax'],
  ['01', 'syntax'],
  ['NaN', 'syntax'],
  ['{} {}', 'syntax'],
  ['', 'syntax'],
];
for (const [bytes, problem] of refused) {
  test(`${JSON.stringify(bytes).slice(0, 40)} is refused: ${problem}`, () =>
    assert.equal(read(bytes).problem, problem));
}

test('what only looks dangerous is taken', () => {
  for (const text of [
    '"\\\\ud800"',
    '"\\ud83d\\ude00"',
    '{"constructor":1}',
    '{"a":{"b":1},"b":1}',
    '[1.5,-0,1e3]',
  ]) {
    assert.equal(read(text).problem, null, text);
  }
});
