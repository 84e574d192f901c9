// Client certificates over real sockets: who gets through the handshake, whom a certificate stands for, what the
// service is told, and that neither resumption nor an old connection outlives a change of trust.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { after, type TestContext, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { Authority, hasOpenssl, type Issued, needsOpenssl } from '../support/authority.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { hasCommand, runTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const ca = hasOpenssl ? makeAuthorities() : null;
after(() => {
  for (const authority of [ca?.servers, ca?.clients, ca?.others, ca?.intermediate]) authority?.remove();
});

function makeAuthorities() {
  const servers = new Authority('servers');
  const clients = new Authority('clients');
  const others = new Authority('others');
  const intermediate = new Authority('intermediate', clients);
  return {
    servers,
    clients,
    others,
    intermediate,
    server: servers.issue({ name: 'api', san: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' }),
    client: clients.issue({ name: 'orders', san: 'DNS:orders.internal', usage: 'clientAuth' }),
    revoked: clients.issue({ name: 'lost', san: 'DNS:orders.internal', usage: 'clientAuth' }),
    expired: clients.issue({ name: 'old', san: 'DNS:orders.internal', usage: 'clientAuth', days: -1 }),
    stranger: others.issue({ name: 'orders', san: 'DNS:orders.internal', usage: 'clientAuth' }),
    wrongUse: clients.issue({ name: 'orders', san: 'DNS:orders.internal', usage: 'serverAuth' }),
    unknown: clients.issue({ name: 'nobody', san: 'DNS:nobody.internal', usage: 'clientAuth' }),
    workload: clients.issue({ name: '', subject: '/O=x', san: 'URI:spiffe://prod.example/ns/shop/sa/cart' }),
    foreign: others.issue({ name: '', subject: '/O=x', san: 'URI:spiffe://prod.example/ns/shop/sa/cart' }),
    below: intermediate.issue({ name: 'orders', san: 'DNS:orders.internal', usage: 'clientAuth' }),
    // Another authority in a trust file speaks for its own domain only.
    ownDomain: others.issue({ name: '', subject: '/O=x', san: 'URI:spiffe://partner.example/cart' }),
  };
}

interface Options {
  readonly tls: string;
  readonly authenticate?: string;
  /** Lines of the API's mapping. */
  readonly api?: string;
  readonly upstream?: string;
  readonly consumers?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly workers?: number;
}

const orders = 'orders: { scopes: [ a ], certificates: [ { dns: orders.internal } ] }';

function configOf(port: number, options: Options): string {
  return `listeners:
  public:
    port: 0
    host: 127.0.0.1
    tls: { certificate: ./cert.pem, key: "\${file:./key.pem}", ${options.tls} }
upstreams:
  things:
    targets: [ http://127.0.0.1:${port} ]
    ${options.upstream ?? ''}
identity:
  consumers:
    ${options.consumers ?? orders}
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    authenticate: ${options.authenticate ?? '[ { mtls: {} } ]'}
    ${options.api ?? ''}
    operations:
      getThing: { public: true, reason: test }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;
}

async function setUp(
  t: TestContext,
  options: Options,
): Promise<{ gate: TestGate; upstream: RawUpstream; options: Options }> {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: configOf(upstream.port, options),
    workers: options.workers ?? 1,
    files: {
      'cert.pem': ca!.server.certificate,
      'key.pem': ca!.server.key,
      'clients.pem': ca!.clients.certificate,
      'others.pem': ca!.others.certificate,
      'crl.pem': ca!.clients.revocationList(),
      ...options.files,
    },
  });
  return { gate, upstream, options };
}

const as = (issued: Issued | null, more: ConnectionOptions = {}): { tls: ConnectionOptions } => ({
  tls: {
    ca: ca!.servers.certificate,
    servername: 'localhost',
    ...(issued === null ? {} : { cert: issued.certificate, key: issued.key }),
    ...more,
  },
});

/** Status of GET /things, or `refused` when the connection was. */
async function ask(port: number, issued: Issued | null, more: ConnectionOptions = {}): Promise<string> {
  try {
    const { status, body } = await exchange(port, request('GET', '/things'), 'GET', as(issued, more));
    const type =
      status >= 400 ? (JSON.parse(body.toString()) as { type: string }).type.split(':').at(-1) : '';
    return `${status} ${type}`.trim();
  } catch (error) {
    return /ended before|ECONNRESET|alert|EPIPE|disconnected/i.test(String(error))
      ? 'refused'
      : String(error);
  }
}

const require = 'clients: require, trust: [ ./clients.pem ], crl: [ ./crl.pem ]';
const optional = 'clients: optional, trust: [ ./clients.pem ], crl: [ ./crl.pem ]';

if (ca !== null) ca.clients.revoke(ca.revoked);

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`require: only a good certificate gets a connection (${maxVersion})`, needsOpenssl, async (t) => {
    const { gate, upstream } = await setUp(t, { tls: require });
    const expected: readonly [string, Issued | null, string][] = [
      ['good', ca!.client, '200'],
      ['none', null, 'refused'],
      ['wrong authority', ca!.stranger, 'refused'],
      ['expired', ca!.expired, 'refused'],
      ['revoked', ca!.revoked, 'refused'],
      ['for servers', ca!.wrongUse, 'refused'],
      ['of a server authority', ca!.server, 'refused'],
      ['good, but nobody', ca!.unknown, '401 credentials-invalid'],
    ];
    for (const [what, issued, answer] of expected)
      assert.equal(await ask(gate.port, issued, { maxVersion }), answer, what);
    assert.equal(upstream.requests.length, 1);
    const lines = await gate.accessLines(2);
    assert.equal(lines[0]!['consumer'], 'orders');
    assert.equal(lines[0]!['method_of_authentication'], 'mtls');
    assert.match(String(lines[0]!['credential']), /^[0-9a-f]{64}$/);
    assert.equal(lines[1]!['reason'], 'certificate-unknown');
    const counted = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
    assert.match(counted, /gatewright_revocation_list_expiry_timestamp_seconds\{listener="public"\} 1\d{9}/);
    const outcomes = {
      full: 2,
      'certificate-missing': 1,
      'certificate-untrusted': 1,
      // OpenSSL tells the last thing that was wrong: nobody here has a list of that authority either.
      'certificate-revocation-unknown': 1,
      'certificate-expired': 1,
      'certificate-revoked': 1,
      'certificate-purpose': 1,
    };
    const ended = [...counted.matchAll(/tls_handshakes_total\{outcome="([a-z-]+)"\} (\d+)/g)];
    assert.deepEqual(Object.fromEntries(ended.map((match) => [match[1], Number(match[2])])), outcomes);
  });
}

test('optional: a connection for everybody, and each operation judges', needsOpenssl, async (t) => {
  const { gate } = await setUp(t, { tls: optional });
  assert.equal(await ask(gate.port, ca!.client), '200');
  assert.equal(await ask(gate.port, null), '401 credentials-missing');
  assert.equal(await ask(gate.port, ca!.stranger), '401 credentials-invalid');
  assert.equal(await ask(gate.port, ca!.expired), '401 credentials-expired');
  assert.equal(await ask(gate.port, ca!.revoked), '401 credentials-invalid');
  assert.equal(await ask(gate.port, ca!.wrongUse), '401 credentials-invalid');
  const open = await exchange(gate.port, request('GET', '/things/1'), 'GET', as(null));
  assert.equal(open.status, 200);
  const reasons = (await gate.accessLines(7)).map((line) => line['reason'] ?? '');
  assert.deepEqual(reasons, [
    '',
    'no-credentials',
    'certificate-untrusted',
    'certificate-expired',
    'certificate-revoked',
    'certificate-purpose',
    '',
  ]);
});

test('HTTP/2 carries the identity of its connection', needsOpenssl, async (t) => {
  const { gate, upstream } = await setUp(t, { tls: require, upstream: 'client-certificate: client-cert' });
  const client = connectH2(`https://127.0.0.1:${gate.port}`, as(ca!.client).tls);
  t.after(() => client.destroy());
  for (let i = 0; i < 2; i++) {
    const stream = client.request({ ':path': '/things' });
    stream.end();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 200);
    stream.resume();
    await once(stream, 'close');
  }
  assert.match(upstream.requests[1]!.field('client-cert') ?? '', /^:[A-Za-z0-9+/]+=*:$/);
});

