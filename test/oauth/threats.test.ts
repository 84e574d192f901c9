// Every line on OAuth and OpenID Connect of the threat list, sent to the server as an attacker would.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { DEVICE_CODE, newTotp, rotateSecret, totpCode } from '../../src/oauth/index.ts';
import { decodeBase32, totpStep } from '../../src/oauth/totp.ts';
import {
  CALLBACK,
  ORDERS,
  PASSWORD,
  PageBrowser,
  startAuthServer,
  type TestAuthServer,
} from '../support/auth-server.ts';

const web = { redirectUris: [CALLBACK], grantTypes: ['authorization_code', 'refresh_token'] } as const;

const refuses =
  (...codes: string[]) =>
  (error: unknown): boolean => {
    assert.ok(codes.includes((error as { error?: string }).error ?? ''), String(JSON.stringify(error)));
    return true;
  };

interface Setup {
  readonly server: TestAuthServer;
  readonly secret: string;
  readonly config: client.Configuration;
  authorize(more?: Record<string, string | null>): Promise<{ url: string; verifier: string; state: string }>;
}

async function setUp(t: TestContext, options: Parameters<typeof startAuthServer>[1] = {}): Promise<Setup> {
  const server = await startAuthServer(t, options);
  await server.addUser('ingrid', ['orders:read']);
  const secret = await server.addClient('shop', ['orders:read'], web);
  const config = await server.discover('shop', client.ClientSecretBasic(secret));
  return {
    server,
    secret,
    config,
    authorize: async (more = {}) => {
      const verifier = client.randomPKCECodeVerifier();
      const state = client.randomState();
      const url = new URL(`${server.issuer}/authorize`);
      const parameters: Record<string, string | null> = {
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid orders:read',
        resource: ORDERS,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        ...more,
      };
      for (const [name, value] of Object.entries(parameters))
        if (value !== null) url.searchParams.set(name, value);
      return { url: url.href, verifier, state };
    },
  };
}

test('redirect URIs are compared as they stand, and what is not registered leads nowhere', async (t) => {
  const { server, authorize } = await setUp(t);
  for (const uri of [
    'https://app.example/callback/',
    'https://app.example/callback?x=1',
    'https://app.example/callback#x',
    'https://app.example/Callback',
    'https://app.example/callback/../callback',
    'https://app.example/callback%2f..',
    'https://app.example:443/callback',
    'https://app.example.evil.example/callback',
    'https://evil.example/?https://app.example/callback',
    'https://app.example@evil.example/callback',
    'https://evil.example\\@app.example/callback',
    'http://app.example/callback',
    'javascript:alert(1)//app.example/callback',
    '//evil.example/callback',
    '',
  ]) {
    const browser = new PageBrowser(server.issuer);
    const answer = await browser.send((await authorize({ redirect_uri: uri })).url);
    assert.equal(answer.status, 400, uri);
    assert.equal(answer.headers.get('location'), null, uri);
  }
  const browser = new PageBrowser(server.issuer);
  assert.equal((await browser.send((await authorize({ redirect_uri: null })).url)).status, 400);
  const out = `${server.issuer}/logout?client_id=shop&post_logout_redirect_uri=https://evil.example/`;
  const logout = await browser.send(out);
  assert.equal(logout.status, 400);
  assert.equal(logout.headers.get('location'), null);
});

test('no code without PKCE by S256, and none for another verifier', async (t) => {
  const { server, config, authorize } = await setUp(t);
  for (const more of [
    { code_challenge: null, code_challenge_method: null },
    { code_challenge_method: 'plain' },
    { code_challenge_method: null },
  ]) {
    const browser = new PageBrowser(server.issuer);
    const back = await browser.go((await authorize(more)).url);
    assert.match(back ?? browser.text, /invalid_request/);
  }
  const { url, state } = await authorize();
  const back = await new PageBrowser(server.issuer).through(url, 'ingrid');
  const exchange = (verifier: string) =>
    client.authorizationCodeGrant(config, new URL(back), {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
  await assert.rejects(exchange(client.randomPKCECodeVerifier()), refuses('invalid_grant'));
});

test('answers say which server they are from, and carry state and nonce unchanged', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const nonce = 'n-0S6_WzA2Mj';
  const { url, verifier, state } = await authorize({ nonce });
  const back = new URL(await new PageBrowser(server.issuer).through(url, 'ingrid'));
  // RFC 9207: a client that talks to two servers sees a mix-up.
  assert.equal(back.searchParams.get('iss'), server.issuer);
  assert.equal(back.searchParams.get('state'), state);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  await assert.rejects(
    client.authorizationCodeGrant(
      config,
      new URL(back.href.replace(encodeURIComponent(server.issuer), 'https%3A%2F%2Fevil.example')),
      checks,
    ),
  );
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.claims()?.nonce, nonce);
});

