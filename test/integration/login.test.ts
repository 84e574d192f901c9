// Logging in with a browser, over the wire: the way to the issuer and back, and every way in which somebody could make
// the gate take him for another.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { freePort } from '../support/authority.ts';
import { startAuthorizationServer } from '../support/authorization-server.ts';
import { run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { TestIssuer } from '../support/issuer.ts';
import { exchange, type RawResponse, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Shop, version: '1' }
components: { securitySchemes: { oauth: { type: oauth2, flows: {} } } }
paths:
  /cart:
    get: { operationId: showCart, security: [ { oauth: [ shop ] } ], parameters: [ { name: item, in: query, schema: { type: string } } ], responses: {} }
    post: { operationId: changeCart, security: [ { oauth: [ shop ] } ], responses: {} }
  /open:
    get: { operationId: open, responses: {} }
`;
const SECRET = 'the secret of the gate';
const page = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' };

async function setUp(t: TestContext, more = '', policy = '') {
  const upstream = await startRawUpstream(t);
  const server = await startAuthorizationServer(t);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: ${port}, host: 127.0.0.1 } }
upstreams: { shop: { targets: [ http://127.0.0.1:${upstream.port} ] } }
state: { sqlite: ./state.db }
identity:
  issuers: { corp: { discover: '${server.url}', algorithms: [ ES256 ], refetch-after: 100ms } }
  logins:
    web: { issuer: corp, client-id: gate, client-secret: "\${env:SECRET}", origin: '${origin}', scopes: [ openid, shop ], claims: [ email ]${more} }
apis:
  shop:
    contract: ./openapi.yaml
    upstream: shop
    authenticate: [ { session: { login: web } } ]
    ${policy === '' ? '' : 'authorize: { policy: ./shop.cedar }'}
    limits: []
    operations: { open: { public: true, reason: test } }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`,
    contract,
    files: { 'shop.cedar': policy },
    env: { SECRET },
    workers: 2,
  });
  const send = (method: string, target: string, fields: Record<string, string> = {}, body = '') =>
    exchange(port, request(method, target, { host: `127.0.0.1:${port}`, ...fields }, body), method);
  /** What the issuer will say to the next code. */
  const grant = {
    claims: {} as Record<string, unknown>,
    header: {} as Record<string, unknown>,
    issuer: server.issuer,
    nonce: '',
    challenge: '',
    asked: [] as { authorization: string; form: URLSearchParams }[],
  };
  server.routes.set('/token', (incoming, body) => {
    const form = new URLSearchParams(body);
    grant.asked.push({ authorization: incoming.headers.authorization ?? '', form });
    const verifier = form.get('code_verifier') ?? '';
    if (
      form.get('code') !== 'good' ||
      createHash('sha256').update(verifier).digest('base64url') !== grant.challenge
    )
      return { status: 400, body: '{"error":"invalid_grant"}' };
    const claims = {
      iss: server.url,
      aud: 'gate',
      sub: 'ingrid',
      nonce: grant.nonce,
      sid: 's-1',
      email: 'i@example.com',
      ...grant.claims,
    };
    return {
      status: 200,
      body: JSON.stringify({
        token_type: 'Bearer',
        access_token: 'x',
        scope: 'openid shop',
        id_token: grant.issuer.token(claims, { typ: 'JWT', ...grant.header }),
      }),
    };
  });
  /** Asks for a page and follows to where the issuer is. */
  const begin = async (target = '/cart') => {
    const sent = await send('GET', target, page);
    assert.equal(sent.status, 302);
    const url = new URL(sent.fields.get('location')!);
    grant.nonce = url.searchParams.get('nonce')!;
    grant.challenge = url.searchParams.get('code_challenge')!;
    return {
      url,
      state: url.searchParams.get('state')!,
      cookie: sent.fields.get('set-cookie')!.split(';')[0]!,
      sent,
    };
  };
  const callback = (state: string, cookie: string, rest = '&code=good') =>
    send('GET', `/.login/callback?state=${state}${rest}`, { ...page, cookie });
  const sessionOf = (response: RawResponse): string =>
    /gatewright=([^;]+)/.exec(response.fields.get('set-cookie') ?? '')?.[0] ?? '';
  const logIn = async (): Promise<string> => {
    const { state, cookie } = await begin();
    const back = await callback(state, cookie);
    assert.equal(back.status, 303);
    return sessionOf(back);
  };
  return { gate, upstream, server, origin, send, grant, begin, callback, sessionOf, logIn };
}

const codeOf = (response: RawResponse): string =>
  String(response.json()['type']).replace('urn:gatewright:problem:', '');

