import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type SealKey, TextSeal } from './index.ts';

const key = (id: string): SealKey => ({ id, key: Buffer.alloc(32, id).toString('base64url') });
const seal = new TextSeal([key('a'), key('b')], 'b');

test('what is sealed is opened for its purpose, with any of the keys, and by nobody else', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 }),
      (value) => {
        const text = seal.close('x', value);
        if (text === null) return;
        assert.deepEqual(seal.open('x', text), JSON.parse(JSON.stringify(value)));
        assert.equal(seal.open('y', text), null);
        assert.equal(new TextSeal([key('a')], 'a').open('x', text), null);
        assert.equal(new TextSeal([{ ...key('b'), key: key('a').key }], 'b').open('x', text), null);
      },
    ),
  );
  const old = new TextSeal([key('a')], 'a').close('x', { n: 1 })!;
  assert.deepEqual(seal.open('x', old), { n: 1 });
});

test('any change of a character closes it for good', () => {
  const text = seal.close('x', { who: 'ingrid', until: 5 })!;
  for (let at = 0; at < text.length - 1; at++) {
    const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    assert.equal(seal.open('x', changed), null, `at ${at}`);
  }
});

test('what no cookie can hold, or nobody has sealed, is null', () => {
  assert.equal(seal.close('x', { long: 'x'.repeat(4000) }), null);
  assert.equal(new TextSeal([], '').close('x', {}), null);
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => assert.equal(seal.open('x', text), null)));
  fc.assert(fc.property(fc.base64String(), (text) => assert.equal(seal.open('x', `b.${text}`), null)));
});
