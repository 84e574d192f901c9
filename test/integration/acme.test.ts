// Certificates by ACME from pebble, the test server of Let's Encrypt: both challenges over real sockets to the gate, the
// store on disk, renewal, and an authority that fails.
import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { startGate } from '../../src/app/index.ts';
import { silentLog } from '../../src/telemetry/index.ts';
import { Authority, freePort, hasOpenssl } from '../support/authority.ts';
import { run } from '../support/command.ts';
import { openContract, openOperations, startTestGate, type TestGate } from '../support/gate.ts';
import { hasPebble, type Pebble, startPebble } from '../support/pebble.ts';
import { exchange, request } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const needsPebble = { skip: hasOpenssl && hasPebble ? false : 'pebble or openssl is not installed' };
const authority = hasOpenssl ? new Authority('pebble') : null;
after(() => authority?.remove());

const configOf = (pebble: string, ports: readonly [number, number], challenge: string): string => `listeners:
  public:
    port: ${ports[1]}
    host: 127.0.0.1
    tls: { certificates: [ { acme: test, names: [ api.example.com, www.example.com ] } ] }
  plain: { port: ${ports[0]}, host: 127.0.0.1, redirect-to-https: { listener: public, hosts: [ api.example.com ] } }
acme:
  test:
    directory: ${pebble}
    terms-of-service: agreed
    contact: [ "mailto:ops@example.com" ]
    store: ./acme
    challenge: ${challenge}
    ca: ./pebble.pem
upstreams: { things: { targets: [ "http://127.0.0.1:1" ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    ${openOperations}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;

async function setUp(
  t: TestContext,
  challenge: string,
  more: { lifetime?: number; blocked?: string[] } = {},
): Promise<{ pebble: Pebble; gate: TestGate }> {
  const ports = [await freePort(), await freePort()] as const;
  const pebble = await startPebble(t, authority!, { httpPort: ports[0], tlsPort: ports[1], ...more });
  const gate = await startTestGate(t, {
    config: configOf(pebble.directory, ports, challenge),
    contract: openContract,
    files: { 'pebble.pem': authority!.certificate },
    workers: 2,
  });
  return { pebble, gate };
}

/** Certificate served for a name, or null when the handshake fails. */
function servedCertificate(port: number, servername: string): Promise<X509Certificate | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate() ?? null);
      socket.destroy();
    });
    socket.once('error', () => resolve(null));
  });
}

const obtained = (gate: TestGate): number =>
  gate.log.filter(({ event }) => event === 'certificate-obtained').length;

async function untilObtained(gate: TestGate, count: number, pebble: Pebble): Promise<void> {
  await until(() => obtained(gate) >= count, 'a certificate').catch((error: unknown) => {
    const log = gate.log.map((line) => JSON.stringify(line)).join('\n');
    throw new Error(`${String(error)}\n${log}\n${pebble.output().slice(-3000)}`);
  });
}

for (const challenge of ['http-01', 'tls-alpn-01']) {
  test(
    `a certificate is had by ${challenge}, kept, and used again after a restart`,
    needsPebble,
    async (t) => {
      const { pebble, gate } = await setUp(t, challenge);
      await untilObtained(gate, 1, pebble);
      const first = await until(
        async () => (await servedCertificate(gate.port, 'api.example.com')) ?? undefined,
        'it',
      );
      assert.match(first.subjectAltName ?? '', /DNS:api\.example\.com/);
      assert.match(first.subjectAltName ?? '', /DNS:www\.example\.com/);

      // Nothing is left of the challenge, and nobody else gets its certificate.
      const token = await exchange(
        gate.portOf('plain'),
        request('GET', '/.well-known/acme-challenge/x', { host: 'api.example.com' }),
      );
      assert.equal(token.status, 308);
      const alpn = await new Promise<string>((resolve) => {
        const socket = connect({
          port: gate.port,
          host: '127.0.0.1',
          servername: 'api.example.com',
          ALPNProtocols: ['acme-tls/1'],
          rejectUnauthorized: false,
        });
        socket.once('secureConnect', () => resolve(String(socket.alpnProtocol)));
        socket.once('error', () => resolve('refused'));
      });
      assert.equal(alpn, 'refused');

      // Keys are for the gate alone.
      const [account] = await readdir(join(gate.folder, 'acme'));
      const folder = join(gate.folder, 'acme', account!);
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      const files = await readdir(folder);
      assert.equal(files.length, 2);
      for (const file of files) assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);

      const text = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
      assert.match(
        text,
        /gatewright_certificate_expiry_timestamp_seconds\{listener="public",certificate="api.example.com www.example.com",source="acme"\} 1\d{9}/,
      );
      assert.match(text, /gatewright_certificate_orders_total\{result="success"\} 1/);

      // `check` reads the store.
      const checked = await run(['check', '-c', join(gate.folder, 'gatewright.yaml')]);
      assert.match(
        checked.out,
        /stored +api\.example\.com, www\.example\.com by ACME from test: until 20\d\d-/,
      );

      // The authority is gone, the certificate is still there.
      await pebble.stop();
      await gate.gate.close();
      const again = await startGate({
        file: join(gate.folder, 'gatewright.yaml'),
        workers: 1,
        log: silentLog,
        env: {},
      });
      t.after(() => again.close());
      const served = await servedCertificate(again.listeners[0]!.port, 'api.example.com');
      assert.equal(served?.serialNumber, first.serialNumber);
    },
  );
}

test(
  'a certificate is renewed in time; an authority that fails leaves the old one serving',
  needsPebble,
  async (t) => {
    const { pebble, gate } = await setUp(t, 'tls-alpn-01', { lifetime: 9 });
    await untilObtained(gate, 1, pebble);
    const first = await until(
      async () => (await servedCertificate(gate.port, 'api.example.com')) ?? undefined,
      'it',
    );
    await untilObtained(gate, 2, pebble);
    const second = await until(async () => {
      const found = await servedCertificate(gate.port, 'api.example.com');
      return found !== null && found.serialNumber !== first.serialNumber ? found : undefined;
    }, 'the renewed certificate');
    await pebble.stop();
    const failure = await until(
      () => gate.log.find(({ event }) => event === 'certificate-order-failed'),
      'a renewal that fails',
    );
    assert.equal(failure.level, 'error');
    assert.equal(failure.details['keeps_old_certificate'], true);
    assert.ok(Number(failure.details['retry_in_seconds']) > 0);
    const third = await servedCertificate(gate.port, 'api.example.com');
    assert.ok(third !== null && Date.parse(third.validTo) >= Date.parse(second.validTo));
  },
);

test(
  'a refused order says why; until there is a certificate no handshake succeeds',
  needsPebble,
  async (t) => {
    const { gate } = await setUp(t, 'http-01', { blocked: ['www.example.com'] });
    const failure = await until(
      () => gate.log.find(({ event }) => event === 'certificate-order-failed'),
      'an order that fails',
    );
    assert.match(String(failure.details['problem']), /www\.example\.com|policy|block/i);
    assert.equal(failure.details['keeps_old_certificate'], false);
    assert.equal(await servedCertificate(gate.port, 'api.example.com'), null);
  },
);