test('the service is told by RFC 9440, and never what the client says', needsOpenssl, async (t) => {
  const { gate, upstream } = await setUp(t, { tls: optional, upstream: 'client-certificate: client-cert' });
  const forged = {
    'client-cert': ':Zm9yZ2Vk:',
    'client-cert-chain': ':Zm9yZ2Vk:',
    'x-forwarded-client-cert': 'Hash=forged',
  };
  await exchange(gate.port, request('GET', '/things', forged), 'GET', as(ca!.client));
  await exchange(gate.port, request('GET', '/things/1', forged), 'GET', as(null));
  await exchange(gate.port, request('GET', '/things/1', forged), 'GET', as(ca!.stranger));
  const [good, none, bad] = upstream.requests;
  const der = Buffer.from(ca!.client.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  assert.equal(good!.field('client-cert'), `:${der.toString('base64')}:`);
  for (const seen of [good, none, bad]) {
    assert.equal(seen!.field('x-forwarded-client-cert') ?? null, null);
    assert.equal(seen!.field('client-cert-chain') ?? null, null);
  }
  assert.equal(none!.field('client-cert') ?? null, null);
  assert.equal(bad!.field('client-cert') ?? null, null);
});

test('intermediates go along as Client-Cert-Chain, or all of it as XFCC', needsOpenssl, async (t) => {
  // Lists are asked of every authority in the chain, so this trust has none.
  const tls = 'clients: require, trust: [ ./clients.pem ]';
  const chained = { ...ca!.below, certificate: ca!.below.chain };
  const first = await setUp(t, { tls, upstream: 'client-certificate: client-cert' });
  assert.equal(await ask(first.gate.port, chained), '200');
  const middle = Buffer.from(ca!.intermediate.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  assert.equal(first.upstream.requests[0]!.field('client-cert-chain'), `:${middle.toString('base64')}:`);
  const second = await setUp(t, { tls, upstream: 'client-certificate: xfcc' });
  assert.equal(await ask(second.gate.port, chained), '200');
  assert.match(
    second.upstream.requests[0]!.field('x-forwarded-client-cert') ?? '',
    /^Hash=[0-9a-f]{64};Cert="-----BEGIN%20CERTIFICATE[^"]+";DNS="orders\.internal"$/,
  );
});

test(
  'SPIFFE: consumers, patterns, and trust domains that nobody else speaks for',
  needsOpenssl,
  async (t) => {
    const tls =
      'clients: require, trust: [ { file: ./clients.pem, trust-domain: prod.example }, { file: ./others.pem, trust-domain: partner.example } ]';
    const { gate } = await setUp(t, {
      tls,
      authenticate:
        '[ { mtls: { spiffe: [ "spiffe://prod.example/ns/*/sa/cart", "spiffe://partner.example/**" ] } } ]',
    });
    assert.equal(await ask(gate.port, ca!.workload), '200');
    assert.equal(await ask(gate.port, ca!.ownDomain), '200');
    assert.equal(await ask(gate.port, ca!.foreign), '401 credentials-invalid');
    const lines = await gate.accessLines(3);
    assert.equal(lines[0]!['consumer'], 'spiffe://prod.example/ns/shop/sa/cart');
    assert.equal(lines[2]!['reason'], 'certificate-without-identity');
  },
);

/** A certificate that `authority` made for its own key, and that claims to have been issued by `victim`. */
async function pretendIssuer(authority: Authority, victim: Authority): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const key = createPrivateKey(readFileSync(authority.keyFile));
  const [der, publicDer] = [
    new Uint8Array(key.export({ type: 'pkcs8', format: 'der' })),
    new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
  ];
  const own = new x509.X509Certificate(authority.certificate);
  const above = new x509.X509Certificate(victim.certificate);
  const publicKey = await crypto.subtle.importKey('spki', publicDer, algorithm, true, ['verify']);
  const made = await x509.X509CertificateGenerator.create({
    subject: own.subject,
    issuer: above.subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(above.publicKey),
    ],
  });
  return made.toString('pem');
}

