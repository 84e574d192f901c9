// The console in a real browser (Chromium) on the demo with traffic: first sign-in, an attack as it appears, a request explained, a key
// issued and revoked, a rule tuned, an entry of the trail proved; every page in both themes and widths without a serious fault that
// axe-core finds, without a breach of its own policy, and without a request to anybody else. SCREENSHOTS=<folder> keeps pictures.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { chromium, type Page } from 'playwright-core';
import { runDemo } from '../../src/demo/index.ts';
import type { Incident } from '../../src/detect/index.ts';
import { openState } from '../../src/stores/index.ts';
import { buildConsole } from '../../tools/build-console.ts';
import { root } from '../support/command.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const skip =
  executablePath === undefined
    ? 'SKIPPED: no Chromium (apt-get install chromium); the console was not seen in a browser'
    : false;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PASSWORD = 'fjords are deep and cold';
const folder = process.env['SCREENSHOTS'];

const anIncident: Incident = {
  id: 'inc-browser',
  title: 'Somebody tries ids of others',
  status: 'open',
  priority: 'high',
  score: 64,
  openedMs: Date.now() - 60_000,
  updatedMs: Date.now(),
  entities: [{ kind: 'address', id: '198.51.100.7' }],
  alerts: [
    {
      detector: 'object-enumeration',
      atMs: Date.now() - 60_000,
      lastMs: Date.now(),
      count: 2,
      entity: { kind: 'address', id: '198.51.100.7' },
      p: 1e-8,
      reason: '40 accounts of others in a minute',
      evidence: { objects: 40 },
    },
  ],
  addresses: ['198.51.100.7'],
  consumers: ['fjordbank|mateus'],
  operations: ['bank getAccount'],
  attack: ['T1087'],
  owasp: ['API1:2023'],
  context: [],
  assignee: '',
  verdict: null,
  notes: [],
  actions: [],
};

async function picture(page: Page, name: string): Promise<void> {
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Nothing that has to be scrolled sideways, and no fault of weight. */
async function judge(page: Page, name: string, isDeep = true): Promise<string[]> {
  const overflow = Number(
    await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
  );
  const wide = overflow > 0 ? [`${name}: ${overflow} pixels too wide`] : [];
  if (!isDeep) return wide;
  const session = await page.context().newCDPSession(page);
  // Through the debugger, which the page's policy does not bind.
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = (await session.send('Runtime.evaluate', {
    expression: `axe.run(document).then((found) => JSON.stringify(found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => ({ id, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => html + failureSummary) }))))`,
    awaitPromise: true,
  })) as { result: { value: string } };
  await session.detach();
  const faults = (JSON.parse(result.value) as object[]).map((fault) => `${name}: ${JSON.stringify(fault)}`);
  return [...faults, ...wide];
}

test('the whole console is small', { skip }, async (t) => {
  await buildConsole(true);
  const assets = join(root, 'dist', 'console', 'assets');
  const sizes = readdirSync(assets).map((name) => gzipSync(readFileSync(join(assets, name))).length);
  const kib = Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024);
  t.diagnostic(`${kib} KiB with gzip, charts and all`);
  assert.ok(kib <= 500, `${kib} KiB`);
});

