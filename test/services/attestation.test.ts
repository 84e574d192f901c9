// Witnesses from outside: Kubernetes service-account tokens by TokenReview and by key set, bundles of other trust domains over both
// profiles, and credentials that are shared.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttp, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SharedWatch } from '../../src/app/shared-watch.ts';
import { systemClock } from '../../src/core/index.ts';
import {
  type ClusterConfig,
  ClusterWitness,
  Federation,
  type FederationConfig,
  formatBundle,
  normaliseBinding,
  readRequest,
  reportShared,
} from '../../src/identity/index.ts';
import { compileJwk, signJws } from '../../src/jose/index.ts';
import { RecordBatch } from '../../src/telemetry/index.ts';
import { startTestAuthority } from '../support/service-ca.ts';
import { until } from '../support/until.ts';

async function listen(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createHttp(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part as string;
  return text;
}

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: { readonly token: string; readonly audiences: readonly string[] };
}

test('TokenReview: the cluster says whose a token is, for the audience of the gate', async (t) => {
  const { folder } = await startTestAuthority(t, []);
  const bearerFile = join(folder, 'token');
  writeFileSync(bearerFile, 'reviewer\n');
  const good = {
    authenticated: true,
    audiences: ['gatewright'],
    user: { username: 'system:serviceaccount:shop:cart' },
  };
  const answers: Record<string, unknown> = {
    good,
    deleted: { authenticated: false, error: 'service account UID does not match' },
    'error-beside': { ...good, error: 'odd' },
    'for-the-api-server': { ...good, audiences: ['https://kubernetes.default.svc'] },
    'no-audiences': { authenticated: true, user: good.user },
    'a-user': { ...good, user: { username: 'alice' } },
    'odd-name': { ...good, user: { username: 'system:serviceaccount:shop:cart:more' } },
    'text-for-true': { ...good, authenticated: 'true' },
  };
  const reviews: Review[] = [];
  const url = await listen(t, (request, response) => {
    void textOf(request).then((text) => {
      const review = JSON.parse(text) as Review;
      reviews.push(review);
      const isRight =
        request.headers.authorization === 'Bearer reviewer' &&
        request.url === '/apis/authentication.k8s.io/v1/tokenreviews' &&
        review.apiVersion === 'authentication.k8s.io/v1' &&
        review.kind === 'TokenReview';
      response.writeHead(isRight ? 201 : 403, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ ...review, status: answers[review.spec.token] ?? { authenticated: false } }),
      );
    });
  });
  const config: ClusterConfig = {
    name: 'main',
    audience: 'gatewright',
    verify: { kind: 'review', url, ca: '', bearerFile },
  };
  const witness = new ClusterWitness(config, systemClock);
  assert.deepEqual(await witness.attest('good'), { namespace: 'shop', account: 'cart' });
  assert.deepEqual(reviews[0]!.spec, { token: 'good', audiences: ['gatewright'] });
  for (const token of Object.keys(answers).filter((name) => name !== 'good'))
    assert.equal(await witness.attest(token), null, token);
  const asked = reviews.length;
  for (const token of ['', 'a b', 'a\n', 'x'.repeat(20_000)]) assert.equal(await witness.attest(token), null);
  assert.equal(reviews.length, asked, 'what can be no token is not asked about');
  writeFileSync(bearerFile, 'another');
  await assert.rejects(witness.attest('good'), /403/);
});

test('a projected token by the key set of its cluster, and none that is meant for others', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk: Record<string, unknown> = {
    ...privateKey.export({ format: 'jwk' }),
    kid: 'k1',
    alg: 'ES256',
  };
  const { d: _private, ...open } = jwk;
  let fetched = 0;
  const url = await listen(t, (_request, response) => {
    fetched++;
    response.end(JSON.stringify({ keys: [open] }));
  });
  const config: ClusterConfig = {
    name: 'main',
    audience: 'gatewright',
    verify: { kind: 'jwks', issuer: 'https://k8s.example', url, ca: '', bearerFile: '' },
  };
  const witness = new ClusterWitness(config, systemClock);
  const nowS = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'https://k8s.example',
    sub: 'system:serviceaccount:shop:cart',
    aud: ['gatewright'],
    exp: nowS + 600,
    iat: nowS,
    'kubernetes.io': {
      namespace: 'shop',
      serviceaccount: { name: 'cart', uid: 'u' },
      pod: { name: 'cart-1', uid: 'p' },
    },
  };
  const sign = (more: object, header: object = {}) =>
    signJws(
      { alg: 'ES256', kid: 'k1', ...header },
      Buffer.from(JSON.stringify({ ...claims, ...more })),
      compileJwk(jwk),
    );
  assert.deepEqual(await witness.attest(sign({})), { namespace: 'shop', account: 'cart' });
  const refused = {
    audience: sign({ aud: ['https://kubernetes.default.svc'] }),
    issuer: sign({ iss: 'https://other.example' }),
    expired: sign({ exp: nowS - 100 }),
    'no expiry': sign({ exp: undefined }),
    'two names': sign({ sub: 'system:serviceaccount:shop:admin' }),
    'of the old kind': sign({ 'kubernetes.io': undefined }),
    'of no account': sign({ sub: 'alice' }),
    'unknown key': sign({}, { kid: 'k2' }),
    junk: 'a.b.c',
  };
  for (const [why, token] of Object.entries(refused)) assert.equal(await witness.attest(token), null, why);
  assert.equal(fetched, 1, 'unknown keys do not make it fetch at once again');
});

