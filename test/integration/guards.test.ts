// The guards over the wire: who is let in, who is not and why, and that nothing secret is written down.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, startJwksServer, TestIssuer } from '../support/issuer.ts';
import { exchange, RawClient, type RawResponse, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
components:
  securitySchemes: { oauth: { type: oauth2, flows: {} } }
paths:
  /orders:
    get:
      operationId: listOrders
      security: [ { oauth: [ 'orders:read' ] } ]
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
        - { name: X-Trace, in: header, schema: { type: string, pattern: '^[a-z]{1,8}$' } }
      responses: {}
    post:
      operationId: createOrder
      security: [ { oauth: [ 'orders:write' ] } ]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [ item ]
              properties:
                item: { type: string, maxLength: 10 }
                amount: { type: integer }
                id: { type: string, readOnly: true }
      responses: {}
`;

interface Parts {
  readonly jwks?: string;
  readonly api?: string;
  readonly consumers?: string;
  readonly issuer?: string;
  readonly listener?: string;
}

async function setUp(t: TestContext, parts: Parts = {}) {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const key = createApiKey('partner-1');
  const config = `listeners: { public: { port: 0, host: 127.0.0.1${parts.listener ?? ''} } }
upstreams: { orders: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers:
    corp: { issuer: ${ISSUER}, jwks: ${parts.jwks ?? '{ file: ./jwks.json }'}, algorithms: [ ES256 ]${parts.issuer ?? ''} }
  consumers:
    partner: { scopes: [ 'orders:read' ], keys: [ { id: partner-1, sha256: ${key.sha256} } ] }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } }, { api-key: {} } ]
${parts.api?.includes('limits:') === true ? '' : '    limits: []'}
${parts.api ?? ''}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
  const gate = await startTestGate(t, { config, contract, files: { 'jwks.json': issuer.jwks() } });
  const get = (fields: Record<string, string>, target = '/orders'): Promise<RawResponse> =>
    exchange(gate.port, request('GET', target, fields));
  const post = (body: string, fields: Record<string, string> = {}): Promise<RawResponse> =>
    exchange(
      gate.port,
      request(
        'POST',
        '/orders',
        { ...bearer(issuer.token({ scope: 'orders:write' })), 'content-type': 'application/json', ...fields },
        body,
      ),
      'POST',
    );
  return { upstream, issuer, key: key.key, gate, get, post };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const codeOf = (response: RawResponse): string =>
  String(response.json()['type']).replace('urn:gatewright:problem:', '');
const lastLine = async (gate: TestGate, count: number) => (await gate.accessLines(count)).at(-1)!;

test('API keys: a good one passes, others do not, and none is written down or sent on', async (t) => {
  const { key, get, gate, upstream } = await setUp(t);
  assert.equal((await get({ 'x-api-key': key })).status, 200);
  assert.equal(upstream.requests[0]!.field('x-api-key'), undefined);
  const wrong = [
    `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`,
    key.slice(0, -1),
    `${key}A`,
    'x',
    'gwk_partner-1_',
  ];
  for (const candidate of wrong) {
    const refused = await get({ 'x-api-key': candidate });
    assert.deepEqual([refused.status, codeOf(refused)], [401, 'credentials-invalid'], candidate);
  }
  assert.equal((await get({}, `/orders?x-api-key=${key}`)).status, 401);
  assert.equal((await get({}, `/orders?api_key=${key}`)).status, 401);
  const two = await exchange(
    gate.port,
    `GET /orders HTTP/1.1\r\nhost: a\r\nx-api-key: ${key}\r\nx-api-key: ${key}\r\n\r\n`,
  );
  assert.deepEqual([two.status, codeOf(two)], [400, 'credentials-ambiguous']);
  const lines = await gate.accessLines(wrong.length + 4);
  assert.ok(!JSON.stringify(lines).includes(key));
  assert.deepEqual([lines[0]!['consumer'], lines[0]!['credential']], ['partner', 'partner-1']);
  assert.equal(upstream.requests.length, 1);
});

