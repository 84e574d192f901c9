// Service identities through a running gate: listeners that trust its authority, withdrawal, the endpoint that issues, upstreams that are
// shown the gate's own SVID, and callers of the state that certificates stand for.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../../src/core/index.ts';
import {
  createJoinToken,
  fingerprintOf,
  formatBundle,
  installRoot,
  parseBundle,
  rotateIssuing,
  type X509Svid,
} from '../../src/identity/index.ts';
import { createKeyPair, createSvid } from '../../src/identity/services/certificates.ts';
import { Authority, needsOpenssl } from '../support/authority.ts';
import { startTestGate } from '../support/gate.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startTestAuthority } from '../support/service-ca.ts';
import { hasCommand, runTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const authorities = needsOpenssl.skip === false ? { servers: new Authority('servers') } : null;
const server = authorities?.servers.issue({
  name: 'api',
  san: 'DNS:localhost,IP:127.0.0.1',
  usage: 'serverAuth',
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own; status 0 when the connection was refused. */
function ask(
  port: number,
  path: string,
  identity: { readonly chain: string; readonly key: string } | null,
  body?: object,
): Promise<Answer> {
  return new Promise((resolve) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const outgoing = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        method: body === undefined ? 'GET' : 'POST',
        ca: authorities!.servers.certificate,
        ...(identity === null ? {} : { cert: identity.chain, key: identity.key }),
        headers:
          body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (answer) => {
        let received = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          received += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: received }));
      },
    );
    outgoing.on('error', () => resolve({ status: 0, body: '' }));
    outgoing.end(text);
  });
}