test(
  'an authority can not borrow the trust domain of another with a chain of its making',
  needsOpenssl,
  async (t) => {
    const tls =
      'clients: require, trust: [ { file: ./clients.pem, trust-domain: prod.example }, { file: ./others.pem, trust-domain: partner.example } ]';
    const { gate } = await setUp(t, {
      tls,
      authenticate: '[ { mtls: { spiffe: [ "spiffe://prod.example/**" ] } } ]',
    });
    const pretended = await pretendIssuer(ca!.others, ca!.clients);
    const forged = { ...ca!.foreign, certificate: `${ca!.foreign.certificate}${pretended}\n` };
    assert.equal(await ask(gate.port, forged), '401 credentials-invalid');
    assert.equal(await ask(gate.port, ca!.workload), '200');
  },
);

test('a subject identifies only where the listener says so, and only whole', needsOpenssl, async (t) => {
  const consumers = 'desk: { certificates: [ { subject: { CN: desk, O: Example } } ] }';
  const desk = ca!.clients.issue({ name: 'desk', subject: '/O=Example/CN=desk', usage: 'clientAuth' });
  const more = ca!.clients.issue({ name: 'desk', subject: '/O=Example/OU=x/CN=desk', usage: 'clientAuth' });
  const sly = ca!.clients.issue({ name: 'desk', subject: '/CN=desk\\/O=Example', usage: 'clientAuth' });
  const trust = 'clients: require, trust: [ ./clients.pem ]';
  const by = await setUp(t, { tls: `${trust}, identity: [ subject ]`, consumers });
  assert.equal(await ask(by.gate.port, desk), '200');
  assert.equal(await ask(by.gate.port, more), '401 credentials-invalid');
  assert.equal(await ask(by.gate.port, sly), '401 credentials-invalid');
  const not = await setUp(t, { tls: trust, consumers });
  assert.equal(await ask(not.gate.port, desk), '401 credentials-invalid');
});

