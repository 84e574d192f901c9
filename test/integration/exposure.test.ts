// What is internal is neither reachable nor visible from outside, and the plain port only shows the way to https.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Authority, hasOpenssl, needsOpenssl } from '../support/authority.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const ca = hasOpenssl ? new Authority('servers') : null;
after(() => ca?.remove());

const contract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  /things:
    get: { operationId: listThings, responses: { '200': { description: ok } } }
    delete: { operationId: purgeThings, responses: { '200': { description: ok } } }
  /secrets:
    get: { operationId: listSecrets, responses: { '200': { description: ok } } }
  /health:
    get: { operationId: getHealth, responses: { '200': { description: ok } } }
`;

async function setUp(t: TestContext): Promise<TestGate> {
  const upstream = await startRawUpstream(t);
  return startTestGate(t, {
    contract,
    config: `listeners:
  public: { port: 0, host: 127.0.0.1 }
  internal: { port: 0, exposure: internal }
upstreams: { things: { targets: [ "http://127.0.0.1:${upstream.port}" ] } }
identity:
  consumers: { tester: { keys: [ { id: k-1, sha256: ${'a'.repeat(64)} } ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    authenticate: [ { api-key: {} } ]
    cors: { origins: [ "https://app.example" ] }
    operations:
      listThings: { exposure: both }
      purgeThings: { exposure: internal }
      listSecrets: { exposure: internal }
      getHealth: { public: true, reason: test, exposure: both }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
  });
}

test('internal operations look like unknown ones on a public listener', async (t) => {
  const gate = await setUp(t);
  const ask = async (listener: string, method: string, path: string, fields = {}) => {
    const answer = await exchange(gate.portOf(listener), request(method, path, fields), method);
    const problem = answer.body.length > 0 && answer.status >= 400 ? answer.json() : {};
    const { instance: _random, ...rest } = problem;
    return { status: answer.status, allow: answer.fields.get('allow') ?? null, problem: rest };
  };
  const unknown = await ask('public', 'GET', '/nothing');
  assert.equal(unknown.status, 404);
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'])
    assert.deepEqual(
      await ask('public', method, '/secrets'),
      await ask('public', method, '/nothing'),
      `${method} /secrets`,
    );
  const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  assert.deepEqual(
    await ask('public', 'OPTIONS', '/secrets', preflight),
    await ask('public', 'OPTIONS', '/nothing', preflight),
  );
  const remove = { origin: 'https://app.example', 'access-control-request-method': 'DELETE' };
  assert.equal((await ask('public', 'OPTIONS', '/things', remove)).status, 405);
  assert.equal((await ask('internal', 'OPTIONS', '/things', remove)).status, 204);
  assert.deepEqual([(await ask('public', 'DELETE', '/things')).allow, unknown.allow], ['GET, HEAD', null]);

  assert.equal((await ask('internal', 'GET', '/secrets')).status, 401);
  assert.equal((await ask('internal', 'DELETE', '/things')).status, 401);
  assert.equal((await ask('internal', 'PUT', '/things')).allow, 'DELETE, GET, HEAD');
  // Nobody comes without credentials to an internal listener.
  assert.equal((await ask('public', 'GET', '/health')).status, 200);
  assert.equal((await ask('internal', 'GET', '/health')).status, 404);
  assert.equal(gate.gate.listeners.find(({ name }) => name === 'internal')?.host, '127.0.0.1');
});

async function setUpRedirect(t: TestContext, hosts: string): Promise<TestGate> {
  const upstream = await startRawUpstream(t);
  const server = ca!.issue({ name: 'api.example.com', san: 'DNS:api.example.com', usage: 'serverAuth' });
  return startTestGate(t, {
    contract,
    files: { 'cert.pem': server.certificate, 'key.pem': server.key },
    config: `listeners:
  plain: { port: 0, host: 127.0.0.1, redirect-to-https: { listener: public, port: 8443${hosts} } }
  public: { port: 0, host: 127.0.0.1, tls: { certificate: ./cert.pem, key: "\${file:./key.pem}" } }
upstreams: { things: { targets: [ "http://127.0.0.1:${upstream.port}" ] } }
identity:
  consumers: { tester: { keys: [ { id: k-1, sha256: ${'a'.repeat(64)} } ] } }
apis:
  things:
    contract: ./openapi.yaml
    hosts: [ api.example.com, "*.shop.example.com" ]
    upstream: things
    authenticate: [ { api-key: {} } ]
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
  });
}

test('a plain listener redirects to configured hosts and nowhere else', needsOpenssl, async (t) => {
  const gate = await setUpRedirect(t, '');
  const ask = (host: string, target = '/things?x=1%202', method = 'GET') =>
    exchange(gate.port, request(method, target, { host }), method);
  const expected: readonly [string, string][] = [
    ['api.example.com', 'https://api.example.com:8443/things?x=1%202'],
    ['API.example.com:80', 'https://api.example.com:8443/things?x=1%202'],
    ['a.shop.example.com', 'https://a.shop.example.com:8443/things?x=1%202'],
  ];
  for (const [host, location] of expected) {
    const answer = await ask(host);
    assert.equal(answer.status, 308);
    assert.equal(answer.fields.get('location'), location);
    // Over plain HTTP anybody could have written it (RFC 6797 section 7.2).
    assert.equal(answer.fields.has('strict-transport-security'), false);
  }
  assert.equal((await ask('api.example.com', '/things', 'POST')).status, 308);
  for (const host of ['evil.example', 'api.example.com.evil.example', 'a.b.shop.example.com', '127.0.0.1']) {
    const answer = await ask(host);
    assert.equal(answer.status, 404, host);
    assert.equal(answer.fields.has('location'), false);
  }
  const absolute = await exchange(
    gate.port,
    'GET http://evil.example/things HTTP/1.1\r\nHost: api.example.com\r\n\r\n',
  );
  assert.equal(absolute.fields.has('location'), false);
});

test('whatever is asked, a redirect stays with the configured hosts', needsOpenssl, async (t) => {
  const gate = await setUpRedirect(t, ', hosts: [ api.example.com ]');
  const piece = fc.constantFrom(
    '/',
    '//',
    '\\',
    '@',
    'evil.example',
    'http://',
    '%2f',
    '%5c',
    '..',
    '?',
    '#',
    'a',
    ':',
  );
  let redirected = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      const target = `/${pieces.join('')}`;
      const answer = await exchange(gate.port, request('GET', target, { host: 'api.example.com' }));
      const location = answer.fields.get('location');
      if (location === undefined) return assert.ok(answer.status >= 400, `${target}: ${answer.status}`);
      redirected++;
      assert.equal(new URL(location).origin, 'https://api.example.com:8443', target);
    }),
    { numRuns: 300 },
  );
  assert.ok(redirected > 50, `${redirected} redirects`);
});