test('a code that comes twice, in turn or at once, ends what the first gave', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const { url, verifier, state } = await authorize();
  const back = await new PageBrowser(server.issuer).through(url, 'ingrid');
  const exchange = (to = back) =>
    client.authorizationCodeGrant(config, new URL(to), { pkceCodeVerifier: verifier, expectedState: state });
  const first = await exchange();
  assert.notEqual(await server.server.introspect(first.access_token), null);
  await assert.rejects(exchange(), refuses('invalid_grant'));
  assert.equal(await server.server.introspect(first.access_token), null);
  await assert.rejects(client.refreshTokenGrant(config, first.refresh_token!), refuses('invalid_grant'));

  const again = await authorize();
  const second = await new PageBrowser(server.issuer).through(again.url, 'ingrid');
  const race = await Promise.allSettled(
    [1, 2, 3].map(() =>
      client.authorizationCodeGrant(config, new URL(second), {
        pkceCodeVerifier: again.verifier,
        expectedState: again.state,
      }),
    ),
  );
  const won = race.filter((result) => result.status === 'fulfilled');
  assert.ok(won.length <= 1);
  for (const { value } of won) assert.equal(await server.server.introspect(value.access_token), null);
  assert.deepEqual((await server.state.fsck()).problems, []);
});

test('a code or refresh token of one client is nothing in the hands of another', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const otherSecret = await server.addClient('other', ['orders:read'], web);
  const other = await server.discover('other', client.ClientSecretBasic(otherSecret));
  const { url, verifier, state } = await authorize();
  const back = new URL(await new PageBrowser(server.issuer).through(url, 'ingrid'));
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  await assert.rejects(client.authorizationCodeGrant(other, back, checks), refuses('invalid_grant'));
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  await assert.rejects(client.refreshTokenGrant(other, tokens.refresh_token!), refuses('invalid_grant'));
  await client.tokenRevocation(other, tokens.access_token);
  assert.notEqual(await server.server.introspect(tokens.access_token), null);
});

test('scopes do not grow: not by refresh, not by asking, not by consent', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const { url, verifier, state } = await authorize({ scope: 'openid orders:read orders:write ledger:read' });
  const back = await new PageBrowser(server.issuer).through(url, 'ingrid');
  const tokens = await client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  assert.equal(tokens.scope, 'orders:read');
  await assert.rejects(
    client.refreshTokenGrant(config, tokens.refresh_token!, {
      scope: 'openid orders:read orders:write admin',
    }),
    refuses('invalid_scope'),
  );
});

test('a client authenticates the way it is registered, and no weaker', async (t) => {
  const { server, secret } = await setUp(t);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await server.addClient('keyed', ['orders:read'], {
    authMethod: 'private_key_jwt',
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256', use: 'sig' }] },
  });
  const post = async (fields: Record<string, string>, authorization = '') => {
    const answer = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: ORDERS, ...fields }),
      headers: authorization === '' ? {} : { authorization },
    });
    return { status: answer.status, ...((await answer.json()) as { error?: string; access_token?: string }) };
  };
  const basic = (id: string, password: string) =>
    `Basic ${Buffer.from(`${id}:${encodeURIComponent(password)}`).toString('base64')}`;
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const assertion = (header: Record<string, unknown>, more: Record<string, unknown> = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'keyed',
      sub: 'keyed',
      aud: server.issuer,
      iat: now,
      exp: now + 60,
      jti: String(Math.random()),
      ...more,
    };
    const input = `${encode(header)}.${encode(claims)}`;
    const signature =
      header['alg'] === 'none'
        ? ''
        : sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
            'base64url',
          );
    return {
      client_assertion: `${input}.${signature}`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
  };
  const good = assertion({ alg: 'ES256', kid: 'k' });
  assert.equal((await post(good)).status, 200);
  const refused = [
    await post(good),
    await post(assertion({ alg: 'none' })),
    await post(assertion({ alg: 'ES256', kid: 'k' }, { aud: 'https://elsewhere.example' })),
    await post(assertion({ alg: 'ES256', kid: 'k' }, { sub: 'shop', iss: 'shop' })),
    await post({ client_id: 'keyed' }),
    await post({ client_id: 'keyed', client_secret: 'x' }),
    await post({}, basic('keyed', 'x')),
    await post({ client_id: 'shop' }),
    await post({ client_id: 'shop', client_secret: secret }),
    await post({}, basic('shop', '')),
    await post({}, basic('shop', 'guess')),
    await post({}, basic('nobody', secret)),
  ];
  for (const [index, { status, error }] of refused.entries())
    assert.ok(status >= 400 && error !== undefined, `${index}: ${status}`);
});