async function start(
  t: TestContext,
  options: {
    trust?: string;
    mtls?: string;
    files?: Readonly<Record<string, string>>;
    clients?: string;
    services?: readonly string[];
    more?: string;
    upstream?: string;
    workers?: number;
  } = {},
) {
  const running = await startTestAuthority(t, options.services ?? ['cart', 'stock']);
  await running.registry.setScopes('service', 'cart', ['a']);
  const upstream = await startRawUpstream(t);
  const config = `listeners:
  services:
    port: 0
    host: 127.0.0.1
    tls:
      certificate: ./server.crt
      key: '\${file:./server.key}'
      clients: ${options.clients ?? 'require'}
      trust: [ gatewright${options.trust ?? ''} ]
state: { sqlite: '${join(running.folder, 'state.db')}', seal: '\${env:SEAL}' }
identity:
  services:
    trust-domain: prod.example
${options.more ?? ''}
upstreams:
  things: ${options.upstream ?? `{ targets: [ "http://127.0.0.1:${upstream.port}" ] }`}
apis:
  identities: { service: service-identity, base: /identity }
  things:
    contract: ./contract.yaml
    upstream: things
    authenticate: [ { mtls: ${options.mtls ?? '{}'} } ]
    operations: { listThings: { scopes: [ a ] } }
`;
  const contract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  /things: { get: { operationId: listThings, responses: { '200': { description: ok } } } }
`;
  const gate = await startTestGate(t, {
    config,
    workers: options.workers ?? 2,
    files: {
      'server.crt': server!.certificate,
      'server.key': server!.key,
      'contract.yaml': contract,
      ...options.files,
    },
    env: { SEAL: 'a seal key of more than thirty-two characters' },
  });
  const port = gate.portOf('services');
  return { ...running, upstream, gate, port };
}

test('an SVID is let in as its service, and with it nobody else', needsOpenssl, async (t) => {
  const { authority, port, registry } = await start(t);
  const cart = await authority.issueX509('cart', 'command');
  const stock = await authority.issueX509('stock', 'command');
  assert.equal((await ask(port, '/things', cart)).status, 200);
  assert.equal((await ask(port, '/things', stock)).status, 403, 'its scopes are its own');
  assert.equal((await ask(port, '/things', null)).status, 0);

  // An authority of the same name and domain that is not this one, and the right domain from another's root.
  const impostor = await startTestAuthority(t, ['cart']);
  assert.equal((await ask(port, '/things', await impostor.authority.issueX509('cart', 'command'))).status, 0);
  const foreign = await startTestAuthority(t, ['cart'], { config: { trustDomain: 'other.example' } });
  assert.equal((await ask(port, '/things', await foreign.authority.issueX509('cart', 'command'))).status, 0);
  await registry.disable('service', 'cart', 100_000);
  await until(async () => (await ask(port, '/things', cart)).status === 401, 'the end of the service');
});

test('withdrawn, ended, and of a withdrawn authority: refused on every thread', needsOpenssl, async (t) => {
  const { authority, port, state, root } = await start(t);
  const [first, second] = [
    await authority.issueX509('cart', 'command'),
    await authority.issueX509('cart', 'command'),
  ];
  assert.equal((await ask(port, '/things', first)).status, 200);
  await authority.revoke(first.serial);
  await until(async () => (await ask(port, '/things', first)).status === 0, 'the withdrawal');
  for (let i = 0; i < 10; i++) assert.equal((await ask(port, '/things', first)).status, 0);
  assert.equal((await ask(port, '/things', second)).status, 200);

  const old = await startTestAuthority(t, ['cart'], {
    clock: { epochMs: () => Date.now() - 7_200_000, monotonicMs: () => performance.now() },
  });
  await installRoot(state.services, old.root, false, { keepRootKey: false }, systemClock);
  const ended = await old.authority.issueX509('cart', 'command');
  assert.ok(ended.notAfterMs < Date.now());
  assert.equal((await ask(port, '/things', ended)).status, 0);

  const issuing = authority.issuing!;
  await rotateIssuing(state.services, root, systemClock);
  await authority.load();
  const third = await authority.issueX509('cart', 'command');
  assert.equal((await ask(port, '/things', third)).status, 200);
  await state.services.revokeAuthority(
    issuing.id,
    fingerprintOf(issuing.certificate),
    Date.now(),
    issuing.untilMs,
  );
  await until(async () => (await ask(port, '/things', second)).status === 0, 'the end of the authority');
  assert.equal((await ask(port, '/things', third)).status, 200);
});

test('an open connection is refused from the withdrawal on', needsOpenssl, async (t) => {
  const { authority, port } = await start(t, { clients: 'optional', workers: 1 });
  const cart = await authority.issueX509('cart', 'command');
  const { Agent } = await import('node:https');
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: authorities!.servers.certificate,
    cert: cart.chain,
    key: cart.key,
  });
  t.after(() => agent.destroy());
  const again = () =>
    new Promise<number>((resolve, reject) => {
      httpsRequest({ host: '127.0.0.1', port, path: '/things', agent }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  assert.equal(await again(), 200);
  await authority.revoke(cart.serial);
  await until(async () => (await again()) === 401, 'the withdrawal');
});

test('a root that comes later is trusted without a reload', needsOpenssl, async (t) => {
  const { port, state } = await start(t);
  const next = await startTestAuthority(t, ['cart']);
  const svid = await next.authority.issueX509('cart', 'command');
  assert.equal((await ask(port, '/things', svid)).status, 0);
  const made = await installRoot(state.services, next.root, false, { keepRootKey: false }, systemClock);
  assert.equal(made.root, next.root.id);
  await until(async () => (await ask(port, '/things', svid)).status === 200, 'the new root');
});

test('curl with an issued SVID, and the bundle for everybody', needsOpenssl, async (t) => {
  if (!hasCommand('curl')) return t.skip('curl is not installed');
  const { authority, port, folder } = await start(t, { clients: 'optional' });
  const cart = await authority.issueX509('cart', 'command');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const base = ['-s', '-w', ' %{http_code}', '--cacert', file('ca.pem', authorities!.servers.certificate)];
  const pair = ['--cert', file('svid.pem', cart.chain), '--key', file('svid.key', cart.key)];
  const things = await runTool('curl', [...base, ...pair, `https://127.0.0.1:${port}/things`]);
  assert.match(things.out, / 200$/);
  const bundle = await runTool('curl', [...base, `https://127.0.0.1:${port}/identity/bundle`]);
  assert.match(bundle.out, / 200$/);
  const read = parseBundle(bundle.out.replace(/ 200$/, ''), 'prod.example');
  assert.deepEqual(read.x509Authorities, authority.bundle.x509Authorities);
  const lists = await runTool('curl', [
    '-s',
    '--cacert',
    join(folder, 'ca.pem'),
    `https://127.0.0.1:${port}/identity/crl`,
  ]);
  const shown = await runTool(
    'openssl',
    ['crl', '-noout', '-text', '-CAfile', file('issuing.pem', authority.issuing!.certificate)],
    lists.out,
  );
  assert.match(shown.all, /verify OK/);
});

