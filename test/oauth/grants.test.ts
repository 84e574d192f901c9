// The server's grants with a client that others have written (openid-client), unmodified.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { RevocationKind } from '../../src/credentials/index.ts';
import { DEVICE_CODE, TOKEN_EXCHANGE } from '../../src/oauth/index.ts';
import {
  CALLBACK,
  LEDGER,
  OPAQUE,
  ORDERS,
  PageBrowser,
  startAuthServer,
  type TestAuthServer,
} from '../support/auth-server.ts';

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;

const refuses =
  (...codes: string[]) =>
  (error: unknown): boolean => {
    assert.ok(codes.includes((error as { error?: string }).error ?? ''), JSON.stringify(error));
    return true;
  };

async function signIn(
  server: TestAuthServer,
  config: client.Configuration,
  parameters: Record<string, string> = {},
  browser = new PageBrowser(server.issuer),
  options?: client.DPoPOptions,
) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid offline_access orders:read',
    resource: ORDERS,
    prompt: 'consent',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  const back = await browser.through(url.href, 'ingrid');
  return client.authorizationCodeGrant(
    config,
    new URL(back),
    { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce },
    undefined,
    options,
  );
}

const web = { redirectUris: [CALLBACK], grantTypes: ['authorization_code', 'refresh_token'] } as const;

test('client credentials give a JWT access token (RFC 9068) for one resource, within the scopes of the client', async (t) => {
  const server = await startAuthServer(t);
  const secret = await server.addClient('batch', ['orders:read'], {});
  const config = await server.discover('batch', client.ClientSecretBasic(secret));
  const tokens = await client.clientCredentialsGrant(config, {
    scope: 'orders:read orders:write',
    resource: ORDERS,
  });
  assert.equal(tokens.scope, 'orders:read');
  const claims = claimsOf(tokens.access_token);
  assert.deepEqual(
    [claims['iss'], claims['sub'], claims['client_id'], claims['aud'], claims['scope']],
    [server.issuer, 'batch', 'batch', ORDERS, 'orders:read'],
  );
  assert.deepEqual(
    JSON.parse(Buffer.from(tokens.access_token.split('.')[0]!, 'base64url').toString()).typ,
    'at+jwt',
  );
  // Introspection and revocation know it, although it is kept nowhere; the withdrawal is there when the answer is.
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true);
  await client.tokenRevocation(config, tokens.access_token);
  assert.equal(
    server.revocations.isRevoked(RevocationKind.token, `authorization-server|${String(claims['jti'])}`, 0),
    true,
  );
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  assert.equal(await server.server.introspect(tokens.access_token), null);
});

test('authorization code with PKCE, refresh rotation, and an end to all of it on reuse', async (t) => {
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read']);
  const secret = await server.addClient('shop', ['orders:read', 'orders:write'], web);
  const config = await server.discover('shop', client.ClientSecretPost(secret));
  const first = await signIn(server, config, { scope: 'openid offline_access orders:read orders:write' });
  assert.equal(first.claims()?.sub, 'ingrid');
  assert.deepEqual(first.claims()?.['amr'], ['pwd']);
  // The client may have orders:write, and ingrid may not give it.
  assert.equal(claimsOf(first.access_token)['scope'], 'orders:read');
  assert.equal((await server.server.introspect(first.access_token))?.['sub'], 'ingrid');

  const second = await client.refreshTokenGrant(config, first.refresh_token!);
  assert.notEqual(second.refresh_token, first.refresh_token);
  const grant = String(claimsOf(second.access_token)['sid']);
  await assert.rejects(client.refreshTokenGrant(config, first.refresh_token!), refuses('invalid_grant'));
  await assert.rejects(client.refreshTokenGrant(config, second.refresh_token!), refuses('invalid_grant'));
  assert.equal(
    server.revocations.isRevoked(RevocationKind.session, `authorization-server|${grant}`, 0),
    true,
  );
  assert.equal(await server.server.introspect(second.access_token), null);
});

