// What an operator sees: metrics, health, the access log and its rotation; and TLS as it is from outside.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createCertificate } from '../support/certificate.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

test('metrics are Prometheus text, health says ready', async (t) => {
  const upstream = await startRawUpstream(t);
  const { gate, port } = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }) });
  await exchange(port, request('GET', '/things'));
  await exchange(port, request('GET', '/nothing'));
  const base = `http://127.0.0.1:${gate.telemetry!.port}`;
  const response = await fetch(`${base}/metrics`);
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  for (const line of text.trimEnd().split('\n')) {
    assert.match(
      line,
      /^(# (HELP|TYPE) gatewright_\w+ .+|gatewright_\w+(\{(\w+="[^"\\]*",?)*\})? [-+\d.eE]+|gatewright_\w+\{.*\} \+Inf)$/,
      line,
    );
  }
  assert.match(text, /gatewright_requests_total\{[^}]*operation="listThings"[^}]*\} 1\b/);
  assert.equal((await fetch(`${base}/health/live`)).status, 200);
  assert.equal((await fetch(`${base}/health/ready`)).status, 200);
  assert.equal((await fetch(`${base}/other`)).status, 404);
});

test('the access log can be moved away and goes on in a new file', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }) });
  for (let i = 0; i < 3; i++) await exchange(gate.port, request('GET', '/things'));
  await gate.accessLines(3);
  await rename(join(gate.folder, 'access.log'), join(gate.folder, 'access.log.1'));
  gate.gate.reopenLogs();
  for (let i = 0; i < 2; i++) await exchange(gate.port, request('GET', '/things'));
  assert.equal((await gate.accessLines(2)).length, 2);
});

test('whatever a client sends is one line of JSON', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }) });
  const agents = [
    'a"b',
    'a\\b',
    '\xe9\xff',
    '</script>',
    '${jndi:ldap://x}',
    `${'x'.repeat(5000)}`,
    '=1+1',
    '\ta',
  ];
  for (const agent of agents)
    await exchange(gate.port, request('GET', '/things?a="&b=%0a', { 'user-agent': agent }));
  const lines = await gate.accessLines(agents.length);
  assert.equal(lines.length, agents.length);
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line['user_agent']),
    agents.slice(0, 3),
  );
});

const certificate = createCertificate();
test('TLS: modern versions, a plain request harms nothing, PROXY comes before the handshake', {
  skip: certificate === null ? 'openssl is not installed' : false,
}, async (t) => {
  const upstream = await startRawUpstream(t);
  const tls = 'tls: { certificate: ./cert.pem, key: "${file:./key.pem}" }';
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, listener: `, ${tls}` }).replace(
      'upstreams:',
      `  proxied: { port: 0, host: 127.0.0.1, ${tls}, proxy-protocol: { from: [ 127.0.0.1 ] } }\nupstreams:`,
    ),
    files: { 'cert.pem': certificate!.certificate, 'key.pem': certificate!.key },
  });
  const ca = { ca: certificate!.certificate, servername: 'localhost' };
  const secure = await exchange(gate.port, request('GET', '/things'), 'GET', { tls: ca });
  assert.equal(secure.status, 200);
  assert.match(secure.fields.get('strict-transport-security')!, /max-age=31536000/);
  await assert.rejects(
    RawClient.connect(gate.port, { tls: { ...ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' } }),
  );
  const plain = await RawClient.connect(gate.port);
  plain.send(request('GET', '/things'));
  await plain.untilClosed();
  assert.ok(!plain.received.includes('HTTP/1.1 200'));
  const raw = await RawClient.connect(gate.portOf('proxied'));
  raw.send('PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n');
  raw.socket.removeAllListeners('data');
  const inner = connectTls({ socket: raw.socket, ...ca });
  await new Promise((resolve, reject) => inner.once('secureConnect', resolve).once('error', reject));
  inner.write(request('GET', '/things'));
  const [text] = (await new Promise<[Buffer]>((resolve) =>
    inner.once('data', (data: Buffer) => resolve([data])),
  )) as [Buffer];
  assert.match(text.toString('latin1'), /^HTTP\/1\.1 200/);
  inner.destroy();
  assert.equal((await gate.accessLines(2)).at(-1)!['client_address'], '203.0.113.9');
});
