// `gatewright waf` as users run it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { run } from '../support/command.ts';
import { openConfig, openContract } from '../support/gate.ts';
import { makeTar, type TarEntry } from '../support/tar.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-waf-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
write('openapi.yaml', openContract);
const config = write(
  'gatewright.yaml',
  openConfig({ upstreamPort: 1, api: '    inspect: { rules: [ builtin ], mode: detect }' }),
);

describe('waf test', () => {
  test('explains a curl line, and says so by its exit code', async () => {
    const { code, out } = await run([
      'waf',
      'test',
      '--rules',
      'builtin',
      '--curl',
      `curl http://api/things -H 'Content-Type: application/json' -d '{"user":{"$ne":""}}'`,
    ]);
    assert.equal(code, 4);
    assert.match(
      out,
      /8105010 {2}critical {2}NoSQL injection: operator as a name\n +ARGS_NAMES:json\.user\.\$ne = /,
    );
    assert.match(out, /builtin\/rules-24-nosql\.conf:\d+, phase 2/);
    assert.match(out, /attack-nosqli +5\nscore +5 of 5/);
    assert.match(out, /is refused: request-blocked \(403\)/);
  });

  test('a harmless request passes with 0', async () => {
    const { code, out } = await run([
      'waf',
      'test',
      '--rules',
      'builtin',
      '--url',
      '/things?q=blue shoes',
      '--json',
    ]);
    assert.equal(code, 0);
    const result = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual([result['refusedBy'], result['score'], result['matches']], ['', 0, []]);
  });

  test('with a configuration the operation decides', async () => {
    const raw = write('request.http', "GET /things/1%27%20or%20%271%27='1?a=' HTTP/1.1\nHost: a\n\n");
    const { code, out } = await run(['waf', 'test', '--config', config, raw]);
    assert.equal(code, 4, out);
    assert.match(out, /\(things, getThing\)/);
    assert.match(out, /would be refused, but the mode is detect/);
  });

  test('what the gate refuses before any rule is named', async () => {
    const { code, out } = await run(['waf', 'test', '--config', config, '--url', '/a/..%2fb']);
    assert.equal(code, 4);
    assert.match(out, /Refused before any rule: request-path-ambiguous \(400\)/);
    const unknown = await run(['waf', 'test', '--config', config, '--url', '/nothing']);
    assert.match(unknown.out, /operation-unknown \(404\)/);
  });

  test('control characters of a request do not reach the terminal', async () => {
    const { out } = await run(['waf', 'test', '--rules', 'builtin', '--url', "/?q=%1b[31m' or 1=1%07%c2%9b"]);
    assert.match(out, /ARGS:q/);
    assert.ok(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(out), JSON.stringify(out));
  });

  test('wrong use exits with 2', async () => {
    for (const args of [
      [],
      ['--url', '/', '--curl', 'curl http://x/'],
      ['--curl', 'curl'],
      ['--url', '/', '-H', 'x'],
    ]) {
      const { code, err } = await run(['waf', 'test', '--rules', 'builtin', ...args]);
      assert.equal(code, 2, err);
    }
  });

  test('rules with mistakes exit with 3 and name them', async () => {
    const rules = write('broken.conf', 'SecRule ARGS "@rx (" "id:1,phase:2,deny"\n');
    const { code, err } = await run(['waf', 'test', '--rules', rules, '--url', '/']);
    assert.equal(code, 3);
    assert.match(err, /broken\.conf:1:\d+: error/);
  });
});

describe('waf tune and waf report', () => {
  const line = (client: string, refusal: object, matches: object[]) =>
    JSON.stringify({
      time: '2026-11-25T10:00:00.000Z',
      id: 'a'.repeat(32),
      client_address: client,
      api: 'things',
      operation: 'createThing',
      decision: 'allowed',
      score: 5,
      rules: [8101060],
      matches,
      ...refusal,
    });
  const match = (name: string) => ({
    rule: 8101060,
    message: 'SQL: "quoted"',
    variables: [{ name, value: "' or 1=1" }],
  });
  const evaluation = { rule: 8190110, variables: [{ name: 'TX:gw_request_score', value: '5' }] };
  const would = { would_refuse: 'request-blocked' };
  const log = write(
    'access.log',
    `${[
      line('10.0.0.1', would, [match('ARGS:json.items.array_0.note'), evaluation]),
      line('10.0.0.2', would, [match('ARGS:json.items.array_7.note'), evaluation]),
      line('10.0.0.3', would, [match('ARGS:rare'), evaluation]),
      line('10.0.0.4', {}, [match('ARGS:harmless')]),
      line('10.0.0.5', { decision: 'refused', guard: 'inspect', code: 'request-blocked' }, [match('ARGS:x')]),
      JSON.stringify({ time: '', id: 'b'.repeat(32), decision: 'allowed' }),
      'torn {',
    ].join('\n')}\n`,
  );

  test('proposes one rule, one target, one operation, in YAML that the gate takes', async () => {
    const { code, out } = await run(['waf', 'tune', log]);
    assert.equal(code, 0);
    const proposed = parse(out) as { apis: Record<string, unknown> };
    assert.deepEqual(proposed, {
      apis: {
        things: {
          operations: {
            createThing: {
              inspect: {
                exclude: [
                  {
                    rule: 8101060,
                    target: 'ARGS:/^json\\.items\\.array_\\d+\\.note$/',
                    reason: 'SQL: "quoted": 2 from 2 clients, 2026-11-25',
                  },
                ],
              },
            },
          },
        },
      },
    });
    const merged = openConfig({ upstreamPort: 1, api: '    inspect: { rules: [ builtin ] }' }).replace(
      'createThing: { public: true, reason: test }',
      `createThing: { public: true, reason: test, inspect: ${JSON.stringify(
        (proposed.apis['things'] as { operations: Record<string, { inspect: object }> }).operations[
          'createThing'
        ]!.inspect,
      )} }`,
    );
    const checked = await run(['check', '--config', write('tuned.yaml', merged)]);
    assert.equal(checked.code, 0, checked.err);
    assert.match(checked.out, /builtin \(\d+ rules\), blocks, paranoia 1, requests and answers, 1 exclusion/);
  });

  test('what came seldom or from one client is only counted', async () => {
    const { out } = await run(['waf', 'tune', log, '--json', '--min-matches', '1', '--min-clients', '1']);
    const { proposals, unreadable } = JSON.parse(out) as {
      proposals: { target: string }[];
      unreadable: number;
    };
    assert.deepEqual(proposals.map(({ target }) => target).sort(), [
      'ARGS:/^json\\.items\\.array_\\d+\\.note$/',
      'ARGS:rare',
      'ARGS:x',
    ]);
    assert.equal(unreadable, 1);
  });

  test('the report sums up what blocking did and would have done', async () => {
    const { code, out } = await run(['waf', 'report', log, '--json']);
    assert.equal(code, 0);
    const report = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(
      [report['lines'], report['matched'], report['refused'], report['wouldRefuse']],
      [7, 5, 1, 3],
    );
    const text = (await run(['waf', 'report', log])).out;
    assert.match(text, /3 that blocking would have refused/);
    assert.match(text, /5 {2}8101060 {2}SQL/);
  });

  test('a log that is not there exits with 1', async () => {
    assert.equal((await run(['waf', 'report', join(folder, 'nothing.log')])).code, 1);
  });
});

