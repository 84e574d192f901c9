// TLS towards clients, held against openssl s_client and Node: versions, suites, groups, names, staples, sessions, and
// certificates that change under load.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Authority, freePort, hasOpenssl, type Issued, needsOpenssl } from '../support/authority.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { runTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const ca = hasOpenssl ? new Authority('servers') : null;
const others = hasOpenssl ? new Authority('others') : null;
after(() => {
  ca?.remove();
  others?.remove();
});

const serverOf = (name: string, more: Partial<Parameters<Authority['issue']>[0]> = {}): Issued =>
  ca!.issue({ name, san: `DNS:${name}`, usage: 'serverAuth', ...more });

interface Setup {
  readonly gate: TestGate;
  sClient(...args: string[]): Promise<string>;
}

/** `tls`: the listener's mapping, with files named `<n>.pem` and `<n>.key` after the given certificates. */
async function setUp(
  t: TestContext,
  tls: string,
  certificates: readonly Issued[],
  more: { readonly workers?: number; readonly watch?: boolean } = {},
): Promise<Setup> {
  const upstream = await startRawUpstream(t);
  const files: Record<string, string> = {};
  certificates.forEach((issued, index) => {
    files[`${index}.pem`] = issued.chain;
    files[`${index}.key`] = issued.key;
  });
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, listener: `, tls: { ${tls} }` }),
    files,
    ...more,
  });
  const sClient = async (...args: string[]): Promise<string> => {
    const { all } = await runTool('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${gate.port}`, '-CAfile', ca!.certificateFile],
      ...args,
    ]);
    return all;
  };
  return { gate, sClient };
}

const entry = (index: number): string => `{ certificate: ./${index}.pem, key: "\${file:./${index}.key}" }`;
const single = `certificate: ./0.pem, key: "\${file:./0.key}"`;

const subjectOf = (text: string): string => /^subject=.*CN ?= ?(\S+)/m.exec(text)?.[1] ?? 'none';

for (const keyKind of ['ec', 'rsa'] as const) {
  test(`old versions and weak suites are refused, good ones spoken (${keyKind})`, needsOpenssl, async (t) => {
    const issued = serverOf('api.example', keyKind === 'rsa' ? { keyKind: 'rsa' } : {});
    const { sClient } = await setUp(t, single, [issued]);
    for (const version of ['-tls1', '-tls1_1']) {
      const text = await sClient(version, '-cipher', 'ALL:@SECLEVEL=0');
      assert.match(text, /alert protocol version|no protocols available/i, version);
    }
    const suites = 'ALL:COMPLEMENTOFALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:@SECLEVEL=0';
    assert.match(await sClient('-tls1_2', '-cipher', suites), /handshake failure/i);
    const sign = keyKind === 'rsa' ? 'RSA' : 'ECDSA';
    for (const suite of ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305']) {
      const name = `ECDHE-${sign}-${suite}`;
      assert.match(await sClient('-tls1_2', '-cipher', name), new RegExp(`Cipher *(?:is|:) *${name}`), name);
    }
    assert.match(await sClient(), /TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384/);
    assert.match(
      await sClient(
        '-tls1_2',
        '-sigalgs',
        keyKind === 'rsa' ? 'RSA+SHA1' : 'ECDSA+SHA1',
        '-cipher',
        'ALL:@SECLEVEL=0',
      ),
      /handshake failure|internal error/i,
    );
  });
}