test('a person is sent to the issuer and comes back to the page, with a session that only the gate can read', async (t) => {
  const { server, origin, send, grant, begin, callback, sessionOf, upstream, gate } = await setUp(t);
  const { url, state, cookie, sent } = await begin('/cart?item=5');
  assert.equal(url.origin + url.pathname, `${server.url}/authorize`);
  assert.deepEqual(
    ['response_type', 'client_id', 'redirect_uri', 'scope', 'code_challenge_method'].map((name) =>
      url.searchParams.get(name),
    ),
    ['code', 'gate', `${origin}/.login/callback`, 'openid shop', 'S256'],
  );
  assert.match(sent.fields.get('set-cookie')!, /; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax/);
  const back = await callback(state, cookie, `&code=good&iss=${encodeURIComponent(server.url)}`);
  assert.deepEqual([back.status, back.fields.get('location')], [303, '/cart?item=5']);
  const [asked] = grant.asked;
  assert.equal(
    asked!.authorization,
    `Basic ${Buffer.from(`gate:${encodeURIComponent(SECRET)}`).toString('base64')}`,
  );
  assert.equal(asked!.form.get('redirect_uri'), `${origin}/.login/callback`);
  const session = sessionOf(back);
  assert.ok(!Buffer.from(session.split('.')[1]!, 'base64url').includes('ingrid'));
  const shown = await send('GET', '/cart', { ...page, cookie: `theme=dark; ${session}; lang=de` });
  assert.equal(shown.status, 200);
  assert.equal(upstream.requests[0]!.field('cookie'), 'theme=dark; lang=de', 'the session stays at the gate');
  await send('GET', '/open', { cookie: `${session}; a=b` });
  assert.equal(upstream.requests[1]!.field('cookie'), 'a=b', 'on open operations too');
  const lines = await gate.accessLines(4);
  assert.ok(lines.some((line) => line['consumer'] === 'corp|ingrid'));
  assert.ok(!JSON.stringify(lines).includes(session.slice(20)));
});

test('programs are not sent anywhere, and a page under another host neither', async (t) => {
  const { send } = await setUp(t);
  for (const fields of [
    {},
    { accept: 'application/json' },
    { ...page, 'sec-fetch-mode': 'cors' },
    { ...page, host: 'other' },
  ]) {
    const refused = await send('GET', '/cart', fields as Record<string, string>);
    assert.deepEqual([refused.status, codeOf(refused)], [401, 'credentials-missing']);
  }
  assert.equal((await send('POST', '/cart', page)).status, 401);
});

test('a callback counts only for the browser that began, once, in time, and for this issuer', async (t) => {
  const { begin, callback, sessionOf, grant } = await setUp(t);
  const [one, two] = [await begin(), await begin()];
  const expectRefused = async (answer: Promise<RawResponse>, name: string): Promise<void> => {
    const response = await answer;
    assert.deepEqual([response.status, sessionOf(response).replace(/=.*/, '')], [401, ''], name);
  };
  await expectRefused(callback(one.state, ''), 'no cookie');
  await expectRefused(callback(one.state, two.cookie), 'the cookie of another login');
  await expectRefused(
    callback(one.state, two.cookie.replace(two.state.slice(0, 8), one.state.slice(0, 8))),
    'renamed',
  );
  await expectRefused(callback(one.state, `${one.cookie.slice(0, -3)}AAA`), 'changed');
  await expectRefused(callback(one.state, `${one.cookie}; ${one.cookie}`), 'twice');
  await expectRefused(
    callback(one.state, one.cookie, '&code=good&iss=https://evil.example'),
    'another issuer (mix-up)',
  );
  await expectRefused(callback(one.state, one.cookie, '&error=access_denied'), 'refused by the issuer');
  await expectRefused(callback(one.state, one.cookie, ''), 'no code');
  await expectRefused(callback(one.state, one.cookie, '&code=a&code=b'), 'two codes');
  await expectRefused(callback('x', one.cookie), 'no state');
  assert.equal(grant.asked.length, 0, 'the issuer was asked nothing');
  await expectRefused(callback(one.state, one.cookie, '&code=stolen'), 'a code of another login');
  await expectRefused(callback(one.state, one.cookie), 'once more, whatever the code');
});

test('nobody is led away: the place to come back to is a path of this origin', async (t) => {
  const { send, begin, callback } = await setUp(t);
  for (const target of [
    '//evil.example/cart',
    '/%2f/evil.example',
    '/\\\\evil.example',
    'https://evil.example/cart',
  ]) {
    const sent = await send('GET', target, page);
    assert.notEqual(sent.status, 302, target);
  }
  const { state, cookie } = await begin('/cart?item=//evil.example');
  const back = await callback(state, cookie);
  assert.deepEqual([back.status, back.fields.get('location')], [303, '/cart?item=//evil.example']);
});

