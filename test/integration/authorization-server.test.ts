// The authorization server behind the gate: what it issues is good for the gate's own `jwt` and `introspect` methods, and what
// is taken back is refused by every thread with the next request.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { defaultSettings, hashPassword, newPassword, registerClient } from '../../src/oauth/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import { CALLBACK, PASSWORD, PageBrowser } from '../support/auth-server.ts';
import { openContract, startTestGate } from '../support/gate.ts';

const THINGS = 'https://things.example';
const OPAQUE = 'https://opaque.example';

async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startUpstream(t: TestContext): Promise<{ port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

const configOf = (
  port: number,
  upstream: number,
): string => `listeners: { public: { port: ${port}, host: 127.0.0.1 } }
state: { sqlite: ./state.db }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream} ] } }
identity:
  authorization-server:
    issuer: http://localhost:${port}/login
    title: Example
    resources:
      - { uri: ${THINGS}, scopes: [ 'things:read' ] }
      - { uri: ${OPAQUE}, scopes: [ 'things:read' ], format: opaque }
apis:
  login: { service: authorization-server, base: /login, limits: [] }
  things:
    contract: ./openapi.yaml
    upstream: things
    base: /api
    strip-base: true
    limits: []
    validate: false
    authenticate:
      - jwt: { issuer: authorization-server, audience: ${THINGS} }
  opaque:
    contract: ./openapi.yaml
    upstream: things
    base: /opaque
    strip-base: true
    limits: []
    validate: false
    authenticate:
      - introspect: { issuer: authorization-server, audience: ${OPAQUE} }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;

async function start(t: TestContext) {
  const upstream = await startUpstream(t);
  const port = await freePort();
  const gate = await startTestGate(t, {
    config: configOf(port, upstream.port),
    contract: openContract,
    workers: 2,
  });
  const state: State = await openState({
    kind: 'sqlite',
    file: join(gate.folder, 'state.db'),
    sealKey: null,
  });
  t.after(() => state.close());
  const registry = new IdentityRegistry(state.identity, systemClock);
  await registry.add('client', 'batch', ['things:read'], '', null);
  const secret = (await registerClient(state.oauth, 'batch', defaultSettings))!;
  const issuer = `http://localhost:${port}/login`;
  const discover = (id: string, auth: client.ClientAuth) =>
    client.discovery(new URL(issuer), id, undefined, auth, { execute: [client.allowInsecureRequests] });
  /** Statuses of many requests, so that both threads answer some. */
  const ask = async (path: string, token: string): Promise<Set<number>> => {
    const statuses = await Promise.all(
      Array.from({ length: 12 }, () =>
        fetch(`http://127.0.0.1:${port}${path}`, {
          headers: { authorization: `Bearer ${token}`, connection: 'close' },
        }).then((answer) => answer.status),
      ),
    );
    return new Set(statuses);
  };
  return { gate, port, state, registry, secret, issuer, discover, ask, upstream };
}

test('a token of the server opens the API, and its revocation closes it on every thread at once', async (t) => {
  const { discover, secret, ask, gate } = await start(t);
  const config = await discover('batch', client.ClientSecretBasic(secret));
  const jwt = await client.clientCredentialsGrant(config, { scope: 'things:read', resource: THINGS });
  assert.deepEqual(await ask('/api/things', jwt.access_token), new Set([200]));
  assert.deepEqual(await ask('/opaque/things', jwt.access_token), new Set([401]));
  await client.tokenRevocation(config, jwt.access_token);
  assert.deepEqual(await ask('/api/things', jwt.access_token), new Set([401]));

  const opaque = await client.clientCredentialsGrant(config, { scope: 'things:read', resource: OPAQUE });
  assert.deepEqual(await ask('/opaque/things', opaque.access_token), new Set([200]));
  assert.deepEqual(await ask('/api/things', opaque.access_token), new Set([401]));
  await client.tokenRevocation(config, opaque.access_token);
  assert.deepEqual(await ask('/opaque/things', opaque.access_token), new Set([401]));
  assert.ok(
    gate.log.some(({ event, details }) => event === 'identity' && details['action'] === 'token.issue'),
  );
});

test('somebody who signs in through the gate gets an ID token, and loses all of it by refresh-token reuse', async (t) => {
  const { discover, registry, state, issuer, ask } = await start(t);
  await registry.add('user', 'ingrid', ['things:read'], '', null);
  await state.oauth.setCredential(
    newPassword(hashPassword(PASSWORD, { memoryKib: 64, passes: 1, lanes: 1 }), 'ingrid', Date.now()),
  );
  await registry.add('client', 'shop', ['things:read'], 'The Shop', null);
  await registerClient(state.oauth, 'shop', {
    ...defaultSettings,
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code', 'refresh_token'],
    authMethod: 'none',
  });
  const config = await discover('shop', client.None());
  const verifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid things:read',
    resource: THINGS,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: expectedState,
  });
  const browser = new PageBrowser(issuer);
  const back = await browser.through(url.href, 'ingrid');
  const tokens = await client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState,
  });
  assert.equal(tokens.claims()?.sub, 'ingrid');
  assert.deepEqual(await ask('/api/things', tokens.id_token!), new Set([401]), 'an ID token opens nothing');
  assert.deepEqual(await ask('/api/things', tokens.access_token), new Set([200]));
  const next = await client.refreshTokenGrant(config, tokens.refresh_token!);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token!));
  for (const token of [tokens.access_token, next.access_token])
    assert.deepEqual(await ask('/api/things', token), new Set([401]));
});

test('what can not work is said with a suggestion', async (t) => {
  const good = configOf(8080, 1);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['issuer: http://localhost:8080/login', 'issuer: http://login.example/login', /not be safe there/],
    ['base: /login,', 'base: /else,', /make them the same|its paths begin/i],
    ['state: { sqlite: ./state.db }', '', /no place for its keys/],
    ['format: opaque', 'format: paper', /format/],
    ['title: Example', 'default-resource: https://else.example', /no resource/i],
    ['title: Example', 'titel: Example', /titel/],
    [
      'title: Example',
      'private-clients: true, registration: initial-access-token'.replace(', ', '\n    '),
      /inside the network/,
    ],
  ];
  for (const [from, to, message] of cases)
    await assert.rejects(startTestGate(t, { config: good.replace(from, to) }), message, to);
  const without = good.replace(/identity:[\s\S]*?apis:/, 'apis:');
  await assert.rejects(startTestGate(t, { config: without }), /not set up/);
});