test('renegotiation is refused', needsOpenssl, async (t) => {
  const { gate } = await setUp(t, single, [serverOf('api.example')]);
  const { all } = await runTool(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${gate.port}`, '-tls1_2', '-legacy_renegotiation'],
    'R\n',
  );
  assert.match(all, /no renegotiation/i);
});

function connectTo(
  gate: TestGate,
  options: ConnectionOptions,
  onSession: (session: Buffer) => void = () => {},
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port: gate.port,
      host: '127.0.0.1',
      ca: ca!.certificate,
      servername: 'api.example',
      ...options,
    });
    socket.on('session', onSession);
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

test(
  'X25519MLKEM768 is negotiated first, and classical curves serve those without',
  needsOpenssl,
  async (t) => {
    const { gate } = await setUp(t, single, [serverOf('api.example')]);
    const groupOf = async (ecdhCurve?: string): Promise<string> => {
      const socket = await connectTo(gate, ecdhCurve === undefined ? {} : { ecdhCurve });
      const info = socket.getEphemeralKeyInfo() as { name?: string };
      socket.destroy();
      return info.name ?? '';
    };
    assert.equal(await groupOf('X25519MLKEM768'), 'X25519MLKEM768');
    assert.equal(await groupOf('X25519:X25519MLKEM768'), 'X25519MLKEM768');
    assert.equal(await groupOf(), 'X25519MLKEM768');
    assert.equal(await groupOf('X25519'), 'X25519');
    assert.equal(await groupOf('P-256'), 'prime256v1');
  },
);

test('the certificate follows the server name', needsOpenssl, async (t) => {
  const issued = [
    serverOf('default.example'),
    serverOf('a.example'),
    ca!.issue({ name: 'wild', san: 'DNS:*.b.example,DNS:b.example', usage: 'serverAuth' }),
    serverOf('exact.b.example'),
  ];
  const list = `certificates: [ ${issued.map((_, index) => entry(index)).join(', ')} ]`;
  const { sClient } = await setUp(t, list, issued);
  const expected: readonly [string, string][] = [
    ['a.example', 'a.example'],
    ['A.EXAMPLE', 'a.example'],
    ['x.b.example', 'wild'],
    ['b.example', 'wild'],
    ['exact.b.example', 'exact.b.example'],
    ['x.y.b.example', 'default.example'],
    ['other.example', 'default.example'],
  ];
  for (const version of ['-tls1_2', '-tls1_3']) {
    for (const [name, subject] of expected)
      assert.equal(subjectOf(await sClient(version, '-servername', name)), subject, name);
    assert.equal(subjectOf(await sClient(version, '-noservername')), 'default.example');
  }
});

test('unknown names can be refused', needsOpenssl, async (t) => {
  const { sClient } = await setUp(t, `${single}, unknown-name: refuse`, [serverOf('a.example')]);
  assert.equal(subjectOf(await sClient('-servername', 'a.example')), 'a.example');
  assert.equal(subjectOf(await sClient('-noservername')), 'a.example');
  for (const version of ['-tls1_2', '-tls1_3']) {
    const text = await sClient(version, '-servername', 'other.example');
    assert.match(text, /unrecognized name/i);
    assert.equal(subjectOf(text), 'none');
  }
});

// OCSP stapling.

const statusOf = (text: string): string =>
  /OCSP response: no response sent/.test(text) ? 'none' : (/Cert Status: (\w+)/.exec(text)?.[1] ?? 'failed');

test('an OCSP answer is stapled, by the authority or a responder it appointed', needsOpenssl, async (t) => {
  const port = await freePort();
  const issued = serverOf('api.example', { ocsp: `http://127.0.0.1:${port}` });
  const responder = await ca!.startResponder(t, port);
  const first = await setUp(t, single, [issued]);
  await until(async () => statusOf(await first.sClient('-status')) === 'good', 'a staple');
  for (const version of ['-tls1_2', '-tls1_3'])
    assert.equal(statusOf(await first.sClient(version, '-status')), 'good', version);
  const metrics = await (await fetch(`http://127.0.0.1:${first.gate.gate.telemetry!.port}/metrics`)).text();
  assert.match(
    metrics,
    /gatewright_staple_expiry_timestamp_seconds\{listener="public",certificate=".\/0.pem"\} 1\d{9}/,
  );
  const ends = Math.floor(Date.parse(new X509Certificate(issued.certificate).validTo) / 1000);
  assert.match(
    metrics,
    new RegExp(
      `gatewright_certificate_expiry_timestamp_seconds\\{listener="public",certificate="./0.pem",source="file"\\} ${ends}`,
    ),
  );
  await responder.stop();

  const appointed = ca!.issue({ name: 'responder', usage: 'OCSPSigning' });
  const second = await ca!.startResponder(t, port, appointed);
  const { sClient } = await setUp(t, single, [issued]);
  await until(async () => statusOf(await sClient('-status')) === 'good', 'a staple');
  await second.stop();
});

test('an answer that is not the authority’s, or not good, is not stapled', needsOpenssl, async (t) => {
  const port = await freePort();
  const issued = serverOf('api.example', { ocsp: `http://127.0.0.1:${port}` });
  const problemOf = async (): Promise<string> => {
    const { gate, sClient } = await setUp(t, single, [issued]);
    const failure = await until(
      () => gate.log.find(({ event }) => event === 'staple-failed'),
      'a refused answer',
    );
    assert.equal(statusOf(await sClient('-status')), 'none');
    return String(failure.details['problem']);
  };
  assert.match(await problemOf(), /fetch failed/);
  const unappointed = ca!.issue({ name: 'responder', usage: 'serverAuth' });
  for (const signer of [unappointed, others!.issue({ name: 'responder', usage: 'OCSPSigning' })]) {
    const responder = await ca!.startResponder(t, port, signer);
    assert.match(await problemOf(), /signature/);
    await responder.stop();
  }
  ca!.revoke(issued);
  const responder = await ca!.startResponder(t, port);
  assert.match(await problemOf(), /revoked/);
  await responder.stop();
});

test('must-staple: without a staple those who ask get no handshake', needsOpenssl, async (t) => {
  const port = await freePort();
  const issued = serverOf('api.example', { ocsp: `http://127.0.0.1:${port}`, mustStaple: true });
  const without = await setUp(t, single, [issued]);
  assert.equal(statusOf(await without.sClient('-status')), 'failed');
  assert.equal(without.gate.log.find(({ event }) => event === 'staple-failed')?.level, 'error');
  await ca!.startResponder(t, port);
  const { sClient } = await setUp(t, single, [issued]);
  assert.equal(statusOf(await sClient('-status')), 'good');
});

// Sessions.

async function sessionOf(gate: TestGate, options: ConnectionOptions): Promise<Buffer> {
  let session: Buffer | undefined;
  const socket = await connectTo(gate, options, (found) => {
    session = found;
  });
  socket.resume();
  const found = await until(() => session, 'a session');
  socket.destroy();
  return found;
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`sessions resume on every thread until the keys rotate (${maxVersion})`, needsOpenssl, async (t) => {
    const { gate } = await setUp(t, single, [serverOf('api.example')], { workers: 2 });
    const session = await sessionOf(gate, { maxVersion });
    const isReused = async (): Promise<boolean> => {
      const socket = await connectTo(gate, { maxVersion, session });
      const reused = socket.isSessionReused();
      socket.destroy();
      return reused;
    };
    for (let i = 0; i < 16; i++) assert.equal(await isReused(), true);
    gate.gate.rotateTicketKeys();
    await until(async () => !(await isReused()) && !(await isReused()) && !(await isReused()), 'new keys');
    const fresh = await connectTo(gate, { maxVersion, session });
    assert.equal(fresh.authorized, true);
    fresh.destroy();
  });
}

