// Masks against a plain implementation on parsed documents, on every way to write one document.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileMask, type MaskRule, parseFieldPath } from './index.ts';

/** The document after the rules, the simple way. A rule is known by its path to the place. */
function plainly(value: unknown, rules: readonly MaskRule[]): unknown {
  const here = rules.filter(({ path }) => path.length === 0);
  for (const action of ['redact', 'last4'] as const) {
    if (here.some((rule) => rule.action === action)) {
      if (action === 'redact') return typeof value === 'string' ? '***' : null;
      if (typeof value !== 'string' && typeof value !== 'number') return null;
      const text = [...String(value)];
      return text.length < 8 ? '***' : `***${text.slice(-4).join('')}`;
    }
  }
  const below = (name: string): MaskRule[] =>
    rules
      .filter(({ path }) => path.length > 0 && (path[0] === name || path[0] === '*'))
      .map(({ path, action }) => ({ path: path.slice(1), action }));
  const isDropped = (name: string): boolean =>
    below(name).some(({ path, action }) => path.length === 0 && action === 'drop');
  if (Array.isArray(value))
    return value.flatMap((item, index) =>
      isDropped(String(index)) ? [] : [plainly(item, below(String(index)))],
    );
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !isDropped(name))
      .map(([name, member]) => [name, plainly(member, below(name))]),
  );
}

const name = fc.constantFrom('a', 'b', 'card', 'ü', 'a b', '0', '1', '""', 'a\\', '');
const leaf = fc.oneof(
  fc.constantFrom('', 'x', '4111111111111111', 'Grüße, 😀😀😀😀😀', '"q\\', null, true, false),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
);
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('document'), { maxLength: 4 }),
    fc.dictionary(name, tie('document'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const rule = fc.record({
  path: fc.array(fc.oneof(name, fc.constant('*')), { minLength: 1, maxLength: 3 }),
  action: fc.constantFrom('drop' as const, 'redact' as const, 'last4' as const),
});

/** One of the ways to write the document: blanks anywhere, characters escaped at will. */
function written(value: unknown, random: () => number): string {
  const blank = (): string => ['', '', ' ', '\n\t', '\r '][Math.floor(random() * 5)]!;
  const text = (content: string): string =>
    `"${[...content.matchAll(/[\s\S]/g)]
      .map(([unit]) =>
        random() < 0.3
          ? `\\u${unit!.charCodeAt(0).toString(16).padStart(4, '0')}`
          : JSON.stringify(unit).slice(1, -1),
      )
      .join('')}"`;
  // JSON.parse, which reads the outcome here, mistakes names that are one escaped character.
  const nameText = (key: string): string => (key.length === 1 ? JSON.stringify(key) : text(key));
  const write = (part: unknown): string => {
    if (typeof part === 'string') return text(part);
    if (Array.isArray(part)) return `[${blank()}${part.map(write).join(`${blank()},${blank()}`)}${blank()}]`;
    if (typeof part !== 'object' || part === null) return JSON.stringify(part);
    return `{${blank()}${Object.entries(part)
      .map(([key, member]) => `${nameText(key)}${blank()}:${blank()}${write(member)}`)
      .join(`${blank()},${blank()}`)}${blank()}}`;
  };
  return `${blank()}${write(value)}${blank()}`;
}

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

test('masks as the plain implementation does, however the document is written', () => {
  const rules = fc.array(rule, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(document, rules, fc.nat(), (value, chosen, seed) => {
      const bytes = Buffer.from(written(value, randomOf(seed)));
      const before = Buffer.from(bytes);
      const outcome = compileMask(chosen)!.run(bytes);
      assert.deepEqual(bytes, before);
      assert.notEqual(outcome.kind, 'invalid');
      const got = outcome.kind === 'changed' ? Buffer.from(outcome.bytes).toString() : bytes.toString();
      assert.deepEqual(JSON.parse(got), plainly(value, chosen));
    }),
    { numRuns: 3000 },
  );
});

test('what JSON.parse refuses is invalid, and what it takes is not', () => {
  const mask = compileMask([{ path: ['a', 'b'], action: 'drop' }])!;
  const fragment = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      '-',
      '0',
      '.',
      'e',
      '+',
      'true',
      'nul',
      'null',
      ' ',
      '\\',
      '"',
      '\u0001',
      '\ufeff',
      '"\\u12"',
      '"\\x"',
      '\u00a0',
      '/*',
      '01',
      '1.',
      '1e5',
    ],
  );
  let valid = 0;
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 9 }), (parts) => {
      const text = parts.join('');
      let isValid = true;
      try {
        JSON.parse(text);
      } catch {
        isValid = false;
      }
      if (isValid) valid++;
      assert.equal(mask.run(Buffer.from(text)).kind !== 'invalid', isValid, text);
    }),
    { numRuns: 20_000, seed: 7 },
  );
  assert.ok(valid > 100, `${valid}`);
});

