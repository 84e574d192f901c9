// The package as users get it: packed, installed in an empty folder, imported, type-checked, run.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root, run, start } from '../support/command.ts';
import { openConfig, openContract } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-package-'));
const installed = join(folder, 'node_modules', 'gatewright');
const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe('the package', () => {
  before(() => {
    npm(['pack', '--silent', '--pack-destination', folder], root);
    writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }');
    npm(['install', '--prefer-offline', '--no-audit', '--no-fund', './gatewright-0.1.0.tgz'], folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('holds what it should and nothing else', () => {
    const files = npm(['pack', '--dry-run', '--json', '--silent', '--ignore-scripts'], root);
    const names = (JSON.parse(files) as { files: { path: string }[] }[])[0]!.files.map(({ path }) => path);
    const folders = new Set(names.map((name) => (name.includes('/') ? name.split('/')[0]! : name)));
    for (const name of ['LICENSE', 'NOTICE', 'README.md', 'bin', 'dist', 'schema'])
      assert.ok(folders.has(name), name);
    for (const name of ['src', 'test', 'tools', 'bench', '.ci']) assert.ok(!folders.has(name), name);
    assert.ok(!names.some((name) => /\.test\.(?:d\.)?[cm]?[jt]s$/.test(name)));
  });

  test('every export can be imported and has types', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    const entries = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));
    assert.ok(entries.length >= 6);
    const lines = entries.map((name, i) => `import * as m${i} from 'gatewright${name.slice(1)}';`);
    const uses = entries.map((_, i) => `if (Object.keys(m${i}).length === 0) throw new Error('empty ${i}');`);
    writeFileSync(
      join(folder, 'use.mts'),
      [...lines, ...uses, `console.log('all ${entries.length}');`].join('\n'),
    );
    execFileSync(
      join(root, 'node_modules', '.bin', 'tsc'),
      [
        ...'--noEmit --strict --skipLibCheck --module nodenext --target esnext --types node'.split(' '),
        '--typeRoots',
        join(root, 'node_modules', '@types'),
        join(folder, 'use.mts'),
      ],
      { cwd: folder },
    );
    const out = execFileSync(process.execPath, [join(folder, 'use.mts')], { encoding: 'utf8' });
    assert.equal(out.trim(), `all ${entries.length}`);
  });

  test('its command line runs a gate', async (t) => {
    const bin = join(installed, 'bin', 'gatewright.js');
    assert.match((await run(['--version'], { bin, cwd: folder })).out, /^\d+\.\d+\.\d+\n$/);
    const upstream = await startRawUpstream(t);
    writeFileSync(join(folder, 'openapi.yaml'), openContract);
    // Rules are data beside the code.
    const api = '    inspect: { rules: [ builtin ] }';
    writeFileSync(join(folder, 'gatewright.yaml'), openConfig({ upstreamPort: upstream.port, api }));
    const check = await run(['check', '--json'], { bin, cwd: folder });
    assert.equal(check.code, 0, check.err);
    const gate = start(t, ['start', '--workers', '1'], { bin, cwd: folder });
    const [, port] = await gate.says(/http:\/\/127\.0\.0\.1:(\d+)"/);
    assert.equal((await exchange(Number(port), request('GET', '/things'))).status, 200);
    assert.equal((await exchange(Number(port), request('GET', '/things?q=%27+or+1=1--'))).status, 403);
  });
});
