// The pages in a real browser (Chromium): signing in and consent end to end, passkeys with a virtual authenticator, no
// breach of the Content-Security-Policy, no serious fault that axe-core finds, at the width of a desk and of a phone.
// SCREENSHOTS=<folder> keeps pictures of every page.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as client from 'openid-client';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import {
  DEVICE_CODE,
  defaultSettings,
  newRecoveryCodes,
  newTotp,
  registerClient,
  totpCode,
} from '../../src/oauth/index.ts';
import { decodeBase32, totpStep } from '../../src/oauth/totp.ts';
import { ORDERS, PASSWORD, startAuthServer, type TestAuthServer } from '../support/auth-server.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const skip =
  executablePath === undefined
    ? 'SKIPPED: no Chromium (apt-get install chromium); pages were not seen in a browser'
    : false;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const widths = [1440, 390] as const;

interface Setup {
  readonly server: TestAuthServer;
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of. */
  readonly complaints: string[];
  readonly callback: string;
  authorize(more?: Record<string, string>): Promise<string>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const app = createServer((request, response) => response.end(`back at the app ${request.url ?? ''}`));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const callback = `http://localhost:${(app.address() as AddressInfo).port}/callback`;
  const server = await startAuthServer(t);
  await server.addUser('ingrid', ['orders:read']);
  await server.registry.add('client', 'shop', ['orders:read'], 'The Shop', null);
  await registerClient(server.state.oauth, 'shop', {
    ...defaultSettings,
    redirectUris: [callback],
    postLogoutRedirectUris: [callback],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
  });
  await server.registry.add('client', 'tv', ['orders:read'], 'Television', null);
  await registerClient(server.state.oauth, 'tv', {
    ...defaultSettings,
    grantTypes: [DEVICE_CODE],
    authMethod: 'none',
  });
  const browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
  t.after(async () => {
    await browser.close();
    app.closeAllConnections();
    app.close();
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  // A machine that does much besides is slow, not wrong.
  page.setDefaultTimeout(120_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security|Refused to/i.test(message.text()))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return {
    server,
    context,
    page,
    complaints,
    callback,
    authorize: async (more = {}) => {
      const url = new URL(`${server.issuer}/authorize`);
      const parameters = {
        client_id: 'shop',
        response_type: 'code',
        redirect_uri: callback,
        scope: 'openid orders:read',
        resource: ORDERS,
        code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
        code_challenge_method: 'S256',
        state: client.randomState(),
        ...more,
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },
  };
}

/** Pictures at both widths, light and dark, nothing that has to be scrolled sideways, and no fault of weight. */
async function look(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  for (const scheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of widths) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      if (folder !== undefined) {
        mkdirSync(folder, { recursive: true });
        await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`), fullPage: true });
      }
      const overflow = Number(
        await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
      );
      assert.ok(overflow <= 0, `${name} at ${width}: ${overflow} pixels too wide`);
    }
    assert.deepEqual(await seriousFaults(page), [], `${name}, ${scheme}`);
  }
}

async function seriousFaults(page: Page): Promise<readonly unknown[]> {
  // Through the debugger, which the page's policy does not bind. The session stays: ending it ends virtual authenticators.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = (await session.send('Runtime.evaluate', {
    expression: `axe.run(document).then((found) => JSON.stringify(found.violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html) }))))`,
    awaitPromise: true,
  })) as { result: { value: string } };
  const found = JSON.parse(result.value) as { id: string; impact: string }[];
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
}

test('somebody signs in, with a password and a code, and allows what the application asks', {
  skip,
}, async (t) => {
  const { server, page, complaints, callback, authorize } = await setUp(t);
  await page.goto(await authorize());
  await look(page, 'login');
  await page.getByLabel('Name').fill('ingrid');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('do not go together').waitFor();
  await look(page, 'login-wrong');
  const totp = newTotp('ingrid', 'phone', Date.now());
  await server.state.oauth.setCredential(totp);
  const { codes, kept } = newRecoveryCodes('ingrid', Date.now());
  await server.state.oauth.replaceRecovery('ingrid', kept);
  await page.getByLabel('Name').fill('ingrid');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByText('One more step').waitFor();
  await page.getByText('Use a recovery code').click();
  await look(page, 'factor');
  assert.equal(codes.length, 10);
  await page.getByLabel('Code of your').fill(totpCode(decodeBase32(totp.value)!, totpStep(Date.now())));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Allow The Shop?' }).waitFor();
  await look(page, 'consent');
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByText('back at the app').waitFor();
  assert.ok(page.url().startsWith(`${callback}?code=`));

  await page.goto(`${server.issuer}/authorize?client_id=shop&redirect_uri=https://evil.example/`);
  await page.getByRole('heading', { name: 'can not be answered' }).waitFor();
  await look(page, 'error');
  await page.goto(`${server.issuer}/account`);
  await look(page, 'account');
  await page.getByRole('button', { name: 'Make new recovery codes' }).click();
  await page.getByText('Write these down').waitFor();
  await look(page, 'account-recovery');
  await page.getByRole('button', { name: 'Add an authenticator app' }).click();
  await look(page, 'account-totp');

  const tv = await server.discover('tv', client.None());
  const begun = await client.initiateDeviceAuthorization(tv, {
    scope: 'openid orders:read',
    resource: ORDERS,
  });
  await page.goto(begun.verification_uri);
  await look(page, 'device');
  // The link of a device leads through a form that sends itself, by a script from a file.
  await page.goto(begun.verification_uri_complete!);
  await page.getByRole('heading', { name: 'Is this your device?' }).waitFor();
  await look(page, 'device-confirm');
  await page.getByRole('button', { name: 'No, refuse it' }).click();
  await page.getByText('was refused').waitFor();

  await page.goto(
    `${server.issuer}/logout?client_id=shop&post_logout_redirect_uri=${encodeURIComponent(callback)}`,
  );
  await page.getByRole('heading', { name: 'Sign out?' }).waitFor();
  await look(page, 'logout');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('back at the app').waitFor();
  assert.deepEqual(complaints, []);
});

test('a passkey is added and signs in by itself; whoever takes one away needs another way', {
  skip,
}, async (t) => {
  const { server, page, context, complaints, authorize } = await setUp(t);
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(await authorize());
  await page.getByLabel('Name').fill('ingrid');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByText('back at the app').waitFor();
  await page.goto(`${server.issuer}/account`);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('Passkey This device').waitFor();
  await look(page, 'account-passkey');

  await context.clearCookies();
  await page.goto(await authorize({ prompt: 'login' }));
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByText('back at the app').waitFor();
  // It is a second factor as well: the password alone leads to one more step.
  await context.clearCookies();
  await page.goto(await authorize());
  await page.getByLabel('Name').fill('ingrid');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Use your passkey' }).click();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByText('back at the app').waitFor();
  const kept = await server.state.oauth.credentials('ingrid');
  assert.ok(kept.find(({ kind }) => kind === 'passkey')!.counter > 0);
  assert.ok(server.events.some(({ action, reason }) => action === 'login' && reason === 'passkey'));
  assert.deepEqual(complaints, []);
});