test('secrets overlap while one is replaced, and end', async (t) => {
  let shift = 0;
  const clock = { epochMs: () => Date.now() + shift, monotonicMs: () => performance.now() + shift };
  const server = await startAuthServer(t, { clock: clock as never });
  const old = await server.addClient('batch', ['orders:read'], {});
  const next = await rotateSecret(server.state.oauth, 'batch', 60_000, clock.epochMs());
  const get = async (secret: string) =>
    client.clientCredentialsGrant(await server.discover('batch', client.ClientSecretBasic(secret)), {
      resource: ORDERS,
      scope: 'orders:read',
    });
  await get(old);
  await get(next);
  shift = 61_000;
  await get(next);
  await assert.rejects(get(old), { status: 401 });
  await server.registry.disable('client', 'batch', 1_000_000);
  await assert.rejects(get(next), { status: 401 });
});

test('consent can not be forged', async (t) => {
  const { server, authorize } = await setUp(t);
  const browser = new PageBrowser(server.issuer);
  await browser.go((await authorize()).url);
  await browser.submit('/login', { user: 'ingrid', password: PASSWORD });
  const page = browser.url;
  const csrf = /name="csrf" value="([^"]+)"/.exec(browser.text)![1]!;
  const victim = new PageBrowser(server.issuer);
  await victim.go((await authorize()).url);
  const otherCsrf = /name="csrf" value="([^"]+)"/.exec(victim.text)![1]!;
  const post = async (
    who: PageBrowser,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ) => {
    const answer = await who.send(`${page}/consent`, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
    return answer.status;
  };
  assert.equal(await post(browser, {}), 403);
  assert.equal(await post(browser, { csrf: 'x' }), 403);
  assert.equal(await post(browser, { csrf: otherCsrf }), 403);
  assert.equal(await post(browser, { csrf }, { origin: 'https://evil.example' }), 403);
  assert.equal(await post(browser, { csrf }, { origin: 'null' }), 403);
  assert.equal(await post(browser, { csrf }, { 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await post(browser, { csrf }, { 'content-type': 'text/plain' }), 415);
  // Somebody else's browser does not have the interaction.
  assert.equal(await post(victim, { csrf }), 400);
  assert.equal(await post(new PageBrowser(server.issuer), { csrf }), 400);
  assert.equal(await post(browser, { csrf }, { origin: server.issuer }), 303);
});

test('cookies stay on this site, and pages in no frame and without foreign code', async (t) => {
  const { server, authorize } = await setUp(t);
  await server.registry.add('client', 'odd', ['orders:read'], '<img src=x onerror=alert(1)>', null);
  const browser = new PageBrowser(server.issuer);
  await browser.go((await authorize({ login_hint: '"><script>alert(1)</script>' })).url);
  assert.doesNotMatch(browser.text, /<script>alert|onerror=alert\(1\)>/);
  assert.match(browser.text, /&quot;&gt;&lt;script&gt;/);
  assert.doesNotMatch(browser.text, / on[a-z]+="|<style|style="/);
  const policy = browser.headers.get('content-security-policy')!;
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /form-action 'self' https:\/\/app\.example;/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(browser.headers.get('x-frame-options'), 'DENY');
  assert.equal(browser.headers.get('cache-control'), 'no-store');
  const before = [...browser.cookies.values()];
  await browser.submit('/login', { user: 'ingrid', password: PASSWORD });
  const all = [...before, ...browser.cookies.values()];
  assert.ok(all.length >= 4);
  for (const { line } of all) {
    assert.match(line, /httponly/i, line);
    assert.match(line, /samesite=lax/i, line);
  }
  // The session that a stranger may have set beforehand is not the one that is signed in.
  const session = (cookies: typeof all) =>
    cookies.find(({ value }) => value.startsWith('gw-session='))?.value;
  assert.notEqual(session([...browser.cookies.values()]), session(before));
  assert.notEqual(session([...browser.cookies.values()]), undefined);
});

test('nothing that a client names is fetched from inside', async (t) => {
  const asked: string[] = [];
  const inside = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  t.after(() => inside.close());
  const url = `http://127.0.0.1:${(inside.address() as AddressInfo).port}`;
  const { server, authorize } = await setUp(t);
  await server.addClient('keyed', ['orders:read'], { authMethod: 'private_key_jwt', jwksUri: `${url}/jwks` });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const answer = await fetch(`${server.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion: `${encode({ alg: 'ES256', jku: `${url}/jku`, x5u: `${url}/x5u`, jwk: {} })}.${encode({ iss: 'keyed', sub: 'keyed', aud: server.issuer, exp: 9e9, iat: Math.floor(Date.now() / 1000), jti: 'a' })}.AAAA`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
  });
  assert.ok(answer.status >= 400);
  for (const more of [
    { request_uri: `${url}/request` },
    { request: 'e30.e30.' },
    {
      claims: JSON.stringify({ userinfo: { sub: { value: url } } }),
      registration: JSON.stringify({ logo_uri: `${url}/logo` }),
    },
  ]) {
    const browser = new PageBrowser(server.issuer);
    await browser.go((await authorize(more)).url);
  }
  for (const path of ['/register', '/reg', '/connect/register']) {
    const made = await fetch(server.issuer + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: ['https://evil.example/'],
        sector_identifier_uri: `${url}/sector`,
      }),
    });
    assert.equal(made.status, 404, path);
  }
  assert.deepEqual(asked, []);
});

test('devices: a link does not confirm by itself, guesses end, and a hash is no code', async (t) => {
  const { server } = await setUp(t);
  await server.addClient('tv', ['orders:read'], { grantTypes: [DEVICE_CODE], authMethod: 'none' });
  const config = await server.discover('tv', client.None());
  const begun = await client.initiateDeviceAuthorization(config, {
    scope: 'openid orders:read',
    resource: ORDERS,
  });
  assert.ok(begun.expires_in <= 600);
  const browser = new PageBrowser(server.issuer);
  await browser.go(begun.verification_uri_complete!);
  // Only a form that sends itself; what it leads to asks.
  await browser.submit('/device');
  assert.match(browser.text, /Is this your device\?[\s\S]*only if the device is in front of you/);
  await browser.submit('/device', { abort: 'yes' });
  await assert.rejects(
    client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 1 }),
    refuses('access_denied'),
  );
  await client.initiateDeviceAuthorization(config, { scope: 'openid', resource: ORDERS });
  const rows = await server.state.database.run(`SELECT id FROM oauth_artifacts WHERE model = 'DeviceCode'`);
  for (const { id } of rows)
    await assert.rejects(
      client.genericGrantRequest(config, DEVICE_CODE, { device_code: `#${String(id)}` }),
      refuses('invalid_grant'),
    );
  await browser.go(`${server.issuer}/device`);
  const statuses: number[] = [];
  for (let i = 0; i < 7; i++) {
    await browser.go(`${server.issuer}/device`);
    await browser.submit('/device', { user_code: `BCDF-GHJ${'KLMNPQR'[i]}` });
    statuses.push(browser.status);
  }
  assert.equal(statuses.at(-1), 429);
});

test('tokens do not come in the query, and an ID token is no access token', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const { url, verifier, state } = await authorize({ resource: null, scope: 'openid' });
  const back = await new PageBrowser(server.issuer).through(url, 'ingrid');
  const tokens = await client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  const info = await client.fetchUserInfo(config, tokens.access_token, 'ingrid');
  assert.deepEqual(info, { sub: 'ingrid' });
  const byQuery = await fetch(`${server.issuer}/userinfo?access_token=${tokens.access_token}`);
  assert.ok(byQuery.status === 400 || byQuery.status === 401);
  assert.equal(await server.server.introspect(tokens.id_token!), null);
});