test('tokens: only those of the issuer, for the audience, in their time, with the right algorithm', async (t) => {
  const { issuer, get, gate, upstream } = await setUp(t);
  const scope = { scope: 'orders:read' };
  assert.equal((await get(bearer(issuer.token(scope)))).status, 200);
  assert.equal((await get(bearer(issuer.token(scope)))).status, 200, 'and again from the cache');
  const now = Math.floor(Date.now() / 1000);
  const good = issuer.token(scope);
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const other = new TestIssuer();
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const bad: Readonly<Record<string, string>> = {
    expired: issuer.token({ ...scope, exp: now - 120 }),
    'not yet valid': issuer.token({ ...scope, nbf: now + 600 }),
    'without an end': issuer.token({ ...scope, exp: undefined }),
    'of another issuer': issuer.token({ ...scope, iss: 'https://evil.example' }),
    'for another audience': issuer.token({ ...scope, aud: 'other' }),
    'without an audience': issuer.token({ ...scope, aud: undefined }),
    'signed by somebody else': other.token(scope),
    'with another payload': `${head}.${encode({ ...scope, iss: ISSUER, aud: AUDIENCE, sub: 'x', exp: now + 60 })}.${signature}`,
    'with alg none': `${encode({ alg: 'none', kid: 'key-1' })}.${payload}.`,
    'with alg None': `${encode({ alg: 'None', kid: 'key-1' })}.${payload}.${signature}`,
    'with HS256 over the public key': `${encode({ alg: 'HS256', kid: 'key-1' })}.${payload}.${signature}`,
    'with a key of its own': `${encode({ alg: 'ES256', jwk: JSON.parse(other.jwks()).keys[0] })}.${payload}.${signature}`,
    'with a key URL': `${encode({ alg: 'ES256', jku: 'https://evil.example/jwks' })}.${payload}.${signature}`,
    'with a key id that is a path': `${encode({ alg: 'ES256', kid: '../../../../dev/null' })}.${payload}.${signature}`,
    'with a key id that is SQL': `${encode({ alg: 'ES256', kid: "x' UNION SELECT 'key'--" })}.${payload}.${signature}`,
    'with a key id that is a URL': `${encode({ alg: 'ES256', kid: 'https://evil.example/key' })}.${payload}.${signature}`,
    'with a certificate URL': `${encode({ alg: 'ES256', kid: 'key-1', x5u: 'https://evil.example/c' })}.${payload}.${signature}`,
    'with a claim twice': issuer.raw(
      `{"iss":"${ISSUER}","aud":"other","aud":"${AUDIENCE}","sub":"x","exp":${now + 60}}`,
    ),
    'of another type': issuer.token(scope, { typ: 'logout+jwt' }),
    'of an algorithm that is not the key’s': `${encode({ alg: 'ES384', kid: 'key-1' })}.${payload}.${signature}`,
    'with crit': `${encode({ alg: 'ES256', kid: 'key-1', crit: ['x'], x: 1 })}.${payload}.${signature}`,
    'without a signature': `${head}.${payload}.`,
    'in two parts': `${head}.${payload}`,
    'of no base64url': `${head}.${payload}.${signature.slice(0, -1)}=`,
    'that is huge': `${head}.${'A'.repeat(30_000)}.${signature}`,
  };
  for (const [name, token] of Object.entries(bad)) {
    const refused = await get(bearer(token));
    assert.equal(refused.status, 401, name);
    assert.match(refused.fields.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/, name);
  }
  assert.equal((await get({ authorization: 'Basic YTpi' })).status, 401);
  assert.equal((await get({}, `/orders?access_token=${good}`)).status, 401, 'no token in a URL');
  assert.equal(upstream.requests.length, 2);
  const lines = JSON.stringify(await gate.accessLines(Object.keys(bad).length + 4));
  assert.ok(!lines.includes(signature));
});

test('scopes come from the contract', async (t) => {
  const { issuer, key, get, post, upstream } = await setUp(t);
  const refused = await get(bearer(issuer.token({ scope: 'orders:write' })));
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'scope-insufficient']);
  assert.match(refused.fields.get('www-authenticate')!, /insufficient_scope.*scope="orders:read"/);
  assert.equal((await get({ 'x-api-key': key })).status, 200);
  assert.equal((await post('{"item":"a"}')).status, 200);
  assert.equal(upstream.requests.length, 2);
});

test('nobody without credentials, and what the log says is what the caller’s id says', async (t) => {
  const { get, gate, upstream } = await setUp(t);
  const refused = await get({});
  assert.deepEqual([refused.status, codeOf(refused)], [401, 'credentials-missing']);
  const line = await lastLine(gate, 1);
  assert.equal(refused.json()['instance'], `urn:gatewright:request:${String(line['id'])}`);
  assert.deepEqual(
    [line['decision'], line['guard'], line['code']],
    ['refused', 'authenticate', 'credentials-missing'],
  );
  assert.equal(upstream.requests.length, 0);
});

