import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArtifactMac } from './artifact-mac.ts';
import { checkSettings, matchesSecret, TOKEN_EXCHANGE } from './clients.ts';
import { defaultSettings } from './contract.ts';
import { parseAddress } from './network.ts';
import { escapeHtml, html } from './pages/html.ts';
import { formTarget } from './pages/layout.ts';
import { decodeBase32, encodeBase32, matchTotp, totpCode, totpStep } from './totp.ts';
import { passwordProblem } from './user-credentials.ts';

test('TOTP: the vectors of RFC 6238 appendix B', () => {
  const key = Buffer.from('12345678901234567890');
  for (const [seconds, code] of [
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ] as const)
    assert.equal(totpCode(key, totpStep(seconds * 1000), 8), code);
});

test('TOTP: good for its step and the neighbours, never for one that was used', () => {
  const secret = encodeBase32(Buffer.from('12345678901234567890'));
  const nowMs = 1_111_111_111_000;
  const step = totpStep(nowMs);
  for (const [offset, good] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const code = totpCode(decodeBase32(secret)!, step + offset);
    assert.equal(matchTotp(secret, code, nowMs, 0), good ? step + offset : null);
    assert.equal(matchTotp(secret, code, nowMs, step + offset), null);
  }
  for (const code of ['', '12345', '1234567', 'abcdef', '١٢٣٤٥٦'])
    assert.equal(matchTotp(secret, code, nowMs, 0), null);
});

test('base32 comes back as it went', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      assert.deepEqual(new Uint8Array(decodeBase32(encodeBase32(bytes))!), bytes);
    }),
  );
  assert.equal(decodeBase32('1'), null);
});

test('addresses that one customer has count as one', () => {
  for (const [address, host, network] of [
    ['192.0.2.77', '192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:0DB8:1:2::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['::1', '0:0:0:0::/64', '0:0:0::/48'],
    ['', '', ''],
  ] as const)
    assert.deepEqual(parseAddress(address), { host, network });
});

test('templates escape what is put into them', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { text: made } = html`<a href="${text}">${text}</a>`;
      assert.equal((made.match(/[<>"]/g) ?? []).length, 6);
    }),
  );
  assert.equal(escapeHtml(`<&"'>`), '&lt;&amp;&quot;&#39;&gt;');
});

test('only origins and schemes get into a policy', () => {
  assert.equal(formTarget('https://app.example/callback?x=1'), 'https://app.example');
  assert.equal(formTarget('com.example.app:/callback'), 'com.example.app:');
  for (const uri of [undefined, 'x', "https://a;script-src'unsafe-inline'/", 'https://a b/']) {
    const target = formTarget(uri);
    assert.ok(target === null || !/[;' ]/.test(target));
  }
});

test('clients are not given what could be turned against people', () => {
  const code = { ...defaultSettings, grantTypes: ['authorization_code'] };
  for (const uri of [
    'http://app.example/cb',
    'https://app.example/cb#x',
    'https://u:p@app.example/cb',
    'https://*.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'myapp://cb',
    '/cb',
  ])
    assert.throws(() => checkSettings({ ...code, redirectUris: [uri] }), /./, uri);
  for (const uri of ['https://app.example/cb', 'http://127.0.0.1/cb', 'com.example.app:/cb'])
    checkSettings({ ...code, redirectUris: [uri] });
  for (const bad of [
    { grantTypes: ['password'] },
    { authMethod: 'none' as const },
    { grantTypes: [TOKEN_EXCHANGE] },
    { authMethod: 'private_key_jwt' as const },
    { authMethod: 'private_key_jwt' as const, jwksUri: 'http://keys.example/' },
  ])
    assert.throws(() => checkSettings({ ...defaultSettings, ...bad }), /./, JSON.stringify(bad));
  assert.equal(matchesSecret('', ''), false);
  assert.equal(matchesSecret('-', ''), false);
  assert.equal(matchesSecret('-', '-'), false);
});

test('passwords', () => {
  for (const bad of ['short', 'x'.repeat(20), 'x'.repeat(300), 'ingrid-ingrid-1'])
    assert.notEqual(passwordProblem('ingrid', bad), null, bad);
  assert.equal(passwordProblem('ingrid', 'correct horse battery'), null);
});

test('artifacts: what was closed for a row opens there, and no other text anywhere', () => {
  const keyOf = (fill: number): string => Buffer.alloc(32, fill).toString('base64url');
  const old = new ArtifactMac({ keys: [{ id: 'k1', key: keyOf(1) }], currentId: 'k1' });
  const now = new ArtifactMac({
    keys: [
      { id: 'k1', key: keyOf(1) },
      { id: 'k2', key: keyOf(2) },
    ],
    currentId: 'k2',
  });
  const artifact = { model: 'Grant', id: 'a'.repeat(64), payload: '' } as never as Parameters<
    ArtifactMac['close']
  >[0];
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.integer({ min: 1, max: 127 }), (payload, at, by) => {
      const { payload: text } = now.close({ ...artifact, payload });
      assert.equal(now.open('Grant', artifact.id, text), payload);
      assert.equal(now.open('Session', artifact.id, text), null);
      assert.equal(now.open('Grant', 'b'.repeat(64), text), null);
      assert.equal(old.open('Grant', artifact.id, text), null);
      assert.equal(now.open('Grant', artifact.id, payload), null);
      const place = at % text.length;
      const changed = `${text.slice(0, place)}${String.fromCharCode(text.charCodeAt(place) ^ by)}${text.slice(place + 1)}`;
      assert.equal(now.open('Grant', artifact.id, changed), null);
      assert.equal(now.open('Grant', artifact.id, old.close({ ...artifact, payload }).payload), payload);
    }),
  );
});