test('every copy of a repeated member is masked, whatever its name is written with', () => {
  const mask = compileMask([{ path: ['card'], action: 'drop' }])!;
  const run = (text: string): string => {
    const outcome = mask.run(Buffer.from(text));
    return outcome.kind === 'changed' ? Buffer.from(outcome.bytes).toString() : outcome.kind;
  };
  assert.equal(run('{"card":1,"x":2,"card":3}'), '{"x":2}');
  assert.equal(run('{"c\\u0061rd":1,"x":2}'), '{"x":2}');
  assert.equal(run('{"x":2,"card":{"a":[1,2]}}'), '{"x":2}');
  assert.equal(run('{"card":1}'), '{}');
  assert.equal(run('{"card":1,"card":2}'), '{}');
  assert.equal(run('{"Card":1}'), 'unchanged');
  assert.equal(run(`${'['.repeat(65)}${']'.repeat(65)}`), 'invalid');
  assert.equal(run(`{"card":${'['.repeat(63)}${']'.repeat(63)}}`), '{}');
  assert.equal(run(`{"card":${'['.repeat(64)}${']'.repeat(64)}}`), 'invalid');
  assert.equal(run(''), 'invalid');
});

test('the stronger of two rules for one field counts', () => {
  const mask = compileMask([
    { path: ['*', 'card'], action: 'redact' },
    { path: ['gold', 'card'], action: 'last4' },
    { path: ['gold', 'name'], action: 'drop' },
  ])!;
  const outcome = mask.run(Buffer.from('{"gold":{"card":"41111111","name":"x"},"other":{"card":"4"}}'));
  assert.ok(outcome.kind === 'changed');
  assert.equal(Buffer.from(outcome.bytes).toString(), '{"gold":{"card":"***"},"other":{"card":"***"}}');
  assert.equal(outcome.fields, 3);
});

test('fields are named as pointers or as plain JSON paths', () => {
  assert.deepEqual(parseFieldPath('/lines/*/a~1b'), ['lines', '*', 'a/b']);
  assert.deepEqual(parseFieldPath("$.lines[*].sku['a b'][0]"), ['lines', '*', 'sku', 'a b', '0']);
  assert.deepEqual(parseFieldPath('$[*].ü'), ['*', 'ü']);
  for (const wrong of ['', '/', '$', '$..card', 'card', '$.a[?(@.b)]', '/a~2', '$.a[01]', '$.a b'])
    assert.equal(parseFieldPath(wrong), null, wrong);
});

test('data of classes is masked wherever it stands, and nothing around it', () => {
  const mask = compileMask(
    [
      { path: ['gone'], action: 'drop' },
      { path: ['short'], action: 'redact' },
    ],
    [
      { class: 'card', action: 'last4' },
      { class: 'email', action: 'redact' },
    ],
  )!;
  const run = (text: string): string => {
    const outcome = mask.run(Buffer.from(text));
    return outcome.kind === 'changed' ? Buffer.from(outcome.bytes).toString() : outcome.kind;
  };
  assert.equal(run('{"a":["card 4111 1111 1111 1111, ann@example.com",1]}'), '{"a":["card ***1111, ***",1]}');
  assert.equal(run('{"pan":4111111111111111,"at":1764061234567}'), '{"pan":"***1111","at":1764061234567}');
  assert.equal(run('{"a":4.111111111111111e15,"b":4111111111111111.0}'), '{"a":"***1e15","b":"***11.0"}');
  assert.equal(run('{"ann@example.com":{"x":1}}'), '{"***":{"x":1}}');
  assert.equal(
    run('{"ann@example.com":1,"gone":"ann@example.com","x":["bob@example.com"]}'),
    '{"***":1,"x":["***"]}',
  );
  assert.equal(
    run('{"x":1,"short":{"a":"ann@example.com"},"y":"b@example.com"}'),
    '{"x":1,"short":null,"y":"***"}',
  );
  assert.equal(run('"\\u0034111111111111111"'), '"***1111"');
  assert.equal(
    run('"{\\"pan\\":\\"4111111111111111\\",\\"æ\\":1}"'),
    '"{\\"pan\\":\\"***1111\\",\\"æ\\":1}"',
  );
  assert.equal(run('"4１１１ 1111 1111 1111"'), '"***"');
  assert.equal(run('{"a":"4111111111111112","b":"an@example","c":"æøå"}'), 'unchanged');
  assert.equal(run('{"a":"ann@example.com"'), 'invalid');
  const text = mask.runText(Buffer.from('pan;mail\n4111111111111111;ann@example.com\næ'));
  assert.ok(text.kind === 'changed');
  assert.equal(text.bytes.toString(), 'pan;mail\n***1111;***\næ');
  assert.equal(text.fields, 2);
});

test('data of classes never gets through a document, whatever is around it', () => {
  const mask = compileMask([{ path: ['*', 'name'], action: 'drop' }], [{ class: 'card', action: 'redact' }])!;
  const card = fc.constantFrom('4111111111111111', '5555-5555-5555-4444', '378282246310005');
  const text = fc.oneof(
    fc.string(),
    card,
    fc
      .tuple(fc.constantFrom('', 'pan: ', '"', '\\', 'æ', '\n'), card, fc.constantFrom('', '.', ' x', '"'))
      .map((parts) => parts.join('')),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer(),
      fc.constant(4111111111111111),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(text, fc.constantFrom('name', 'x')), tie('value'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(value, (document) => {
      const written = JSON.stringify(document);
      const outcome = mask.run(Buffer.from(written));
      assert.notEqual(outcome.kind, 'invalid');
      const out = outcome.kind === 'changed' ? Buffer.from(outcome.bytes).toString() : written;
      JSON.parse(out);
      assert.doesNotMatch(out, /4111111111111111|5555-5555-5555-4444|378282246310005/);
    }),
    { numRuns: 2000 },
  );
});