/** A request for a certificate, as a service makes it. */
function requestOf(folder: string, name: string): { readonly csr: string; readonly key: string } {
  const [key, csr] = [join(folder, `${name}.key`), join(folder, `${name}.csr`)];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=whatever'];
  execFileSync('openssl', ['req', '-new', ...options, '-keyout', key, '-out', csr], { stdio: 'ignore' });
  const read = (file: string): string => execFileSync('cat', [file], { encoding: 'utf8' });
  return { csr: read(csr), key: read(key) };
}

test(
  'a join token gives a service its first SVID, which renews itself and no other',
  needsOpenssl,
  async (t) => {
    const { port, state, folder, authority } = await start(t, { clients: 'optional' });
    const path = '/identity/x509-svid';
    const { csr, key } = requestOf(folder, 'cart');
    const { token, record } = createJoinToken('cart', 60_000, Date.now());
    await state.services.addJoinToken(record);
    assert.equal((await ask(port, path, null, { csr })).status, 401);
    assert.equal((await ask(port, path, null, { csr, joinToken: token.replace(/.$/, '!') })).status, 401);
    assert.equal((await ask(port, path, null, { csr: 'no request', joinToken: token })).status, 400);
    assert.equal((await ask(port, path, null, { csr, joinToken: token, other: 1 })).status, 400);
    const first = await ask(port, path, null, { csr, joinToken: token });
    assert.equal(first.status, 200);
    const svid = { ...(JSON.parse(first.body) as X509Svid), key };
    assert.equal(svid.spiffeId, 'spiffe://prod.example/cart');
    assert.equal((await ask(port, path, null, { csr, joinToken: token })).status, 401, 'once');

    assert.equal((await ask(port, '/things', svid)).status, 200);
    const renewed = await ask(port, path, svid, { csr: requestOf(folder, 'next').csr });
    assert.equal(renewed.status, 200);
    assert.equal((JSON.parse(renewed.body) as X509Svid).spiffeId, svid.spiffeId);
    assert.notEqual((JSON.parse(renewed.body) as X509Svid).serial, svid.serial);
    const jwt = await ask(port, '/identity/jwt-svid', svid, { audience: ['orders'] });
    assert.equal(jwt.status, 200);
    assert.equal((await ask(port, '/identity/jwt-svid', null, { audience: ['orders'] })).status, 401);

    // Withdrawn at the moment of asking: the state says so before any thread has heard.
    await authority.revoke(svid.serial);
    assert.equal((await ask(port, path, svid, { csr })).status, 401);
    assert.deepEqual((await state.fsck()).problems, []);
  },
);

test('names in certificates of others stand for callers of the state', needsOpenssl, async (t) => {
  const { authority, port, state, registry } = await start(t);
  await registry.add('client', 'app', ['a'], '', null);
  const stock = await authority.issueX509('stock', 'command');
  assert.equal((await ask(port, '/things', stock)).status, 403);
  // A certificate that names two callers is nobody's.
  await state.services.addBinding({
    identity: `sha256:${stock.fingerprint}`,
    principal: 'app',
    createdMs: Date.now(),
  });
  await until(async () => (await ask(port, '/things', stock)).status === 401, 'the binding');
  await state.services.removeBinding(`sha256:${stock.fingerprint}`);
  await until(async () => (await ask(port, '/things', stock)).status === 403, 'the end of the binding');
});