// Certificates that change.

test('a changed file is served from then on, and nobody loses a request', needsOpenssl, async (t) => {
  const [old, renewed] = [serverOf('api.example'), serverOf('api.example')];
  const { gate } = await setUp(t, single, [old], { workers: 2, watch: true });
  const tls = { ca: ca!.certificate, servername: 'api.example' };
  const kept = await RawClient.connect(gate.port, { tls });
  const serials = new Set<string>();
  const until_ = new Set<Promise<void>>();
  let [running, served] = [true, 0];
  const load = async (): Promise<void> => {
    while (running) {
      const client = await RawClient.connect(gate.port, { tls });
      serials.add((client.socket as TLSSocket).getPeerCertificate().serialNumber);
      client.send(request('GET', '/things'));
      assert.equal((await client.response()).status, 200);
      client.destroy();
      served++;
    }
  };
  for (let i = 0; i < 4; i++) until_.add(load());
  await until(() => served > 20, 'requests before the change');
  await gate.write('0.key', renewed.key);
  await gate.write('0.pem', renewed.chain);
  await until(() => serials.size === 2, 'the new certificate');
  await until(() => gate.log.some(({ event }) => event === 'reloaded'), 'the reload');
  const before = served;
  await until(() => served > before + 20, 'requests after the change');
  running = false;
  await Promise.all(until_);
  kept.send(request('GET', '/things'));
  assert.equal((await kept.response()).status, 200);
  kept.destroy();
  const last = await RawClient.connect(gate.port, { tls });
  const serial = (last.socket as TLSSocket).getPeerCertificate().serialNumber;
  assert.equal(serial, new X509Certificate(renewed.certificate).serialNumber);
  last.destroy();
});

