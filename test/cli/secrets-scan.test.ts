// `gatewright secrets scan` as people and pipelines run it: folders, repositories with a history, what is staged, baselines,
// verification.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/gatewright.js', import.meta.url));
const token = ['ghp_', 'Zk3vQ8mB1nR5tY7wE9xC2dF4gH6jL0pAsUiO'].join('');
const other = ['glpat-', 'Zk3vQ8mB1nR5tY7wE9xC'].join('');

function folderOf(t: TestContext, files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-scan-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

function scan(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'secrets', 'scan', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.ok(!(stdout + stderr).includes(token) && !(stdout + stderr).includes(other), 'a secret is shown');
  return { status, stdout, stderr };
}

test('a folder without a repository', (t) => {
  const folder = folderOf(t, {
    'src/a.ts': `fetch(url, { headers: { authorization: "${token}" } })\n`,
    'node_modules/x/index.js': `"${token}"`,
    'image.bin': Buffer.concat([Buffer.from([0, 1]), Buffer.from(token)]),
    'clean.md': 'nothing here',
  });
  const found = scan(folder);
  assert.equal(found.status, 1);
  assert.match(found.stdout, /^src\/a\.ts:1:41: github-token: ghp_…iO \(40 characters\)\n1 secret found\./);
  assert.equal(scan(folder, 'clean.md').status, 0);
  assert.equal(scan(folder, 'nowhere').status, 2);
  const report = JSON.parse(scan(folder, '--json').stdout);
  assert.equal(report.ok, false);
  assert.equal(report.findings[0].kind, 'github-token');
  const sarif = JSON.parse(scan(folder, '--format', 'sarif').stdout);
  assert.equal(sarif.runs[0].results[0].locations[0].physicalLocation.region.startLine, 1);
});

test('a baseline, and a program that tells whether a credential is still good', (t) => {
  const folder = folderOf(t, { 'a.txt': token });
  assert.equal(scan(folder, '--baseline', 'known', '--write-baseline').status, 0);
  assert.match(scan(folder, '--baseline', 'known').stdout, /No secret found, 1 more known/);
  writeFileSync(join(folder, 'b.txt'), other);
  const fresh = JSON.parse(
    scan(
      folder,
      '--baseline',
      'known',
      '--json',
      '--verify',
      'test "$SECRET_KIND" = gitlab-token && grep -q ^glpat-',
    ).stdout,
  );
  assert.deepEqual(
    fresh.findings.map((finding: { path: string; live: boolean }) => [finding.path, finding.live]),
    [['b.txt', true]],
  );
  assert.equal(scan(folder, '--baseline', 'unknown').status, 2);
  assert.equal(scan(folder, '--write-baseline').status, 2);
});

test('a repository: what git ignores is not read, what is staged is, and what was deleted is in the history', (t) => {
  const folder = folderOf(t, { '.gitignore': 'ignored\n', ignored: other, 'a.txt': token });
  const git = (...args: string[]): void =>
    void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', folder, ...args]);
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'one');
  git('rm', '-q', 'a.txt');
  git('commit', '-qm', 'two');
  assert.equal(scan(folder).status, 0);
  const history = scan(folder, '--history');
  assert.equal(history.status, 1);
  assert.match(
    history.stdout,
    /a\.txt:1:1: github-token: .*in the history \(git log --all --find-object=[0-9a-f]{12}\)/,
  );
  writeFileSync(join(folder, 'c.txt'), other);
  assert.equal(scan(folder, '--staged').status, 0);
  git('add', 'c.txt');
  const staged = scan(folder, '--staged');
  assert.equal(staged.status, 1);
  assert.match(staged.stdout, /^c\.txt:1:1: gitlab-token/);
});
