// The command line at a control plane elsewhere: a login that is kept for its user alone, calls that find their parameters' places,
// and what is said when something is refused.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAdminGate } from '../support/admin-gate.ts';
import { run } from '../support/command.ts';

test('gatewright remote', async (t) => {
  const admin = await startAdminGate(t);
  const home = join(admin.gate.folder, 'home');
  const remote = (args: readonly string[], input = '') =>
    run(['remote', ...args], { cwd: admin.gate.folder, env: { XDG_CONFIG_HOME: home }, input });

  // Together, because each starts a process.
  const [bad, open] = await Promise.all([
    remote(['login', admin.origin], 'gwk_nobody_xxxxxxxxxxxxxxxxxxxx\n'),
    remote(['login', 'http://gate.example.com'], admin.keys.operator),
  ]);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /401: The key is not good/);
  assert.equal(open.code, 2);
  const login = await remote(['login', admin.origin], `${admin.keys.operator}\n`);
  assert.match(login.out, /as operator-program \(operator\)/);
  assert.equal(statSync(join(home, 'gatewright', 'remotes.json')).mode & 0o777, 0o600);

  await remote(['call', 'createIdentity', '-p', 'id=harbour', '-p', 'kind=client', '-p', 'scopes=["a:b"]']);
  const issued = await remote(['call', 'issueKey', '-p', 'owner=harbour', '--json']);
  const { record } = JSON.parse(issued.out) as { record: { id: string } };
  const [listed, refused, misspelt, missing, logins] = await Promise.all([
    remote(['call', 'listKeys', '-p', 'owner=harbour']),
    remote(['call', 'searchAudit']),
    remote(['call', 'listKey']),
    remote(['call', 'getKey']),
    remote(['list']),
  ]);
  assert.match(listed.out, /^ID +OWNER +STATUS/);
  assert.match(listed.out, new RegExp(`^${record.id} +harbour +active`, 'm'));
  assert.match(refused.err, /403: This needs the permission audit:read/);
  assert.match(misspelt.err, /did you mean listKeys\?/);
  assert.match(missing.err, /--param key=… is needed/);
  assert.ok(!logins.out.includes(admin.keys.operator));
  // It names the version by itself.
  const revoked = await remote(['call', 'revokeKey', '-p', `key=${record.id}`, '--json']);
  assert.equal((JSON.parse(revoked.out) as { status: string }).status, 'revoked');

  await remote(['logout']);
  assert.equal((await remote(['call', 'listKeys'])).code, 2);
});

test('completion knows every command', {
  skip: spawnSync('bash', ['-c', 'true']).status !== 0 ? 'SKIPPED: no bash' : false,
}, async () => {
  const { out } = await run(['completion', 'bash']);
  const offer = (words: string): string[] => {
    const line = `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _gatewright; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', `${out}\n${line}`], { encoding: 'utf8', cwd: '/' })
      .stdout.trim()
      .split('\n');
  };
  assert.deepEqual(offer('gatewright conso'), ['console']);
  assert.deepEqual(offer('gatewright keys rev'), ['revoke']);
  assert.ok(offer("gatewright keys issue '--'").includes('--expires'));
});
