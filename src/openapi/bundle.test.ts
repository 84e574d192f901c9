import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Diagnostics } from '../core/index.ts';
import { localDocuments, parseContract } from './document.ts';
import { SchemaSet } from './index.ts';

function parse(t: TestContext, files: Readonly<Record<string, string>>, version = '3.1.0') {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-bundle-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(folder, name));
    else writeFileSync(join(folder, name), text);
  }
  const root = `openapi: ${version}\ninfo: { title: T, version: '1' }\n${files['root.yaml']!}`;
  const read: string[] = [];
  const path = join(folder, 'root.yaml');
  const diagnostics = new Diagnostics();
  const others = localDocuments([folder], (file) => void read.push(file.slice(folder.length + 1)));
  const contract = parseContract(root, 'root.yaml', diagnostics, { path, others });
  return { contract, read, problems: diagnostics.all.map(({ message }) => message) };
}

const paths = (schema: string): string => `paths:
  /x:
    post:
      operationId: x
      requestBody: { content: { application/json: { schema: ${schema} } } }
      responses: {}
`;

function judge(contract: NonNullable<ReturnType<typeof parse>['contract']>, value: unknown): boolean {
  const schema = contract.operations[0]!.body!.content[0]!.schema;
  const options = { undocumentedFields: 'refuse', refuse: null } as const;
  return new SchemaSet(contract.document).compile(schema, options)(value) === null;
}

test('schemas, parameters and whole paths come from other files, which may refer to each other and back', (t) => {
  const { contract, problems, read } = parse(t, {
    'root.yaml': `paths:
  /x: { $ref: 'paths/x.yaml' }
components: { schemas: { Name: { type: string, maxLength: 3 } } }
`,
    'paths/x.yaml': `post:
  operationId: x
  parameters: [ { $ref: '../shared.json#/parameters/page' } ]
  requestBody: { content: { application/json: { schema: { $ref: ../schemas/tree.yaml } } } }
  responses: {}
`,
    'shared.json': '{"parameters":{"page":{"name":"page","in":"query","schema":{"type":"integer"}}}}',
    'schemas/tree.yaml': `type: object
properties:
  name: { $ref: '../root.yaml#/components/schemas/Name' }
  leaf: { $ref: '#/$defs/leaf' }
  children: { type: array, items: { $ref: tree.yaml } }
$defs: { leaf: { type: boolean } }
`,
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(read.sort(), ['paths/x.yaml', 'schemas/tree.yaml', 'shared.json']);
  assert.equal(contract!.operations[0]!.parameters[0]!.name, 'page');
  assert.equal(judge(contract!, { name: 'abc', children: [{ leaf: true, children: [] }] }), true);
  assert.equal(judge(contract!, { children: [{ children: [{ name: 'abcd' }] }] }), false);
  assert.equal(judge(contract!, { leaf: 1 }), false);
  assert.equal(judge(contract!, { other: 1 }), false);
});

test('schemas of other files are read in the dialect of the contract', (t) => {
  const { contract, problems } = parse(
    t,
    {
      'root.yaml': paths("{ $ref: 'a.yaml#/a' }"),
      'a.yaml': 'a: { type: string, nullable: true }\n',
    },
    '3.0.3',
  );
  assert.deepEqual(problems, []);
  assert.equal(judge(contract!, null), true);
  assert.equal(judge(contract!, 1), false);
});

test('a discriminator finds its schemas in other files, by mapping and by name', (t) => {
  const { contract, problems } = parse(t, {
    'root.yaml': paths("{ $ref: 'pets.yaml#/Pet' }"),
    'pets.yaml': `Pet:
  oneOf: [ { $ref: '#/Cat' }, { $ref: 'dog.yaml' } ]
  discriminator: { propertyName: kind, mapping: { hound: dog.yaml } }
Cat: { type: object, properties: { kind: { type: string }, lives: { type: integer } } }
`,
    'dog.yaml': 'type: object\nproperties: { kind: { type: string }, barks: { type: boolean } }\n',
  });
  assert.deepEqual(problems, []);
  assert.equal(judge(contract!, { kind: 'Cat', lives: 9 }), true);
  assert.equal(judge(contract!, { kind: 'hound', barks: true }), true);
  assert.equal(judge(contract!, { kind: 'hound', lives: 9 }), false);
});

test('what can not be followed is a problem that names it', (t) => {
  const cases: [string, Record<string, string>, RegExp][] = [
    ['nowhere.yaml', {}, /nowhere\.yaml can not be read \(ENOENT\)/],
    ['a.yaml#/b', { 'a.yaml': 'a: 1' }, /a\.yaml#\/b leads nowhere/],
    ['../../../../../../../../etc/hostname', {}, /outside of the folder|can not be read/],
    ['link.yaml', { 'link.yaml': '-> /etc/hostname' }, /link\.yaml is outside of the folder/],
    ['https://example.com/a.yaml', {}, /is not local/],
    ['file:///etc/hostname', {}, /is not local/],
    ['a.yaml', { 'a.yaml': 'a: [' }, /a\.yaml:\d+:\d+: /],
    ['a%zz.yaml', {}, /no valid reference/],
  ];
  for (const [reference, files, problem] of cases) {
    const { problems, contract } = parse(t, { 'root.yaml': paths(`{ $ref: '${reference}' }`), ...files });
    assert.equal(contract, null, reference);
    assert.match(problems.join('\n'), problem, reference);
  }
});
