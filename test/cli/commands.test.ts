// The command line as a child process: help, usage errors, init, check, keys, and their --json forms.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { buildProgram } from '../../src/cli/main.ts';
import { machineNode, run } from '../support/command.ts';
import { openContract } from '../support/gate.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
write('openapi.yaml', openContract);

describe('help and usage', () => {
  const commands = buildProgram().commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((child) => [command.name(), child.name()])
      : [[command.name()]],
  );
  /** Their output is for other programs as it is, or is another program's. */
  const plain = new Set([
    'audit export',
    'audit witness',
    'ca export',
    'ca sign',
    'completion',
    'logs follow',
    'remote follow',
    'secrets run',
  ]);
  for (const command of commands) {
    test(`${command.join(' ')} --help names every option`, async () => {
      const { code, out } = await run([...command, '--help']);
      assert.equal(code, 0);
      assert.match(out, /^Usage: gatewright /);
      if (!plain.has(command.join(' '))) assert.match(out, /--json/);
    });
  }

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /Usage: gatewright/],
    ['an unknown command', ['chekc'], /Did you mean check\?/],
    ['an unknown option', ['check', '--confg', 'x'], /Did you mean --config\?/],
    ['a missing argument', ['keys', 'create'], /missing required argument 'id'/],
    ['a missing option', ['init', 'openapi.yaml'], /--upstream/],
    ['a port that is none', ['demo', '--port', '99999'], /port/],
    ['a count that is none', ['start', '--workers', '0'], /whole number/],
  ];
  for (const [name, args, message] of wrong) {
    test(`${name} exits with 2 and says what is possible`, async () => {
      const { code, err, out } = await run(args);
      assert.equal(code, 2, `${out}${err}`);
      assert.match(err, message);
    });
  }

  test('--version prints the version alone', async () => {
    assert.match((await run(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
  });

  test("the machine's own Node starts the right one", async (t) => {
    const node = machineNode();
    if (node === null) return t.skip('the machine has no other Node');
    const { code, out } = await run(['--version'], { node });
    assert.equal(code, 0);
    assert.match(out, /^\d+\.\d+\.\d+\n$/);
  });
});

describe('init and check', () => {
  test('init writes a configuration that check accepts, and does not replace it', async () => {
    const args = ['init', 'openapi.yaml', '--upstream', 'http://localhost:3000'];
    const first = await run(args, { cwd: folder });
    assert.equal(first.code, 0, first.err);
    const text = readFileSync(join(folder, 'gatewright.yaml'), 'utf8');
    const key = /gwk_[A-Za-z0-9_-]+/.exec(first.out)![0];
    assert.ok(!text.includes(key), 'the key itself is not in the file');
    const check = await run(['check'], { cwd: folder });
    assert.equal(check.code, 0, check.err);
    assert.match(check.out, /GET +\/things +\(listThings\)\n +callers +API key in x-api-key \(1 consumer\)/);
    const again = await run(args, { cwd: folder });
    assert.equal(again.code, 1);
    assert.match(again.err, /--force/);
    assert.equal(readFileSync(join(folder, 'gatewright.yaml'), 'utf8'), text);
    assert.equal((await run([...args, '--force'], { cwd: folder })).code, 0);
    assert.notEqual(readFileSync(join(folder, 'gatewright.yaml'), 'utf8'), text);
  });

  test('--json of each is one document', async () => {
    const init = await run(
      ['init', 'openapi.yaml', '-u', 'http://localhost:3000', '-o', 'json.yaml', '--json'],
      { cwd: folder },
    );
    const written = JSON.parse(init.out) as Record<string, unknown>;
    assert.equal(written['ok'], true);
    assert.match(String(written['key']), /^gwk_/);
    const check = await run(['check', '-c', 'json.yaml', '--json'], { cwd: folder });
    const checked = JSON.parse(check.out) as { ok: boolean; operations: { operation: string }[] };
    assert.equal(checked.ok, true);
    assert.deepEqual(checked.operations.map(({ operation }) => operation).sort(), [
      'createThing',
      'deleteThing',
      'getThing',
      'headThings',
      'listThings',
      'openSocket',
      'replaceThings',
    ]);
  });

  test('a contract with errors writes nothing', async () => {
    write('bad.yaml', 'openapi: 3.1.0\npaths:\n  /a/{id}:\n    get: { responses: {} }\n');
    const { code, err } = await run(['init', 'bad.yaml', '-u', 'http://localhost:1', '-o', 'never.yaml'], {
      cwd: folder,
    });
    assert.equal(code, 3);
    assert.match(err, /bad\.yaml:\d+:\d+: error\[contract-parameter\]/);
    assert.throws(() => readFileSync(join(folder, 'never.yaml')));
  });

  test('check names every mistake with its place, and exits with 3', async () => {
    write(
      'broken.yaml',
      `listeners:
  public: { prot: 8080 }
upstreams:
  a: { targets: [ http://localhost:1 ], balnce: hash }
apis:
  a: { contract: ./openapi.yaml, upstream: b }
`,
    );
    const { code, err, out } = await run(['check', '-c', 'broken.yaml'], { cwd: folder });
    assert.equal(code, 3, out);
    assert.match(err, /broken\.yaml:2:13: error\[config-unknown-key\].*\n.*Did you mean "port"\?/);
    assert.match(err, /broken\.yaml:4:41: error\[config-unknown-key\].*\n.*Did you mean "balance"\?/);
    const json = JSON.parse((await run(['check', '-c', 'broken.yaml', '--json'], { cwd: folder })).out) as {
      ok: boolean;
      diagnostics: { id: string; line: number }[];
    };
    assert.equal(json.ok, false);
    assert.ok(json.diagnostics.some(({ id, line }) => id === 'config-unknown-key' && line === 4));
  });

  test('a secret from the environment is printed nowhere', async () => {
    const secret = 'correct-horse-battery-staple';
    write(
      'secret.yaml',
      `listeners: { public: { port: 0, tls: { certificate: "\${env:CERT}", key: "\${env:SECRET}" } } }
upstreams: { a: { targets: [ http://localhost:1 ] } }
apis: { a: { contract: ./openapi.yaml, upstream: a } }
`,
    );
    for (const args of [['check'], ['check', '--json'], ['start']]) {
      const { out, err, code } = await run([...args, '-c', 'secret.yaml'], {
        cwd: folder,
        env: { SECRET: secret, CERT: './none.pem' },
      });
      assert.equal(code, 3);
      assert.ok(!`${out}${err}`.includes(secret));
    }
  });

  test('a missing file says how to write one', async () => {
    const { code, err } = await run(['check', '-c', 'nowhere.yaml'], { cwd: folder });
    assert.equal(code, 3);
    assert.match(err, /gatewright init/);
  });
});

describe('keys', () => {
  test('create prints a key once, and its hash is what hash prints', async () => {
    const created = JSON.parse((await run(['keys', 'create', 'partner-1', '--json'])).out) as Record<
      string,
      string
    >;
    assert.match(created['key']!, /^gwk_partner-1_[A-Za-z0-9_-]{43}$/);
    const hashed = await run(['keys', 'hash', '--json'], { input: `${created['key']}\n` });
    assert.equal((JSON.parse(hashed.out) as Record<string, string>)['sha256'], created['sha256']);
    const text = await run(['keys', 'create', 'partner-1']);
    assert.match(text.out, /sha256: [0-9a-f]{64}/);
  });

  test('an id that is none is refused', async () => {
    const { code, err } = await run(['keys', 'create', 'a b']);
    assert.notEqual(code, 0);
    assert.match(err, /id/);
  });
});
