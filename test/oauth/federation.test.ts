// Signing in by another OpenID provider: one such server of ours trusts a second one.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import {
  CALLBACK,
  ORDERS,
  PageBrowser,
  startAuthServer,
  type TestAuthServer,
} from '../support/auth-server.ts';
import { Authority, type Issued, needsOpenssl } from '../support/authority.ts';
import { fetchOverTls } from '../support/fetch-over-tls.ts';

interface Pair {
  readonly corp: TestAuthServer;
  readonly ours: TestAuthServer;
  start(): Promise<{ browser: PageBrowser; away: string }>;
}

interface PairOptions {
  /** Certificate of the provider, which then is served over TLS. */
  readonly tls?: Issued;
  /** PEM file of the authorities that are trusted for it. */
  readonly ca?: string;
}

async function pair(
  t: TestContext,
  users: 'linked' | 'create',
  { tls, ca = '' }: PairOptions = {},
): Promise<Pair> {
  const corp = await startAuthServer(
    t,
    tls === undefined ? {} : { tls: { cert: tls.certificate, key: tls.key } },
  );
  await corp.addUser('i.hansen', []);
  let secret = '';
  const ours = await startAuthServer(t, {
    config: (issuer) => ({
      federation: ['corp', 'other'].map((name) => ({
        name,
        label: `The ${name}`,
        issuer: corp.issuer,
        clientId: 'gate',
        get clientSecret() {
          return secret;
        },
        scopes: ['openid'],
        users,
        userScopes: ['orders:read'],
        ca,
        mayBePrivate: false,
      })),
      title: `Ours ${issuer.length}`,
    }),
  });
  secret = await corp.addClient('gate', [], {
    redirectUris: [`${ours.issuer}/federated/corp`, `${ours.issuer}/federated/other`],
    grantTypes: ['authorization_code'],
    consent: false,
  });
  await ours.addClient('shop', ['orders:read'], {
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
  });
  return {
    corp,
    ours,
    start: async () => {
      const url = new URL(`${ours.issuer}/authorize`);
      for (const [name, value] of Object.entries({
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid orders:read',
        resource: ORDERS,
        state: 's',
        code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
        code_challenge_method: 'S256',
      }))
        url.searchParams.set(name, value);
      const browser = new PageBrowser(ours.issuer);
      await browser.go(url.href);
      const link = /href="([^"]*\/federated\/corp)"/.exec(browser.text)![1]!;
      const away = await browser.go(link);
      assert.ok(away!.startsWith(`${corp.issuer}/authorize`));
      for (const name of ['state', 'nonce', 'code_challenge'])
        assert.ok(new URL(away!).searchParams.has(name));
      return { browser, away: away! };
    },
  };
}

test('whoever the provider vouches for becomes a user, once', async (t) => {
  const { corp, ours, start } = await pair(t, 'create');
  for (let i = 0; i < 2; i++) {
    const { browser, away } = await start();
    const back = await new PageBrowser(corp.issuer).through(away, 'i.hansen');
    assert.equal(await browser.go(back), null);
    assert.match(browser.text, /signed in as <strong>corp:i\.hansen<\/strong>/);
    const done = await browser.submit('/consent');
    assert.match(done!, /code=/);
  }
  assert.equal((await ours.registry.principals('user')).length, 1);
});

test('only people who are linked come in, if so configured', async (t) => {
  const { corp, ours, start } = await pair(t, 'linked');
  await ours.addUser('ingrid', ['orders:read']);
  const first = await start();
  await first.browser.go(await new PageBrowser(corp.issuer).through(first.away, 'i.hansen'));
  assert.equal(first.browser.status, 403);
  assert.match(first.browser.text, /nobody here is linked/);
  await ours.state.oauth.link('corp', 'i.hansen', 'ingrid', 1, null);
  const second = await start();
  await second.browser.go(await new PageBrowser(corp.issuer).through(second.away, 'i.hansen'));
  assert.match(second.browser.text, /signed in as <strong>ingrid<\/strong>/);
});

test('an answer that was not asked for here, or of another provider, or twice, lets nobody in', async (t) => {
  const { corp, ours, start } = await pair(t, 'create');
  const { browser, away } = await start();
  const back = await new PageBrowser(corp.issuer).through(away, 'i.hansen');
  // Login CSRF: the attacker's answer in the victim's browser.
  const victim = new PageBrowser(ours.issuer);
  await victim.go(back);
  assert.equal(victim.status, 400);
  const other = await start();
  await other.browser.go(back);
  assert.equal(other.browser.status, 403);
  // Mix-up: the answer of one provider at the place of another; another issuer in the answer; another state.
  const mixed = await start();
  await mixed.browser.go(
    (await new PageBrowser(corp.issuer).through(mixed.away, 'i.hansen')).replace(
      '/federated/corp',
      '/federated/other',
    ),
  );
  assert.equal(mixed.browser.status, 403);
  for (const [name, value] of [
    ['iss', 'https://evil.example'],
    ['state', 'guess'],
  ] as const) {
    const changed = await start();
    const url = new URL(await new PageBrowser(corp.issuer).through(changed.away, 'i.hansen'));
    url.searchParams.set(name, value);
    await changed.browser.go(url.href);
    assert.equal(changed.browser.status, 403, name);
  }
  assert.equal(await browser.go(back), null);
  assert.match(browser.text, /Allow/);
  await browser.go(back);
  assert.equal(browser.status, 400);
});

test(
  'a provider over https is asked by the authority that is configured for it, and no other',
  needsOpenssl,
  async (t) => {
    const [trusted, other] = [new Authority('corp'), new Authority('other')];
    t.after(() => [trusted, other].map((authority) => authority.remove()));
    const good = trusted.issue({ name: 'corp', san: 'DNS:localhost', usage: 'serverAuth' });
    const { corp, start } = await pair(t, 'create', { tls: good, ca: trusted.certificateFile });
    const { browser, away } = await start();
    assert.match(away, /^https:/);
    const there = new PageBrowser(corp.issuer, fetchOverTls(trusted.certificate));
    const back = await there.through(away, 'i.hansen');
    // Over TLS cookies can be set by nobody else.
    for (const { line, value } of there.cookies.values()) {
      assert.match(value, /^__(?:Host|Secure)-gw-/);
      assert.match(line, /; ?secure/i);
    }
    assert.equal(await browser.go(back), null);
    assert.match(browser.text, /signed in as <strong>corp:i\.hansen<\/strong>/);

    // Of another authority, for another name, and with the authorities of the world alone.
    const elsewhere = trusted.issue({ name: 'corp', san: 'DNS:corp.example', usage: 'serverAuth' });
    for (const options of [
      {
        tls: other.issue({ name: 'corp', san: 'DNS:localhost', usage: 'serverAuth' }),
        ca: trusted.certificateFile,
      },
      { tls: elsewhere, ca: trusted.certificateFile },
      { tls: good },
    ]) {
      const bad = await pair(t, 'create', options);
      await assert.rejects(bad.start());
      assert.equal((await bad.ours.registry.principals('user')).length, 0);
    }
  },
);