test('a rotated key is fetched when a token names it, a storm of unknown keys is not', async (t) => {
  const issuer = new TestIssuer();
  const jwks = await startJwksServer(t, issuer);
  const { get } = await setUp(t, { jwks: `{ url: '${jwks.url}' }`, issuer: ', refetch-after: 1s' });
  const token = () => issuer.token({ scope: 'orders:read' });
  const first = token();
  assert.equal((await get(bearer(first))).status, 200);
  issuer.rotate();
  await until(async () => (await get(bearer(token()))).status === 200, 'the new key to be fetched');
  assert.equal((await get(bearer(first))).status, 401, 'the old key is gone, its cached verdict too');
  const before = jwks.fetches;
  const startMs = performance.now();
  const strangers = Array.from({ length: 200 }, (_, i) => {
    const stranger = new TestIssuer();
    for (let turn = 0; turn < (i % 5) + 3; turn++) stranger.rotate();
    return get(bearer(stranger.token({ scope: 'orders:read' })));
  });
  for (const { status } of await Promise.all(strangers)) assert.equal(status, 401);
  const seconds = Math.ceil((performance.now() - startMs) / 1000);
  assert.ok(jwks.fetches - before <= seconds + 1, `${jwks.fetches - before} fetches in ${seconds} s`);
  jwks.up = false;
  assert.equal((await get(bearer(token()))).status, 200, 'known keys serve on while the issuer is down');
});

test('a reload that changes the issuer voids cached verdicts', async (t) => {
  const { gate, issuer, get } = await setUp(t);
  const token = issuer.token({ scope: 'orders:read' });
  assert.equal((await get(bearer(token))).status, 200);
  const other = new TestIssuer();
  await gate.write('other.json', other.jwks());
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`${gate.folder}/gatewright.yaml`, 'utf8');
  await gate.write('gatewright.yaml', text.replace('./jwks.json', './other.json'));
  assert.equal((await gate.gate.reload()).ok, true);
  assert.equal((await get(bearer(token))).status, 401);
  assert.equal((await get(bearer(other.token({ scope: 'orders:read' })))).status, 200);
});

test('rate limits: fields on every answer, 429 with Retry-After, apart for each caller', async (t) => {
  const { issuer, get } = await setUp(t, {
    api: '    limits: [ { per: consumer, rate: 3/h, burst: 3 }, { per: address, rate: 1000/h } ]',
  });
  const as = (sub: string) => get(bearer(issuer.token({ sub, scope: 'orders:read' })));
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await as('ingrid')).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  const refused = await as('ingrid');
  assert.equal(codeOf(refused), 'rate-limited');
  const retry = Number(refused.fields.get('retry-after'));
  // A refused caller waits for 1200 s at most, drawn out by up to 30.
  assert.ok(retry > 1000 && retry <= 1230, `${retry}`);
  assert.match(refused.fields.get('ratelimit')!, /^"consumer";r=0;t=\d+$/);
  assert.match(refused.fields.get('ratelimit-policy')!, /"consumer";q=3;w=3600/);
  assert.equal((await as('mateus')).status, 200);
});

test('address lists: deny wins, and only allowed addresses come in', async (t) => {
  const denied = await setUp(t, { api: '    addresses: { deny: [ 127.0.0.0/8 ], allow: [ 127.0.0.1 ] }' });
  const refused = await denied.get({ 'x-api-key': denied.key });
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'address-denied']);
  const other = await setUp(t, { api: '    addresses: { allow: [ 10.0.0.0/8, "::1/128" ] }' });
  assert.equal((await other.get({ 'x-api-key': other.key })).status, 403);
  const allowed = await setUp(t, { api: '    addresses: { allow: [ 127.0.0.1/32 ] }' });
  assert.equal((await allowed.get({ 'x-api-key': allowed.key })).status, 200);
});

