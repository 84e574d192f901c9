// Signed requests and webhooks over the wire: nothing of them reaches the service before head and body are the sender's.
import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { FieldList, parseDictionary } from '../../src/http/fields/index.ts';
import { signatureBase } from '../../src/httpsig/index.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { exchange, RawClient, type RawResponse, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Hooks, version: '1' }
paths:
  /hooks:
    get: { operationId: listHooks, parameters: [ { name: a, in: query, schema: { type: string } } ], responses: {} }
    post:
      operationId: hook
      requestBody: { content: { application/json: {} } }
      responses: {}
`;
const HMAC_SECRET = 'a shared secret of at least 32 bytes';
const HOOK_SECRET = 'the secret of the webhook';
const OLD_SECRET = 'the secret before this one';

async function setUp(t: TestContext, authenticate: string, more = '') {
  const upstream = await startRawUpstream(t);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { hooks: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  consumers:
    shop: { signature-keys: [ { id: shop-1, algorithm: ed25519, public-key: ./shop.pem } ] }
    depot: { signature-keys: [ { id: depot-1, algorithm: hmac-sha256, secret: "\${env:HMAC_SECRET}" } ] }
apis:
  hooks:
    contract: ./openapi.yaml
    upstream: hooks
    authenticate: ${authenticate}
    authorize: { scopes: none }
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
${more}
`,
    contract,
    files: { 'shop.pem': publicKey.export({ type: 'spki', format: 'pem' }).toString() },
    env: { HMAC_SECRET, HOOK_SECRET, OLD_SECRET },
    workers: 2,
  });
  return { gate, upstream, privateKey };
}

const codeOf = (response: RawResponse): string =>
  String(response.json()['type']).replace('urn:gatewright:problem:', '');
const digestOf = (body: string): string => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

interface ToSign {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly input: string;
  readonly scheme?: string;
}

/** Fields of a request with its signature. */
function signed(toSign: ToSign, key: KeyObject | string): Record<string, string> {
  const { method, target, authority, fields, input } = toSign;
  const [path, query] = target.split('?') as [string, string?];
  const list = new FieldList();
  for (const [name, value] of Object.entries(fields)) list.append(name, value);
  const base = signatureBase(
    {
      method,
      scheme: toSign.scheme ?? 'http',
      authority,
      path,
      query: query ?? '',
      fields: list,
      contentLength: -1,
    },
    parseDictionary(`s=${input}`)!.get('s') as never,
  )!;
  const bytes =
    typeof key === 'string'
      ? createHmac('sha256', key).update(base, 'latin1').digest()
      : signBytes(null, Buffer.from(base, 'latin1'), key);
  return {
    ...fields,
    host: authority,
    'signature-input': `s=${input}`,
    signature: `s=:${bytes.toString('base64')}:`,
  };
}

let nonces = 0;
const now = (): number => Math.floor(Date.now() / 1000);
const inputOf = (components: string, keyid: string, created = now()): string =>
  `(${components});created=${created};keyid="${keyid}";nonce="${++nonces}"`;

test('a signed request is its sender’s: method, host, path, query and body, once, and not for long', async (t) => {
  const { gate, upstream, privateKey } = await setUp(t, '[ { signature: {} } ]');
  const authority = `127.0.0.1:${gate.port}`;
  const send = (method: string, target: string, fields: Record<string, string>, body = '') =>
    exchange(gate.port, request(method, target, fields, body), method);
  const get = (target: string, components: string, more: Partial<ToSign> = {}, created = now()) => ({
    fields: signed(
      {
        method: 'GET',
        target,
        authority,
        fields: {},
        input: inputOf(components, 'shop-1', created),
        ...more,
      },
      privateKey,
    ),
    target,
  });
  const all = '"@method" "@authority" "@path" "@query"';
  const plain = get('/hooks', '"@method" "@authority" "@path"');
  assert.equal((await send('GET', '/hooks', plain.fields)).status, 200);
  assert.equal((await send('GET', '/hooks', plain.fields)).status, 401, 'once more');
  // Each thread writes its lines in order; the two may be of two threads.
  const line = (await gate.accessLines(2)).find(({ status }) => status === 200);
  assert.deepEqual([line!['consumer'], line!['credential']], ['shop', 'shop-1']);
  assert.equal((await send('GET', '/hooks?a=1', get('/hooks?a=1', all).fields)).status, 200);
  assert.equal(
    (await send('GET', '/hooks?a=1', get('/hooks?a=1', '"@target-uri" "@method"').fields)).status,
    200,
  );
  const tls = get('/hooks', '"@target-uri" "@method"', { scheme: 'https' });
  assert.equal((await send('GET', '/hooks', tls.fields)).status, 200, 'TLS ended in front');
  const bad: Readonly<Record<string, readonly [string, Record<string, string>]>> = {
    'with a query that was added': ['/hooks?a=1', get('/hooks', '"@method" "@authority" "@path"').fields],
    'with another query': ['/hooks?a=2', get('/hooks?a=1', all).fields],
    'for another host': ['/hooks', { ...get('/hooks', all, { authority: 'other' }).fields, host: authority }],
    'that covers less': ['/hooks', get('/hooks', '"@method" "@path"').fields],
    'that is old': ['/hooks', get('/hooks', all, {}, now() - 400).fields],
    'from the future': ['/hooks', get('/hooks', all, {}, now() + 60).fields],
    'by a stranger': [
      '/hooks',
      signed(
        { method: 'GET', target: '/hooks', authority, fields: {}, input: inputOf(all, 'shop-1') },
        generateKeyPairSync('ed25519').privateKey,
      ),
    ],
    'in another’s name': [
      '/hooks',
      signed(
        { method: 'GET', target: '/hooks', authority, fields: {}, input: inputOf(all, 'depot-1') },
        privateKey,
      ),
    ],
    'without its signature': ['/hooks', { ...get('/hooks', all).fields, signature: '' }],
  };
  const before = upstream.requests.length;
  for (const [name, [target, fields]] of Object.entries(bad)) {
    const refused = await send('GET', target, fields);
    assert.deepEqual([refused.status, codeOf(refused)], [401, 'credentials-invalid'], name);
  }
  assert.equal((await send('GET', '/hooks', {})).status, 401);
  assert.equal(upstream.requests.length, before);
});

