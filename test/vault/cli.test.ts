// The vault's commands as a user types them: keys, secrets, tokens, backups that are encrypted and verified, files for CI.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { buildProgram } from '../../src/cli/main.ts';
import { fromKubernetes, parseEnvFile, toEnvFile, toKubernetes } from '../../src/vault/index.ts';
import { freshSchema, postgresUrl, skipPostgres } from '../support/postgres.ts';
import { startVaultGate } from '../support/vault.ts';

const bin = fileURLToPath(new URL('../../bin/gatewright.js', import.meta.url));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Place {
  readonly folder: string;
  run(args: readonly string[], input?: string, env?: Record<string, string>): Promise<Ran>;
}

/** Runs a command in this process: starting one for each takes longer than all that they do. */
async function inProcess(folder: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const kept = {
    out: process.stdout.write,
    err: process.stderr.write,
    code: process.exitCode,
    env: process.env,
    cwd: process.cwd(),
  };
  const texts = { out: '', err: '' };
  // Commands write texts; bytes are the test runner's own.
  const capture = (name: 'out' | 'err') => (text: string | Uint8Array) => {
    if (typeof text !== 'string')
      return kept[name].call(name === 'out' ? process.stdout : process.stderr, text);
    texts[name] += text;
    return true;
  };
  process.chdir(folder);
  process.stdout.write = capture('out') as typeof process.stdout.write;
  process.stderr.write = capture('err') as typeof process.stderr.write;
  process.env = { ...process.env, ...env };
  process.exitCode = 0;
  try {
    await buildProgram().parseAsync([...args], { from: 'user' });
    return { code: Number(process.exitCode), ...texts };
  } finally {
    process.stdout.write = kept.out;
    process.stderr.write = kept.err;
    process.env = kept.env;
    process.exitCode = kept.code;
    process.chdir(kept.cwd);
  }
}

const base =
  'listeners: { public: { port: 0, host: 127.0.0.1 } }\nupstreams: {}\napis: { vault: { service: vault } }\n';

function place(t: TestContext, state = 'state: { sqlite: ./state.db }\n'): Place {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-vault-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'gatewright.yaml'), `${base}${state}`);
  return {
    folder,
    run: (args, input = '', env = {}) => {
      writeFileSync(join(folder, 'input'), input);
      return inProcess(
        folder,
        args.map((arg) => arg.replace(/=-$/, '=@input')),
        env,
      );
    },
  };
}

async function ok(ran: Promise<Ran>): Promise<string> {
  const { code, out, err } = await ran;
  assert.equal(code, 0, `${out}${err}`);
  return out;
}

test('secrets are put, shown, listed and deleted; values never stand in arguments', async (t) => {
  const { run } = place(t);
  assert.match(await ok(run(['secrets', 'put', 'secret/app/db', 'password=-'], 'hunter2\n')), /version 1/);
  assert.equal(await ok(run(['secrets', 'get', 'secret/app/db', '-f', 'password'])), 'hunter2');
  assert.match(await ok(run(['secrets', 'list', 'secret/app'])), /^db$/m);
  const inArguments = await run(['secrets', 'put', 'secret/app/db', 'password=hunter3']);
  assert.equal(inArguments.code, 2, inArguments.err);
  assert.doesNotMatch(inArguments.out + inArguments.err, /hunter3/);
  await ok(run(['secrets', 'delete', 'secret/app/db']));
  assert.equal((await run(['secrets', 'get', 'secret/app/db'])).code, 1);
  assert.match(await ok(run(['vault', 'rotate'])), /kv-[0-9a-f]+: version 2, 2 records moved/);
  assert.match(await ok(run(['vault', 'status'])), /seal-text/);
  assert.match(await ok(run(['fsck'])), /No problems/);
  assert.match(await ok(run(['vault', 'token', '-p', 'app', '--ttl', '1h'])), /gwv\./);
});