test('scopes that a user loses are gone at the next refresh, and a disabled user is gone at once', async (t) => {
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read', 'orders:write']);
  const secret = await server.addClient('shop', ['orders:read', 'orders:write'], web);
  const config = await server.discover('shop', client.ClientSecretPost(secret));
  const first = await signIn(server, config, { scope: 'openid offline_access orders:read orders:write' });
  await server.registry.setScopes('user', 'ingrid', ['orders:read']);
  const second = await client.refreshTokenGrant(config, first.refresh_token!);
  assert.equal(claimsOf(second.access_token)['scope'], 'orders:read');
  await server.registry.disable('user', 'ingrid', 1_000_000);
  await assert.rejects(client.refreshTokenGrant(config, second.refresh_token!));
});

test('pushed authorization requests (RFC 9126) and DPoP (RFC 9449)', async (t) => {
  const server = await startAuthServer(t, { config: { requirePar: true } });
  await server.addUser('ingrid', ['orders:read']);
  const secret = await server.addClient('shop', ['orders:read'], web);
  const config = await server.discover('shop', client.ClientSecretBasic(secret));
  const verifier = client.randomPKCECodeVerifier();
  const plain = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: 'openid' });
  const refused = new PageBrowser(server.issuer);
  const denied = await refused.go(plain.href);
  assert.match(denied ?? refused.text, /Pushed Authorization Request must be used|invalid_request/);
  const state = client.randomState();
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: CALLBACK,
    scope: 'openid orders:read',
    resource: ORDERS,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  });
  assert.match(url.searchParams.get('request_uri')!, /^urn:ietf:params:oauth:request_uri:/);
  const back = await new PageBrowser(server.issuer).through(url.href, 'ingrid');
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const tokens = await client.authorizationCodeGrant(
    config,
    new URL(back),
    { pkceCodeVerifier: verifier, expectedState: state },
    undefined,
    { DPoP },
  );
  assert.equal(tokens.token_type, 'dpop');
  const { cnf } = claimsOf(tokens.access_token) as { cnf: { jkt: string } };
  assert.equal(cnf.jkt, await DPoP.calculateThumbprint());
  await assert.rejects(
    new PageBrowser(server.issuer).through(url.href, 'ingrid'),
    'a pushed request is used once',
  );
});

test('device flow (RFC 8628)', async (t) => {
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read']);
  await server.addClient('tv', ['orders:read'], {
    grantTypes: [DEVICE_CODE, 'refresh_token'],
    authMethod: 'none',
  });
  const config = await server.discover('tv', client.None());
  const begun = await client.initiateDeviceAuthorization(config, {
    scope: 'openid orders:read',
    resource: ORDERS,
  });
  const browser = new PageBrowser(server.issuer);
  await browser.go(begun.verification_uri);
  assert.match(browser.text, /Connect a device/);
  await browser.submit('/device', { user_code: 'BBBB-BBBB' });
  assert.match(browser.text, /not good/);
  await browser.submit('/device', { user_code: begun.user_code });
  assert.match(browser.text, /Is this your device\?[\s\S]*192\.0\.2\.7/);
  await browser.submit('/device', { confirm: 'yes' });
  await browser.submit('/login', { user: 'ingrid', password: 'wrong password indeed' });
  assert.equal(browser.status, 400);
  await browser.submit('/login', { user: 'ingrid', password: 'correct horse battery' });
  await browser.submit('/consent');
  assert.match(browser.text, /Device connected/);
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 1 });
  assert.equal(claimsOf(tokens.access_token)['sub'], 'ingrid');
});

test('opaque tokens are known to introspection, and gone at once when they are revoked', async (t) => {
  const server = await startAuthServer(t);
  const secret = await server.addClient('batch', ['orders:read'], {});
  const apiSecret = await server.addClient('api', [], { introspects: true, grantTypes: [] });
  const otherSecret = await server.addClient('other', [], { grantTypes: [] });
  const config = await server.discover('batch', client.ClientSecretBasic(secret));
  const api = await server.discover('api', client.ClientSecretBasic(apiSecret));
  const other = await server.discover('other', client.ClientSecretBasic(otherSecret));
  const { access_token: token } = await client.clientCredentialsGrant(config, {
    scope: 'orders:read',
    resource: OPAQUE,
  });
  assert.doesNotMatch(token, /\./);
  assert.equal((await client.tokenIntrospection(api, token)).active, true);
  assert.equal((await client.tokenIntrospection(other, token)).active, false);
  const claims = await server.server.introspect(token);
  assert.equal(claims?.['aud'], OPAQUE);
  await client.tokenRevocation(other, token);
  assert.equal((await client.tokenIntrospection(api, token)).active, true);
  await client.tokenRevocation(config, token);
  assert.equal((await client.tokenIntrospection(api, token)).active, false);
  assert.equal(
    server.revocations.isRevoked(RevocationKind.token, `authorization-server|${String(claims?.['jti'])}`, 0),
    true,
  );
});

