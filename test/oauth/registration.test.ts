// Dynamic registration (RFC 7591) with openid-client: off unless switched on, one program for each token that was given out,
// and never more than the token says.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { systemClock } from '../../src/core/index.ts';
import { inviteProgram, type RegistrationLimits } from '../../src/oauth/index.ts';
import {
  CALLBACK,
  ORDERS,
  PageBrowser,
  startAuthServer,
  type TestAuthServer,
  testConfig,
} from '../support/auth-server.ts';

const limits: RegistrationLimits = {
  scopes: ['orders:read'],
  grantTypes: ['authorization_code', 'refresh_token'],
  resources: [],
};

async function setUp(t: TestContext): Promise<{
  readonly server: TestAuthServer;
  invite(more?: Partial<RegistrationLimits>, lifetimeMs?: number): Promise<string>;
  post(metadata: unknown, token?: string): Promise<{ status: number; body: Record<string, unknown> }>;
}> {
  const server = await startAuthServer(t, { config: { registration: 'initial-access-token' } });
  await server.addUser('ingrid', ['orders:read', 'orders:write']);
  return {
    server,
    invite: (more = {}, lifetimeMs = 60_000) =>
      inviteProgram(
        {
          config: testConfig(server.issuer),
          identity: server.state.identity,
          store: server.state.oauth,
          clock: systemClock,
        },
        { ...limits, ...more },
        lifetimeMs,
      ),
    post: async (metadata, token) => {
      const answer = await fetch(`${server.issuer}/register`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify(metadata),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
  };
}

test('a program registers itself with a token, and signs people in', async (t) => {
  const { server, invite } = await setUp(t);
  const config = await client.dynamicClientRegistration(
    new URL(server.issuer),
    { redirect_uris: [CALLBACK], client_name: 'A new app', scope: 'orders:read' },
    client.ClientSecretBasic(),
    { initialAccessToken: await invite(), execute: [client.allowInsecureRequests] },
  );
  const { client_id: id, client_secret: secret } = config.clientMetadata();
  assert.match(id, /^registered-/);
  assert.equal(typeof secret, 'string');
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid orders:read orders:write',
    resource: ORDERS,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  const browser = new PageBrowser(server.issuer);
  const back = await browser.through(url.href, 'ingrid');
  const tokens = await client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  assert.equal(tokens.scope, 'orders:read', 'the token says what the program may have');
  // It stands among the clients, with its secret as a hash, and goes like any other.
  const [kept] = await server.registry.principals('client');
  assert.deepEqual([kept?.id, kept?.note], [id, 'A new app']);
  const rows = await server.state.database.run('SELECT * FROM oauth_clients');
  assert.ok(!JSON.stringify(rows).includes(String(secret)));
  assert.ok(
    server.events.some(({ action, outcome }) => action === 'client.register' && outcome === 'success'),
  );
  await server.registry.disable('client', id, 1_000_000);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token!), { status: 401 });
  assert.deepEqual((await server.state.fsck()).problems, []);
});

test('a token registers one program, in turn or at once, and in its time', async (t) => {
  const { server, invite, post } = await setUp(t);
  const metadata = { redirect_uris: [CALLBACK] };
  assert.equal((await post(metadata)).status, 401);
  assert.equal((await post(metadata, 'x'.repeat(43))).status, 401);
  assert.equal((await post(metadata, await invite({}, -60_000))).status, 401);
  const token = await invite();
  const race = await Promise.all([1, 2, 3].map(() => post(metadata, token)));
  assert.equal(race.filter(({ status }) => status === 201).length, 1);
  assert.notEqual((await post(metadata, token)).status, 201);
  assert.equal((await server.registry.principals('client')).length, 1);
  // What an attacker finds in the database is a hash and no token.
  const [row] = await server.state.database.run(
    `SELECT id FROM oauth_artifacts WHERE model = 'InitialAccessToken'`,
  );
  assert.equal((await post(metadata, String(row!['id']))).status, 401);
});

test('what a program says of itself gives it nothing that the token does not', async (t) => {
  const { server, invite, post } = await setUp(t);
  const good = { redirect_uris: [CALLBACK] };
  for (const [name, metadata] of Object.entries({
    'settings of ours': { ...good, x_gate_settings: { apiScopes: ['orders:write'], introspects: true } },
    'another grant': { ...good, grant_types: ['authorization_code', 'client_credentials'] },
    'token exchange': { ...good, grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'] },
    implicit: { ...good, grant_types: ['implicit'], response_types: ['id_token'] },
    'a sector': { ...good, sector_identifier_uri: 'http://169.254.169.254/' },
    'a plain redirect': { redirect_uris: ['http://evil.example/callback'] },
    'a script': { redirect_uris: ['javascript:alert(1)'] },
    'a pattern': { redirect_uris: ['https://*.example/callback'] },
    'no redirect': {},
    'keys inside': { ...good, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'file:///etc/passwd' },
    'a logout inside': { ...good, backchannel_logout_uri: 'http://10.0.0.1/logout' },
    'a way of its own': { ...good, token_endpoint_auth_method: 'client_secret_jwt' },
    'a name to hide in': { ...good, client_name: 'Shop\u202e\u0000' },
    'a long name': { ...good, client_name: 'x'.repeat(500) },
    'a list': [good],
  })) {
    const token = await invite();
    const { status } = await post(metadata, token);
    assert.equal(status, 400, name);
    // A mistake does not use the token up.
    assert.equal((await post(good, token)).status, 201, name);
  }
  for (const { id } of await server.registry.principals('client')) {
    const { settings, scopes } = (await server.state.oauth.client(id))!;
    assert.deepEqual([settings.introspects, settings.consent, scopes], [false, true, ['orders:read']]);
  }
});