test('HSTS stands on every answer over TLS, also where no operation is', needsOpenssl, async (t) => {
  const { gate } = await setUp(t, single, [serverOf('api.example')]);
  const tls = { ca: ca!.certificate, servername: 'api.example' };
  for (const path of ['/things', '/nothing']) {
    const { fields } = await exchange(gate.port, request('GET', path), 'GET', { tls });
    assert.match(fields.get('strict-transport-security') ?? '', /^max-age=31536000/);
  }
});

test('a PROXY header before the ClientHello, with several names', needsOpenssl, async (t) => {
  const upstream = await startRawUpstream(t);
  const issued = [serverOf('a.example'), serverOf('b.example')];
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      listener: `, proxy-protocol: { from: [ 127.0.0.1 ] }, tls: { certificates: [ ${entry(0)}, ${entry(1)} ] }`,
    }),
    files: {
      '0.pem': issued[0]!.chain,
      '0.key': issued[0]!.key,
      '1.pem': issued[1]!.chain,
      '1.key': issued[1]!.key,
    },
  });
  const raw = connectPlain(gate.port, '127.0.0.1');
  raw.write('PROXY TCP4 203.0.113.9 127.0.0.1 1234 443\r\n');
  const socket = connect({ socket: raw, servername: 'b.example', ca: ca!.certificate });
  await once(socket, 'secureConnect');
  assert.equal(socket.getPeerCertificate().subject.CN, 'b.example');
  socket.write(request('GET', '/things'));
  await once(socket, 'data');
  socket.destroy();
  assert.equal(upstream.requests[0]!.field('x-forwarded-for'), '203.0.113.9');
});

test('handshakes that do not come end in time, whatever was sent', needsOpenssl, async (t) => {
  const issued = [serverOf('a.example'), serverOf('b.example')];
  const several = await setUp(t, `certificates: [ ${entry(0)}, ${entry(1)} ]`, issued);
  const one = await setUp(t, single, issued);
  const hello = Buffer.from('1603010100010000fc0303', 'hex');
  const clients = await Promise.all(
    [several.gate.port, one.gate.port].flatMap((port) =>
      [Buffer.alloc(0), hello].map(async (bytes) => {
        const client = await RawClient.connect(port);
        if (bytes.length > 0) client.send(bytes);
        return client;
      }),
    ),
  );
  for (const client of clients) await client.untilClosed();
  // What is no TLS is refused at once.
  const plain = await RawClient.connect(several.gate.port);
  plain.send(request('GET', '/things'));
  assert.doesNotMatch(await plain.untilClosed(), /HTTP/);
});