test('token exchange (RFC 8693) only narrows', async (t) => {
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read', 'orders:write', 'ledger:read']);
  const secret = await server.addClient('shop', ['orders:read', 'orders:write'], web);
  const shop = await server.discover('shop', client.ClientSecretPost(secret));
  const serviceSecret = await server.addClient('orders', ['orders:read', 'ledger:read'], {
    grantTypes: [TOKEN_EXCHANGE],
    exchange: { from: [ORDERS], to: [LEDGER] },
  });
  const orders = await server.discover('orders', client.ClientSecretBasic(serviceSecret));
  const { access_token: token, refresh_token: refresh } = await signIn(server, shop);
  const exchange = (parameters: Record<string, string>, options?: client.DPoPOptions) =>
    client.genericGrantRequest(
      orders,
      TOKEN_EXCHANGE,
      {
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        resource: LEDGER,
        ...parameters,
      },
      options,
    );
  const got = await exchange({});
  const claims = claimsOf(got.access_token);
  assert.deepEqual(
    [claims['sub'], claims['aud'], claims['scope'], claims['act'], claims['sid']],
    ['ingrid', LEDGER, 'orders:read', { sub: 'orders' }, claimsOf(token)['sid']],
  );
  assert.ok(Number(claims['exp']) <= Number(claimsOf(token)['exp']));
  // More scope, another audience, the token of somebody else's audience, an actor, garbage.
  await assert.rejects(exchange({ scope: 'ledger:read' }), refuses('invalid_scope'));
  await assert.rejects(exchange({ resource: ORDERS }), refuses('invalid_target'));
  await assert.rejects(exchange({ resource: 'https://elsewhere.example' }), refuses('invalid_target'));
  await assert.rejects(exchange({ subject_token: got.access_token }), refuses('invalid_grant'));
  await assert.rejects(exchange({ subject_token: `${token}x` }), refuses('invalid_grant'));
  await assert.rejects(exchange({ subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }));
  await assert.rejects(
    exchange({ actor_token: token, actor_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
  );
  // What was bound stays bound.
  const DPoP = client.getDPoPHandle(shop, await client.randomDPoPKeyPair('ES256'));
  const bound = await signIn(server, shop, {}, new PageBrowser(server.issuer), { DPoP });
  await assert.rejects(exchange({ subject_token: bound.access_token }), refuses('invalid_grant'));
  const mine = client.getDPoPHandle(orders, await client.randomDPoPKeyPair('ES256'));
  const kept = await exchange({ subject_token: bound.access_token }, { DPoP: mine });
  assert.deepEqual(claimsOf(kept.access_token)['cnf'], { jkt: await mine.calculateThumbprint() });
  // With the grant everything that came of it ends.
  await client.tokenRevocation(shop, refresh!);
  assert.equal(await server.server.introspect(got.access_token), null);
  await assert.rejects(exchange({}));
});

test('keys rotate with overlap: what the old one signed is good while the new one signs', async (t) => {
  let shift = 0;
  const server = await startAuthServer(t, {
    clock: { epochMs: () => Date.now() + shift, monotonicMs: () => performance.now() + shift } as never,
  });
  const secret = await server.addClient('batch', ['orders:read'], {});
  const config = await server.discover('batch', client.ClientSecretBasic(secret));
  const before = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource: ORDERS });
  await server.server.rotate(true);
  const published = JSON.parse(server.server.jwks()) as { keys: { kid: string; d?: string }[] };
  assert.equal(published.keys.length, 2);
  assert.ok(published.keys.every(({ d }) => d === undefined));
  shift = 11 * 60_000;
  await server.server.rotate(false);
  const after = await client.clientCredentialsGrant(config, { scope: 'orders:read', resource: ORDERS });
  const kid = (token: string) =>
    (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid;
  assert.notEqual(kid(before.access_token), kid(after.access_token));
  const still = JSON.parse(server.server.jwks()) as { keys: { kid: string }[] };
  assert.ok(still.keys.some((key) => key.kid === kid(before.access_token)));
});
