// Forged and misused JWTs as an attacker makes them: every one is signed, with whatever key the attack has, so that it is
// not the missing signature that refuses it.
import assert from 'node:assert/strict';
import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openContract, startTestGate } from '../support/gate.ts';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const rsa = (alg: string, kid: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' } };
};

async function setUp(t: TestContext) {
  const upstream = await startRawUpstream(t);
  const issuer = new TestIssuer();
  const [plain, pss] = [rsa('RS256', 'rsa-1'), rsa('PS256', 'rsa-2')];
  const { keys } = JSON.parse(issuer.jwks()) as { keys: unknown[] };
  const gate = await startTestGate(t, {
    contract: openContract,
    files: { 'jwks.json': JSON.stringify({ keys: [...keys, plain.jwk, pss.jwk] }) },
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, jwks: { file: ./jwks.json }, algorithms: [ ES256, RS256, PS256 ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
    authenticate: [ { jwt: { issuer: corp, audience: ${AUDIENCE} } } ]
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
  });
  const ask = async (token: string): Promise<number> =>
    (await exchange(gate.port, request('GET', '/things', { authorization: `Bearer ${token}` }))).status;
  return { upstream, issuer, plain, pss, ask };
}

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, aud: AUDIENCE, sub: 'ingrid', iat: now, exp: now + 600, ...more };
};
const hmac = (header: unknown, secret: string | Buffer, hashName = 'sha256'): string => {
  const input = `${encode(header)}.${encode(claims())}`;
  return `${input}.${createHmac(hashName, secret).update(input).digest('base64url')}`;
};
const rsaToken = (header: unknown, key: KeyObject, isPss: boolean): string => {
  const input = `${encode(header)}.${encode(claims())}`;
  const options = isPss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
    : { key, padding: constants.RSA_PKCS1_PADDING };
  return `${input}.${sign('sha256', Buffer.from(input), options).toString('base64url')}`;
};

test('RS/HS confusion: a public key is nobody’s secret, in any form', async (t) => {
  const { ask, plain, issuer } = await setUp(t);
  assert.equal(await ask(rsaToken({ alg: 'RS256', kid: 'rsa-1' }, plain.privateKey, false)), 200);
  const ecKey = createPublicKey({ key: JSON.parse(issuer.jwks()).keys[0], format: 'jwk' });
  for (const [kid, key] of [
    ['rsa-1', plain.publicKey],
    ['key-1', ecKey],
  ] as const) {
    const jwk = key.export({ format: 'jwk' });
    const secrets: readonly (string | Buffer)[] = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'pem' }).toString().trim(),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      Buffer.from(String(jwk.n ?? jwk.x), 'base64url'),
      '',
    ];
    for (const secret of secrets)
      for (const alg of ['HS256', 'HS384', 'HS512'])
        assert.equal(await ask(hmac({ alg, kid }, secret, `sha${alg.slice(2)}`)), 401, `${alg} ${kid}`);
  }
});

test('an algorithm of one key is not used with another', async (t) => {
  const { ask, plain, pss, issuer } = await setUp(t);
  assert.equal(await ask(rsaToken({ alg: 'PS256', kid: 'rsa-2' }, pss.privateKey, true)), 200);
  assert.equal(await ask(rsaToken({ alg: 'PS256', kid: 'rsa-1' }, plain.privateKey, true)), 401);
  assert.equal(await ask(rsaToken({ alg: 'RS256', kid: 'rsa-2' }, pss.privateKey, false)), 401);
  assert.equal(await ask(rsaToken({ alg: 'RS256', kid: 'key-1' }, plain.privateKey, false)), 401);
  assert.equal(await ask(issuer.token({}, { kid: 'rsa-1' })), 401);
  // Allowed by nobody, although the key could.
  assert.equal(await ask(rsaToken({ alg: 'RS512', kid: 'rsa-1' }, plain.privateKey, false)), 401);
});

