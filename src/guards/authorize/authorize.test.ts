// Rules without sockets: that no spelling of a parameter gets past the rule about it, that policies see what the schema
// promises.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParseContext } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { systemClock } from '../../core/index.ts';
import { type Consumer, Exchange } from '../../exchange/index.ts';
import { createLimitTable, LimitTable } from '../../limits/index.ts';
import { type ContractOperation, SchemaSet } from '../../openapi/index.ts';
import { CedarRecord, CedarSet, CedarTime, Decimal, EntityRef, type Value } from '../../policy/index.ts';
import { bodyTypeOf } from './body-type.ts';
import { RequestContext } from './context.ts';
import { valuesAt } from './json-pointer.ts';
import { parametersOf } from './operation-parameters.ts';
import { compileOwnership, EnumerationWatch } from './ownership.ts';
import { compileParameterReader } from './parameters.ts';
import { Principals } from './principal.ts';
import { NO_BODY } from './rule.ts';
import { policySchema } from './schema.ts';

const consumer: Consumer = {
  id: 'corp|ingrid',
  method: 'jwt',
  scopes: new Set(),
  claims: {
    sub: 'ingrid',
    accounts: ['a1', 'a2', 7],
    acr: 'high',
    amr: ['otp', 3],
    auth_time: 1_767_600_000,
  },
  credentialId: '',
};
const principals = new Principals({ roles: [], claims: [], issuers: [] });
const watch = new EnumerationWatch(
  'bank',
  { count: 1_000_000, periodMs: 1 },
  new LimitTable(createLimitTable(64)),
  systemClock,
);

function exchangeOf(query: string, params: readonly string[] = []): Exchange {
  const exchange = new Exchange();
  exchange.consumer = consumer;
  exchange.query = query;
  exchange.params = params;
  exchange.receivedMs = 1_767_600_300_500;
  exchange.clientAddress = '2001:db8::7';
  return exchange;
}

const own = ['a1', 'a2', '7'];

test('no spelling of a query names an object of another past the rule', () => {
  const character = fc.constantFrom(...'account a1b+%26%3D%20'.match(/%..|./g)!);
  const spelt = (text: string) =>
    fc
      .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
      .map((encode) =>
        [...text]
          .map((letter, i) => (encode[i] ? `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}` : letter))
          .join(''),
      );
  const name = fc.oneof(
    spelt('account'),
    fc.array(character, { maxLength: 9 }).map((parts) => parts.join('')),
  );
  const value = fc.oneof(
    fc.constantFrom('a1', 'a2', '7', 'b1', '', 'a1,b1', 'A1').chain(spelt),
    fc.array(character, { maxLength: 4 }).map((parts) => parts.join('')),
  );
  const query = fc
    .array(fc.tuple(name, value, fc.boolean()), { maxLength: 4 })
    .map((pairs) =>
      pairs.map(([key, text, bare]) => (bare && text === '' ? key : `${key}=${text}`)).join('&'),
    );
  for (const [kind, separator] of [
    ['string', ''],
    ['list', ''],
    ['list', ','],
  ] as const) {
    const rule = compileOwnership(
      {
        object: { kind: 'parameter', name: 'account' },
        claim: ['accounts'],
        relation: null,
        unlessRoles: [],
      },
      { name: 'account', place: 'query', kind, separator },
      [],
      { principals, watch, relations: new Map() },
    );
    let refused = 0;
    fc.assert(
      fc.property(query, (text) => {
        const read = new URLSearchParams(text).getAll('account');
        const named = separator === '' ? read : read.flatMap((entry) => entry.split(separator));
        const passes = rule.judge(exchangeOf(text), NO_BODY) === null;
        if (!passes) refused++;
        // What another reader of the query finds there is the caller's own, or the request does not pass.
        if (passes)
          assert.deepEqual(
            named.filter((id) => !own.includes(id)),
            [],
            text,
          );
        // One readable id of the caller's own passes.
        if (read.length === 1 && own.includes(read[0]!) && !/%(?![0-9a-f]{2})/i.test(text))
          assert.ok(passes, text);
      }),
      { numRuns: 3000, seed: 3 },
    );
    assert.ok(refused > 300, `${refused} refused`);
  }
});

test('pointers find every item and nothing that is inherited', () => {
  const body = { lines: [{ from: 'a' }, { from: ['b'] }, 7, null, { to: 'c' }], from: 'd' };
  assert.deepEqual(valuesAt(body, ['lines', '*', 'from']), ['a', ['b']]);
  assert.deepEqual(valuesAt(body, ['lines', '1', 'from', '0']), ['b']);
  assert.deepEqual(valuesAt(body, ['lines', '01']), []);
  for (const name of ['constructor', 'toString', '__proto__', 'length'])
    for (const value of [body, body.lines, 'text', 7, null]) assert.deepEqual(valuesAt(value, [name]), []);
});

