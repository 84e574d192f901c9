// The internal authority over a real state: what it issues is what SPIFFE and OpenSSL ask for, what may not be issued is
// not, and roots and issuing authorities rotate with and without the root's key.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { IdentityError } from '../../src/identity/index.ts';
import {
  compileJwtAuthorities,
  createJoinToken,
  createRoot,
  fingerprintOf,
  formatBundle,
  hashJoinToken,
  installIssuing,
  installRoot,
  parseBundle,
  readRootKey,
  requestIssuing,
  rotateIssuing,
  rotateIssuingIfDue,
  ServiceAuthority,
  sealRootKey,
  signRequest,
  verifyJwtSvid,
  writeRootKey,
} from '../../src/identity/services/index.ts';
import { parseCertificate } from '../../src/net/tls/index.ts';
import { needsOpenssl } from '../support/authority.ts';
import { authorityConfig, startTestAuthority } from '../support/service-ca.ts';
import { runTool } from '../support/tool.ts';

const DAY_MS = 86_400_000;
const refused = (code: string) => (error: unknown) => error instanceof IdentityError && error.code === code;

test('an X509-SVID is what the specification asks for, and openssl verifies it', needsOpenssl, async (t) => {
  const { authority, folder, state } = await startTestAuthority(t, ['shop/cart']);
  const svid = await authority.issueX509('shop/cart', 'command');
  const [leaf, issuing] = svid.chain
    .match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g)!
    .map((pem) => new X509Certificate(pem));
  const details = parseCertificate(leaf!.raw);
  assert.deepEqual(details.names.uris, ['spiffe://prod.example/shop/cart']);
  assert.deepEqual(details.names.dns, []);
  assert.equal(details.isCa, false);
  assert.equal(details.keyUsage?.digitalSignature, true);
  assert.equal(details.keyUsage?.signsCertificates, false);
  assert.ok(leaf!.checkPrivateKey(createPrivateKey(svid.key)));
  assert.deepEqual(parseCertificate(issuing!.raw).names.uris, ['spiffe://prod.example']);
  assert.ok(details.notAfterMs - details.notBeforeMs <= authorityConfig.x509LifeMs + 61_000);
  const [roots, chain, cert] = ['roots', 'chain', 'leaf'].map((name) => join(folder, `${name}.pem`));
  writeFileSync(roots!, authority.rootsPem);
  writeFileSync(chain!, issuing!.toString());
  writeFileSync(cert!, leaf!.toString());
  for (const purpose of ['sslclient', 'sslserver']) {
    const run = await runTool('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-CAfile',
      roots!,
      '-untrusted',
      chain!,
      cert!,
    ]);
    assert.match(run.out, /OK/, run.all);
  }
  const record = await state.services.svid(svid.serial);
  assert.equal(record?.fingerprint, svid.fingerprint);
  assert.deepEqual((await state.fsck()).problems, []);
});

test('only services that are there and enabled get SVIDs, under names that are ids', async (t) => {
  const { authority, registry, state } = await startTestAuthority(t, ['cart', 'odd name', '..', 'old']);
  await registry.add('client', 'app', [], '', null);
  await registry.disable('service', 'old', DAY_MS);
  await assert.rejects(authority.issueX509('app', 'command'), refused('unknown'));
  await assert.rejects(authority.issueX509('nobody', 'command'), refused('unknown'));
  await assert.rejects(authority.issueX509('old', 'command'), refused('revoked'));
  for (const name of ['odd name', '..']) {
    await assert.rejects(authority.issueX509(name, 'command'), refused('invalid'));
    assert.throws(() => authority.issueJwt(name, ['a']), refused('invalid'));
  }
  assert.deepEqual((await state.services.svids('', 0, true, 10)).length, 0);
});

test('a join token gives one SVID to one service, also when asked twice at once', async (t) => {
  const { authority, state } = await startTestAuthority(t, ['cart', 'orders']);
  const { token, record } = createJoinToken('cart', 60_000, Date.now());
  await state.services.addJoinToken(record);
  const sha256 = hashJoinToken(token)!;
  assert.equal(await state.services.tokenOwner(sha256, Date.now()), 'cart');
  const proof = { kind: 'token', sha256 } as const;
  await assert.rejects(authority.issueX509('orders', 'join-token', { proof }), refused('revoked'));
  const tries = await Promise.allSettled(
    [1, 2, 3].map(() => authority.issueX509('cart', 'join-token', { proof })),
  );
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal((await state.services.svids('cart', 0, true, 10)).length, 1);
  assert.equal(await state.services.tokenOwner(sha256, Date.now()), null);
  const late = createJoinToken('cart', 1, Date.now() - 10);
  await state.services.addJoinToken(late.record);
  assert.equal(await state.services.tokenOwner(late.record.sha256, Date.now()), null);
  for (const junk of ['', 'gwj_x', `${token} `, token.slice(1)]) assert.equal(hashJoinToken(junk), null);
  assert.deepEqual((await state.fsck()).problems, []);
});

