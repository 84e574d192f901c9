// Places and doubled members of JSON are those that the YAML reader, which reads JSON too, finds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJsonText } from './json-text.ts';
import { YamlText } from './yaml-text.ts';

type Path = readonly (string | number)[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (at.length >= 6 || typeof value !== 'object' || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([key, inner]) =>
      pathsOf(inner, [...at, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

test('property: values are those of JSON.parse, places those of the YAML reader', () => {
  const name = fc.stringMatching(/^[a-z"\\/ {}:,]{0,6}$/);
  const object = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5, noNullPrototype: true });
  fc.assert(
    fc.property(object, fc.constantFrom(0, 1, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const read = readJsonText(text)!;
      assert.deepEqual(read.toJS(0), JSON.parse(text));
      assert.deepEqual(read.problems, []);
      const yaml = new YamlText(text);
      if (yaml.problems.length > 0) return;
      for (const path of pathsOf(JSON.parse(text)))
        assert.deepEqual(read.place(path), yaml.place(path), `${text} ${path}`);
    }),
    { numRuns: 300 },
  );
});

test('members that stand twice are told with their place, at any depth and however they are written', () => {
  assert.deepEqual(
    readJsonText('{"a":1,\n "\\u0061":2}')!.problems.map(({ line, column }) => [line, column]),
    [[2, 2]],
  );
  const deep = `${'{"x":'.repeat(20)}{"b":1,"b":2}${'}'.repeat(20)}`;
  assert.equal(readJsonText(deep)!.problems.length, 1);
});

test('what is no JSON, no object or too deep is left to the other reader', () => {
  for (const text of [
    'openapi: 3.1.0',
    '{a: 1}',
    '[1]',
    '',
    '{"a":1',
    `${'{"x":'.repeat(300)}1${'}'.repeat(300)}`,
  ])
    assert.equal(readJsonText(text), null);
});
