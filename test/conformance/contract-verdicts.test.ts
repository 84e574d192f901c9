// The gate's verdict on values against ajv's own, run plainly on schemas that are made up with the values: a value that
// conforms and holds nothing undeclared passes, one that ajv refuses never does, and one with a stranger in it passes only
// where the schema says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { Diagnostics } from '../../src/core/index.ts';
import { parseContract } from '../../src/openapi/document.ts';
import { compileProjection, SchemaSet } from '../../src/openapi/index.ts';

type Json = Readonly<Record<string, unknown>>;

/** A schema with references into `components`, whose names are `S0` to `S4`. */
const { schema } = fc.letrec<{ schema: Json; leaf: Json; object: Json; composed: Json }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    tie('object'),
    tie('composed'),
  ),
  leaf: fc.oneof(
    fc.constant({ type: 'string', maxLength: 3 }),
    fc.constant({ type: 'integer', minimum: 0 }),
    fc.constant({ type: 'boolean' }),
    fc.constant({ enum: ['a', 1, null] }),
    fc.integer({ min: 0, max: 4 }).map((n) => ({ $ref: `#/components/schemas/S${n}` })),
  ),
  object: fc
    .record({
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
      required: fc.subarray(['a', 'b'], { maxLength: 1 }),
      open: fc.constantFrom(undefined, undefined, true, false),
    })
    .map(({ properties, required, open }) => ({
      type: 'object',
      properties,
      required,
      ...(open === undefined ? {} : { additionalProperties: open }),
    })),
  composed: fc.oneof(
    fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((allOf) => ({ allOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((oneOf) => ({ oneOf })),
    tie('schema').map((items) => ({ type: 'array', items })),
  ),
}));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'abcd', 1, -1, true, null),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'stranger'), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    fc.array(tie('value'), { maxLength: 2 }),
  ),
}));

const components = fc.array(schema, { minLength: 5, maxLength: 5 });

function contractOf(root: Json, schemas: readonly Json[]) {
  const document = {
    openapi: '3.1.0',
    info: { title: 'X', version: '1' },
    paths: {
      '/x': { post: { requestBody: { content: { 'application/json': { schema: root } } }, responses: {} } },
    },
    components: { schemas: Object.fromEntries(schemas.map((entry, index) => [`S${index}`, entry])) },
  };
  const contract = parseContract(JSON.stringify(document), 'x.json', new Diagnostics())!;
  return { contract, body: contract.operations[0]!.body!.content[0]!.schema };
}

/** What ajv says by itself; null where the schema leads to itself without end. */
function plainly(root: Json, schemas: readonly Json[], values: readonly unknown[]): boolean[] | null {
  const ajv = new Ajv2020({ strict: false, logger: false });
  const $defs = Object.fromEntries(schemas.map((entry, index) => [`S${index}`, entry]));
  const text = JSON.stringify({ allOf: [root], $defs }).replaceAll('#/components/schemas/', '#/$defs/');
  try {
    const validate = ajv.compile(JSON.parse(text));
    return values.map((entry) => validate(entry));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

test('property: no verdict of the gate is looser than ajv, and open contracts get the same one', () => {
  let valid = 0;
  let closed = 0;
  fc.assert(
    fc.property(
      schema,
      components,
      fc.array(value, { minLength: 6, maxLength: 6 }),
      (root, schemas, values) => {
        const expected = plainly(root, schemas, values);
        if (expected === null) return;
        const { contract, body } = contractOf(root, schemas);
        const set = new SchemaSet(contract.document);
        const open = set.compile(body, { undocumentedFields: 'allow', refuse: null });
        const strict = set.compile(body, { undocumentedFields: 'refuse', refuse: null });
        const strip = compileProjection(body, contract.document);
        values.forEach((entry, index) => {
          const text = JSON.stringify(entry);
          assert.equal(open(entry) === null, expected[index], `open: ${text}`);
          const verdict = strict(entry) === null;
          if (verdict) {
            valid++;
            assert.equal(expected[index], true, `strict: ${text}`);
            // What is declared is not stripped.
            const copy: unknown = JSON.parse(text);
            assert.equal(strip(copy), null, `strip: ${text}`);
            assert.deepEqual(copy, entry);
          } else if (expected[index] === true) closed++;
        });
      },
    ),
    { numRuns: 40 },
  );
  assert.ok(valid > 10, `${valid} values were valid`);
  assert.ok(closed > 0, `${closed} values held undeclared members`);
});
