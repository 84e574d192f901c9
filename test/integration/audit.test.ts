// The trail of a running gate: what it did, what operators did beside it, and whom it refused; verified by the command.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileTrail, TrailReader } from '../../src/audit/index.ts';
import { checkProofs } from '../../src/cli/audit/check.ts';
import {
  parseCheckpoint,
  parseNote,
  parseVerifier,
  verifierText,
  verifyInclusion,
} from '../../src/merkle/index.ts';
import { createCertificate } from '../support/certificate.ts';
import { root as repository, run, start } from '../support/command.ts';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const metricsOf = async (gate: TestGate): Promise<string> =>
  (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();

/** Entries of an action, as the checkpoint has them now. */
function entriesIn(folder: string, origin: string, secret: string | null, action: string) {
  try {
    return [...new TrailReader(folder, origin, secret).entries({ action })];
  } catch {
    // There is no checkpoint yet.
    return [];
  }
}

test('acts, operators and refusals are in the trail, and its commands read and verify it', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      extra:
        'audit: { folder: ./audit, origin: audit.example, seal: "${env:AUDIT_SEAL}" }\nstate: { sqlite: ./state.db }\n',
      api: '    addresses: { deny: [ 192.0.2.0/24 ] }\n',
      listener: ', trusted-proxies: [ 127.0.0.1 ]',
    }),
    env: { AUDIT_SEAL: 'a secret of at least thirty-two characters' },
  });
  const env = { ...process.env, AUDIT_SEAL: 'a secret of at least thirty-two characters' };
  const config = ['--config', join(gate.folder, 'gatewright.yaml')];
  const command = (...args: string[]) => run([...args, ...config], { env });
  for (let i = 0; i < 25; i++)
    assert.equal(
      (await exchange(gate.port, request('GET', '/things', { 'x-forwarded-for': '192.0.2.7' }))).status,
      403,
    );
  assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  assert.equal((await gate.gate.reload()).ok, true);
  const created = await command('clients', 'add', 'partner');
  assert.equal(created.code, 0, created.err);
  const entries = (action: string) =>
    entriesIn(join(gate.folder, 'audit'), 'audit.example', env.AUDIT_SEAL, action);
  await until(() => entries('state.change').length === 1, 'the operator in the trail');
  await until(() => entries('request').length === 20, 'the refusals in the trail');
  assert.match((await command('audit', 'search')).out, /clients add/);
  const checkpoint = await command('audit', 'checkpoint');
  writeFileSync(join(gate.folder, 'kept.txt'), checkpoint.out);
  const found = JSON.parse((await command('audit', 'search', '--who', '192.0.2.7', '--json')).out);
  assert.equal(found.entries[0].body.details.code, 'address-denied');
  assert.equal(found.entries[0].body.target.id, 'things/listThings');
  const line = (await gate.accessLines(1)).find((entry) => entry['code'] === 'address-denied');
  assert.ok(
    found.entries.some((entry: { body: { requestId: string } }) => entry.body.requestId === line!['id']),
  );
  const proof = JSON.parse((await command('audit', 'prove', '0')).out);
  assert.equal(JSON.parse(Buffer.from(proof.entry, 'base64').toString()).action, 'gate.start');
  const csv = await command('audit', 'export', '--format', 'csv');
  assert.match(csv.out, /^index,at,action/);
  const shredded = await command('audit', 'shred', '192.0.2.7', '--reason', 'asked to be forgotten');
  assert.match(shredded.out, /1 keys destroyed/);
  assert.match((await command('audit', 'search', '--action', 'request.refuse')).out, /\(shredded\)/);
  await gate.gate.close();
  const verified = await command('audit', 'verify', '--against', join(gate.folder, 'kept.txt'));
  assert.equal(verified.code, 0, verified.out + verified.err);
  const actions = [
    ...new TrailReader(join(gate.folder, 'audit'), 'audit.example', env.AUDIT_SEAL).entries(),
  ].map(({ action }) => action);
  assert.equal(actions[0], 'gate.start');
  assert.equal(actions.at(-1), 'gate.stop');
  for (const action of ['config.reload', 'state.change', 'request.refuse-more', 'audit.shred'] as const)
    assert.ok(actions.includes(action), action);
  // Somebody edits the trail.
  const bundle = join(gate.folder, 'audit/tile/entries', `000.p/${actions.length}`);
  const text = readFileSync(bundle, 'latin1');
  writeFileSync(bundle, text.replace('"outcome":"refused"', '"outcome":"success"'), 'latin1');
  const damaged = await command('audit', 'verify');
  assert.equal(damaged.code, 1);
  assert.match(damaged.out, /DAMAGED entry 1: the entry was changed/);
});

