import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diagnostics } from '../core/index.ts';
import { parseContract } from './document.ts';
import { SchemaSet } from './index.ts';

const contract = (dialect: string, schema: string): string => `openapi: 3.1.0
info: { title: T, version: '1' }
${dialect}
paths:
  /x:
    post:
      operationId: x
      requestBody: { content: { application/json: { schema: ${schema} } } }
      responses: {}
`;
const pair = '{ type: array, items: [ { type: integer }, { type: string } ], additionalItems: false }';

function judge(text: string, value: unknown): boolean {
  const diagnostics = new Diagnostics();
  const parsed = parseContract(text, 'openapi.yaml', diagnostics)!;
  assert.deepEqual(diagnostics.all, []);
  const set = new SchemaSet(parsed.document);
  const schema = parsed.operations[0]!.body!.content[0]!.schema;
  return set.compile(schema, { undocumentedFields: 'refuse', refuse: null })(value) === null;
}

test('a document chooses draft 7 for all its schemas, a schema for itself', () => {
  for (const text of [
    contract("jsonSchemaDialect: 'http://json-schema.org/draft-07/schema#'", pair),
    contract('', `{ $schema: 'http://json-schema.org/draft-07/schema#', ${pair.slice(1)}`),
  ]) {
    assert.equal(judge(text, [1, 'a']), true);
    assert.equal(judge(text, ['a', 1]), false);
    assert.equal(judge(text, [1, 'a', 2]), false);
  }
});

test('objects of draft 7 are closed like any other', () => {
  const text = contract(
    "jsonSchemaDialect: 'http://json-schema.org/draft-07/schema#'",
    '{ type: object, properties: { a: {}, b: {}, c: {} }, dependencies: { a: [ b ], b: { required: [ c ] } } }',
  );
  assert.equal(judge(text, { a: 1, b: 1, c: 1 }), true);
  assert.equal(judge(text, { a: 1 }), false);
  assert.equal(judge(text, { b: 1 }), false);
  assert.equal(judge(text, { c: 1, d: 1 }), false);
});
