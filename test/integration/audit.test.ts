// The trail of a running gate: what it did, what operators did beside it, and whom it refused; verified by the command.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TrailReader } from '../../src/audit/index.ts';
import { run } from '../support/command.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

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
  await until(
    async () => /clients add/.test((await command('audit', 'search')).out),
    'the operator in the trail',
  );
  await until(
    async () =>
      JSON.parse((await command('audit', 'search', '--action', 'request', '--json')).out).matched === 20,
    'the refusals in the trail',
  );
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
