// Mistakes in the configuration: each with its id, place and way out, all at once, and never a secret.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { describeOperations } from './describe.ts';
import { loadConfig } from './load.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(
  join(folder, 'openapi.yaml'),
  `openapi: 3.1.0
info: { title: T, version: '1' }
paths:
  /a: { get: { operationId: getA, responses: {} }, post: { operationId: postA, responses: {} } }
`,
);

const base = `listeners:
  public: { port: 8080 }
upstreams:
  s: { targets: [ http://localhost:1 ] }
identity:
  issuers:
    i: { issuer: https://i.example, jwks: { url: https://i.example/jwks } }
  consumers:
    c: { keys: [ { id: k, sha256: ${'a'.repeat(64)} } ] }
apis:
  a:
    contract: ./openapi.yaml
    upstream: s
    authenticate: [ { jwt: { issuer: i, audience: x } }, { api-key: {} } ]
`;

async function load(text: string, env: Record<string, string> = {}) {
  const file = join(folder, 'gatewright.yaml');
  writeFileSync(file, text);
  return loadConfig(file, env);
}

test('the base is valid', async () => {
  const { config, diagnostics } = await load(base);
  assert.deepEqual(diagnostics, []);
  assert.equal(describeOperations(config!).length, 2);
});

/** What is replaced, by what, and the diagnostic: id, line, and words of message or suggestion. */
const mistakes: readonly (readonly [string, string, string, number, RegExp])[] = [
  ['port: 8080', 'prot: 8080', 'config-unknown-key', 2, /Did you mean "port"/],
  ['port: 8080', 'port: eighty', 'config-type', 2, /number/],
  ['port: 8080', 'port: 70000', 'config-value', 2, /65535/],
  ['port: 8080', 'host: 0.0.0.0', 'config-missing-key', 2, /port/],
  ['targets: [ http://localhost:1 ]', 'targets: []', 'config-value', 4, /targets/],
  ['http://localhost:1', 'localhost:1', 'config-value', 4, /http/],
  ['http://localhost:1', 'http://localhost:1/api', 'config-value', 4, /host and port alone/],
  ['targets: [', 'balance: hsah, targets: [', 'config-value', 4, /Did you mean "hash"/],
  ['targets: [', 'timeouts: { connect: 3 }, targets: [', 'config-type', 4, /text/],
  ['targets: [', 'timeouts: { connect: 3 parsecs }, targets: [', 'config-value', 4, /30s/],
  ['targets: [', 'timeouts: { conect: 3s }, targets: [', 'config-unknown-key', 4, /Did you mean "connect"/],
  [
    'jwks: { url: https://i.example/jwks }',
    'jwks: { url: http://i.example/jwks }',
    'config-key-set',
    7,
    /https/,
  ],
  ['jwks: { url: https://i.example/jwks }', 'jwks: { file: ./none.json }', 'config-key-set', 7, /none\.json/],
  [
    'issuer: https://i.example',
    'algorithms: [ HS256, RS256 ], issuer: https://i.example',
    'config-algorithms',
    7,
    /mixed/,
  ],
  ['a'.repeat(64), 'gwk_k_secretsecret', 'config-value', 9, /sha256/],
  ['./openapi.yaml', './opanapi.yaml', 'config-file-unreadable', 12, /relative/],
  ['upstream: s', 'upstream: t', 'config-dangling-name', 13, /"t"/],
  ['issuer: i,', 'issuer: j,', 'config-dangling-name', 14, /"j"/],
  [
    '    authenticate: [ { jwt: { issuer: i, audience: x } }, { api-key: {} } ]\n',
    '',
    'config-operation-open',
    11,
    /public: true/,
  ],
  [
    '    upstream: s',
    '    upstream: s\n    operations: { getA: { public: true } }',
    'config-value',
    14,
    /reason/,
  ],
  [
    '    upstream: s',
    '    upstream: s\n    operations: { getB: { public: true, reason: why } }',
    'config-dangling-name',
    14,
    /getA/,
  ],
  [
    '    upstream: s',
    '    upstream: s\n    limits: [ { per: adress, rate: 1/s } ]',
    'config-value',
    14,
    /Did you mean "address"/,
  ],
  [
    '    upstream: s',
    '    upstream: s\n    limits: [ { per: address, rate: 1 } ]',
    'config-type',
    14,
    /text/,
  ],
  ['    upstream: s', '    upstream: s\n    max-body: 1 elephant', 'config-value', 14, /1MiB/],
  [
    '    upstream: s',
    '    upstream: s\n    addresses: { deny: [ 10.0.0.1/8 ] }',
    'config-value',
    14,
    /prefix/,
  ],
  ['    upstream: s', '    upstream: s\n    listeners: [ privat ]', 'config-dangling-name', 14, /privat/],
  [
    '    upstream: s',
    '    upstream: s\n    cors: { origins: [ "*" ], credentials: true }',
    'config-value',
    14,
    /\*/,
  ],
  ['    upstream: s', '    upstream: s\n    upstream: s', 'config-duplicate-key', 14, /twice|unique/i],
  ['  public: { port: 8080 }', '  public: { port: 8080', 'config-yaml-syntax', 3, /./],
  [
    '  public: { port: 8080 }',
    '  public: { port: 8080, tls: { certificate: ./c.pem, key: ./key.pem } }',
    'config-literal-secret',
    2,
    /\$\{file:/,
  ],
  ['port: 8080', 'port: "${env:PORT}"', 'config-reference-unresolved', 2, /PORT/],
  ['port: 8080', 'port: "${file:./none}"', 'config-reference-unresolved', 2, /none/],
  ['port: 8080', 'port: "${vault:x}"', 'config-reference-unresolved', 2, /vault/],
  ['port: 8080', 'port: "${enw:x}"', 'config-reference-syntax', 2, /env/],
];
for (const [found, replaced, id, line, words] of mistakes) {
  test(`${replaced.trim().slice(0, 60)} → ${id}`, async () => {
    const { config, diagnostics } = await load(base.replace(found, replaced));
    assert.equal(config, null);
    const hit = diagnostics.find((entry) => entry.id === id);
    assert.ok(hit !== undefined, JSON.stringify(diagnostics));
    assert.equal(hit.line, line, JSON.stringify(hit));
    assert.ok(hit.column > 0);
    assert.match(`${hit.message} ${hit.suggestion}`, words);
  });
}

test('all at once, in order', async () => {
  const text = base
    .replace('port: 8080', 'prot: 1')
    .replace('upstream: s', 'upstream: t')
    .replace('targets:', 'targts:');
  const { diagnostics } = await load(text);
  const lines = diagnostics.map(({ line }) => line);
  assert.ok(lines.includes(2) && lines.includes(4), JSON.stringify(diagnostics));
  assert.deepEqual(
    lines,
    [...lines].sort((a, b) => a - b),
  );
});

test('references are read from the environment and from files', async () => {
  writeFileSync(join(folder, 'port.txt'), '4711\n');
  const fromFile = await load(base.replace('port: 8080', 'port: "${file:./port.txt}"'));
  assert.equal(fromFile.config!.listeners[0]!.port, 4711);
  const fromEnvironment = await load(base.replace('port: 8080', 'port: "${env:PORT}"'), { PORT: '4712' });
  assert.equal(fromEnvironment.config!.listeners[0]!.port, 4712);
});

test('two APIs may not serve the same operation', async () => {
  const { diagnostics } = await load(
    `${base}  b:\n    contract: ./openapi.yaml\n    upstream: s\n    authenticate: [ { api-key: {} } ]\n`,
  );
  assert.ok(diagnostics.some(({ id }) => id === 'config-collision'));
});

test('an alias bomb is a diagnostic', async () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [name, before] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih'].map(
    (pair) => pair.split('') as [string, string],
  )) {
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`);
  }
  const { config, diagnostics } = await load(bomb.join('\n'));
  assert.equal(config, null);
  assert.ok(diagnostics.length > 0);
});

test('names of JavaScript’s own are names like any other', async () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const { config, diagnostics } = await load(base.replace('upstream: s', `upstream: ${name}`));
    assert.equal(config, null, name);
    assert.ok(
      diagnostics.some(({ id }) => id === 'config-dangling-name' || id === 'config-value'),
      name,
    );
  }
});