/** Session of a connection that made one request. */
async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer | undefined> {
  const client = await RawClient.connect(port, { tls: options });
  let session: Buffer | undefined;
  client.socket.on('session', (found: Buffer) => {
    session = found;
  });
  client.send(request('GET', '/things'));
  await client.response();
  session ??= (client.socket as TLSSocket).getSession();
  client.destroy();
  return session;
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session never stands in for a certificate (${maxVersion})`, needsOpenssl, async (t) => {
    const { gate } = await setUp(t, { tls: require });
    const good = ca!.clients.issue({ name: 'orders', san: 'DNS:orders.internal', usage: 'clientAuth' });
    const options = { ...as(good).tls, maxVersion };
    const session = await sessionOf(gate.port, options);
    const again = await RawClient.connect(gate.port, {
      tls: { ...options, ...(session === undefined ? {} : { session }) },
    });
    assert.equal((again.socket as TLSSocket).isSessionReused(), false);
    again.send(request('GET', '/things'));
    assert.equal((await again.response()).status, 200);

    // Revoked now: a full handshake and a session of before are both refused, and the open connection ends.
    ca!.clients.revoke(good);
    await gate.write('crl.pem', ca!.clients.revocationList());
    assert.equal((await gate.gate.reload()).ok, true);
    await again.untilClosed();
    assert.equal(await ask(gate.port, good, { maxVersion }), 'refused');
    if (session !== undefined) assert.equal(await ask(gate.port, good, { maxVersion, session }), 'refused');
    const without = as(null).tls;
    if (session !== undefined)
      assert.equal(await ask(gate.port, null, { ...without, maxVersion, session }), 'refused');

    // Another authority: what the old one vouched for is void.
    await gate.write('gatewright.yaml', configOf(1, { tls: 'clients: require, trust: [ ./others.pem ]' }));
    assert.equal((await gate.gate.reload()).ok, true);
    assert.equal(await ask(gate.port, ca!.client, { maxVersion }), 'refused');
    if (session !== undefined)
      assert.equal(await ask(gate.port, ca!.client, { maxVersion, session }), 'refused');
  });
}

test(
  'a session of a listener without client checks is of no use to one with them',
  needsOpenssl,
  async (t) => {
    const upstream = await startRawUpstream(t);
    const tls = '{ certificate: ./cert.pem, key: "${file:./key.pem}"';
    const config = configOf(upstream.port, { tls: require }).replace(
      'listeners:\n',
      `listeners:\n  open: { port: 0, host: 127.0.0.1, tls: ${tls} } }\n`,
    );
    const gate = await startTestGate(t, {
      config,
      files: {
        'cert.pem': ca!.server.certificate,
        'key.pem': ca!.server.key,
        'clients.pem': ca!.clients.certificate,
        'crl.pem': ca!.clients.revocationList(),
      },
    });
    const options = as(null).tls;
    const client = await RawClient.connect(gate.portOf('open'), { tls: options });
    let session: Buffer | undefined;
    client.socket.on('session', (found: Buffer) => {
      session = found;
    });
    client.send(request('GET', '/things/1'));
    await client.response();
    await until(() => session, 'a session');
    assert.equal(await ask(gate.portOf('public'), null, { session: session! }), 'refused');
  },
);

test('a certificate that ends while its connection lives ends its rights', needsOpenssl, async (t) => {
  const { gate } = await setUp(t, { tls: require });
  // Three seconds.
  const brief = ca!.clients.issue({
    name: 'orders',
    san: 'DNS:orders.internal',
    usage: 'clientAuth',
    days: 3 / 86_400,
  });
  const client = await RawClient.connect(gate.port, as(brief));
  client.send(request('GET', '/things'));
  assert.equal((await client.response()).status, 200);
  const last = await until(async () => {
    client.send(request('GET', '/things'));
    const answer = await client.response();
    return answer.status === 200 ? undefined : answer;
  }, 'the end of the certificate');
  assert.equal(last.status, 401);
  assert.match(String(last.json()['type']), /credentials-expired$/);
});

test(
  'the gate shows its own certificate upstream, and believes only the named authority',
  needsOpenssl,
  async (t) => {
    const { createServer } = await import('node:https');
    const seen: string[] = [];
    const start = async (issued: Issued): Promise<number> => {
      const server = createServer(
        { cert: issued.certificate, key: issued.key, ca: ca!.clients.certificate, requestCert: true },
        (incoming, response) => {
          seen.push((incoming.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString() ?? '');
          response.end('ok');
        },
      );
      t.after(() => server.close());
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as { port: number }).port;
    };
    const spiffe = ca!.servers.issue({ name: '', subject: '/O=x', san: 'URI:spiffe://prod.example/orders' });
    const [good, wrong, workload] = [
      await start(ca!.server),
      await start(ca!.clients.issue({ name: 'x', san: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' })),
      await start(spiffe),
    ];
    const files = {
      'servers.pem': ca!.servers.certificate,
      'gate.pem': ca!.client.certificate,
      'gate.key': ca!.client.key,
    };
    const outcome = async (port: number, more = ''): Promise<string> => {
      const { gate } = await setUp(t, { tls: require, files });
      const own = '{ ca: ./servers.pem, certificate: ./gate.pem, key: "${file:./gate.key}"';
      const text = configOf(port, {
        tls: require,
        upstream: `tls: ${own}${more} }`,
      }).replace('targets: [ http:', 'targets: [ https:');
      await gate.write('gatewright.yaml', text);
      const { ok, diagnostics, problem } = await gate.gate.reload();
      assert.equal(ok, true, JSON.stringify(diagnostics) + problem);
      return ask(gate.port, ca!.client);
    };
    assert.equal(await outcome(good), '200');
    assert.deepEqual(seen, ['orders']);
    assert.equal(await outcome(good, ', server-name: localhost'), '200');
    assert.match(await outcome(good, ', server-name: other.example'), /^502/);
    assert.match(await outcome(wrong), /^502/);
    assert.equal(await outcome(workload, ', spiffe: [ spiffe://prod.example/orders ]'), '200');
    assert.match(await outcome(workload, ', spiffe: [ spiffe://prod.example/other ]'), /^502/);
    assert.match(await outcome(workload), /^502/);
  },
);

test('curl gets through with the right certificate only', needsOpenssl, async (t) => {
  if (!hasCommand('curl')) return t.skip('curl is not installed');
  const { gate } = await setUp(t, { tls: require });
  const curl = (...args: string[]) =>
    runTool('curl', [
      ...['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', ca!.servers.certificateFile],
      ...args,
      `https://localhost:${gate.port}/things`,
    ]);
  const good = ca!.client;
  assert.equal((await curl('--cert', good.certificateFile, '--key', good.keyFile)).out, '200');
  assert.notEqual((await curl()).code, 0);
  for (const bad of [ca!.stranger, ca!.expired, ca!.revoked])
    assert.notEqual((await curl('--cert', bad.certificateFile, '--key', bad.keyFile)).code, 0);
});

