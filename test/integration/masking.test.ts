// Fields of answers that not every reader may see, over the wire, and every way around that: codings, ranges, HEAD, ETags,
// trailers, other types, broken and large answers.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createApiKey } from '../../src/credentials/index.ts';
import { startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Customers, version: '1' }
paths:
  /customers:
    get: { operationId: listCustomers, responses: {} }
    delete: { operationId: deleteCustomers, responses: {} }
  /open:
    get: { operationId: open, responses: {} }
`;
const clerk = createApiKey('clerk-1');
const auditor = createApiKey('auditor-1');
const manager = createApiKey('manager-1');

const json = { 'content-type': 'application/json' };
const customers = '[{"name":"Tom","card":"4111111111111111","limit":500},{"name":"Eve","card":"42"}]';
const masked = '[{"name":"Tom","card":"***1111"},{"name":"Eve","card":"***"}]';

async function setUp(t: TestContext, api = '') {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1, http2: true } }
upstreams: { customers: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  roles: { manager: { members: [ manager ] } }
  consumers:
    clerk: { keys: [ { id: clerk-1, sha256: ${clerk.sha256} } ] }
    auditor: { scopes: [ 'cards:read' ], keys: [ { id: auditor-1, sha256: ${auditor.sha256} } ] }
    manager: { keys: [ { id: manager-1, sha256: ${manager.sha256} } ] }
apis:
  customers:
    contract: ./openapi.yaml
    upstream: customers
    authenticate: [ { api-key: {} } ]
    authorize: { scopes: none }
    limits: []
    mask: [ { field: '$[*].card', as: last4, unless-scope: 'cards:read' } ]
${api}
    operations:
      listCustomers: { readable: { /*/limit: [ manager ] } }
      open: { public: true, reason: test, mask: [ { field: /secret, as: drop } ] }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract,
  });
  const answers = (text: string): void => {
    upstream.onRequest = ({ connection }) => connection.socket.write(text);
  };
  const get = (key: string, fields: Record<string, string> = {}, method = 'GET', path = '/customers') =>
    exchange(gate.port, request(method, path, { 'x-api-key': key, ...fields }), method);
  return { gate, upstream, answers, get };
}

test('each reader sees what its roles and scopes allow', async (t) => {
  const { answers, get } = await setUp(t);
  answers(answer(200, customers, json));
  const read = async (key: string) => (await get(key)).body.toString();
  assert.equal(await read(clerk.key), masked);
  assert.equal(
    await read(auditor.key),
    '[{"name":"Tom","card":"4111111111111111"},{"name":"Eve","card":"42"}]',
  );
  assert.equal(
    await read(manager.key),
    '[{"name":"Tom","card":"***1111","limit":500},{"name":"Eve","card":"***"}]',
  );
  answers(answer(200, '{"secret":1,"x":2}', json));
  assert.equal((await get(clerk.key, {}, 'GET', '/open')).body.toString(), '{"x":2}');
});

test('chunked answers, and several on one connection, keep their framing', async (t) => {
  const { gate, upstream } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    connection.socket.write(
      `HTTP/1.1 200 \r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: digest\r\n\r\n20\r\n${customers.slice(0, 32)}\r\n${(customers.length - 32).toString(16)}\r\n${customers.slice(32)}\r\n0\r\ndigest: sha-256=abc\r\n\r\n`,
    );
  const client = await RawClient.connect(gate.port);
  t.after(() => client.socket.destroy());
  for (let i = 0; i < 3; i++) {
    client.send(request('GET', '/customers', { 'x-api-key': clerk.key }));
    const response = await client.response('GET');
    assert.equal(response.body.toString(), masked);
    assert.deepEqual(response.trailers, []);
  }
  assert.equal(client.received.split(`content-length: ${masked.length}\r\n`).length, 4);
  assert.doesNotMatch(client.received, /digest/);
});

test('the service is asked for a plain, whole answer, and nothing tells of the original', async (t) => {
  const { answers, gate, get, upstream } = await setUp(t);
  const original = {
    ...json,
    etag: '"original"',
    'content-md5': 'x',
    digest: 'sha-256=x',
    'repr-digest': 'sha-256=:x:',
    'accept-ranges': 'bytes',
  };
  answers(answer(200, customers, original));
  const tricks = {
    'accept-encoding': 'gzip',
    range: 'bytes=20-40',
    'if-range': '"original"',
    'if-none-match': '"original"',
    'want-repr-digest': 'sha-256=1',
  };
  const response = await get(clerk.key, tricks);
  assert.equal(response.body.toString(), masked);
  for (const name of ['etag', 'content-md5', 'digest', 'repr-digest', 'accept-ranges'])
    assert.equal(response.fields.get(name), undefined, name);
  const seen = upstream.requests.at(-1)!;
  assert.equal(seen.field('accept-encoding'), 'identity');
  for (const name of ['range', 'if-range', 'if-none-match', 'want-repr-digest'])
    assert.equal(seen.field(name), undefined, name);
  // HEAD must not tell how long the original is.
  upstream.onRequest = ({ connection }) =>
    connection.socket.write(
      `HTTP/1.1 200 \r\ncontent-type: application/json\r\ncontent-length: 4711\r\netag: "x"\r\n\r\n`,
    );
  const client = await RawClient.connect(gate.port);
  t.after(() => client.socket.destroy());
  client.send(request('HEAD', '/customers', { 'x-api-key': clerk.key }));
  assert.equal((await client.response('HEAD')).status, 200);
  assert.doesNotMatch(client.received, /content-length|etag/i);
});

test('what can not be masked is refused whole', async (t) => {
  const { answers, get, upstream, gate } = await setUp(t, '    mask-limit: 1KiB');
  const outcome = async () => {
    const response = await get(clerk.key);
    assert.doesNotMatch(response.body.toString(), /41111111/);
    return response.status;
  };
  const reasons: string[] = [];
  const refused = async (text: string | Buffer, reason: string) => {
    upstream.onRequest = ({ connection }) => connection.socket.write(text);
    assert.equal(await outcome(), 502, reason);
    reasons.push(reason);
  };
  await refused(answer(200, customers, { 'content-type': 'text/csv' }), 'content-type');
  await refused(answer(200, customers), 'content-type');
  await refused(answer(206, customers, { ...json, 'content-range': 'bytes 0-80/81' }), 'partial-content');
  const zipped = gzipSync(customers);
  const head = `HTTP/1.1 200 \r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${zipped.length}\r\n\r\n`;
  await refused(Buffer.concat([Buffer.from(head), zipped]), 'content-coding');
  await refused(answer(200, `${customers}x`, json), 'json');
  await refused(answer(200, `\ufeff${customers}`, json), 'json');
  await refused(answer(200, `[${customers},"${'x'.repeat(2000)}"]`, json), 'mask-limit');
  const lines = await gate.accessLines(reasons.length);
  assert.deepEqual(
    lines.map((line) => line['reason']),
    reasons,
  );
  // Empty answers and pages of errors may pass.
  answers('HTTP/1.1 204 \r\n\r\n');
  assert.equal(await outcome(), 204);
  answers(answer(200));
  assert.equal(await outcome(), 200);
  answers(answer(404, '<h1>not found</h1>', { 'content-type': 'text/html' }));
  assert.equal((await get(clerk.key)).body.toString(), '<h1>not found</h1>');
  answers(answer(404, '[{"card":"4111111111111111"}]', json));
  assert.equal((await get(clerk.key)).body.toString(), '[{"card":"***1111"}]');
});

test('masks that can not hold do not load', async (t) => {
  await assert.rejects(
    setUp(t, '    websocket: true'),
    /lets WebSockets pass, whose messages are not masked/,
  );
});

test('data of classes and annotated fields are masked in JSON and in texts; what can not be read is refused', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { customers: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  consumers:
    clerk: { keys: [ { id: clerk-1, sha256: ${clerk.sha256} } ] }
    auditor: { scopes: [ 'cards:read' ], keys: [ { id: auditor-1, sha256: ${auditor.sha256} } ] }
apis:
  customers:
    contract: ./openapi.yaml
    upstream: customers
    authenticate: [ { api-key: {} } ]
    authorize: { scopes: none }
    limits: []
    mask: [ { class: [ card, email ], as: last4, unless-scope: 'cards:read' } ]
    operations:
      tree: { mask: [ { annotated: pii, as: redact } ] }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract: `openapi: 3.1.0
