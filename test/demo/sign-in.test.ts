// What the demo shows of identity: somebody signs in to an application in a browser with a password that is good once, and a
// service gets a certificate of its own and uses it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { chromium } from 'playwright-core';
import { type RunningDemo, runDemo } from '../../src/demo/index.ts';
import { run } from '../support/command.ts';
import { fetchOverTls } from '../support/fetch-over-tls.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const folder = process.env['SCREENSHOTS'];

async function start(t: TestContext): Promise<RunningDemo> {
  const demo = await runDemo({ port: 0, traffic: false, json: true, print: () => {} });
  t.after(() => demo.close());
  return demo;
}

test('the demo: signing in with the printed password, and a service with an identity', async (t) => {
  const demo = await start(t);
  const issued = await run([
    ...['services', 'issue', 'reconciliation', '--config', join(demo.folder, 'gatewright.yaml')],
    ...['--out', join(demo.folder, 'reconciliation')],
  ]);
  assert.equal(issued.code, 0, issued.err);
  const of = (name: string): string => readFileSync(join(demo.folder, name), 'utf8');
  const svid = { certificate: of('reconciliation/svid.pem'), key: of('reconciliation/svid.key') };
  const ask = fetchOverTls(of('tls/ca.pem'), svid as never);
  const ledger = await ask(`https://localhost:${demo.internalPort}/ledger`);
  assert.equal(ledger.status, 200);
  await assert.rejects(fetchOverTls(of('tls/ca.pem'))(`https://localhost:${demo.internalPort}/ledger`));

  if (executablePath === undefined) return t.diagnostic('SKIPPED: no Chromium; nobody signed in');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  page.setDefaultTimeout(60_000);
  const picture = async (name: string): Promise<void> => {
    if (folder !== undefined)
      await page.screenshot({ path: join(folder, `demo-${name}.png`), fullPage: true });
  };
  await page.goto(demo.app);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('Name').fill('ingrid');
  await page.getByLabel('Password').fill(demo.credentials.oneTimePassword);
  await picture('login');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
  await picture('choose');
  await page.getByLabel('New password').fill('fjords are deep and cold');
  await page.getByLabel('The same again').fill('fjords are deep and cold');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Allow Fjordbank on the web?' }).waitFor();
  await picture('consent');
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByRole('heading', { name: 'Good day, ingrid' }).waitFor();
  await picture('app');
  assert.match(await page.locator('body').innerText(), /Savings[\s\S]*18200\.00 EUR/);
  await page.getByRole('link', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('See your accounts.').waitFor();
});