test('a WebSocket of a client that is no longer trusted is cut', needsOpenssl, async (t) => {
  const upstream = await startRawUpstream(t);
  const config = configOf(upstream.port, { tls: require })
    .replace('operations:\n', 'websocket: true\n    operations:\n')
    .concat('drain: 100ms\n');
  const gate = await startTestGate(t, {
    config,
    files: {
      'cert.pem': ca!.server.certificate,
      'key.pem': ca!.server.key,
      'clients.pem': ca!.clients.certificate,
      'others.pem': ca!.others.certificate,
      'crl.pem': ca!.clients.revocationList(),
    },
  });
  upstream.onRequest = (incoming) => {
    const accept = createHash('sha1')
      .update(`${incoming.field('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    incoming.connection.socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
  };
  const client = await RawClient.connect(gate.port, as(ca!.client));
  client.send(
    request('GET', '/socket', {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }),
  );
  assert.equal((await client.response()).status, 101);
  await gate.write('gatewright.yaml', config.replace(require, 'clients: require, trust: [ ./others.pem ]'));
  assert.equal((await gate.gate.reload()).ok, true);
  await client.untilClosed();
});

test('policies see how the connection is secured, and by which certificate', needsOpenssl, async (t) => {
  const { gate } = await setUp(t, {
    tls: optional,
    authenticate: '[ { mtls: {} } ]',
    api: 'authorize: { policy: ./things.cedar }',
    files: {
      'things.cedar': `permit (principal, action, resource)
when { context has tls && context.tls has certificate && context.tls.certificate.names.contains("dns:orders.internal") };
@id("old-tls") forbid (principal, action, resource)
unless { context has tls && context.tls.version == "TLSv1.3" && context.tls.cipher like "TLS_*" };`,
    },
  });
  assert.equal(await ask(gate.port, ca!.client), '200');
  assert.equal(await ask(gate.port, ca!.client, { maxVersion: 'TLSv1.2' }), '403 policy-denied');
  const lines = await gate.accessLines(2);
  assert.equal(lines[1]!['policy'], 'old-tls');
});