test("an upstream is shown the gate's own SVID, and must show its own", needsOpenssl, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-upstream-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  let callers: string[] = [];
  const upstream = createHttps({ requestCert: true, rejectUnauthorized: true }, (request, response) => {
    callers.push((request.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName ?? '');
    response.setHeader('connection', 'close');
    response.end('ok');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.after(() => upstream.close());
  const target = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const { authority, port } = await start(t, {
    upstream: `{ targets: [ "${target}" ], tls: { svid: true, spiffe: [ "spiffe://prod.example/stock" ] } }`,
  });
  const caller = await authority.issueX509('cart', 'command');
  const serve = ({ chain, key }: X509Svid): void =>
    upstream.setSecureContext({ cert: chain, key, ca: authority.rootsPem });
  serve(await authority.issueX509('stock', 'command'));
  assert.equal((await ask(port, '/things', caller)).status, 200);
  assert.deepEqual(callers, ['URI:spiffe://prod.example/gatewright']);
  // Another service of the same domain, and the right name of another authority.
  callers = [];
  serve(await authority.issueX509('cart', 'command'));
  assert.equal((await ask(port, '/things', caller)).status, 502);
  const impostor = await startTestAuthority(t, ['stock']);
  serve(await impostor.authority.issueX509('stock', 'command'));
  assert.equal((await ask(port, '/things', caller)).status, 502);
  assert.deepEqual(callers, []);
});

test('without an authority a listener that trusts it lets nobody in', needsOpenssl, async (t) => {
  const running = await start(t, { clients: 'require' });
  const [record] = await running.state.services
    .authorities('prod.example')
    .then((all) => all.filter(({ kind }) => kind === 'root'));
  const svid = await running.authority.issueX509('cart', 'command');
  assert.equal((await ask(running.port, '/things', svid)).status, 200);
  await running.state.services.revokeAuthority(
    record!.id,
    fingerprintOf(record!.certificate),
    Date.now(),
    record!.untilMs,
  );
  await until(async () => (await ask(running.port, '/things', svid)).status === 0, 'the end of all trust');
});

test(
  'another trust domain speaks for itself alone, whatever its authority signs',
  needsOpenssl,
  async (t) => {
    const partner = await startTestAuthority(t, ['reader'], { config: { trustDomain: 'partner.example' } });
    const { authority, port } = await start(t, {
      trust: ', { federated: partner.example }',
      mtls: '{ spiffe: [ "spiffe://partner.example/reader" ], scopes: [ a ] }',
      more: '    federation: { partner.example: { bundle: ./partner.json } }',
      files: { 'partner.json': formatBundle(partner.authority.bundle) },
    });
    const reader = await partner.authority.issueX509('reader', 'command');
    await until(async () => (await ask(port, '/things', reader)).status === 200, 'the bundle of the file');
    // The partner's authority signs ids of this domain, and this one signs the partner's.
    const forge = async (spiffeId: string, by: typeof authority) => {
      const keys = await createKeyPair();
      const { certificate, key } = by.issuing!;
      const template = { spiffeId, dnsNames: [], nowMs: Date.now(), lifeMs: 3_600_000, random: randomBytes };
      const { pem } = await createSvid(template, keys.publicKey, { certificate, privatePem: key });
      return { chain: pem + certificate, key: keys.privatePem };
    };
    const own = await authority.issueX509('cart', 'command');
    assert.equal((await ask(port, '/things', own)).status, 200);
    for (const [id, by] of [
      ['spiffe://prod.example/cart', partner.authority],
      ['spiffe://partner.example/reader', authority],
      ['spiffe://prod.example/cart/..', authority],
      ['spiffe://prod.example/c%61rt', authority],
      ['spiffe://prod.example', authority],
      ['SPIFFE://prod.example/cart', authority],
    ] as const)
      assert.equal((await ask(port, '/things', await forge(id, by))).status, 401, id);
  },
);