test('the root key moves to a key file and back; a file that others read is refused', async (t) => {
  const { folder, run } = place(t);
  await ok(run(['secrets', 'put', 'secret/a', 'v=-'], 'x'));
  await ok(run(['vault', 'key', 'vault.key']));
  assert.equal(statSync(join(folder, 'vault.key')).mode & 0o777, 0o600);
  assert.equal((await run(['vault', 'key', 'vault.key'])).code, 1);
  writeFileSync(
    join(folder, 'next.yaml'),
    `${base}state: { sqlite: ./state.db }\nvault: { root: { key-file: ./vault.key } }\n`,
  );
  await ok(run(['vault', 'reroot', '--to', 'next.yaml']));
  assert.match((await run(['secrets', 'get', 'secret/a'])).err, /wrapped by key-file/);
  assert.match(await ok(run(['secrets', 'get', 'secret/a', '-c', 'next.yaml'])), /v: x/);
  (await import('node:fs')).chmodSync(join(folder, 'vault.key'), 0o644);
  assert.match((await run(['secrets', 'get', 'secret/a', '-c', 'next.yaml'])).err, /can be read by others/);
});

test('a backup is encrypted, verified, and restores everything', async (t) => {
  const { folder, run } = place(t);
  await ok(run(['secrets', 'put', 'secret/a', 'v=-'], 'treasure'));
  await ok(run(['clients', 'add', 'shop', '--scope', 'a', '--note', 'Main Street', '--key']));
  const [key] = JSON.parse(await ok(run(['keys', 'list', '--json']))) as { id: string }[];
  await ok(run(['keys', 'rotate', key!.id]));
  assert.match((await run(['backup', 'b.age'])).err, /is encrypted/);
  const identity = await generateIdentity();
  writeFileSync(join(folder, 'id'), `${identity}\n`, { mode: 0o600 });
  assert.match(
    await ok(run(['backup', 'b.age', '--to', await identityToRecipient(identity)])),
    /api_keys +2/,
  );
  assert.equal(statSync(join(folder, 'b.age')).mode & 0o777, 0o600);
  const bytes = readFileSync(join(folder, 'b.age'));
  assert.ok(bytes.toString('latin1').startsWith('age-encryption.org/v1'));
  assert.doesNotMatch(bytes.toString('latin1'), /treasure|Main Street|principals/);
  assert.match(await ok(run(['restore', 'b.age', '--verify', '-i', 'id'])), /is whole and opens/);
  assert.match((await run(['restore', 'b.age', '-i', 'id'])).err, /is there already/);
  // Cut, changed, and for somebody else.
  writeFileSync(join(folder, 'cut.age'), bytes.subarray(0, bytes.length - 100));
  const changed = Buffer.from(bytes);
  changed[bytes.length - 50]! ^= 1;
  writeFileSync(join(folder, 'changed.age'), changed);
  writeFileSync(join(folder, 'other'), `${await generateIdentity()}\n`);
  for (const args of [
    ['cut.age', '-i', 'id'],
    ['changed.age', '-i', 'id'],
    ['b.age', '-i', 'other'],
  ])
    assert.equal((await run(['restore', '--verify', ...args])).code, 1, args.join(' '));
  // Into a new state, with the seal key of the old one.
  writeFileSync(
    join(folder, 'new.yaml'),
    `${base}state: { sqlite: ./new.db, seal: '\${file:./state.db.key}' }\n`,
  );
  assert.match(await ok(run(['restore', 'b.age', '-i', 'id', '-c', 'new.yaml'])), /Restored/);
  assert.match(await ok(run(['secrets', 'get', 'secret/a', '-c', 'new.yaml'])), /treasure/);
  assert.match(await ok(run(['fsck', '-c', 'new.yaml'])), /No problems/);
  assert.equal(
    (JSON.parse(await ok(run(['keys', 'list', '--json', '-c', 'new.yaml']))) as unknown[]).length,
    2,
  );
});