test('a gate that must keep a trail does not run without it', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port, extra: 'audit: { folder: ./audit }\n' });
  const gate = await startTestGate(t, { config });
  await assert.rejects(
    startTestGate(t, { config: config.replace('./audit', join(gate.folder, 'audit')) }),
    /another process writes the audit trail/,
  );
});

test('segments of the access log are in the trail by their hashes', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, extra: 'audit: { folder: ./audit }\n' }).replace(
      'to: { file: ./access.log }',
      'to: { segments: ./logs }',
    ),
  });
  await exchange(gate.port, request('GET', '/things'));
  await gate.gate.close();
  const again = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      extra: `audit: { folder: ${gate.folder}/audit }\n`,
    }).replace('to: { file: ./access.log }', `to: { segments: ${gate.folder}/logs }`),
  });
  await again.gate.close();
  const chain = readFileSync(join(gate.folder, 'logs/chain.jsonl'), 'utf8').trimEnd().split('\n');
  const told = [
    ...new TrailReader(join(gate.folder, 'audit'), 'gatewright', null).entries({ action: 'log' }),
  ];
  assert.ok(chain.length > 0);
  assert.deepEqual(
    told.map(({ body }) => body?.target?.id),
    chain.map((line) => createHash('sha256').update(line).digest('hex')),
  );
});

