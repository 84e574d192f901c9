// The gate against an OpenID provider that others have written: discovery, login, logout, introspection, bound tokens.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { compileJwk, signJws } from '../../src/jose/index.ts';
import { freePort } from '../support/authority.ts';
import { startTestGate } from '../support/gate.ts';
import { FormBrowser, startOpenIdProvider } from '../support/openid-provider.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const contract = `openapi: 3.1.0
info: { title: Shop, version: '1' }
components: { securitySchemes: { oauth: { type: oauth2, flows: {} } } }
paths:
  /cart: { get: { operationId: showCart, security: [ { oauth: [ shop ] } ], responses: {} } }
`;
const SECRET = 'the secret of the gate, as the provider knows it';

async function setUp(t: TestContext) {
  const upstream = await startRawUpstream(t);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const provider = await startOpenIdProvider(t, {
    id: 'gate',
    secret: SECRET,
    redirectUri: `${origin}/.login/callback`,
    logoutUri: `${origin}/.login/backchannel-logout`,
  });
  await startTestGate(t, {
    config: `listeners: { public: { port: ${port}, host: 127.0.0.1 } }
upstreams: { shop: { targets: [ http://127.0.0.1:${upstream.port} ] } }
state: { sqlite: ./state.db }
identity:
  issuers:
    op:
      discover: '${provider.url}'
      algorithms: [ ES256 ]
      introspect: { client-id: gate, client-secret: "\${env:SECRET}" }
  logins:
    web: { issuer: op, client-id: gate, client-secret: "\${env:SECRET}", origin: '${origin}', scopes: [ openid, shop ] }
apis:
  shop:
    contract: ./openapi.yaml
    upstream: shop
    authenticate: [ { session: { login: web } }, { introspect: { issuer: op } } ]
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: none } }
`,
    contract,
    env: { SECRET },
  });
  return { origin, provider, upstream };
}

test('a person logs in at the provider, uses the API, and is logged out when the provider says so', async (t) => {
  const { origin, provider, upstream } = await setUp(t);
  const browser = new FormBrowser();
  const page = await browser.open(`${origin}/cart`, { login: 'ingrid', password: 'x' });
  assert.equal(page.status, 200, page.text);
  assert.equal(browser.location, `${origin}/cart`, 'back at the page');
  assert.equal(upstream.requests.length, 1);
  const cookie = browser.cookiesOf(origin);
  assert.match(cookie, /gatewright=/);
  const use = async (): Promise<number> => (await fetch(`${origin}/cart`, { headers: { cookie } })).status;
  assert.equal(await use(), 200);
  const out = await browser.open(`${provider.url}/session/end`, { logout: 'yes' });
  assert.ok(out.status < 400, out.text);
  await until(async () => (await use()) === 401, 'the provider to have ended the session here');
});

test('a program’s opaque token, and one that is bound to its key', async (t) => {
  const { origin, provider } = await setUp(t);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' }) as Record<string, unknown>;
  const proof = (method: string, url: string, more: Record<string, unknown> = {}): string => {
    const { d: _private, ...publicJwk } = jwk;
    const claims = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ...more };
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: publicJwk };
    return signJws(header, Buffer.from(JSON.stringify(claims)), compileJwk(jwk));
  };
  const tokenOf = async (headers: Record<string, string> = {}): Promise<string> => {
    const answer = await fetch(`${provider.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`program:${encodeURIComponent('the secret of the program')}`).toString('base64')}`,
        ...headers,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'shop' }),
    });
    const body = (await answer.json()) as Record<string, unknown>;
    assert.equal(answer.status, 200, JSON.stringify(body));
    return String(body['access_token']);
  };
  const use = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${origin}/cart`, { headers })).status;
  const plain = await tokenOf();
  assert.equal(await use({ authorization: `Bearer ${plain}` }), 200);
  assert.equal(await use({ authorization: `Bearer ${plain}x` }), 401);
  const bound = await tokenOf({ dpop: proof('POST', `${provider.url}/token`) });
  const ath = createHash('sha256').update(bound).digest('base64url');
  assert.equal(
    await use({ authorization: `DPoP ${bound}`, dpop: proof('GET', `${origin}/cart`, { ath }) }),
    200,
  );
  assert.equal(await use({ authorization: `Bearer ${bound}` }), 401);
});
