// Whose word counts: fields and headers that speak for the client are believed from configured peers alone.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type OpenConfig, openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

async function setUp(t: TestContext, config: Partial<OpenConfig> = {}) {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port, ...config }) });
  return { upstream, gate };
}

const spoofed = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-port': '1',
  'x-forwarded-prefix': '/x',
  forwarded: 'for=203.0.113.9;host=evil.example',
  'x-real-ip': '203.0.113.9',
  'client-cert': ':AAAA:',
  'client-cert-chain': ':AAAA:',
};

test('what a client says of itself is replaced by what the gate knows', async (t) => {
  const { upstream, gate } = await setUp(t);
  assert.equal((await exchange(gate.port, request('GET', '/things', spoofed))).status, 200);
  const seen = upstream.requests[0]!;
  assert.equal(seen.field('x-forwarded-for'), '127.0.0.1');
  assert.equal(seen.field('x-forwarded-proto'), 'http');
  assert.equal(seen.field('x-forwarded-host'), 'api.example.com');
  for (const name of [
    'forwarded',
    'x-real-ip',
    'client-cert',
    'client-cert-chain',
    'x-forwarded-port',
    'x-forwarded-prefix',
  ]) {
    assert.equal(seen.field(name), undefined, name);
  }
  assert.equal((await gate.accessLines(1))[0]!['client_address'], '127.0.0.1');
});

test('a trusted proxy names the client, through as many trusted hops as there are', async (t) => {
  const { gate, upstream } = await setUp(t, { listener: ', trusted-proxies: [ 127.0.0.1, 10.0.0.0/8 ]' });
  const addresses: readonly (readonly [Record<string, string>, string])[] = [
    [{ 'x-forwarded-for': '203.0.113.9' }, '203.0.113.9'],
    [{ 'x-forwarded-for': '198.51.100.7, 203.0.113.9, 10.1.2.3' }, '203.0.113.9'],
    [{ 'x-forwarded-for': '203.0.113.9:4711' }, '203.0.113.9'],
    [{ 'x-forwarded-for': 'unknown, 10.1.2.3' }, '10.1.2.3'],
    [{ forwarded: 'for="[2001:db8::1]:80";proto=http, for=10.1.2.3' }, '2001:db8::1'],
    [{ forwarded: 'for=_hidden' }, '127.0.0.1'],
  ];
  for (const [fields, address] of addresses) {
    assert.equal((await exchange(gate.port, request('GET', '/things', fields))).status, 200);
    assert.equal(upstream.requests.at(-1)!.field('x-forwarded-for'), address);
  }
});

const proxyV1 = 'PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n';
const proxyV2 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  Buffer.from([203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x67, 0, 80]),
]).toString('latin1');

test('PROXY protocol from a configured peer names the client', async (t) => {
  const { gate } = await setUp(t, { listener: ', proxy-protocol: { from: [ 127.0.0.1 ] }' });
  for (const header of [proxyV1, proxyV2]) {
    assert.equal((await exchange(gate.port, header + request('GET', '/things'))).status, 200);
  }
  const lines = await gate.accessLines(2);
  assert.deepEqual(
    lines.map((line) => line['client_address']),
    ['203.0.113.9', '203.0.113.9'],
  );
});

test('a configured peer that sends no or a broken PROXY header is let go of', async (t) => {
  const { gate, upstream } = await setUp(t, { listener: ', proxy-protocol: { from: [ 127.0.0.1 ] }' });
  for (const bytes of [
    request('GET', '/things'),
    'PROXY TCP4 x y\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n',
    `\r\n\r\n\0\r\nQUIT\nxx${'x'.repeat(40)}`,
  ]) {
    const client = await RawClient.connect(gate.port);
    client.send(bytes);
    assert.equal(await client.untilClosed(), '');
  }
  assert.equal(upstream.requests.length, 0);
});

test('PROXY protocol from anybody else is no HTTP', async (t) => {
  const { gate, upstream } = await setUp(t, { listener: ', proxy-protocol: { from: [ 10.0.0.1 ] }' });
  for (const header of [proxyV1, proxyV2]) {
    assert.equal((await exchange(gate.port, header + request('GET', '/things'))).status, 400);
  }
  assert.equal(upstream.requests.length, 0);
});

test('a trace goes on under the gate’s own span; a broken one is begun anew', async (t) => {
  const { gate, upstream } = await setUp(t);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const ask = async (fields: Record<string, string>) => {
    await exchange(gate.port, request('GET', '/things', fields));
    return upstream.requests.at(-1)!;
  };
  const good = await ask({ traceparent: `00-${trace}-00f067aa0ba902b7-01`, tracestate: 'a=b' });
  assert.match(good.field('traceparent')!, new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  assert.equal(good.field('tracestate'), 'a=b');
  const bad = await ask({ traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, tracestate: 'a=b' });
  assert.match(bad.field('traceparent')!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  assert.equal(bad.field('tracestate'), undefined);
});

test('an upgrade that the upstream refuses leaves no tunnel behind', async (t) => {
  const { gate, upstream } = await setUp(t);
  const handshake = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const smuggled = 'GET /admin HTTP/1.1\r\nhost: a\r\n\r\n';
  const client = await RawClient.connect(gate.port);
  client.send(request('GET', '/socket', handshake) + smuggled);
  assert.equal((await client.response()).status, 200);
  await client.untilClosed();
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    ['/socket'],
  );
  for (const [path, fields] of [
    ['/things', handshake],
    ['/socket', { ...handshake, 'sec-websocket-version': '12' }],
    ['/socket', { ...handshake, 'sec-websocket-key': 'short' }],
  ] as const) {
    assert.equal((await exchange(gate.port, request('GET', path, fields))).status, 400);
  }
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write(
      'HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: AAAA\r\n\r\n',
    );
  assert.equal((await exchange(gate.port, request('GET', '/socket', handshake))).status, 502);
});
