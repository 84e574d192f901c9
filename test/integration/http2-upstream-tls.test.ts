// HTTP/2 to upstreams over TLS: what ALPN chooses decides, and no request is sent before it has.
import assert from 'node:assert/strict';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createCertificate } from '../support/certificate.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';

const certificate = createCertificate();
const needsOpenssl = { skip: certificate === null ? 'openssl is not installed' : false };

interface Service {
  readonly port: number;
  /** HTTP version of each request. */
  readonly versions: string[];
  connections: number;
}

/** A service that speaks HTTP/1.1 only, HTTP/2 only, or what the client prefers. */
async function startService(t: TestContext, speaks: 'http1' | 'http2' | 'both'): Promise<Service> {
  const service: Service = { port: 0, versions: [], connections: 0 };
  const pem = { cert: certificate!.certificate, key: certificate!.key };
  const server =
    speaks === 'http1'
      ? createServer(pem, (asked, answer) => {
          service.versions.push(asked.httpVersion);
          answer.end('ok');
        })
      : createSecureServer({ ...pem, allowHTTP1: speaks === 'both' }, (asked, answer) => {
          service.versions.push(asked.httpVersion);
          answer.end('ok');
        });
  server.on('secureConnection', () => void service.connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return Object.assign(service, { port: (server.address() as AddressInfo).port });
}

function startGate(t: TestContext, port: number, protocol: string, trusted = true): Promise<TestGate> {
  const lines = trusted ? '\n    tls: { ca: ./cert.pem }' : '';
  return startTestGate(t, {
    config: openConfig({ upstreamPort: port, upstream: `    protocol: ${protocol}${lines}` })
      .replace('http://127.0.0.1', 'https://127.0.0.1')
      .replace(', websocket: true', ''),
    files: { 'cert.pem': certificate!.certificate },
  });
}

const ask = async (gate: TestGate): Promise<number> =>
  (await exchange(gate.port, request('GET', '/things'))).status;

const cases = [
  ['auto', 'both', '2.0'],
  ['auto', 'http2', '2.0'],
  ['auto', 'http1', '1.1'],
  ['http2', 'both', '2.0'],
  ['http1', 'both', '1.1'],
] as const;
for (const [protocol, speaks, version] of cases) {
  test(`protocol ${protocol}, a service that speaks ${speaks}: HTTP/${version}`, needsOpenssl, async (t) => {
    const service = await startService(t, speaks);
    const gate = await startGate(t, service.port, protocol);
    // Several at once: those that wait for the choice of the first connection get what it chose.
    const statuses = await Promise.all(Array.from({ length: 12 }, () => ask(gate)));
    statuses.push(await ask(gate));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.deepEqual(new Set(service.versions), new Set([version]));
    assert.equal(service.versions.length, 13);
    if (version === '2.0') assert.equal(service.connections, 1);
  });
}

test('a service that does not choose HTTP/2 is not reached with http2', needsOpenssl, async (t) => {
  const service = await startService(t, 'http1');
  const gate = await startGate(t, service.port, 'http2');
  assert.equal(await ask(gate), 502);
  assert.deepEqual(service.versions, []);
});

test('a certificate that nobody vouches for gets no request', needsOpenssl, async (t) => {
  const service = await startService(t, 'both');
  for (const protocol of ['auto', 'http2']) {
    assert.equal(await ask(await startGate(t, service.port, protocol, false)), 502);
  }
  assert.deepEqual(service.versions, []);
});