test('an ID token must be for this gate and this login', async (t) => {
  const { begin, callback, grant, server, sessionOf } = await setUp(t);
  const cases: Record<string, () => void> = {
    'another nonce': () => void (grant.claims = { nonce: 'x' }),
    'no nonce': () => void (grant.claims = { nonce: undefined }),
    'another audience': () => void (grant.claims = { aud: 'other' }),
    'several audiences, issued to another': () =>
      void (grant.claims = { aud: ['gate', 'other'], azp: 'other' }),
    'another issuer': () => void (grant.claims = { iss: 'https://evil.example' }),
    expired: () => void (grant.claims = { exp: 1 }),
    'no subject': () => void (grant.claims = { sub: undefined }),
    'a logout token': () => void (grant.header = { typ: 'logout+jwt' }),
    'an access token': () => void (grant.header = { typ: 'at+jwt' }),
    'another key': () => void (grant.issuer = new TestIssuer()),
  };
  for (const [name, change] of Object.entries(cases)) {
    Object.assign(grant, { claims: {}, header: {}, issuer: server.issuer });
    const { state, cookie } = await begin();
    change();
    const back = await callback(state, cookie);
    assert.deepEqual([back.status, sessionOf(back)], [401, ''], name);
  }
  Object.assign(grant, {
    claims: { aud: ['gate', 'other'], azp: 'gate' },
    header: {},
    issuer: server.issuer,
  });
  const { state, cookie } = await begin();
  assert.equal((await callback(state, cookie)).status, 303);
});

test('what another site makes a browser send counts for nothing', async (t) => {
  const { logIn, send, origin } = await setUp(t);
  const cookie = await logIn();
  const post = (fields: Record<string, string>) => send('POST', '/cart', { cookie, ...fields });
  assert.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 200);
  assert.equal((await post({ origin })).status, 200);
  for (const fields of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site', origin },
  ]) {
    const refused = await post(fields as Record<string, string>);
    assert.deepEqual([refused.status, codeOf(refused)], [403, 'origin-denied'], JSON.stringify(fields));
  }
  const out = await send('GET', '/.login/logout', { cookie, 'sec-fetch-site': 'cross-site' });
  assert.equal(out.status, 403);
});

test('logging out ends the session wherever its cookie is; cookies that are not good lead to the issuer again', async (t) => {
  const { logIn, send, begin, origin, server } = await setUp(t);
  const cookie = await logIn();
  const other = await logIn();
  const show = (value: string, fields: Record<string, string> = {}) =>
    send('GET', '/cart', { cookie: value, ...fields });
  assert.equal((await show(cookie)).status, 200);
  const out = await send('POST', '/.login/logout', { cookie, 'sec-fetch-site': 'same-origin' });
  assert.deepEqual([out.status, out.fields.get('location')], [303, '/']);
  assert.match(out.fields.get('set-cookie')!, /gatewright=; Path=\/; Max-Age=0/);
  for (let turn = 0; turn < 12; turn++) assert.equal((await show(cookie)).status, 401, 'on every thread');
  assert.equal((await show(other)).status, 200);
  assert.equal((await show(cookie, page)).status, 302);
  const changed = `${other.slice(0, -4)}AAAA`;
  assert.equal((await show(changed)).status, 401);
  assert.equal((await show(changed, page)).status, 302);
  const { cookie: state } = await begin();
  const misused = `gatewright=${state.slice(state.indexOf('=') + 1)}`;
  assert.equal((await show(misused)).status, 401, 'a cookie of one kind is none of another');
  assert.ok(origin !== server.url);
});

test('back-channel logout: the issuer ends a session, or all of a person', async (t) => {
  const { logIn, send, server, grant } = await setUp(t);
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const logout = (
    claims: Record<string, unknown>,
    header: Record<string, unknown> = { typ: 'logout+jwt' },
    issuer = server.issuer,
  ) =>
    send(
      'POST',
      '/.login/backchannel-logout',
      { 'content-type': 'application/x-www-form-urlencoded' },
      new URLSearchParams({
        logout_token: issuer.token(
          { iss: server.url, aud: 'gate', sub: undefined, jti: 'l-1', events: event, ...claims },
          header,
        ),
      }).toString(),
    );
  const first = await logIn();
  grant.claims = { sid: 's-2' };
  const second = await logIn();
  const show = async (cookie: string): Promise<number> => (await send('GET', '/cart', { cookie })).status;
  for (const [name, answer] of [
    ['no event', logout({ sid: 's-1', events: {} })],
    ['an ID token', logout({ sid: 's-1', nonce: 'x' })],
    ['for another', logout({ sid: 's-1', aud: 'other' })],
    ['nobody', logout({})],
    ['no id', logout({ sid: 's-1', jti: undefined })],
    ['of a stranger', logout({ sid: 's-1' }, { typ: 'logout+jwt' }, new TestIssuer())],
    ['an access token', logout({ sid: 's-1' }, { typ: 'at+jwt' })],
  ] as const)
    assert.equal((await answer).status, 400, name);
  assert.deepEqual([await show(first), await show(second)], [200, 200]);
  assert.equal((await logout({ sid: 's-1' })).status, 200);
  for (let turn = 0; turn < 8; turn++) assert.deepEqual([await show(first), await show(second)], [401, 200]);
  assert.equal((await logout({ sub: 'ingrid' })).status, 200);
  for (let turn = 0; turn < 8; turn++) assert.equal(await show(second), 401);
  grant.claims = { sid: 's-3' };
  // Sessions of the very second in which the person logged out have ended with it.
  const nextSecond = Math.ceil(Date.now() / 1000) * 1000;
  await until(() => Date.now() > nextSecond, 'the next second');
  assert.equal(await show(await logIn()), 200, 'a new login is good again');
});

