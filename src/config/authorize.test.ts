// Mistakes in what says who may do what: each with its id, place and way out; and that a large set of policies is held
// against its schema as a small one is.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { reviewPosture } from './describe.ts';
import { loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-authorize-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(
  join(folder, 'openapi.yaml'),
  `openapi: 3.1.0
info: { title: T, version: '1' }
paths:
  /a/{id}:
    parameters: [ { name: id, in: path, required: true, schema: { type: string } } ]
    get:
      operationId: getA
      parameters: [ { name: filter, in: query, schema: { type: object } } ]
      responses: {}
    post:
      operationId: postA
      requestBody: { content: { application/json: { schema: { type: object, properties: { x: { type: integer } } } } } }
      responses: {}
`,
);

const base = `listeners: { public: { port: 8080 } }
upstreams: { s: { targets: [ http://localhost:1 ] } }
identity:
  issuers: { i: { issuer: https://i.example, jwks: { url: https://i.example/jwks }, groups-claim: groups } }
  consumers: { c: { keys: [ { id: k, sha256: ${'a'.repeat(64)} } ] } }
  claims: { team: string }
  roles:
    low:  { groups: [ i|staff ] }
    high: { includes: [ low ], members: [ c, i|anna, "spiffe://x.example/y" ] }
relations: { owner: { url: "http://127.0.0.1:1/a/{id}/owner" } }
apis:
  a:
    contract: ./openapi.yaml
    upstream: s
    authenticate: [ { jwt: { issuer: i, audience: x } }, { api-key: {} } ]
    authorize:
      policy: ./a.cedar
      own: [ { parameter: id, claim: ids, unless-role: [ high ] } ]
    operations:
      getA: { roles: [ low ] }
      postA: { writable: { /x: [ high ] } }
`;
const policy = 'permit (principal is User, action == Action::"postA", resource) when { context.risk < 5 };';

async function load(text: string, cedar = policy) {
  writeFileSync(join(folder, 'gatewright.yaml'), text);
  writeFileSync(join(folder, 'a.cedar'), cedar);
  return loadConfig(join(folder, 'gatewright.yaml'), {});
}

test('the base is valid', async () => {
  const { config, diagnostics } = await load(base);
  assert.deepEqual(diagnostics, []);
  assert.equal(config?.apis[0]?.authorize.policies?.length, 1);
  assert.ok(config.watchedFiles.some((file) => file.endsWith('a.cedar')));
});

/** What is replaced, by what, and the diagnostic: id, line, and words of message or suggestion. */
const mistakes: readonly (readonly [string, string, string, number, RegExp])[] = [
  ['includes: [ low ]', 'includes: [ lwo ]', 'config-dangling-name', 9, /Did you mean "low"/],
  ['low:  { groups', 'low:  { includes: [ high ], groups', 'config-value', 8, /includes itself/],
  ['members: [ c,', 'members: [ d,', 'config-dangling-name', 9, /consumer "d"/],
  ['i|anna', 'j|anna', 'config-dangling-name', 9, /issuer "j"/],
  ['i|staff', 'staff', 'config-value', 8, /corp\|admins/],
  [', groups-claim: groups', '', 'config-value', 8, /say nothing about groups/],
  ['team: string', 'team: text', 'config-value', 6, /string/],
  ['team: string', 'the-team: string', 'config-value', 6, /letters, digits/],
  ['/a/{id}/owner', '/a/owner', 'config-value', 10, /\{id\} in its path/],
  ['./a.cedar', './b.cedar', 'config-file-unreadable', 17, /relative/],
  ['parameter: id', 'parameter: ids', 'config-dangling-name', 18, /Did you mean "id"/],
  ['parameter: id', 'parameter: filter', 'config-value', 18, /is an object/],
  ['parameter: id, claim: ids', 'parameter: id', 'config-value', 18, /needs "claim" or "relation"/],
  ['parameter: id, ', '', 'config-value', 18, /either "parameter" or "field"/],
  ['claim: ids', 'relation: ownr', 'config-dangling-name', 18, /Did you mean "owner"/],
  ['unless-role: [ high ]', 'unless-role: [ hihg ]', 'config-dangling-name', 18, /Did you mean "high"/],
  ['roles: [ low ]', 'roles: [ now ]', 'config-dangling-name', 20, /role "now"/],
  ['roles: [ low ]', 'writable: { /x: [ low ] }', 'config-value', 20, /takes no body/],
  ['/x: [ high ]', 'x: [ high ]', 'config-value', 21, /JSON Pointer/],
  ['roles: [ low ]', 'own: [ { parameter: nope, claim: a } ]', 'config-dangling-name', 20, /"nope"/],
];

for (const [from, to, id, line, words] of mistakes) {
  test(`${from} → ${to}`, async () => {
    assert.ok(base.includes(from));
    const { config, diagnostics } = await load(base.replace(from, to));
    assert.equal(config, null);
    const found = diagnostics.find((entry) => entry.id === id && entry.line === line);
    assert.ok(found !== undefined, JSON.stringify(diagnostics, null, 1));
    assert.match(`${found.message} ${found.suggestion}`, words);
  });
}

const wrong: readonly (readonly [string, string, number, number, RegExp])[] = [
  [
    `${policy}\npermit (principal, action, resource) when { context.rsk < 1 };`,
    'policy-invalid',
    2,
    45,
    /risk/,
  ],
  [policy.replace('postA', 'postB'), 'policy-invalid', 1, 1, /postB/],
  [policy.replace('is User', 'is Usr'), 'policy-invalid', 1, 1, /Usr/],
  [policy.replace('context.risk < 5', 'context.risk < "5"'), 'policy-invalid', 1, 1, /String/],
  [policy.replace('context.risk < 5', 'principal.claims.team == "x"'), 'policy-invalid', 1, 1, /has/],
  [policy.replace('context.risk < 5', 'context.body.x == 5'), 'policy-invalid', 1, 1, /has/],
  [`/* é */ ${policy}`, 'policy-syntax', 1, 1, /./],
  [`${policy}\n"é" permit`, 'policy-syntax', 2, 1, /permit/],
];

for (const [text, id, line, column, words] of wrong) {
  test(`the policy ${text.slice(0, 70)}…`, async () => {
    const { config, diagnostics } = await load(base, text);
    assert.equal(config, null);
    const found = diagnostics.find((entry) => entry.id === id && entry.line === line);
    assert.ok(found !== undefined && found.column >= column, JSON.stringify(diagnostics, null, 1));
    assert.match(`${found.message} ${found.suggestion}`, words);
  });
}

test('a large set is validated aside, with the same diagnostics', async () => {
  const many = Array.from({ length: 1500 }, () => policy);
  assert.deepEqual((await load(base, many.join('\n'))).diagnostics, []);
  many[1200] = policy.replace('risk', 'rsk');
  const { config, diagnostics } = await load(base, many.join('\n'));
  assert.equal(config, null);
  assert.deepEqual(
    diagnostics.map(({ id, line }) => [id, line]),
    [['policy-invalid', 1201]],
  );
});

test('risk that nobody reads, and policies that read what nobody weighs, are told', async () => {
  const told = async (text: string, risk: string): Promise<string[]> => {
    const { config, diagnostics } = await load(`${base}\n${risk}`, text);
    assert.ok(config !== null, JSON.stringify(diagnostics));
    return reviewPosture(config)
      .map(({ id }) => id)
      .filter((id) => id.startsWith('posture-risk'));
  };
  const weighed = 'risk: { token-age: { over: 1h, adds: 10 } }';
  const deaf = policy.replace('context.risk < 5', 'context.network.secure');
  assert.deepEqual(await told(policy, ''), ['posture-risk-unweighed']);
  assert.deepEqual(await told(policy, weighed), []);
  assert.deepEqual(await told(deaf, weighed), ['posture-risk-unread']);
  assert.deepEqual(await told(deaf, ''), []);
});
