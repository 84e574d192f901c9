// Step-up over the wire (RFC 9470): the gate's challenge, taken as it stands to the gate's own authorization server by a client
// that others have written, gives a token that passes; and what can not be had is said, not pretended.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import {
  defaultSettings,
  hashPassword,
  newPassword,
  newTotp,
  registerClient,
  totpCode,
} from '../../src/oauth/index.ts';
import { decodeBase32, totpStep } from '../../src/oauth/totp.ts';
import { openState } from '../../src/stores/index.ts';
import { CALLBACK, PASSWORD, PageBrowser } from '../support/auth-server.ts';
import { freePort } from '../support/authority.ts';
import { openContract, startTestGate } from '../support/gate.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const THINGS = 'https://things.example';
const MULTI = 'urn:gatewright:acr:multi-factor';

const policy = `
@id("all") permit (principal, action, resource);
@id("two-factors") @step_up("${MULTI}")
forbid (principal, action == Action::"deleteThing", resource)
unless { context.authentication has acr && context.authentication.acr == "${MULTI}" };
@id("fresh") @max_age("0")
forbid (principal, action == Action::"getThing", resource)
unless { context.authentication has age && context.authentication.age <= duration("60s") && principal.claims has fresh };
@id("fresh-enough") @max_age("600")
forbid (principal, action == Action::"listThings", resource)
unless { context.authentication has age && context.authentication.age <= duration("10m") };
`;

