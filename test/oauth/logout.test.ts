// Signing out at the server: clients that ask for it are told (OpenID Connect Back-Channel Logout), where they may be reached.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { compileKeySet, parseJwt, verifyJwt } from '../../src/jose/index.ts';
import { CALLBACK, PageBrowser, startAuthServer } from '../support/auth-server.ts';
import { until } from '../support/until.ts';

async function signOut(t: TestContext, privateClients: boolean) {
  const told: string[] = [];
  const application = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      told.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  t.after(() => application.close());
  const server = await startAuthServer(t, { config: { privateClients } });
  await server.addUser('ingrid', []);
  await server.addClient('shop', [], {
    redirectUris: [CALLBACK],
    postLogoutRedirectUris: [CALLBACK],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
    consent: false,
    backchannelLogoutUri: `http://127.0.0.1:${(application.address() as AddressInfo).port}/logout`,
  });
  const config = await server.discover('shop', client.None());
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid',
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
  await browser.go(
    client.buildEndSessionUrl(config, { post_logout_redirect_uri: CALLBACK, id_token_hint: tokens.id_token! })
      .href,
  );
  assert.match((await browser.submit('/logout/confirm', { logout: 'yes' })) ?? '', /^https:\/\/app\.example/);
  return { told, server, sid: tokens.claims()?.['sid'] };
}

test('a client is told who has signed out, by a token that is none for anything else', async (t) => {
  const { told, server, sid } = await signOut(t, true);
  await until(() => told.length > 0, 'the logout token');
  const jws = parseJwt(new URLSearchParams(told[0]).get('logout_token') ?? '');
  assert.ok(typeof jws !== 'string');
  const verified = verifyJwt(
    jws,
    compileKeySet(server.server.jwks()),
    {
      issuer: server.issuer,
      audiences: ['shop'],
      algorithms: new Set(['ES256']),
      types: ['logout+jwt'],
      requiredClaims: [],
      clockSkewMs: 0,
    },
    Date.now(),
  );
  assert.ok(typeof verified !== 'string', String(verified));
  assert.equal(verified.claims['sub'], 'ingrid');
  assert.deepEqual(verified.claims['events'], { 'http://schemas.openid.net/event/backchannel-logout': {} });
  assert.equal(verified.claims['nonce'], undefined);
  assert.equal(verified.claims['sid'], sid);
});

test('nobody inside the network is told where that was not allowed', async (t) => {
  const { told } = await signOut(t, false);
  assert.deepEqual(told, []);
});