test('a witness of its own process cosigns what the gate writes; holds and shredding by command', async (t) => {
  const upstream = await startRawUpstream(t);
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const trailFolder = join(folder, 'audit');
  const first = FileTrail.open({ folder: trailFolder, origin: 'gatewright', secret: null, mldsa: true });
  const logKeys = first.signers.map(verifierText).join('\n');
  await first.close();
  writeFileSync(join(folder, 'keys.txt'), logKeys);
  const certificate = createCertificate();
  if (certificate === null) return t.skip('SKIPPED: openssl is not installed');
  writeFileSync(join(folder, 'w.pem'), certificate.certificate);
  writeFileSync(join(folder, 'w-key.pem'), certificate.key, { mode: 0o600 });
  const tls = ['--tls-cert', 'w.pem', '--tls-key', 'w-key.pem'];
  const named = ['--name', 'w.example/1', '--log', 'keys.txt', '--port', '0'];
  const witness = start(t, ['audit', 'witness', ...named, ...tls], { cwd: folder });
  const url = (await witness.says(/listens at (\S+)\. /))[1]!;
  const key = (await witness.says(/^w\.example\/1\+[0-9a-f]{8}\+B[A-P]\S+$/m))[0];
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      extra: `audit:
  folder: ${trailFolder}
  ml-dsa: true
  keep: { request: 90d, '*': 2555d }
  witness-every: 100ms
  witnesses: { w1: { url: '${url}', keys: [ '${key}' ], ca: '${folder}/w.pem' } }
`,
      api: '    addresses: { deny: [ 192.0.2.0/24 ] }\n',
      listener: ', trusted-proxies: [ 127.0.0.1 ]',
    }),
  });
  const config = ['--config', join(gate.folder, 'gatewright.yaml')];
  const command = (...args: string[]) => run([...args, ...config]);
  await exchange(gate.port, request('GET', '/things', { 'x-forwarded-for': '192.0.2.7' }));
  await until(
    async () => /gatewright_audit_cosigned_entries\{witness="w1"\} [1-9]/.test(await metricsOf(gate)),
    'the cosignature in the metrics',
  );
  await until(
    () => entriesIn(trailFolder, 'gatewright', null, 'request').length === 1,
    'the refusal in the trail',
  );
  const held = await command('audit', 'hold', 'case-1', '--who', '192.0.2.7', '--reason', 'a letter');
  assert.equal(held.code, 0, held.err);
  assert.match(
    (await command('audit', 'holds')).out,
    /case-1 {2}until it is released .*192\.0\.2\.7.*a letter/,
  );
  const refused = await command('audit', 'shred', '192.0.2.7', '--reason', 'asked to be forgotten');
  assert.equal(refused.code, 4);
  assert.match(refused.err, /is held by case-1 \(a letter\)/);
  assert.equal((await command('audit', 'release', 'case-1', '--reason', 'over')).code, 0);
  assert.match((await command('audit', 'shred', '192.0.2.7', '--reason', 'asked')).out, /1 keys destroyed/);
  const exported = (await command('audit', 'export', '--proofs')).out.trim().split('\n');
  const [{ checkpoint }, ...entries] = exported.map((line) => JSON.parse(line));
  const { size, root } = parseCheckpoint(parseNote(checkpoint)!.text)!;
  assert.ok(entries.length > 0);
  for (const { index, entry, proof } of entries) {
    const hashes = proof.map((hash: string) => Buffer.from(hash, 'base64'));
    assert.ok(verifyInclusion(Buffer.from(entry, 'base64'), index, size, hashes, root));
  }
  assert.match(
    (await command('audit', 'prove', '0', '--format', 'tlog')).out,
    /^c2sp\.org\/tlog-proof@v1\nindex 0\n(?:[A-Za-z0-9+/]{43}=\n)*\ngatewright\n\d+\n/,
  );
  // Somebody else checks what was handed out, with the keys alone.
  const verifiers = logKeys.split('\n').map((text) => parseVerifier(text)!);
  const check = (text: string, more: string[] = []) =>
    checkProofs(
      text,
      verifiers,
      more.map((one) => parseVerifier(one)!),
    );
  writeFileSync(join(folder, 'export.jsonl'), exported.join('\n'));
  const whole = await run([
    'audit',
    'check',
    join(folder, 'export.jsonl'),
    '--key',
    join(folder, 'keys.txt'),
  ]);
  assert.deepEqual([whole.code, /^\d+ entries are in gatewright/.test(whole.out)], [0, true], whole.out);
  const forged = exported.with(1, exported[1]!.replace(/"entry":"./, '"entry":"a'));
  assert.match(check(forged.join('\n')).problems[0]!, /^entry 0 is not the one of its hash/);
  const retold = exported.with(1, exported[1]!.replace('"action":"gate.start"', '"action":"gate.stop"'));
  assert.match(check(retold.join('\n')).problems[0]!, /^entry 0 has another action than is said/);
  assert.equal(check(exported.join('\n').replaceAll('"index":1,', '"index":2,')).problems.length, 1);
  const proof = (await command('audit', 'prove', '1')).out;
  assert.deepEqual(check(proof).problems, []);
  assert.match(check(proof, [key]).problems[0]!, /is not signed by w\.example\/1/);
  writeFileSync(join(folder, 'kept.txt'), checkpoint);
  const growth = (await command('audit', 'consistency', join(folder, 'kept.txt'))).out;
  assert.match(check(growth).what, /are the first of the \d+ of now$/);
  const other = FileTrail.open({ folder: join(folder, 'other'), origin: 'gatewright', secret: null });
  assert.equal(checkProofs(proof, other.signers, []).problems.length, 1);
  await other.close();
  await gate.gate.close();
  const verified = await command('audit', 'verify');
  assert.equal(verified.code, 0, verified.out);
  assert.match(verified.out, /^w\.example\/1 has cosigned \d+ entries at 20/);
  // The standalone verifier, with files as an auditor has them.
  const verifier = join(repository, 'src/audit/verifier.ts');
  const alone = spawnSync(process.execPath, [
    verifier,
    trailFolder,
    join(folder, 'keys.txt'),
    '--witness',
    key,
  ]);
  assert.equal(alone.status, 0, alone.stdout.toString());
  const actions = [...new TrailReader(trailFolder, 'gatewright', null).entries({ action: 'audit' })];
  assert.deepEqual(
    actions.map(({ action, body }) => [action, body?.details?.['event']]),
    [
      ['audit.hold', 'placed'],
      ['audit.hold', 'released'],
      ['audit.shred', undefined],
    ],
  );
});

test('a name in keep that is no action is a mistake', async (t) => {
  const upstream = await startRawUpstream(t);
  await assert.rejects(
    startTestGate(t, {
      config: openConfig({
        upstreamPort: upstream.port,
        extra: 'audit: { folder: ./audit, keep: { requests: 30d } }\n',
      }),
    }),
    /There is no action "requests"/,
  );
});
