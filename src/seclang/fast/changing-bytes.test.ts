import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findTransformation, transformationNames } from '../transformations/index.ts';
import { changingBytes } from './changing-bytes.ts';

const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(...[...'%+&\\/.-#*<> aA0x\t\n\0\xa0'].map((c) => c.charCodeAt(0))),
);
const texts = fc.array(byte, { minLength: 1, maxLength: 24 });

test('a transformation changes no text without the bytes that it needs for that', () => {
  let told = 0;
  for (const name of transformationNames) {
    const transformation = findTransformation(name)!;
    const needed = changingBytes(transformation);
    if (needed === null) continue;
    told++;
    fc.assert(
      fc.property(texts, (bytes) => {
        const text = String.fromCharCode(...bytes.filter((code) => needed[code] === 0));
        if (text !== '') assert.equal(transformation.run(text), text);
      }),
    );
  }
  assert.ok(told >= 20, `${told} transformations tell`);
});

test('what is said to change case alone does, and what decodes + does nothing else without %', () => {
  for (const name of transformationNames) {
    const { changesCaseOnly, decodesPlus, run } = findTransformation(name)!;
    if (!changesCaseOnly && !decodesPlus) continue;
    fc.assert(
      fc.property(texts, (bytes) => {
        const text = String.fromCharCode(...bytes.filter((code) => code !== 37));
        if (decodesPlus) assert.equal(run(text), text.replaceAll('+', ' '));
        else assert.equal(lower(run(text)), lower(text));
      }),
    );
  }
});

const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
