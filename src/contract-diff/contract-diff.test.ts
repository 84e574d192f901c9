// Each kind of change, both ways: what is reported for it, at which level, and that nothing else is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diagnostics } from '../core/index.ts';
import { type Contract, parseContract } from '../openapi/document.ts';
import { changeTable, compareContracts, toMarkdown, toSarif, toText } from './index.ts';

interface Parts {
  readonly request?: string;
  readonly answer?: string;
  readonly parameter?: string;
  readonly security?: string;
  readonly more?: string;
  readonly template?: string;
}

function contract({
  request,
  answer,
  parameter,
  security,
  more,
  template = '/things/{id}',
}: Parts): Contract {
  const diagnostics = new Diagnostics();
  const parsed = parseContract(
    `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  ${template}:
    parameters:
      - { name: ${/\{(\w+)\}/.exec(template)![1]}, in: path, required: true, schema: { type: string } }
    put:
      operationId: putThing
      security: ${security ?? '[ { oauth: [ write ] } ]'}
      parameters: [ ${parameter ?? ''} ]
      requestBody: { required: true, content: { application/json: { schema: ${request ?? '{}'} } } }
      responses: { '200': { content: { application/json: { schema: ${answer ?? '{}'} } } } }
${more ?? ''}
components: { securitySchemes: { oauth: { type: oauth2 }, key: { type: apiKey } } }
`,
    'x.yaml',
    diagnostics,
  );
  assert.deepEqual(diagnostics.all, []);
  return parsed!;
}

const rulesOf = (old: Parts, next: Parts): string[] =>
  compareContracts(contract(old), contract(next)).map(({ rule }) => rule);

const object = (properties: string, rest = ''): string =>
  `{ type: object, properties: { ${properties} }${rest} }`;
const a = object('a: { type: string }');

const cases: readonly (readonly [
  old: Parts,
  next: Parts,
  there: readonly string[],
  back: readonly string[],
])[] = [
  [{}, { template: '/things/{thingId}' }, [], []],
  [
    {},
    { more: '    get: { operationId: g, responses: {} }' },
    ['operation-added-open'],
    ['operation-removed'],
  ],
  [{}, { security: '[]' }, ['security-removed'], ['security-tightened']],
  [{}, { security: '[ { oauth: [ write ] }, { key: [] } ]' }, ['security-weakened'], ['security-tightened']],
  [{}, { security: '[ { oauth: [] } ]' }, ['security-weakened'], ['security-tightened']],
  [{}, { security: '[ { oauth: [ write, admin ] } ]' }, ['security-tightened'], ['security-weakened']],
  [{}, { security: '[ { oauth: [ write ] }, {} ]' }, ['security-removed'], ['security-tightened']],
  [{}, { parameter: '{ name: q, in: query }' }, ['parameter-added'], ['parameter-removed']],
  [
    { parameter: '{ name: q, in: query }' },
    { parameter: '{ name: q, in: query, required: true }' },
    ['parameter-required'],
    [],
  ],
  [
    { parameter: '{ name: q, in: query, schema: { type: string } }' },
    { parameter: '{ name: q, in: query, schema: { type: string, maxLength: 9 } }' },
    ['request-narrowed'],
    ['request-bound-removed'],
  ],
  [
    { parameter: '{ name: q, in: query, schema: { type: number } }' },
    { parameter: '{ name: q, in: query, schema: { type: integer } }' },
    ['request-narrowed'],
    ['request-widened'],
  ],
  [
    { request: a },
    { request: object('a: { type: string }, b: {}') },
    ['request-member-added'],
    ['request-member-removed'],
  ],
  [
    { request: a },
    { request: object('a: { type: string }', ', required: [ a ]') },
    ['request-member-required'],
    [],
  ],
  [
    { request: object('a: { type: string, readOnly: true }') },
    { request: a },
    ['request-member-writable'],
    ['request-member-removed'],
  ],
  [
    { request: a },
    { request: object('a: { type: string }', ', additionalProperties: true') },
    ['request-members-open'],
    ['request-members-closed'],
  ],
  [
    { answer: a },
    { answer: object('a: { type: string }, b: {}') },
    ['response-member-added'],
    ['response-member-removed'],
  ],
  [
    { answer: a },
    { answer: object('a: { type: string }, passwordHash: {}') },
    ['response-member-sensitive'],
    ['response-member-removed'],
  ],
  [
    { answer: object('a: { type: string, writeOnly: true }') },
    { answer: a },
    ['response-member-readable'],
    ['response-member-removed'],
  ],
  [
    { answer: object('a: {}', ', required: [ a ]') },
    { answer: object('a: {}') },
    ['response-member-optional'],
    [],
  ],
  [
    { answer: object('a: { enum: [ x, y ] }') },
    { answer: object('a: { enum: [ x, y, z ] }') },
    ['response-widened'],
    ['response-narrowed'],
  ],
  // The same said in another way is no change.
  [{ answer: a }, { answer: `{ allOf: [ ${a} ] }` }, [], []],
];

test('each change is told, there and back', () => {
  for (const [old, next, there, back] of cases) {
    assert.deepEqual(rulesOf(old, next), there, JSON.stringify([old, next]));
    assert.deepEqual(rulesOf(next, old), back, `back: ${JSON.stringify([old, next])}`);
    assert.deepEqual(rulesOf(next, next), []);
  }
});

test('circles end', () => {
  const diagnostics = new Diagnostics();
  const circle = parseContract(
    `openapi: 3.1.0
info: { title: T, version: '1' }
paths: { /t: { post: { requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/Tree' } } } }, responses: {} } } }
components: { schemas: { Tree: { properties: { kids: { items: { $ref: '#/components/schemas/Tree' } } } } } }
`,
    'x.yaml',
    diagnostics,
  )!;
  assert.deepEqual(compareContracts(circle, circle), []);
});

test('reports: nothing of a contract ends a line or a cell, and SARIF names place, rule and level', () => {
  const changes = compareContracts(
    contract({ request: object('') }),
    contract({ request: object('"a|b`<script>\\n# x": {}', ', required: [ "a|b`<script>\\n# x" ]') }),
  );
  const markdown = toMarkdown(changes);
  assert.doesNotMatch(markdown, /<script>|^# x/m);
  assert.match(toText(changes), /Breaks callers \(1\)/);
  const sarif = toSarif(changes, { old: 'old.yaml', next: 'new file.yaml' }, '1.0.0') as {
    runs: { results: { ruleId: string; level: string; locations: { physicalLocation: object }[] }[] }[];
  };
  const [result] = sarif.runs[0]!.results;
  assert.equal(result!.ruleId, 'request-member-required');
  assert.equal(result!.level, 'error');
  assert.deepEqual(result!.locations[0]!.physicalLocation, {
    artifactLocation: { uri: 'new%20file.yaml' },
    region: { startLine: 7, startColumn: 5 },
  });
  for (const { title } of Object.values(changeTable)) assert.match(title, /\.$/);
});
