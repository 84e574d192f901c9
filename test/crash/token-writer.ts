// An authorization server with somebody who signs in, refreshes and takes back as fast as it goes, and says what was
// acknowledged, until it is killed. Opening the state is part of it, so that a kill may come during the migration. Its job is the state.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import type { StateConfig } from '../../src/config/index.ts';
import { type Clock, systemClock } from '../../src/core/index.ts';
import { createRevocationTable } from '../../src/credentials/index.ts';
import { IdentityError, IdentityRegistry } from '../../src/identity/index.ts';
import { PUBLISH_AHEAD_MS } from '../../src/identity/signing/signing-keys.ts';
import {
  defaultSettings,
  hashPassword,
  leaveOutLibraryNotices,
  newPassword,
  registerClient,
} from '../../src/oauth/index.ts';
import { openState } from '../../src/stores/index.ts';
import { CALLBACK, ORDERS, PASSWORD, PageBrowser, testConfig } from '../support/auth-server.ts';
import { nextJob } from './writer-pool.ts';

leaveOutLibraryNotices();
const { AuthorizationServer } = await import('../../src/oauth/server.ts');
const config = await nextJob<StateConfig>();
const state = await openState(config);
process.stdout.write('open\n');
const registry = new IdentityRegistry(state.identity, systemClock);
const unlessThere = (error: unknown): void => {
  if (!(error instanceof IdentityError && error.code === 'exists')) throw error;
};
await registry.add('user', 'ingrid', ['orders:read'], '', null).catch(unlessThere);
await registry.add('client', 'shop', ['orders:read'], '', null).catch(unlessThere);
await state.oauth.setCredential(
  newPassword(hashPassword(PASSWORD, { memoryKib: 64, passes: 1, lanes: 1 }), 'ingrid', Date.now()),
);
await registerClient(state.oauth, 'shop', {
  ...defaultSettings,
  redirectUris: [CALLBACK],
  grantTypes: ['authorization_code', 'refresh_token'],
  authMethod: 'none',
  consent: false,
});
let answer = (_request: unknown, response: { end(): void }): void => response.end();
const http = createServer((request, response) => answer(request, response));
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
const issuer = `http://localhost:${(http.address() as AddressInfo).port}`;
let logins = 0;
let shiftMs = 0;
const clock: Clock = { epochMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() + shiftMs };
const keysOf = (jwks: string): string[] =>
  (JSON.parse(jwks) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
const server = new AuthorizationServer({
  config: testConfig(issuer),
  identity: state.identity,
  store: state.oauth,
  revocations: createRevocationTable(1024),
  clock,
  onRevoked: () => Promise.resolve(),
  onKeys: () => {},
  onEvent: () => {},
  onProblem: (problem) => void process.stderr.write(`${problem}\n`),
});
await server.start();
// Addresses differ, so that a storm of logins is not what this is about.
answer = (request, response) => {
  void server.handle(request as never, response as never, `2001:db8:${(logins % 60000).toString(16)}::1`);
};
const program = await client.discovery(new URL(issuer), 'shop', undefined, client.None(), {
  execute: [client.allowInsecureRequests],
});
for (; ; logins++) {
  const verifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(program, {
    redirect_uri: CALLBACK,
    scope: 'openid orders:read',
    resource: ORDERS,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: expectedState,
  });
  const back = new URL(await new PageBrowser(issuer).through(url.href, 'ingrid'));
  const first = await client.authorizationCodeGrant(program, back, {
    pkceCodeVerifier: verifier,
    expectedState,
  });
  process.stdout.write(`issued ${first.refresh_token!}\n`);
  const second = await client.refreshTokenGrant(program, first.refresh_token!);
  process.stdout.write(`rotated ${first.refresh_token!} ${second.refresh_token!}\n`);
  // The server's keys as well: each is published before it signs, so the clock goes on between two.
  shiftMs += PUBLISH_AHEAD_MS + 1000;
  await server.rotate(true);
  process.stdout.write(`keys ${keysOf(server.jwks()).join(' ')}\n`);
  if (logins % 3 !== 0) continue;
  await client.tokenRevocation(program, second.refresh_token!);
  process.stdout.write(`revoked ${second.refresh_token!}\n`);
}