test('the root key file opens with its passphrase only, and is bound to its certificate', async (t) => {
  const { root, folder } = await startTestAuthority(t, []);
  const file = join(folder, 'root.key');
  assert.throws(() => sealRootKey(root, 'short'), refused('invalid'));
  writeRootKey(file, sealRootKey(root, 'a long passphrase'));
  assert.throws(() => writeRootKey(file, 'other'), refused('exists'));
  assert.deepEqual(readRootKey(file, 'a long passphrase'), root);
  assert.throws(() => readRootKey(file, 'another passphrase'), refused('invalid'));
  const other = await createRoot('prod.example', Date.now());
  const moved = join(folder, 'moved.key');
  const text = JSON.parse(sealRootKey(root, 'a long passphrase')) as Record<string, unknown>;
  writeFileSync(moved, JSON.stringify({ ...text, certificate: other.certificate }));
  assert.throws(() => readRootKey(moved, 'a long passphrase'), refused('invalid'));
  writeFileSync(moved, '{"format":"gatewright-root-key-1"}');
  assert.throws(() => readRootKey(moved, 'a long passphrase'), refused('invalid'));
});

test('an issuing authority is requested here, signed where the root key is, and installed here', async (t) => {
  let nowMs = Date.now();
  const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs };
  const { state, root, authority } = await startTestAuthority(t, ['cart'], { clock });
  const before = authority.issuing!.id;
  const { id, request } = await requestIssuing(state.services, 'prod.example', clock);
  await authority.load();
  assert.equal(authority.issuing!.id, before, 'a request issues nothing');
  const stranger = await createRoot('prod.example', nowMs);
  const forged = await signRequest(stranger, request, nowMs);
  await assert.rejects(installIssuing(state.services, 'prod.example', forged, clock), refused('invalid'));
  await assert.rejects(
    installIssuing(state.services, 'prod.example', root.certificate, clock),
    refused('unknown'),
  );
  nowMs += 1000;
  const signed = await signRequest(root, request, nowMs);
  assert.equal(await installIssuing(state.services, 'prod.example', signed, clock), id);
  await authority.load();
  assert.equal(authority.issuing!.id, id);
  await assert.rejects(installIssuing(state.services, 'prod.example', signed, clock), refused('unknown'));
  assert.deepEqual((await state.fsck()).problems, []);
});

test('a new root is published before anything below it signs, and the old one until it ends', async (t) => {
  let nowMs = Date.now();
  const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs };
  const { state, authority } = await startTestAuthority(t, ['cart'], { clock });
  const [oldIssuing, sequence] = [authority.issuing!.id, authority.bundle.sequence];
  const next = await createRoot('prod.example', nowMs);
  await assert.rejects(
    installRoot(state.services, next, true, { keepRootKey: false }, clock),
    refused('exists'),
  );
  const made = await installRoot(state.services, next, false, { keepRootKey: false }, clock);
  assert.equal(await authority.load(), true);
  assert.equal(authority.bundle.x509Authorities.length, 2);
  assert.ok(authority.bundle.sequence > sequence);
  assert.equal(authority.issuing!.id, oldIssuing);
  nowMs = made.activeMs;
  assert.equal(authority.issuing!.id, made.issuing);
  const svid = await authority.issueX509('cart', 'command');
  const issuing = new X509Certificate(svid.chain.slice(svid.chain.indexOf('-----BEGIN', 10)));
  assert.ok(issuing.verify(new X509Certificate(next.certificate).publicKey));
});

test('with the root key in the state the issuing authority rotates by itself, once for all nodes', async (t) => {
  let nowMs = Date.now();
  const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs };
  const { state, authority } = await startTestAuthority(t, ['cart'], { clock, keepRootKey: true });
  assert.equal(await rotateIssuingIfDue(state.services, 'prod.example', clock), null);
  nowMs += 61 * DAY_MS;
  const made = await Promise.all(
    [1, 2, 3].map(() => rotateIssuingIfDue(state.services, 'prod.example', clock)),
  );
  assert.equal(made.filter((id) => id !== null).length, 1);
  await authority.load();
  assert.equal(
    authority.issuing!.id,
    made.find((id) => id !== null),
  );
});

test('without the root key nothing rotates by itself, and nothing lives longer than what signed it', async (t) => {
  let nowMs = Date.now();
  const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs };
  const { state, authority, root } = await startTestAuthority(t, ['cart'], { clock });
  nowMs += 90 * DAY_MS - 600_000;
  assert.equal(await rotateIssuingIfDue(state.services, 'prod.example', clock), null);
  const svid = await authority.issueX509('cart', 'command');
  assert.ok(svid.notAfterMs <= authority.issuing!.untilMs);
  nowMs += 601_000;
  assert.equal(authority.issuing, null);
  await assert.rejects(authority.issueX509('cart', 'command'), refused('unknown'));
  const foreign = await createRoot('prod.example', nowMs);
  await assert.rejects(rotateIssuing(state.services, foreign, clock), refused('unknown'));
  assert.notEqual(await rotateIssuing(state.services, root, clock), null);
  await authority.load();
  assert.equal((await authority.issueX509('cart', 'command')).service, 'cart');
});