test('a session outlasts a reload and a thread, and an issuer that is away is said', async (t) => {
  const { logIn, send, gate, server } = await setUp(t);
  const cookie = await logIn();
  assert.equal((await gate.gate.reload()).ok, true);
  await gate.gate.killWorker(0);
  await until(
    async () => (await send('GET', '/cart', { cookie }).catch(() => null))?.status === 200,
    'the session after all that',
  );
  const sent = await send('GET', '/cart', page);
  const state = new URL(sent.fields.get('location')!).searchParams.get('state')!;
  server.up = false;
  const back = await send('GET', `/.login/callback?state=${state}&code=good`, {
    ...page,
    cookie: sent.fields.get('set-cookie')!.split(';')[0]!,
  });
  assert.deepEqual([back.status, codeOf(back)], [503, 'key-source-unavailable']);
});

test('keys of cookies are replaced by command, and sessions of the old ones go on', async (t) => {
  const { logIn, send, gate, begin } = await setUp(t);
  const cookie = await logIn();
  const config = ['--config', `${gate.folder}/gatewright.yaml`];
  const { out, code, err } = await run(['rotate', '--force', '--json', ...config], { env: { SECRET } });
  assert.equal(code, 0, err);
  const [report] = (JSON.parse(out) as { signing: { purpose: string; rotated: boolean }[] }).signing;
  assert.deepEqual([report!.purpose, report!.rotated], ['login-web', true]);
  assert.equal((await gate.gate.reload()).ok, true);
  assert.equal((await send('GET', '/cart', { cookie })).status, 200);
  assert.equal((await begin()).sent.status, 302);
});

test('a login without what it needs does not load', async (t) => {
  await assert.rejects(setUp(t, ', path: "no path"'), /is not a path/);
  await assert.rejects(setUp(t, ', lifetime: never'), /lifetime/);
});

test('a person whose login is too weak for a policy is sent to a better one, once, and a program is told', async (t) => {
  const { send, grant, begin, callback, sessionOf, logIn } = await setUp(
    t,
    '',
    `permit (principal, action, resource);
@id("strong") @step_up("urn:example:strong") @max_age("300")
forbid (principal, action, resource)
unless { context.authentication has acr && context.authentication.acr == "urn:example:strong" };`,
  );
  const weak = await logIn();
  const program = await send('GET', '/cart', { cookie: weak });
  assert.deepEqual(
    [program.status, codeOf(program), program.fields.get('www-authenticate')],
    [
      401,
      'authentication-insufficient',
      'Bearer error="insufficient_user_authentication", acr_values="urn:example:strong", max_age="300"',
    ],
  );
  const stepUp = async (cookie: string) => {
    const sent = await send('GET', '/cart?item=5', { ...page, cookie });
    if (sent.status !== 302) return { sent, url: null, session: '' };
    const url = new URL(sent.fields.get('location')!);
    grant.nonce = url.searchParams.get('nonce')!;
    grant.challenge = url.searchParams.get('code_challenge')!;
    const state = url.searchParams.get('state')!;
    const back = await callback(state, sent.fields.get('set-cookie')!.split(';')[0]!);
    assert.deepEqual([back.status, back.fields.get('location')], [303, '/cart?item=5']);
    return { sent, url, session: sessionOf(back) };
  };
  // The issuer does not do what it was asked for: the browser is not sent there again and again.
  const inVain = await stepUp(weak);
  assert.deepEqual(
    ['acr_values', 'max_age'].map((name) => inVain.url!.searchParams.get(name)),
    ['urn:example:strong', '300'],
  );
  const again = await stepUp(inVain.session);
  assert.deepEqual([again.sent.status, codeOf(again.sent)], [401, 'authentication-insufficient']);
  grant.claims['acr'] = 'urn:example:strong';
  const better = await stepUp(weak);
  assert.equal((await send('GET', '/cart?item=5', { ...page, cookie: better.session })).status, 200);
  // Who is not known at all is asked to log in, and for nothing more.
  assert.equal((await begin()).url.searchParams.has('acr_values'), false);
});