describe('waf install-crs', () => {
  const release: readonly TarEntry[] = [
    { path: 'coreruleset-9.9.9/crs-setup.conf.example', content: '# setup\n' },
    {
      path: 'coreruleset-9.9.9/rules/REQUEST-1.conf',
      content: 'SecRule ARGS:a "@streq b" "id:1,phase:2,deny,log,severity:CRITICAL"\n',
    },
  ];
  const pack = (entries: readonly TarEntry[]): Buffer => gzipSync(makeTar(entries));
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

  async function serve(bytes: Buffer, redirect = ''): Promise<{ url: string; close: () => void }> {
    const server = createServer((request, response) => {
      if (redirect !== '' && request.url === '/moved.tar.gz')
        response.writeHead(302, { location: redirect }).end();
      else response.end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
  }

  test('unpacks a release whose digest is right; the rules work', async () => {
    const bytes = pack(release);
    const server = await serve(bytes);
    const out = join(folder, 'crs');
    const { code, err } = await run([
      'waf',
      'install-crs',
      `${server.url}/a.tar.gz`,
      '--sha256',
      digest(bytes),
      '--out',
      out,
    ]);
    server.close();
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(out).sort(), ['crs-setup.conf.example', 'rules']);
    const tested = await run(['waf', 'test', '--rules', out, '--url', '/?a=b']);
    assert.equal(tested.code, 4, tested.out + tested.err);
    const again = await run([
      'waf',
      'install-crs',
      'http://127.0.0.1:1/a.tar.gz',
      '--sha256',
      digest(bytes),
      '--out',
      out,
    ]);
    assert.equal(again.code, 1);
    assert.match(again.err, /exists already/);
  });

  test('nothing is unpacked when the digest is another', async () => {
    const server = await serve(pack(release));
    const out = join(folder, 'other');
    const { code, err } = await run([
      'waf',
      'install-crs',
      `${server.url}/a.tar.gz`,
      '--sha256',
      '0'.repeat(64),
      '--out',
      out,
    ]);
    server.close();
    assert.equal(code, 1);
    assert.match(err, /not the one expected/);
    assert.ok(!existsSync(out));
  });

  test('an archive that writes elsewhere, or is no release, leaves nothing behind', async () => {
    const evil = [...release, { path: '../../evil.conf', content: 'x' }];
    for (const entries of [evil, [{ path: 'a/b.conf', content: '' }]]) {
      const bytes = pack(entries);
      const server = await serve(bytes);
      const out = join(folder, 'evil');
      const { code } = await run([
        'waf',
        'install-crs',
        `${server.url}/a.tar.gz`,
        '--sha256',
        digest(bytes),
        '--out',
        out,
      ]);
      server.close();
      assert.equal(code, 1);
      assert.ok(!existsSync(out));
    }
    assert.ok(!readdirSync(folder).some((name) => name.includes('.new-')));
  });

  test('plain http is for this machine alone, redirects included', async () => {
    const direct = await run([
      'waf',
      'install-crs',
      'http://example.com/a.tar.gz',
      '--sha256',
      '0'.repeat(64),
      '--out',
      join(folder, 'x'),
    ]);
    assert.equal(direct.code, 2);
    assert.match(direct.err, /https only/);
    const server = await serve(Buffer.alloc(0), 'http://example.com/a.tar.gz');
    const moved = await run([
      'waf',
      'install-crs',
      `${server.url}/moved.tar.gz`,
      '--sha256',
      '0'.repeat(64),
      '--out',
      join(folder, 'x'),
    ]);
    server.close();
    assert.equal(moved.code, 2);
    assert.match(moved.err, /https only/);
  });

  test('versions stand for releases of the project', async () => {
    const { releaseUrl } = await import('../../src/cli/waf/install.ts');
    assert.match(releaseUrl('4.28.0'), /^https:\/\/github\.com\/coreruleset\/.*\/v4\.28\.0\/.*\.tar\.gz$/);
    assert.match(readFileSync(config, 'utf8'), /inspect/);
  });
});