test('an authority that was withdrawn issues nothing any more', async (t) => {
  const { state, authority } = await startTestAuthority(t, ['cart']);
  const { id, certificate, untilMs } = authority.issuing!;
  await state.services.revokeAuthority(id, fingerprintOf(certificate), Date.now(), untilMs);
  // One that has not looked since: the state is asked in the same transaction.
  await assert.rejects(authority.issueX509('cart', 'command'), refused('revoked'));
  await authority.load();
  assert.equal(authority.issuing, null);
});

test('JWT-SVIDs are good for their audience, time and trust domain only', async (t) => {
  const { authority } = await startTestAuthority(t, ['cart']);
  const { token, spiffeId } = authority.issueJwt('cart', ['orders', 'stock']);
  assert.equal(spiffeId, 'spiffe://prod.example/cart');
  const keys = compileJwtAuthorities(authority.bundle)!;
  const keysOf = (domain: string) => (domain === 'prod.example' ? keys : null);
  const nowMs = Date.now();
  const verified = verifyJwtSvid(token, 'orders', keysOf, nowMs);
  assert.ok(typeof verified !== 'string' && verified.spiffeId === spiffeId);
  assert.equal(verifyJwtSvid(token, 'billing', keysOf, nowMs), 'audience');
  assert.equal(verifyJwtSvid(token, 'orders', keysOf, nowMs + 400_000), 'expired');
  assert.equal(verifyJwtSvid(token, 'orders', keysOf, nowMs - 100_000), 'not-yet-valid');
  assert.equal(
    verifyJwtSvid(token, 'orders', () => null, nowMs),
    'trust-domain',
  );
  assert.equal(verifyJwtSvid(`${token.slice(0, -3)}AAA`, 'orders', keysOf, nowMs), 'signature');
  for (const bad of [[], [''], ['a\n']])
    assert.throws(() => authority.issueJwt('cart', bad), refused('invalid'));

  // Another domain's authority can not speak for this one, whatever its token says.
  const other = await startTestAuthority(t, ['cart'], { config: { trustDomain: 'other.example' } });
  const foreign = other.authority.issueJwt('cart', ['orders']).token;
  assert.equal(verifyJwtSvid(foreign, 'orders', keysOf, nowMs), 'trust-domain');
  const confused = (domain: string) => (domain === 'other.example' ? keys : null);
  assert.equal(verifyJwtSvid(foreign, 'orders', confused, nowMs), 'key');
});

test('the published bundle reads back, and is refused where it can not be trusted', async (t) => {
  const { authority } = await startTestAuthority(t, []);
  const text = formatBundle(authority.bundle);
  assert.deepEqual(parseBundle(text, 'prod.example'), authority.bundle);
  assert.throws(() => parseBundle(text, 'other.example'), /not of other\.example/);
  const document = JSON.parse(text) as { keys: Record<string, unknown>[] };
  assert.equal(
    document.keys.some((key) => 'd' in key),
    false,
    'no private part is published',
  );
  const withKeys = (keys: unknown) => JSON.stringify({ ...document, keys });
  const [x509Key, jwtKey] = document.keys as [Record<string, unknown>, Record<string, unknown>];
  assert.throws(() => parseBundle(withKeys([{ ...x509Key, x5c: [] }]), 'prod.example'), /x5c/);
  assert.throws(
    () => parseBundle(withKeys([{ ...x509Key, x5c: ['AAAA'] }]), 'prod.example'),
    /can not be read/,
  );
  assert.throws(() => parseBundle(withKeys([{ ...jwtKey, kid: undefined }]), 'prod.example'), /kid/);
  assert.throws(() => parseBundle(withKeys([jwtKey, jwtKey]), 'prod.example'), /two keys/);
  assert.throws(
    () => parseBundle(withKeys([{ kty: 'oct', k: 'AAAA', kid: 'x', use: 'jwt-svid' }]), 'prod.example'),
    /neither/,
  );
  assert.throws(() => parseBundle('{}', 'prod.example'), /"keys"/);
  assert.equal(
    parseBundle(withKeys([{ kty: 'EC', use: 'something-else' }]), 'prod.example').jwtAuthorities.length,
    0,
  );
});

test('a second authority on the same state sees the same bundle and sequence', async (t) => {
  const { state, authority } = await startTestAuthority(t, []);
  const clock = { epochMs: Date.now, monotonicMs: () => performance.now() };
  const second = new ServiceAuthority(state.services, state.identity, authorityConfig, clock);
  await second.load();
  assert.deepEqual(second.bundle, authority.bundle);
});