test('a backup goes from SQLite to PostgreSQL', { skip: skipPostgres }, async (t) => {
  const { folder, run } = place(t);
  await ok(run(['secrets', 'put', 'secret/a', 'v=-'], 'treasure'));
  await ok(run(['clients', 'add', 'shop', '--key']));
  writeFileSync(join(folder, 'pass'), 'a passphrase for the backup\n');
  await ok(run(['backup', 'b.age', '--passphrase-file', 'pass']));
  writeFileSync(
    join(folder, 'pg.yaml'),
    `${base}state: { postgres: '\${env:DB}', schema: ${freshSchema(t)}, seal: '\${file:./state.db.key}' }\n`,
  );
  const env = { DB: postgresUrl! };
  await ok(run(['restore', 'b.age', '--passphrase-file', 'pass', '-c', 'pg.yaml'], '', env));
  assert.match(await ok(run(['secrets', 'get', 'secret/a', '-c', 'pg.yaml'], '', env)), /treasure/);
  assert.match(await ok(run(['fsck', '-c', 'pg.yaml'], '', env)), /No problems/);
  assert.match(
    (await run(['restore', 'b.age', '--passphrase-file', 'pass', '-c', 'pg.yaml'], '', env)).err,
    /not empty/,
  );
});

test('an environment for CI: encrypted for its reader, run without a file in clear', async (t) => {
  const { folder, run } = place(t);
  await ok(run(['secrets', 'put', 'secret/ci', 'TOKEN=-'], 'line "one"'));
  const identity = await generateIdentity();
  writeFileSync(join(folder, 'id'), `${identity}\n`, { mode: 0o600 });
  assert.equal((await run(['secrets', 'export', 'secret/ci', '-o', 'ci.age'])).code, 2);
  await ok(
    run(['secrets', 'export', 'secret/ci', '-o', 'ci.age', '--to', await identityToRecipient(identity)]),
  );
  assert.doesNotMatch(readFileSync(join(folder, 'ci.age'), 'latin1'), /line|TOKEN/);
  const command = ['secrets', 'run', 'ci.age', '-i', 'id', '--', process.execPath, '-p', 'process.env.TOKEN'];
  const out = execFileSync(process.execPath, [bin, ...command], { cwd: folder, encoding: 'utf8' });
  assert.equal(out.trim(), 'line "one"');
});

test('secrets come from another vault and from Kubernetes; again changes nothing', async (t) => {
  const gate = await startVaultGate(t);
  for (const path of ['team/db', 'team/deep/er', 'other'])
    await fetch(`${gate.address}/v1/secret/data/${path}`, {
      method: 'POST',
      headers: { 'x-vault-token': gate.rootToken },
      body: JSON.stringify({ data: { at: path } }),
    });
  const { folder, run } = place(t);
  const args = [
    'secrets',
    'import',
    'secret/copied',
    '--from',
    'vault',
    '--address',
    gate.address,
    '--source',
    'team',
  ];
  const env = { VAULT_TOKEN: gate.rootToken };
  assert.match(await ok(run(args, '', env)), /2 secrets found, 2 written/);
  assert.match(await ok(run(args, '', env)), /2 secrets found, 0 written/);
  assert.match(await ok(run(['secrets', 'get', 'secret/copied/deep/er'])), /at: team\/deep\/er/);
  assert.equal((await run(args, '', { VAULT_TOKEN: 'gwv.no' })).code, 1);
  writeFileSync(
    join(folder, 'k8s.yaml'),
    'apiVersion: v1\nkind: Secret\nmetadata: { name: db, namespace: shop }\ndata: { password: aHVudGVyMg== }\nstringData: { user: app }\n---\nkind: ConfigMap\nmetadata: { name: x }\n',
  );
  assert.match(
    await ok(run(['secrets', 'import', 'secret/k8s', '--from', 'kubernetes', '--source', 'k8s.yaml'])),
    /1 secrets found/,
  );
  assert.match(await ok(run(['secrets', 'get', 'secret/k8s/shop/db'])), /password: hunter2\nuser: app/);
});

test('formats: environment files and manifests read back what was written', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,10}$/).filter((text) => text !== '__proto__');
  const value = fc
    .string({ unit: 'binary' })
    .filter((text) => !text.includes('\0') && !text.startsWith('base64:') && text.isWellFormed());
  fc.assert(
    fc.property(fc.dictionary(name, value), (data) => {
      assert.deepEqual({ ...parseEnvFile(toEnvFile(data)) }, { ...data });
      assert.deepEqual({ ...fromKubernetes(toKubernetes('a', data))[0]!.data }, { ...data });
    }),
  );
});
