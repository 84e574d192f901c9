// Signing in at the control plane over the wire: one-time links, sessions, second factors, guessing, and pages of others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTotp, totpCode } from '../../src/oauth/index.ts';
import { decodeBase32, totpStep } from '../../src/oauth/totp.ts';
import { type AdminGate, startAdminGate } from '../support/admin-gate.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'correct horse battery staple';

/** A browser as far as this is concerned: it keeps cookies and says where a request comes from. */
class Browser {
  readonly cookies = new Map<string, string>();
  readonly #admin: AdminGate;
  readonly #fields: Readonly<Record<string, string>>;

  constructor(
    admin: AdminGate,
    fields: Readonly<Record<string, string>> = { 'sec-fetch-site': 'same-origin', origin: admin.origin },
  ) {
    this.#admin = admin;
    this.#fields = fields;
  }

  async call(method: string, path: string, body?: unknown) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.#admin.call(method, path, {
      body,
      headers: { ...this.#fields, ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of answer.headers.getSetCookie()) {
      assert.match(line, /; HttpOnly; SameSite=Strict$/);
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value === '') this.cookies.delete(name!);
      else this.cookies.set(name!, value!);
    }
    return answer;
  }
}

test('signing in to the control plane', async (t) => {
  const admin = await startAdminGate(t);
  const link = await admin.gate.gate.console!.firstLink();
  const token = /^http:\/\/localhost:\d+\/#\/enrol\/([A-Za-z0-9_-]{43})$/.exec(link!)![1]!;
  const browser = new Browser(admin);

  await t.test('the first link is for one administrator, once, with a password worth the name', async () => {
    assert.equal((await browser.call('POST', '/sign-in/invitation', { token })).json.role, 'administrator');
    const weak = await browser.call('POST', '/sign-in/enrol', { token, password: 'admin' });
    assert.equal(weak.status, 400);
    assert.match(weak.json.detail, /at least 12/);
    const both = await Promise.all(
      [1, 2].map(() => new Browser(admin).call('POST', '/sign-in/enrol', { token, password: PASSWORD })),
    );
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 404]);
    assert.equal((await browser.call('POST', '/sign-in/enrol', { token, password: PASSWORD })).status, 404);
    assert.equal(await admin.gate.gate.console!.firstLink(), null);
  });

  await t.test('a session is new with each sign-in, and ends here for all who hold it', async () => {
    browser.cookies.set('gatewright-console', 'A'.repeat(43));
    const done = await browser.call('POST', '/sign-in/password', { user: 'admin', password: PASSWORD });
    assert.deepEqual(done.json, { next: 'done', factors: [] });
    const secret = browser.cookies.get('gatewright-console')!;
    assert.notEqual(secret, 'A'.repeat(43));
    const session = await browser.call('GET', '/session');
    assert.deepEqual(session.json.roles, ['administrator']);
    const thief = new Browser(admin);
    thief.cookies.set('gatewright-console', secret);
    assert.equal((await thief.call('GET', '/status')).status, 200);
    assert.equal((await browser.call('DELETE', '/session')).status, 204);
    assert.equal((await thief.call('GET', '/status')).status, 401);
  });

  await t.test('pages of others change nothing, and can not frame this one', async () => {
    await browser.call('POST', '/sign-in/password', { user: 'admin', password: PASSWORD });
    const body = { id: 'planted', kind: 'client' };
    for (const fields of [
      {},
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site', origin: admin.origin },
      { origin: 'http://localhost:1' },
      { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
    ]) {
      const other = new Browser(admin, fields as Record<string, string>);
      for (const [name, value] of browser.cookies) other.cookies.set(name, value);
      assert.equal(
        (await other.call('POST', '/identities', body)).json.type,
        'urn:gatewright:problem:origin-denied',
      );
      const credentials = { user: 'admin', password: PASSWORD };
      assert.equal((await other.call('POST', '/sign-in/password', credentials)).status, 403);
    }
    const page = await fetch(`${admin.origin}/`);
    const policy = page.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
    assert.ok(!policy.includes('unsafe'));
    assert.equal(page.headers.get('x-frame-options'), 'DENY');
    assert.equal(page.headers.get('cross-origin-opener-policy'), 'same-origin');
  });

  await t.test('a second factor is asked for where there is one, and its code is good once', async () => {
    const invited = await browser.call('POST', '/members', { user: 'nora', role: 'responder' });
    const nora = new Browser(admin);
    const sent = invited.json.path.replace('/#/enrol/', '');
    await nora.call('POST', '/sign-in/enrol', { token: sent, password: `${PASSWORD} 2` });
    const factor = newTotp('nora', '', Date.now());
    await admin.state.oauth.setCredential(factor);
    const code = totpCode(decodeBase32(factor.value)!, totpStep(Date.now()));
    const again = new Browser(admin);
    const first = await again.call('POST', '/sign-in/password', { user: 'nora', password: `${PASSWORD} 2` });
    assert.deepEqual(first.json, { next: 'second-factor', factors: ['totp'] });
    assert.equal((await again.call('GET', '/status')).status, 401);
    const wrong = code === '123456' ? '654321' : '123456';
    assert.equal((await again.call('POST', '/sign-in/code', { code: wrong })).status, 401);
    assert.equal((await again.call('POST', '/sign-in/code', { code })).status, 200);
    assert.deepEqual((await again.call('GET', '/session')).json.roles, ['responder']);
    const replay = new Browser(admin);
    await replay.call('POST', '/sign-in/password', { user: 'nora', password: `${PASSWORD} 2` });
    assert.equal((await replay.call('POST', '/sign-in/code', { code })).status, 401);

    // What administrators change holds at once, also for those who are in.
    const changed = await browser.call('PATCH', '/members/nora', { role: 'viewer' });
    assert.deepEqual(changed.json.roles, ['viewer']);
    assert.equal((await again.call('GET', '/keys')).status, 403);
    await browser.call('PATCH', '/members/nora', { disabled: true });
    assert.equal((await again.call('GET', '/status')).status, 401);
    assert.equal((await browser.call('PATCH', '/members/admin', { role: 'viewer' })).status, 409);
    assert.equal((await browser.call('PATCH', '/identities/admin', { disabled: true })).status, 428);
  });

  await t.test('a link for somebody who has lost the password ends their sessions', async () => {
    const second = await browser.call('POST', '/members', { user: 'olav', role: 'administrator' });
    const olav = new Browser(admin);
    await olav.call('POST', '/sign-in/enrol', {
      token: second.json.path.slice(9),
      password: `${PASSWORD} 3`,
    });
    const back = await olav.call('POST', '/members', { user: 'admin', role: 'administrator' });
    const recovered = new Browser(admin);
    const done = await recovered.call('POST', '/sign-in/enrol', {
      token: back.json.path.slice(9),
      password: `${PASSWORD} 4`,
    });
    assert.equal(done.status, 200);
    assert.equal((await browser.call('GET', '/status')).status, 401);
    assert.equal(
      (await browser.call('POST', '/sign-in/password', { user: 'admin', password: PASSWORD })).status,
      401,
    );
  });

  await t.test('who guesses waits, who has no role stays out, and all of it is in the trail', async () => {
    await admin.registry.add('user', 'mallory', ['things:read'], '', null);
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++)
      statuses.push(
        (
          await new Browser(admin).call('POST', '/sign-in/password', {
            user: 'olav',
            password: `guess number ${i}`,
          })
        ).status,
      );
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const found = await until(async () => {
      const page = await admin.call('GET', '/audit?action=admin.sign-in&outcome=failure&who=olav', {
        as: 'auditor',
      });
      return page.json.items.length > 0 ? page : undefined;
    }, 'failures in the trail');
    assert.equal(found.json.items[0].reason, 'wrong name or password');
    assert.ok(!found.text.includes('guess number'));
  });
});