const document = {
  components: {
    schemas: {
      Money: {
        type: 'object',
        required: ['amount'],
        properties: { amount: { type: 'string', format: 'decimal' }, rate: { type: 'number' } },
      },
    },
  },
};
const operation: ContractOperation = {
  id: 'pay "twice"\n',
  method: 'POST',
  template: '/accounts/{accountId}/payments',
  parameters: [
    ['accountId', 'path', { type: 'string' }],
    ['page', 'query', { type: 'integer' }],
    ['dry', 'query', { type: 'boolean' }],
    ['tags', 'query', { type: 'array', items: { type: 'string' } }],
    ['any', 'query', {}],
    ['filter', 'query', { type: 'object' }],
  ].map(([name, place, schema]) => ({
    name: name as string,
    place: place as 'path' | 'query',
    required: place === 'path',
    style: place === 'path' ? 'simple' : 'form',
    explode: place !== 'path',
    schema,
    mediaType: null,
  })),
  body: {
    required: true,
    content: [
      {
        mediaType: 'application/json',
        schema: {
          type: 'object',
          required: ['money', 'lines', 'count'],
          properties: {
            money: { $ref: '#/components/schemas/Money' },
            count: { type: 'integer' },
            urgent: { type: ['boolean', 'null'] },
            lines: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } } } },
            'odd "name"': { type: 'string' },
            either: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
          },
        },
      },
    ],
  },
  security: null,
  deprecated: false,
  summary: '',
  line: 1,
  column: 1,
};

/** The value as the reference reads it. */
function toJson(value: Value): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object') return value;
  if (value instanceof CedarSet) return [...value].map(toJson);
  if (value instanceof CedarRecord)
    return Object.fromEntries([...value.names()].map((name) => [name, toJson(value.get(name)!)]));
  if (value instanceof CedarTime) {
    const arg = value.kind === 'duration' ? `${value.ms}ms` : new Date(Number(value.ms)).toISOString();
    return { __extn: { fn: value.kind, arg } };
  }
  if (value instanceof Decimal)
    return { __extn: { fn: 'decimal', arg: (Number(value.scaled) / 10_000).toFixed(4) } };
  if (value instanceof EntityRef) return { __entity: { type: value.type, id: value.id } };
  return { __extn: { fn: 'ip', arg: '2001:db8::7' } };
}

test('policies see what the schema promises, for every valid request', () => {
  const schemas = new SchemaSet(document);
  const schema = policySchema(
    'bank',
    [{ id: operation.id, method: 'POST', kinds: ['jwt', 'api-key'], contract: operation, validated: true }],
    { roles: [], claims: [{ name: 'accounts', path: ['accounts'], type: 'strings' }], issuers: [] },
    document,
  );
  const readers = new Map(
    parametersOf(operation, schemas).map((entry) => [
      entry.name,
      compileParameterReader(entry, ['accountId']),
    ]),
  );
  assert.deepEqual([...readers.keys()], ['accountId', 'page', 'dry', 'tags', 'any']);
  const shape = { readers, body: bodyTypeOf(operation, document) };
  const validate = schemas.compile(operation.body!.content[0]!.schema, {
    undocumentedFields: 'refuse',
    refuse: 'readOnly',
  });
  const money = fc.record(
    {
      amount: fc.constantFrom('1.50', '12', '0.12345', 'x', '-3.0001'),
      rate: fc.constantFrom(1, 2.5, 1e-9, 1e30),
    },
    { requiredKeys: ['amount'] },
  );
  const body = fc.record(
    {
      money,
      count: fc.integer(),
      urgent: fc.constantFrom(true, false, null),
      lines: fc.array(fc.record({ sku: fc.string() }, { requiredKeys: [] }), { maxLength: 3 }),
      'odd "name"': fc.string(),
      either: fc.oneof(fc.string(), fc.integer()),
    },
    { requiredKeys: ['money', 'count', 'lines'] },
  );
  const query = fc.constantFrom(
    '',
    'page=7',
    'page=x',
    'dry=true&tags=a&tags=b',
    'dry=1',
    'any=1&page=1&page=2',
  );
  fc.assert(
    fc.property(body, query, (json, text) => {
      assert.equal(validate(json), null);
      const context = new RequestContext(exchangeOf(text, ['a1']), json, shape);
      const call = {
        context: toJson(context) as Record<string, never>,
        schema,
        action: { type: 'Action', id: operation.id },
      };
      const answer = checkParseContext(call);
      assert.equal(answer.type, 'success', `${JSON.stringify(answer)}\n${JSON.stringify(call.context)}`);
    }),
    { numRuns: 200, seed: 9 },
  );
  const plain = new RequestContext(exchangeOf('page=7', ['a1']), NO_BODY, shape);
  assert.deepEqual(toJson(plain.get('authentication')!), {
    method: 'jwt',
    acr: 'high',
    amr: ['otp'],
    age: { __extn: { fn: 'duration', arg: '300500ms' } },
  });
  assert.equal(plain.get('body'), undefined);
  assert.equal(plain.get('constructor'), undefined);
});