test('a request can not say which host it is for', async (t) => {
  const { server } = await setUp(t);
  const answer = await fetch(`${server.issuer}/.well-known/openid-configuration`, {
    headers: {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    },
  });
  const metadata = await answer.text();
  assert.doesNotMatch(metadata, /evil/);
  const same = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
  assert.deepEqual(await same.json(), JSON.parse(metadata));
});

test('guessing at an account slows the guesser, and not the browser that the account knows', async (t) => {
  const { server, authorize } = await setUp(t);
  const known = new PageBrowser(server.issuer);
  await known.through((await authorize()).url, 'ingrid');
  for (const key of [...known.cookies.keys()]) if (!key.startsWith('gw-known')) known.cookies.delete(key);

  const guesser = new PageBrowser(server.issuer);
  await guesser.go((await authorize()).url);
  const statuses: number[] = [];
  for (let i = 0; i < 7; i++) {
    await guesser.submit('/login', {
      user: i % 2 === 0 ? 'ingrid' : 'INGRID',
      password: `guess number ${i}`,
    });
    statuses.push(guesser.status);
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429, 429]);
  assert.ok(Number(guesser.headers.get('retry-after')) > 0);
  // Even the right password waits, so that nobody learns that it is.
  await guesser.submit('/login', { user: 'ingrid', password: PASSWORD });
  assert.equal(guesser.status, 429);
  assert.match(await known.through((await authorize({ prompt: 'login' })).url, 'ingrid'), /code=/);
  // Names that are not there are answered alike.
  await guesser.submit('/login', { user: 'nobody', password: PASSWORD });
  assert.match(guesser.text, /do not go together/);
});