test('the body is what was signed, however it is sent', async (t) => {
  const { gate, upstream } = await setUp(t, '[ { signature: {} } ]');
  const authority = `127.0.0.1:${gate.port}`;
  const body = '{"a":1}';
  const components = '"@method" "@authority" "@path" "content-digest"';
  const fields = (digest: string, covered = components) =>
    signed(
      {
        method: 'POST',
        target: '/hooks',
        authority,
        fields: { 'content-type': 'application/json', 'content-digest': digest },
        input: inputOf(covered, 'depot-1'),
      },
      HMAC_SECRET,
    );
  const send = (head: Record<string, string>, text: string) =>
    exchange(gate.port, request('POST', '/hooks', head, text), 'POST');
  assert.equal((await send(fields(digestOf(body)), body)).status, 200);
  assert.equal((await send(fields(digestOf(body)), '{"a":2}')).status, 401, 'another body');
  assert.equal(
    (await send(fields(digestOf(body), '"@method" "@authority" "@path"'), body)).status,
    401,
    'digest not signed',
  );
  assert.equal(
    (await send({ ...fields(digestOf(body)), 'content-digest': digestOf('{"a":2}') }, '{"a":2}')).status,
    401,
  );
  assert.equal((await send(fields('md5=:AAAA:'), body)).status, 401, 'a weak digest alone');
  const lines = Object.entries(fields(digestOf(body)))
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const chunked = (text: string) =>
    exchange(
      gate.port,
      `POST /hooks HTTP/1.1\r\n${lines.replace(/nonce="\d+"/, (nonce) => nonce)}transfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
      'POST',
    );
  assert.equal((await chunked('{"a":2}')).status, 401, 'chunked');
  assert.equal(upstream.requests.length, 1);
  assert.equal(upstream.requests[0]!.body.toString(), body);
});

test('webhooks: genuine ones pass, and a body that is not the sender’s never arrives', async (t) => {
  const { gate, upstream } = await setUp(
    t,
    "[ { webhook: { scheme: stripe, secrets: [ '${env:HOOK_SECRET}', '${env:OLD_SECRET}' ], caller: payments } } ]",
  );
  const body = '{"paid":true}';
  const header = (text: string, secret = HOOK_SECRET, time = now()) => ({
    'content-type': 'application/json',
    'stripe-signature': `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${text}`).digest('hex')}`,
  });
  const send = (fields: Record<string, string>, text: string) =>
    exchange(gate.port, request('POST', '/hooks', fields, text), 'POST');
  const first = header(body);
  assert.equal((await send(first, body)).status, 200);
  assert.equal((await send(first, body)).status, 401, 'once more');
  assert.equal((await send(header(body, OLD_SECRET), body)).status, 200, 'the secret that is being replaced');
  const [line] = await gate.accessLines(1);
  assert.equal(line!['consumer'], 'payments');
  for (const [name, fields, text] of [
    ['another body', header(body), '{"paid":false}'],
    ['another secret', header(body, 'guessed'), body],
    ['an old one', header(body, HOOK_SECRET, now() - 400), body],
    ['one from the future', header(body, HOOK_SECRET, now() + 400), body],
    ['without a signature', { 'content-type': 'application/json' }, body],
    ['with an empty one', { ...header(body), 'stripe-signature': '' }, body],
  ] as const) {
    assert.equal((await send(fields, text)).status, 401, name);
  }
  // A second signature beside the genuine one does not make the same message another.
  const again = header(body, HOOK_SECRET, now() - 1);
  assert.equal((await send(again, body)).status, 200);
  const dressed = { ...again, 'stripe-signature': `v1=${'0'.repeat(64)},${again['stripe-signature']}` };
  assert.equal((await send(dressed, body)).status, 401);
  assert.equal(upstream.requests.length, 3);
});