test('requests are held to the contract', async (t) => {
  const { key, get, post, upstream } = await setUp(t);
  const with_ = (target: string, fields: Record<string, string> = {}) =>
    get({ 'x-api-key': key, ...fields }, target);
  for (const target of [
    '/orders?limit=0',
    '/orders?limit=1000',
    '/orders?limit=x',
    '/orders?limit=1&limit=2',
    '/orders?other=1',
    '/orders?limit=1.5',
  ]) {
    const refused = await with_(target);
    assert.deepEqual([refused.status, codeOf(refused)], [400, 'parameter-invalid'], target);
  }
  assert.equal((await with_('/orders', { 'x-trace': 'UPPER' })).status, 400);
  assert.equal((await with_('/orders?limit=5', { 'x-trace': 'abc' })).status, 200);
  const bodies: readonly (readonly [string, number])[] = [
    ['{"item":"a"}', 200],
    ['{"item":"a","amount":3}', 200],
    ['{"item":"a","admin":true}', 400],
    ['{"item":"a","id":"mine"}', 400],
    ['{"amount":3}', 400],
    ['{"item":"much too long"}', 400],
    ['{"item":"a","amount":"3"}', 400],
    ['{"item":"a","item":"b"}', 400],
    ['{"item":"a","__proto__":{}}', 400],
    ['{"item":"a",}', 400],
    ['', 400],
    ['[]', 400],
    ['{"item":"\\ud800"}', 400],
    [`{"item":"a","x":${'['.repeat(200)}${']'.repeat(200)}}`, 400],
  ];
  for (const [body, status] of bodies) assert.equal((await post(body)).status, status, body);
  assert.equal((await post('{"item":"a"}', { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post('{"item":"a"}', { 'content-encoding': 'gzip' })).status, 415);
  assert.equal(
    (await post('{"item":"a"}', { 'content-type': 'application/json; charset=utf-7' })).status,
    415,
  );
  assert.equal(upstream.requests.length, 3);
  const told = (await post('{"item":"a","admin":true}')).json();
  assert.match(JSON.stringify(told['errors']), /admin/);
});

test('answers carry security fields and no fingerprints; CORS opens what is listed and no more', async (t) => {
  const { key, get, gate, upstream } = await setUp(t, {
    api: '    cors: { origins: [ https://app.example ] }',
  });
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write(
      answer(200, '{}', { server: 'Apache', 'x-powered-by': 'PHP', 'access-control-allow-origin': '*' }),
    );
  const { fields } = await get({ 'x-api-key': key, origin: 'https://app.example' });
  assert.equal(fields.get('x-content-type-options'), 'nosniff');
  assert.equal(fields.get('access-control-allow-origin'), 'https://app.example');
  assert.equal(fields.has('server') || fields.has('x-powered-by'), false);
  assert.equal(
    (await get({ 'x-api-key': key, origin: 'https://evil.example' })).fields.has(
      'access-control-allow-origin',
    ),
    false,
  );
  const preflight = (origin: string) =>
    exchange(
      gate.port,
      request('OPTIONS', '/orders', { origin, 'access-control-request-method': 'POST' }),
      'OPTIONS',
    );
  const allowed = await preflight('https://app.example');
  assert.equal(allowed.status, 204);
  assert.match(allowed.fields.get('access-control-allow-methods')!, /POST/);
  assert.equal((await preflight('https://evil.example')).fields.has('access-control-allow-origin'), false);
});

test('what the log keeps of a query are its names', async (t) => {
  const { key, get, gate } = await setUp(t);
  await get({ 'x-api-key': key }, '/orders?limit=77&secret=hunter2');
  const line = await lastLine(gate, 1);
  assert.equal(line['query'], 'limit=*&secret=*');
});

test('a body larger than allowed is refused from its announcement, and from what comes', async (t) => {
  const { gate, issuer, upstream } = await setUp(t, { api: '    max-body: 1KiB' });
  const head = (fields: string) =>
    `POST /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${issuer.token({ scope: 'orders:write' })}\r\ncontent-type: application/json\r\n${fields}\r\n`;
  const announced = await exchange(gate.port, head('content-length: 5000\r\n'), 'POST');
  assert.equal(announced.status, 413);
  const client = await RawClient.connect(gate.port);
  client.send(`${head('transfer-encoding: chunked\r\n')}`);
  for (let i = 0; i < 3; i++) client.send(`200\r\n${'a'.repeat(512)}\r\n`);
  assert.equal((await client.response('POST')).status, 413);
  await client.untilClosed();
  client.destroy();
  assert.equal(upstream.requests.length, 0);
});