test('passwords sprayed over accounts from one address end', async (t) => {
  const { server, authorize } = await setUp(t);
  const browser = new PageBrowser(server.issuer);
  await browser.go((await authorize()).url);
  let refused = 0;
  for (let i = 0; i < 32; i++) {
    await browser.submit('/login', { user: `user${i}`, password: 'the same password' });
    if (browser.status === 429) refused++;
  }
  assert.equal(refused, 2);
});

test('a code of an authenticator app works once, and not without the password', async (t) => {
  const { server, authorize } = await setUp(t);
  const totp = newTotp('ingrid', 'phone', Date.now());
  await server.state.oauth.setCredential(totp);
  const code = totpCode(decodeBase32(totp.value)!, totpStep(Date.now()));
  const browser = new PageBrowser(server.issuer);
  await browser.go((await authorize()).url);
  await browser.submit('/login', { user: 'ingrid', password: PASSWORD });
  assert.match(browser.text, /One more step/);
  await browser.submit('/totp', { code: '000000' });
  assert.equal(browser.status, 400);
  await browser.submit('/totp', { code });
  assert.match(browser.text, /Allow shop\?/);

  const again = new PageBrowser(server.issuer);
  await again.go((await authorize()).url);
  await again.submit('/login', { user: 'ingrid', password: PASSWORD });
  await again.submit('/totp', { code });
  assert.equal(again.status, 400);
  // The page of a session that has not ended is no way around it.
  assert.equal((await again.send(`${server.issuer}/account`)).status, 401);
});

test('required second factors let no password in alone', async (t) => {
  const { server, authorize } = await setUp(t, { config: { secondFactor: 'required' } });
  const browser = new PageBrowser(server.issuer);
  await browser.go((await authorize()).url);
  await browser.submit('/login', { user: 'ingrid', password: PASSWORD });
  assert.equal(browser.status, 403);
});

test('signing out everywhere ends tokens and sessions', async (t) => {
  const { server, config, authorize } = await setUp(t);
  const { url, verifier, state } = await authorize();
  const browser = new PageBrowser(server.issuer);
  const back = await browser.through(url, 'ingrid');
  const tokens = await client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  await browser.go(`${server.issuer}/account`);
  assert.match(browser.text, /Your account[\s\S]*ingrid/);
  await browser.submit('/account/password', { current: PASSWORD, next: 'ingrid ingrid ingrid' });
  assert.match(browser.text, /does not contain the name/);
  await browser.submit('/account/password', { current: PASSWORD, next: 'quite another password' });
  assert.match(browser.text, /is changed/);
  await browser.submit('/account/withdraw');
  assert.equal(browser.status, 401);
  assert.equal(await server.server.introspect(tokens.access_token), null);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token!), refuses('invalid_grant'));
});
