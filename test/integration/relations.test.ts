// Objects whose owners only their service knows: asked once, remembered for a while, and refused whenever nobody can say.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Bank, version: '1' }
paths:
  /accounts/{accountId}:
    parameters: [ { name: accountId, in: path, required: true, schema: { type: string } } ]
    get: { operationId: getAccount, responses: {} }
  /transfers:
    post:
      operationId: transfer
      requestBody: { content: { application/json: { schema: { type: object, properties: { from: { type: array, items: { type: string } } } } } } }
      responses: {}
`;

async function setUp(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  relation = '',
) {
  const asked: string[] = [];
  const service = createServer((incoming, response) => {
    asked.push(`${incoming.url} ${incoming.headers.authorization ?? ''}`.trim());
    answer(incoming, response);
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    service.closeAllConnections();
    service.close();
  });
  const { port } = service.address() as AddressInfo;
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const config = `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { bank: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256 ] } }
relations:
  account-owner: { url: 'http://127.0.0.1:${port}/accounts/{id}/owner', member: owners${relation} }
apis:
  bank:
    contract: ./openapi.yaml
    upstream: bank
    limits: []
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } } ]
    authorize:
      own: [ { parameter: accountId, relation: account-owner }, { field: '/from/*', relation: account-owner } ]
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`;
  const files = { 'jwks.json': issuer.jwks(), 'token.txt': 'secret-of-the-gate\n' };
  const gate = await startTestGate(t, { config, contract, files });
  const call = async (method: string, target: string, sub: string, body?: unknown): Promise<string> => {
    const fields = {
      authorization: `Bearer ${issuer.token({ sub })}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await exchange(gate.port, request(method, target, fields, text), method);
    return response.status < 400
      ? String(response.status)
      : `${response.status} ${String(response.json()['type']).replace('urn:gatewright:problem:', '')}`;
  };
  return { asked, call, upstream, gate };
}

const owners: Readonly<Record<string, unknown>> = {
  a1: 'ingrid',
  a2: ['tom', 'ingrid'],
  b1: ['mateus'],
  n1: 17,
};

const tell = (incoming: IncomingMessage, response: ServerResponse): void => {
  const id = decodeURIComponent(incoming.url!.split('/')[2]!);
  const known = Object.hasOwn(owners, id);
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ owners: known ? owners[id] : [] }));
};

test('the owning service says whose an object is, and is asked once for a while', async (t) => {
  const { call, asked, upstream } = await setUp(t, tell, ', bearer-file: ./token.txt');
  const get = (id: string, sub = 'ingrid') => call('GET', `/accounts/${id}`, sub);
  assert.equal(await get('a1'), '200');
  assert.equal(await get('a2'), '200');
  assert.equal(await get('n1', '17'), '200');
  assert.equal(await get('b1'), '403 object-denied');
  assert.equal(await get('nobody'), '403 object-denied');
  assert.equal(await get('a1', 'mateus'), '403 object-denied');
  assert.equal(await get('a%20b'), '403 object-denied');
  assert.deepEqual(
    asked,
    ['a1', 'a2', 'n1', 'b1', 'nobody', 'a%20b'].map(
      (id) => `/accounts/${id}/owner Bearer secret-of-the-gate`,
    ),
  );
  assert.equal(upstream.requests.length, 3);
  const transfer = (from: readonly unknown[]) => call('POST', '/transfers', 'ingrid', { from });
  assert.equal(await transfer(['a1', 'a2']), '200');
  assert.equal(await transfer(['a1', 'b1']), '403 object-denied');
  assert.equal(await transfer(['a1', 'b9']), '403 object-denied');
  // One request can not make the gate ask without end.
  const many = Array.from({ length: 21 }, (_, i) => `x${i}`);
  assert.equal(await transfer(many), '403 object-denied');
  assert.equal(asked.length, 7);
});

test('requests for one object that come together ask once', async (t) => {
  const waiting: ServerResponse[] = [];
  const { call, asked } = await setUp(t, (_incoming, response) => {
    waiting.push(response);
    // All five are on their way before the first is answered.
    setTimeout(() => response.end('{"owners":"ingrid"}'), 50);
  });
  const answers = await Promise.all(Array.from({ length: 5 }, () => call('GET', '/accounts/a1', 'ingrid')));
  assert.deepEqual(new Set(answers), new Set(['200']));
  assert.equal(asked.length, waiting.length);
  assert.equal(asked.length, 1);
});

test('whatever the service does but answer, the request is refused', async (t) => {
  const bad: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['an error', (response) => response.writeHead(500).end()],
    ['a redirect', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', (response) => response.end('ingrid')],
    ['another shape', (response) => response.end('{"owner":"ingrid"}')],
    ['odd owners', (response) => response.end('{"owners":[{"id":"ingrid"}]}')],
    ['null', (response) => response.end('{"owners":null}')],
    ['too much', (response) => response.end(`{"owners":["ingrid"],"x":"${'x'.repeat(70_000)}"}`)],
    ['a broken connection', (response) => response.destroy()],
    ['nothing', () => {}],
  ];
  let current = bad[0]![1];
  const { call, upstream } = await setUp(t, (_incoming, response) => current(response), ', timeout: 300ms');
  for (const [index, [what, act]] of bad.entries()) {
    current = act;
    assert.equal(await call('GET', `/accounts/a${index}`, 'ingrid'), '503 owner-unavailable', what);
  }
  assert.equal(upstream.requests.length, 0);
});