info: { title: Customers, version: '1' }
paths:
  /notes:
    get: { operationId: notes, responses: {} }
  /tree:
    get:
      operationId: tree
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Person' } } } }
components:
  schemas:
    Person:
      type: object
      properties:
        name: { type: string, x-sensitive: [ pii, name ] }
        shoe: { type: integer, x-sensitive: size }
        children: { type: array, items: { $ref: '#/components/schemas/Person' } }
`,
  });
  const read = async (path: string, key: string, body: string, type: string, status = 200) => {
    upstream.onRequest = ({ connection }) =>
      connection.socket.write(answer(status, body, { 'content-type': type }));
    const response = await exchange(gate.port, request('GET', path, { 'x-api-key': key }), 'GET');
    return { status: response.status, body: response.body.toString() };
  };
  const note = '{"note":"4111 1111 1111 1111 of ann@example.com"}';
  const json = 'application/json';
  assert.equal((await read('/notes', clerk.key, note, json)).body, '{"note":"***1111 of ***.com"}');
  assert.equal((await read('/notes', auditor.key, note, json)).body, note);
  assert.equal((await read('/notes', clerk.key, 'x,ann@example.com', 'text/csv')).body, 'x,***.com');
  assert.equal(
    (await read('/notes', clerk.key, '<p>4111111111111111</p>', 'text/html', 500)).body,
    '<p>***1111</p>',
  );
  assert.equal((await read('/notes', clerk.key, '\x89PNG', 'image/png')).body, '\x89PNG');
  for (const type of ['application/octet-stream', 'text/event-stream', 'image/svg+xml', 'application/pdf']) {
    const expected = type === 'image/svg+xml' ? 200 : 502;
    assert.equal((await read('/notes', clerk.key, 'x', type)).status, expected, type);
  }
  const deep = '{"name":"Ann","shoe":38,"children":[{"name":"Bo","children":[{"name":"Cy"}]}]}';
  assert.equal(
    (await read('/tree', clerk.key, deep, json)).body,
    '{"name":"***","shoe":38,"children":[{"name":"***","children":[{"name":"***"}]}]}',
  );
});
