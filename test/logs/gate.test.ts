// A gate that writes its access log in segments, and the commands that an operator has for them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, start } from '../support/command.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const segments = (upstreamPort: number): string =>
  openConfig({ upstreamPort }).replace(
    'to: { file: ./access.log }',
    'to: { segments: ./logs, seal: "${env:LOG_SEAL}" }',
  );
const env = { LOG_SEAL: 'a seal of more than thirty-two characters' };

test('requests are found by what an operator knows of them; damage is found by verify', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: segments(upstream.port), env });
  const logs = (...args: string[]) => run(['logs', ...args], { cwd: gate.folder, env });
  for (let i = 0; i < 3; i++) await exchange(gate.port, request('GET', '/things'));
  const refused = await exchange(gate.port, request('GET', '/nothing?secret=hunter2'));
  assert.equal(refused.status, 404);
  const id = /"instance":"(?:urn:uuid:)?[^"]*?([0-9a-f]{32})"/.exec(refused.body.toString())![1]!;
  // Before anything is packed.
  await until(async () => (await logs('search', '--id', id)).out !== '', 'the line of the refusal');
  const line = JSON.parse((await logs('search', '--id', id)).out) as Record<string, unknown>;
  assert.equal(line['status'], 404);
  assert.equal(line['query'], 'secret=*');
  const follower = start(t, ['logs', 'follow', '--operation', 'getThing'], { cwd: gate.folder, env });
  gate.gate.reopenLogs();
  const folder = join(gate.folder, 'logs');
  await until(() => readdirSync(folder).some((name) => name.endsWith('-security.log')), 'a segment');
  await until(async () => {
    await exchange(gate.port, request('GET', '/things/7'));
    return follower.out !== '';
  }, 'a line that is followed');
  follower.child.kill('SIGTERM');
  assert.equal((await follower.finish()).code, 0);
  assert.match(follower.out, /"operation":"getThing"/);
  await gate.gate.close();
  assert.equal((await logs('search', '--operation', 'listThings')).out.trimEnd().split('\n').length, 3);
  assert.match(
    (await logs('search', '--status', '4xx', '--since', '1h', '--count')).out,
    /^404 refused {2}1$/m,
  );
  const inBlock = await logs('search', '--address', '127.0.0.0/8', '--code', 'operation-unknown');
  assert.deepEqual(inBlock.out.match(/"id":"[0-9a-f]{32}"/g), [`"id":"${id}"`]);
  assert.equal((await logs('search', '--address', '10.0.0.0/8')).out, '');
  assert.equal((await logs('search', '--address', '127.0.0.1/8')).code, 2);
  const trace = String(line['trace_id']).toUpperCase();
  assert.match((await logs('search', '--trace', trace, '--api', 'things', '--count')).out, /^$/);
  assert.match((await logs('search', '--trace', trace, '--count')).out, /^404 refused {2}1$/m);
  const verified = await logs('verify', '--json');
  assert.equal(verified.code, 0, verified.out);
  const { head } = JSON.parse(verified.out) as { head: string };
  assert.equal((await logs('verify', '--head', head)).code, 0);
  assert.equal((await logs('verify', '--head', '0'.repeat(64))).code, 1);
  assert.equal((await logs('hold', 'case', '--from', '1h', '--reason', 'asked')).code, 0);
  const list = await logs('list');
  assert.match(list.out, /hold case/);
  assert.equal((await logs('release', 'case')).code, 0);
  const name = readdirSync(folder).find((file) => file.endsWith('-security.log'))!;
  const bytes = readFileSync(join(folder, name));
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(join(folder, name), bytes);
  const damaged = await logs('verify');
  assert.equal(damaged.code, 1);
  assert.match(damaged.out, new RegExp(`PROBLEM ${name} (block \\d+|its index) is damaged: bytes`));
  const search = await logs('search');
  assert.equal(search.code, 1);
  assert.match(search.err, new RegExp(`${name}: frame`));
});

test('a literal seal, a short one and a folder in use are refused', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = segments(upstream.port);
  const gate = await startTestGate(t, { config, env });
  await gate.write('second.yaml', config);
  await gate.write('literal.yaml', config.replace('"${env:LOG_SEAL}"', env.LOG_SEAL));
  const options = { cwd: gate.folder, env };
  const second = await run(['start', '-c', 'second.yaml', '--no-watch'], options);
  assert.notEqual(second.code, 0);
  assert.match(second.err, /another process writes to/);
  assert.match((await run(['check', '-c', 'literal.yaml'], options)).err, /config-literal-secret/);
  const short = await run(['check', '-c', 'second.yaml'], { cwd: gate.folder, env: { LOG_SEAL: 'short' } });
  assert.notEqual(short.code, 0);
});