test('the service sees nothing of a webhook until its body is whole', async (t) => {
  const { gate, upstream } = await setUp(
    t,
    "[ { webhook: { scheme: github, secrets: [ '${env:HOOK_SECRET}' ], caller: forge } } ]",
  );
  const body = '{"pushed":true}';
  const signature = `sha256=${createHmac('sha256', HOOK_SECRET).update(body).digest('hex')}`;
  const client = await RawClient.connect(gate.port);
  t.after(() => client.destroy());
  client.send(
    `POST /hooks HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-hub-signature-256: ${signature}\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  const other = await exchange(
    gate.port,
    request('POST', '/hooks', { 'content-type': 'application/json', 'x-hub-signature-256': signature }, body),
    'POST',
  );
  assert.equal(other.status, 200);
  assert.equal(upstream.requests.length, 1, 'the whole one only');
  client.send(body.slice(5));
  assert.equal((await client.response('POST')).status, 200);
});

test('a way of signing that is described by hand', async (t) => {
  const { gate } = await setUp(
    t,
    "[ { webhook: { scheme: { header: X-Sign, prefix: 'h=', encoding: base64, time-header: X-Time, signed: '{time}|{body}', hash: sha512 }, secrets: [ '${env:HOOK_SECRET}' ], caller: own } } ]",
  );
  const time = String(now());
  const signature = createHmac('sha512', HOOK_SECRET).update(`${time}|{}`).digest('base64');
  const send = (fields: Record<string, string>) =>
    exchange(
      gate.port,
      request('POST', '/hooks', { 'content-type': 'application/json', ...fields }, '{}'),
      'POST',
    );
  assert.equal((await send({ 'x-sign': `h=${signature}`, 'x-time': String(now() + 5) })).status, 401);
  assert.equal((await send({ 'x-sign': `h=${signature}`, 'x-time': time })).status, 200);
  await assert.rejects(
    setUp(
      t,
      "[ { webhook: { scheme: { header: X-Sign, time-header: X-Time }, secrets: [ '${env:HOOK_SECRET}' ], caller: own } } ]",
    ),
    /do not agree/,
  );
  await assert.rejects(
    setUp(t, '[ { webhook: { scheme: github, secrets: [ in-the-clear-and-long-enough ], caller: own } } ]'),
    /secret in clear/,
  );
});

test('keys that callers sign with, and their owners, can be withdrawn while the gate runs', async (t) => {
  const { gate, privateKey } = await setUp(t, '[ { signature: {} } ]', 'state: { sqlite: ./state.db }');
  const authority = `127.0.0.1:${gate.port}`;
  const all = '"@method" "@authority" "@path"';
  const use = async (keyid: string, key: KeyObject | string): Promise<number> => {
    const fields = signed(
      { method: 'GET', target: '/hooks', authority, fields: {}, input: inputOf(all, keyid) },
      key,
    );
    return (await exchange(gate.port, request('GET', '/hooks', fields))).status;
  };
  assert.deepEqual([await use('shop-1', privateKey), await use('depot-1', HMAC_SECRET)], [200, 200]);
  const config = ['--config', `${gate.folder}/gatewright.yaml`];
  const env = { HMAC_SECRET, HOOK_SECRET, OLD_SECRET };
  const revoke = async (...what: string[]): Promise<void> => {
    const { code, err } = await run(['token', 'revoke', ...what, ...config], { env });
    assert.equal(code, 0, err);
  };
  await revoke('--key', 'shop-1');
  await until(async () => (await use('shop-1', privateKey)) === 401, 'the key to be withdrawn');
  assert.equal(await use('depot-1', HMAC_SECRET), 200);
  await revoke('--subject', 'depot');
  assert.equal(
    await use('depot-1', HMAC_SECRET),
    200,
    'a key has no date: only what is withdrawn whole counts',
  );
  await revoke('--subject', 'depot', '--all');
  await until(async () => (await use('depot-1', HMAC_SECRET)) === 401, 'the owner to be withdrawn');
});

test('a gRPC call, whose body is never read whole, is not identified by a signature', async (t) => {
  for (const method of [
    "webhook: { scheme: github, secrets: [ '${env:HOOK_SECRET}' ], caller: forge }",
    'signature: {}',
  ]) {
    const config = `listeners: { public: { port: 0, host: 127.0.0.1, http2: true } }
upstreams: { calls: { targets: [ http://127.0.0.1:1 ], protocol: http2 } }
apis:
  calls:
    grpc: { services: { shop.Orders: [ Get ] } }
    upstream: calls
    authenticate: [ { ${method} } ]
    limits: []
`;
    await assert.rejects(
      startTestGate(t, { config, env: { HOOK_SECRET } }),
      /gRPC calls are not read whole/,
      method,
    );
  }
});
