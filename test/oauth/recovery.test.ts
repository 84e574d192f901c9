// For when something is lost or was never there: recovery codes in the place of a second factor, and passwords that somebody
// else has made.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import {
  hashPassword,
  newRecoveryCodes,
  newTemporaryPassword,
  newTotp,
  totpCode,
} from '../../src/oauth/index.ts';
import { decodeBase32, totpStep } from '../../src/oauth/totp.ts';
import {
  CALLBACK,
  ORDERS,
  PASSWORD,
  PageBrowser,
  startAuthServer,
  type TestAuthServer,
} from '../support/auth-server.ts';

interface Setup {
  readonly server: TestAuthServer;
  /** A browser at the login page, with the password given. */
  begin(password?: string): Promise<PageBrowser>;
}

async function setUp(t: TestContext, options: Parameters<typeof startAuthServer>[1] = {}): Promise<Setup> {
  const server = await startAuthServer(t, options);
  await server.addUser('ingrid', ['orders:read']);
  await server.addClient('shop', ['orders:read'], {
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
    consent: false,
  });
  return {
    server,
    begin: async (password = PASSWORD) => {
      const url = new URL(`${server.issuer}/authorize`);
      for (const [name, value] of Object.entries({
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid orders:read',
        resource: ORDERS,
        code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
        code_challenge_method: 'S256',
        state: client.randomState(),
      }))
        url.searchParams.set(name, value);
      const browser = new PageBrowser(server.issuer);
      await browser.go(url.href);
      await browser.submit('/login', { user: 'ingrid', password });
      return browser;
    },
  };
}

test('a recovery code stands in for a second factor once, and only there', async (t) => {
  const { server, begin } = await setUp(t);
  const { codes, kept } = newRecoveryCodes('ingrid', Date.now());
  await server.state.oauth.replaceRecovery('ingrid', kept);
  assert.equal(new Set(codes).size, 10);
  // Without a second factor there is nothing that a code could stand in for.
  await server.state.oauth.setCredential(newTotp('ingrid', 'phone', Date.now()));
  const browser = await begin();
  assert.match(browser.text, /One more step[\s\S]*Use a recovery code/);
  await browser.submit('/recovery', { code: 'aaaa-bbbb-cccc-dddd' });
  assert.equal(browser.status, 400);
  // A code does for a password as little as for an authenticator app.
  await browser.submit('/totp', { code: codes[0]! });
  assert.equal(browser.status, 400);
  const wrong = await begin(codes[0]!);
  assert.match(wrong.text, /do not go together/);

  // However it is typed.
  const typed = codes[0]!.toUpperCase().replaceAll('-', ' ');
  const two = await Promise.all(
    [browser, await begin()].map((each) => each.submit('/recovery', { code: typed })),
  );
  assert.equal(two.filter((back) => back?.includes('code=')).length, 1, 'of two at once one is first');
  const again = await begin();
  await again.submit('/recovery', { code: typed });
  assert.equal(again.status, 400);
  assert.match((await again.submit('/recovery', { code: codes[1]! })) ?? '', /code=/);
  const left = (await server.state.oauth.credentials('ingrid')).filter(({ kind }) => kind === 'recovery');
  assert.equal(left.length, 8);
  assert.ok(server.events.some(({ reason }) => reason === 'password and recovery code'));
  // Nothing of a code is in the database in the clear.
  const rows = await server.state.database.run(`SELECT * FROM user_credentials WHERE kind = 'recovery'`);
  for (const code of codes) assert.ok(!JSON.stringify(rows).includes(code));
});

test('guesses at recovery codes and at codes of an app are counted together', async (t) => {
  const { server, begin } = await setUp(t);
  await server.state.oauth.setCredential(newTotp('ingrid', 'phone', Date.now()));
  await server.state.oauth.replaceRecovery('ingrid', newRecoveryCodes('ingrid', Date.now()).kept);
  const browser = await begin();
  const statuses: number[] = [];
  for (let i = 0; i < 7; i++) {
    await browser.submit(i % 2 === 0 ? '/totp' : '/recovery', { code: i % 2 === 0 ? '000000' : 'aaaa-aaaa' });
    statuses.push(browser.status);
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429, 429]);
});

test('new codes are made on the account page, shown once, and end those of before', async (t) => {
  const { server, begin } = await setUp(t);
  const browser = await begin();
  await browser.go(`${server.issuer}/account`);
  assert.match(browser.text, /stand in for a second factor/);
  assert.ok(!browser.text.includes('/account/recovery'));
  const totp = newTotp('ingrid', 'phone', Date.now());
  await server.state.oauth.setCredential(totp);
  const { codes: old, kept } = newRecoveryCodes('ingrid', Date.now());
  await server.state.oauth.replaceRecovery('ingrid', kept);
  await browser.go(`${server.issuer}/account`);
  assert.match(browser.text, /You have <strong>10<\/strong> left/);
  await browser.submit('/account/recovery');
  const made = [...browser.text.matchAll(/<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})<\/code>/g)].map(
    ([, code]) => code!,
  );
  assert.equal(made.length, 10);
  await browser.go(`${server.issuer}/account`);
  assert.ok(!browser.text.includes(made[0]!));
  const next = await begin();
  await next.submit('/recovery', { code: old[0]! });
  assert.equal(next.status, 400);
  assert.match((await next.submit('/recovery', { code: made[0]! })) ?? '', /code=/);
});

test('a temporary password leads to one of one’s own, and ends unused after a week', async (t) => {
  let shift = 0;
  const clock = { epochMs: () => Date.now() + shift, monotonicMs: () => performance.now() + shift };
  const { server, begin } = await setUp(t, { clock: clock as never });
  const given = 'a password made for her';
  const own = 'only she knows this one';
  const cheap = { memoryKib: 64, passes: 1, lanes: 1 };
  const give = () =>
    server.state.oauth.setCredential(
      newTemporaryPassword(hashPassword(given, cheap), 'ingrid', clock.epochMs()),
    );
  await give();
  const browser = await begin(given);
  assert.match(browser.text, /Choose a password/);
  // There is no way around the page, and no session before it.
  assert.equal((await new PageBrowser(server.issuer).send(`${server.issuer}/account`)).status, 401);
  for (const [next, again, message] of [
    [own, 'another one than this', /not the same/],
    ['short', 'short', /at least 12/],
    [given, given, /you were given/],
  ] as const) {
    await browser.submit('/new-password', { next, again });
    assert.equal(browser.status, 400);
    assert.match(browser.text, message);
  }
  assert.match((await browser.submit('/new-password', { next: own, again: own })) ?? '', /code=/);
  assert.match((await begin(given)).text, /do not go together/);

  // A second factor comes first.
  await give();
  const totp = newTotp('ingrid', 'phone', Date.now());
  await server.state.oauth.setCredential(totp);
  const second = await begin(given);
  assert.match(second.text, /One more step/);
  const page = second.url.replace(/\/login$/, '');
  const csrf = /name="csrf" value="([^"]+)"/.exec(second.text)![1]!;
  await second.go(`${page}/new-password`, {
    method: 'POST',
    body: new URLSearchParams({ csrf, next: own, again: own }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: server.issuer },
  });
  assert.match(second.text, /One more step/);
  await second.submit('/totp', { code: totpCode(decodeBase32(totp.value)!, totpStep(Date.now())) });
  assert.match(second.text, /Choose a password/);

  await give();
  shift = 7 * 86_400_000 + 1;
  assert.match((await begin(given)).text, /do not go together/);
});