test('the console on the demo', { skip }, async (t) => {
  const demo = await runDemo({ port: 0, traffic: true, json: true, print: () => {} });
  t.after(() => demo.close());
  const origin = new URL(demo.consoleLink).origin;
  const browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
  t.after(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env['BROWSER_TIMEOUT'] ?? 60_000));
  const complaints: string[] = [];
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (?:400|401|404)/.test(message.text()))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      complaints.push(`a request to ${request.url()}`);
  });
  const open = async (path: string): Promise<void> => {
    await page.goto(`${origin}/#/${path}`);
  };
  const heading = (name: string) => page.getByRole('heading', { name, exact: true, level: 1 });

  await t.test('the first sign-in, by the link that the demo prints', async () => {
    await page.goto(demo.consoleLink);
    await heading('Welcome, admin').waitFor();
    faults.push(...(await judge(page, 'enrol')));
    await picture(page, 'enrol');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('The same again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Set password and sign in' }).click();
    await heading('Now').waitFor();
    // Used up.
    await page.goto(demo.consoleLink);
    await page.getByText('This link was used before').waitFor();
    await open('now');
  });

  await t.test('an attack appears as it happens, and is explained guard by guard', async () => {
    await heading('Now').waitFor();
    await page.getByRole('radio', { name: 'Refused' }).click();
    const attack = page.getByRole('log').getByText('request-blocked').first();
    await attack.waitFor();
    await attack.click();
    await heading('One request').waitFor();
    await page.getByText('The request was not accepted.', { exact: true }).first().waitFor();
    await page
      .getByText(/^Rule 81\d+: /)
      .first()
      .waitFor();
    faults.push(...(await judge(page, 'explained request')));
    await picture(page, 'request');
  });

  await t.test('its address is banned, which all threads know at once, and admitted again', async () => {
    const banned = await page.getByRole('button', { name: /^Ban 203\.0\.113\.\d+$/ }).textContent();
    const address = banned!.replace('Ban ', '');
    const ask = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${demo.port}/health`, { headers: { 'x-forwarded-for': address } }))
        .status;
    assert.equal(await ask(), 200);
    await page.getByRole('button', { name: banned! }).click();
    await page.getByLabel('Reason').fill('tries injections');
    await page.getByRole('button', { name: 'Ban', exact: true }).click();
    await page.getByText(`${address}/32 is refused from now on.`).waitFor();
    assert.equal(await ask(), 403);
    await page.getByRole('link', { name: 'Bans' }).click();
    await page.getByRole('button', { name: `Lift the ban of ${address}/32` }).click();
    await page.getByText('Nobody is banned').waitFor();
    assert.equal(await ask(), 200);
  });

  await t.test('an incident is answered by hand, the answer is taken back, and it is closed', async () => {
    const state = await openState({ kind: 'sqlite', file: join(demo.folder, 'state.db'), sealKey: null });
    await state.incidents.put(anIncident);
    await state.close();
    await open('incidents');
    await page.getByRole('link', { name: anIncident.title }).click();
    await heading('Incident').waitFor();
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('acknowledged', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Ban 198.51.100.7' }).click();
    await page.getByRole('button', { name: 'Ban', exact: true }).click();
    await page.getByRole('button', { name: 'Undo ban address 198.51.100.7' }).click();
    await page.getByText('undone', { exact: true }).waitFor();
    faults.push(...(await judge(page, 'incident')));
    await page.getByRole('button', { name: 'Close…' }).click();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.getByText('true-positive', { exact: true }).waitFor();
  });

  await t.test('a key is issued, shown once, works, and is revoked', async () => {
    await open('keys');
    await page.getByRole('button', { name: 'Issue a key' }).click();
    await page.getByLabel('Owner').selectOption('harbour-office');
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    const key = (await page.getByTestId('secret').textContent())!;
    assert.match(key, /^gwk_harbour-office-[0-9a-f]{8}_/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    const ask = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${demo.port}/orders`, { headers: { 'x-api-key': key } })).status;
    assert.equal(await ask(), 200);
    const id = /^gwk_([^_]+)_/.exec(key)![1]!;
    await page.getByRole('button', { name: `Revoke ${id}` }).click();
    await page.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByRole('row').filter({ hasText: id }).getByText('revoked').waitFor();
    assert.equal(await ask(), 401);
  });

  await t.test('a rule is tuned in one step', async () => {
    await open('waf');
    await page
      .getByRole('button', { name: /^Apply the exclusion/ })
      .first()
      .click();
    await page.getByLabel('Why is it no attack?').fill('the test says so');
    await page.getByRole('button', { name: 'Apply and reload' }).click();
    await page.getByText(/leaves out .* from now on: generation 2/).waitFor();
    assert.match(readFileSync(join(demo.folder, 'gatewright.yaml'), 'utf8'), /reason: the test says so/);
  });

  await t.test('an entry of the trail is proved in the browser', async () => {
    await open('audit?action=admin');
    const row = page.getByRole('row').filter({ hasText: 'revokeKey' }).first();
    await row.waitFor();
    await row.dblclick();
    await page.getByText('The proof holds').waitFor();
    faults.push(...(await judge(page, 'proof')));
    await picture(page, 'audit-proof');
  });

  await t.test('text of strangers is shown as text, wherever it is logged', async () => {
    const script = '<script>window.pwned=1</script>';
    const image = '<img src=x onerror=window.pwned=1>';
    const agent = `${script}${image}\u202e`;
    const hostile = { 'user-agent': Buffer.from(agent).toString('latin1'), host: 'x' };
    const base = `http://127.0.0.1:${demo.port}`;
    await fetch(
      `${base}/${encodeURIComponent(image)}?${encodeURIComponent(script)}=${encodeURIComponent(image)}`,
      {
        headers: hostile,
      },
    );
    await fetch(`${base}/orders`, {
      method: 'POST',
      headers: {
        ...hostile,
        authorization: `Bearer ${demo.credentials.ingrid}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ sku: 'SAI-1042', quantity: 1, note: script }),
    });
    await page.evaluate(
      async ([id, note]) => {
        const post = (path: string, body: object) =>
          fetch(`api/v1/${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
        await post('identities', { id, kind: 'client', note, scopes: ['<b>x</b>'] });
        await post('keys', { owner: id });
        await post('sign-in/password', { user: `${id}2`, password: 'x' });
      },
      [image, `${script}\u202e`],
    );
    const check = async (path: string, text: string): Promise<void> => {
      await open(path);
      await page.getByText(text).first().waitFor();
      assert.equal(await page.evaluate('window.pwned'), undefined, path);
      assert.equal(await page.locator('img, main script, iframe, object, embed').count(), 0, path);
    };
    await check('requests?text=onerror', 'onerror');
    await page.getByRole('row').first().dblclick();
    await heading('One request').waitFor();
    await page.getByText(script).first().waitFor();
    // What can not be seen is written out.
    await page.getByText('\\u0080').first().waitFor();
    await check('requests?code=request-blocked&text=pwned', 'orders');
    await page.getByRole('row').first().dblclick();
    await page
      .getByText(/^Rule 81\d+: .*<script>/)
      .first()
      .waitFor();
    await check('apis', 'onerror');
    await check('identities', image);
    await check('identities', '<b>x</b>');
    await check('identities', '\\u202e');
    await check('keys', image);
    await check('policies', image);
    await check('waf', 'createOrder');
    await check('audit?action=admin', image);
    await check(`keys?owner=${encodeURIComponent(image)}`, image);
    await check(`requests/${encodeURIComponent(image)}`, image);
  });

  await t.test('the palette goes anywhere by keys alone', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox', { name: 'Search or go to' }).fill('polic');
    await page.getByRole('menuitem', { name: 'Policies' }).waitFor();
    await page.keyboard.press('Enter');
    await heading('Policies').waitFor();
  });

  await t.test('every page, light and dark, on a desk and on a phone', async () => {
    const pages = [
      ['now', 'Now'],
      ['requests', 'Requests'],
      ['incidents', 'Incidents'],
      ['apis', 'APIs'],
      ['apis/bank', 'Fjordbank payments'],
      ['identities', 'Identities'],
      ['keys', 'Keys'],
      ['policies', 'Policies'],
      ['waf', 'WAF'],
      ['limits', 'Limits'],
      ['audit', 'Audit'],
      ['settings', 'Settings'],
      ['settings/members', 'Settings'],
      ['settings/account', 'Settings'],
    ] as const;
    for (const theme of ['light', 'dark'] as const) {
      await page.evaluate(`localStorage.setItem('gatewright-theme', '${theme}')`);
      for (const width of [1440, 390] as const) {
        // Light on a desk and dark on a phone are judged; the other two are for pictures.
        const isJudged = (theme === 'light') === (width === 1440);
        if (!isJudged && folder === undefined) continue;
        await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
        await page.reload();
        for (const [path, title] of pages) {
          await open(path);
          await heading(title).waitFor();
          await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' });
          // On a phone the layouts differ in these; colours do in none.
          const isDeep = isJudged && (width === 1440 || ['now', 'keys'].includes(path));
          faults.push(...(await judge(page, `${path} ${theme} ${width}`, isDeep)));
          await picture(page, `${path.replace('/', '-')}-${theme}-${width}`);
        }
      }
    }
  });

  await t.test('nothing was complained of', () => {
    assert.deepEqual(complaints, []);
    assert.deepEqual(faults, []);
  });
});