test('bundles of another domain over https_spiffe, by the id that was agreed on alone', async (t) => {
  const partner = await startTestAuthority(t, ['bundles', 'other'], {
    config: { trustDomain: 'partner.example' },
  });
  const { state } = await startTestAuthority(t, []);
  let document = formatBundle(partner.authority.bundle);
  let svid = await partner.authority.issueX509('bundles', 'command');
  const server = createHttps({ cert: svid.chain, key: svid.key }, (_request, response) =>
    response.end(document),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const config: FederationConfig = {
    trustDomain: 'partner.example',
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/bundle`,
    profile: 'https_spiffe',
    endpointId: 'spiffe://partner.example/bundles',
    ca: '',
    bundle: formatBundle({ ...partner.authority.bundle, jwtAuthorities: [], sequence: 0 }),
  };
  const problems: string[] = [];
  const fetchOnce = async (): Promise<Federation> => {
    const federation = new Federation([config], {
      store: state.services,
      clock: systemClock,
      onChange: () => {},
      onProblem: (_domain, problem) => problems.push(problem),
    });
    t.after(() => federation.stop());
    await federation.start();
    return federation;
  };
  const first = await fetchOnce();
  assert.deepEqual(problems, []);
  assert.deepEqual(first.bundles, [partner.authority.bundle]);
  assert.equal((await state.services.bundles())[0]?.trustDomain, 'partner.example');

  // Another service of that domain may not speak for it.
  svid = await partner.authority.issueX509('other', 'command');
  server.setSecureContext({ cert: svid.chain, key: svid.key });
  await fetchOnce();
  assert.equal(problems.length, 1);
  // An older document, and one with another domain's authority, change nothing.
  svid = await partner.authority.issueX509('bundles', 'command');
  server.setSecureContext({ cert: svid.chain, key: svid.key });
  const impostor = await startTestAuthority(t, [], { config: { trustDomain: 'other.example' } });
  document = formatBundle({ ...impostor.authority.bundle, sequence: 99 });
  assert.deepEqual((await fetchOnce()).bundles, [partner.authority.bundle]);
  document = formatBundle({ ...partner.authority.bundle, jwtAuthorities: [], sequence: 0 });
  assert.deepEqual((await fetchOnce()).bundles, [partner.authority.bundle]);
  assert.equal(problems.length, 2);
});

test('shared credentials: from finished exchanges, and from keys that two services have', async (t) => {
  const { state, authority } = await startTestAuthority(t, ['cart', 'stock']);
  const watch = new SharedWatch(Date.now);
  const line = (method: string, credential: string, consumer: string, address: string): string =>
    JSON.stringify({
      time: '2026-01-01T00:00:00.000Z',
      id: '1',
      status: 200,
      client_address: address,
      consumer,
      method_of_authentication: method,
      credential,
    });
  const lines = [
    line('api-key', 'k-1', 'shop', '10.0.0.1'),
    line('api-key', 'k-1', 'shop', '10.0.0.2'),
    line('api-key', 'k-2', 'shop', '10.0.0.1'),
    line('mtls', 'ab', 'cart', '10.0.0.1'),
    line('mtls', 'ab', 'stock', '10.0.0.1'),
    line('jwt', 't', 'x', '10.0.0.1'),
    line('jwt', 't', 'y', '10.0.0.1'),
  ];
  watch.take(new RecordBatch(Buffer.from(`${lines.join('\n')}\n`)));
  await watch.flush(state.services);
  const { publicKey } = await readRequest(await requestText());
  await authority.issueX509('cart', 'command', { publicKey });
  await authority.issueX509('stock', 'command', { publicKey });
  const report = reportShared([
    ...(await state.services.sightings(0)),
    ...(await state.services.sharedKeys(Date.now())),
  ]);
  assert.deepEqual(report.map(({ kind, reasons, callers }) => [kind, reasons, callers]).toSorted(), [
    ['api-key', ['several addresses'], ['shop']],
    ['certificate', ['several callers'], ['cart', 'stock']],
    ['key', ['several callers'], ['cart', 'stock']],
  ]);
  // What was just written is not written again.
  watch.take(new RecordBatch(Buffer.from(`${lines[0]}\n`)));
  await until(async () => {
    await watch.flush(state.services);
    return true;
  }, 'the write');
});

/** A request of a key of its own. */
async function requestText(): Promise<string> {
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=x',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return request.toString('pem');
}

test('names that stand for callers have one spelling', () => {
  const same: Record<string, string> = {
    'spiffe://prod.example/a/b': 'spiffe:spiffe://prod.example/a/b',
    'spiffe:spiffe://prod.example/a': 'spiffe:spiffe://prod.example/a',
    'dns:API.example': 'dns:api.example',
    'kubernetes:main/shop/cart': 'kubernetes:main/shop/cart',
    'uri:https://a.example/x': 'uri:https://a.example/x',
  };
  same[`sha256:${'AB:'.repeat(31)}AB`] = `sha256:${'ab'.repeat(32)}`;
  for (const [text, identity] of Object.entries(same)) assert.equal(normaliseBinding(text), identity, text);
  const none = [
    'spiffe://prod.example',
    'spiffe://prod.example/a/../b',
    'spiffe://prod.example/%61',
    'dns:*.example',
  ];
  none.push(
    'sha256:ab',
    'kubernetes:main/shop',
    'kubernetes:main/Shop/x',
    'uri:spiffe://a/b',
    'email:x',
    'subject:',
    'x',
  );
  for (const text of none) assert.equal(normaliseBinding(text), null, text);
});