test('a token does not bring its own key: jwk, jku, x5u, x5c, kid', async (t) => {
  const asked: string[] = [];
  const attacker = new TestIssuer();
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    response.end(attacker.jwks());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { ask, issuer } = await setUp(t);
  const [jwk] = (JSON.parse(attacker.jwks()) as { keys: unknown[] }).keys;
  for (const header of [
    { jwk },
    { jwk, kid: undefined },
    { jku: `${url}/jku` },
    { jku: `${url}/jku`, kid: 'attacker' },
    { x5u: `${url}/x5u` },
    { x5c: ['MIIB'] },
    { jku: 'file:///dev/null' },
    // As path, query and URL, and as names that objects have.
    ...[
      '/dev/null',
      '../../../../dev/null',
      './jwks.json',
      'jwks.json',
      "x' UNION SELECT 'secret' -- ",
      "key-1'; DROP TABLE signing_keys; --",
      `${url}/kid`,
      '__proto__',
      'constructor',
      'toString',
      '',
      'key-1\u0000',
      'KEY-1',
    ].map((kid) => ({ kid })),
  ]) {
    assert.equal(await ask(attacker.token({}, header)), 401, JSON.stringify(header));
    assert.equal(await ask(hmac({ alg: 'HS256', ...header }, '')), 401, JSON.stringify(header));
  }
  assert.deepEqual(asked, []);
  // Beside the right key and signature they are not looked at, and change nothing.
  assert.equal(await ask(issuer.token({}, { jku: `${url}/jku`, jwk })), 200);
  assert.deepEqual(asked, []);
});

test('alg none in every spelling, crit and b64 that are not understood', async (t) => {
  const { ask, issuer } = await setUp(t);
  const [, payload, signature] = issuer.token().split('.') as [string, string, string];
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'null', 'ES256 ', 'es256']) {
    assert.equal(await ask(`${encode({ alg, kid: 'key-1' })}.${payload}.`), 401, alg);
    assert.equal(await ask(`${encode({ alg, kid: 'key-1' })}.${payload}.${signature}`), 401, alg);
  }
  assert.equal(await ask(`${encode({ kid: 'key-1' })}.${payload}.`), 401);
  assert.equal(await ask(`${encode('{"alg":"ES256","alg":"none","kid":"key-1"}')}.${payload}.`), 401);
  // Signed by the issuer itself: what it marks as critical and the gate does not know must not be passed over (RFC 7515 4.1.11).
  for (const header of [
    { crit: ['exp'], exp: 1 },
    { crit: ['https://corp.example/extension'], 'https://corp.example/extension': true },
    { crit: [] },
    { crit: 'exp' },
    { crit: ['b64'], b64: false },
    { b64: false },
  ])
    assert.equal(await ask(issuer.token({}, header)), 401, JSON.stringify(header));
});

test('times, audiences and claims that can be read in two ways', async (t) => {
  const { ask, issuer } = await setUp(t);
  const now = Math.floor(Date.now() / 1000);
  assert.equal(await ask(issuer.token({ aud: ['other', AUDIENCE] })), 200);
  const bad: Record<string, Record<string, unknown>> = {
    expired: { exp: now - 600 },
    'not yet valid': { nbf: now + 600 },
    'an end as text': { exp: String(now + 600) },
    'an end that is none': { exp: null },
    'an end out of range': { exp: 1e300 },
    'a beginning as text': { nbf: 'now' },
    'another audience': { aud: 'other' },
    'a part of the audience': { aud: `${AUDIENCE}-admin` },
    'an audience in another case': { aud: AUDIENCE.toUpperCase() },
    'an audience in an object': { aud: { 0: AUDIENCE } },
    'another issuer': { iss: `${ISSUER}/` },
    'an issuer in another case': { iss: ISSUER.toUpperCase() },
    'an issuer in a list': { iss: [ISSUER] },
    'a subject that is none': { sub: { id: 'ingrid' } },
  };
  for (const [name, more] of Object.entries(bad)) assert.equal(await ask(issuer.token(more)), 401, name);
  const twice = (text: string) => issuer.raw(text);
  const rest = `"iss":"${ISSUER}","sub":"x","exp":${now + 600}`;
  for (const text of [
    `{${rest},"aud":"other","aud":"${AUDIENCE}"}`,
    `{${rest},"aud":"${AUDIENCE}","aud":"other"}`,
    `{${rest},"aud":"${AUDIENCE}","\\u0061ud":"other"}`,
    `{${rest},"aud":"${AUDIENCE}","exp":${now - 600}}`,
    `{${rest},"aud":"${AUDIENCE}","sub":"admin"}`,
    `[{${rest},"aud":"${AUDIENCE}"}]`,
    `{${rest},"aud":"${AUDIENCE}"} `.padEnd(18_000, ' '),
  ])
    assert.equal(await ask(twice(text)), 401, text.slice(0, 120));
});