async function setUp(t: TestContext) {
  const upstream = await startRawUpstream(t);
  const port = await freePort();
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: ${port}, host: 127.0.0.1 } }
state: { sqlite: ./state.db }
upstreams: { things: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  claims: { fresh: string }
  authorization-server:
    issuer: http://localhost:${port}/login
    title: Example
    resources: [ { uri: ${THINGS}, scopes: [ 'things:read' ] } ]
apis:
  login: { service: authorization-server, base: /login, limits: [] }
  things:
    contract: ./openapi.yaml
    upstream: things
    base: /api
    strip-base: true
    limits: []
    validate: false
    authenticate: [ { jwt: { issuer: authorization-server, audience: ${THINGS} } } ]
    authorize: { policy: ./things.cedar }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract: openContract,
    files: { 'things.cedar': policy },
  });
  const state = await openState({ kind: 'sqlite', file: join(gate.folder, 'state.db'), sealKey: null });
  t.after(() => state.close());
  const registry = new IdentityRegistry(state.identity, systemClock);
  for (const user of ['ingrid', 'tom']) {
    await registry.add('user', user, ['things:read'], '', null);
    const hashed = hashPassword(PASSWORD, { memoryKib: 64, passes: 1, lanes: 1 });
    await state.oauth.setCredential(newPassword(hashed, user, Date.now()));
  }
  const totp = newTotp('ingrid', 'phone', Date.now());
  await state.oauth.setCredential(totp);
  await registry.add('client', 'shop', ['things:read'], 'The Shop', null);
  await registerClient(state.oauth, 'shop', {
    ...defaultSettings,
    redirectUris: [CALLBACK],
    grantTypes: ['authorization_code', 'refresh_token'],
    authMethod: 'none',
    consent: false,
  });
  const issuer = `http://localhost:${port}/login`;
  const config = await client.discovery(new URL(issuer), 'shop', undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  let used = 0;
  /** A code of the authenticator that was not used before. */
  const code = (): string => totpCode(decodeBase32(totp.value)!, totpStep(Date.now()) + used++ - 1);
  /** Goes to the server with what the challenge says; the tokens, or the error that the application gets. */
  const signIn = async (
    browser: PageBrowser,
    user: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<client.TokenEndpointResponse | string> => {
    const verifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid offline_access things:read',
      resource: THINGS,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: expectedState,
      ...parameters,
    });
    let back = await browser.go(url.href);
    for (let step = 0; back === null && step < 5; step++) {
      if (browser.text.includes('name="password"'))
        back = await browser.submit('/login', { user, password: PASSWORD });
      else if (browser.text.includes('name="code"')) back = await browser.submit('/totp', { code: code() });
      else throw new Error(browser.text);
    }
    const error = new URL(back!).searchParams.get('error');
    if (error !== null) return error;
    return client.authorizationCodeGrant(config, new URL(back!), {
      pkceCodeVerifier: verifier,
      expectedState,
    });
  };
  const ask = (method: string, path: string, token: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/api${path}`, { method, headers: { authorization: `Bearer ${token}` } });
  return { signIn, ask, config, issuer };
}

/** Parameters of a challenge, as RFC 9470 section 3 names them. */
const challengeOf = (answer: Response): Record<string, string> => {
  const text = answer.headers.get('www-authenticate') ?? '';
  assert.match(text, /^Bearer error="insufficient_user_authentication"/);
  return Object.fromEntries(
    [...text.matchAll(/(acr_values|max_age)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
  );
};

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;

test('a challenge of the gate is met at its own authorization server, and the token says how', async (t) => {
  const { signIn, ask, config, issuer } = await setUp(t);
  assert.deepEqual(config.serverMetadata()['acr_values_supported'], [
    'urn:gatewright:acr:single-factor',
    MULTI,
  ]);
  // Tom has a password alone.
  const tom = new PageBrowser(issuer);
  const weak = (await signIn(tom, 'tom', {})) as client.TokenEndpointResponse;
  assert.equal(claimsOf(weak.access_token)['acr'], 'urn:gatewright:acr:single-factor');
  assert.equal((await ask('GET', '/things', weak.access_token)).status, 200);
  const refused = await ask('DELETE', '/things/t1', weak.access_token);
  assert.equal(refused.status, 401);
  const wanted = challengeOf(refused);
  assert.deepEqual(wanted, { acr_values: MULTI });
  assert.equal(await signIn(tom, 'tom', wanted), 'unmet_authentication_requirements');
  assert.equal(await signIn(tom, 'tom', { acr_values: 'urn:other' }), 'unmet_authentication_requirements');

  // Ingrid has a second factor: her session has it already, or she is asked for it.
  const ingrid = new PageBrowser(issuer);
  const strong = (await signIn(ingrid, 'ingrid', wanted)) as client.TokenEndpointResponse;
  const claims = claimsOf(strong.access_token);
  assert.deepEqual([claims['acr'], claims['amr']], [MULTI, ['pwd', 'otp', 'mfa']]);
  assert.equal((await ask('DELETE', '/things/t1', strong.access_token)).status, 200);
  // A refreshed token is as old as the login was.
  const refreshed = await client.refreshTokenGrant(config, strong.refresh_token!);
  const later = claimsOf(refreshed.access_token);
  assert.deepEqual([later['acr'], later['auth_time']], [MULTI, claims['auth_time']]);
});

test('max_age makes somebody sign in again, and a session that is fresh enough does not', async (t) => {
  const { signIn, ask, issuer } = await setUp(t);
  const browser = new PageBrowser(issuer);
  const first = (await signIn(browser, 'tom', {})) as client.TokenEndpointResponse;
  const refused = await ask('GET', '/things/t1', first.access_token);
  assert.equal(refused.status, 401);
  assert.deepEqual(challengeOf(refused), { max_age: '0' });
  const authTime = (tokens: client.TokenEndpointResponse): number =>
    Number(claimsOf(tokens.access_token)['auth_time']);
  const silent = (await signIn(browser, 'nobody', { max_age: '600' })) as client.TokenEndpointResponse;
  assert.equal(authTime(silent), authTime(first));
  // Another password is asked for: what does not come is refused.
  await assert.rejects(signIn(browser, 'nobody', { max_age: '0' }));
  const again = (await signIn(browser, 'tom', { max_age: '0' })) as client.TokenEndpointResponse;
  assert.ok(authTime(again) >= authTime(first));
});
