// Every example loads, starts, lets one call through and refuses one; the schema for editors takes each.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { type RunningGate, startGate } from '../src/app/index.ts';
import { silentLog } from '../src/telemetry/index.ts';
import { needsOpenssl } from './support/authority.ts';
import { root } from './support/command.ts';
import { exchange, request } from './support/raw-client.ts';
import { startRawUpstream } from './support/raw-upstream.ts';

const files = globSync('examples/*/gatewright.yaml', { cwd: root }).sort();
const schema = JSON.parse(readFileSync(join(root, 'schema/gatewright.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
const key = `gwk_example_${'A'.repeat(43)}`;

/** What each example lets through beside its health check. */
const allowed: Readonly<Record<string, Record<string, string>>> = {
  policies: { 'x-api-key': key },
  quickstart: { 'x-api-key': key },
  inspection: { 'x-api-key': key },
  'several-targets': {},
};

test('there are examples', () => assert.ok(files.length >= 4));

/** The example's own server and client, through the gate. */
async function checkGrpc(t: TestContext, gate: RunningGate, folder: string): Promise<void> {
  const server = spawn(process.execPath, [join(root, 'examples/grpc/server.js'), '0']);
  t.after(() => server.kill());
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const config = join(folder, 'gatewright.yaml');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${/\d+/.exec(String(line))![0]}`));
  assert.ok((await gate.reload()).ok);
  const address = `127.0.0.1:${gate.listeners[0]!.port}`;
  const call = (...args: string[]): string =>
    execFileSync(process.execPath, [join(root, 'examples/grpc/client.js'), ...args], { encoding: 'utf8' });
  assert.equal(call('world', key, address), 'Hello world\n');
  assert.match(call('world', '', address), /^16 The operation needs credentials\./);
}

/** Both listeners, with the certificates that the example's script makes. */
async function checkMutualTls(gate: RunningGate, folder: string): Promise<void> {
  const file = (name: string): Buffer => readFileSync(join(folder, 'tls', name));
  const portOf = (name: string): number => gate.listeners.find((listener) => listener.name === name)!.port;
  const tls = { ca: file('gate-ca.pem'), servername: 'localhost' };
  const client = { ...tls, cert: file('indexer.pem'), key: file('indexer.key') };
  const ask = async (listener: string, method: string, path: string, options: object, fields = {}) => {
    const answer = await exchange(portOf(listener), request(method, path, fields), method, { tls: options });
    return answer.status;
  };
  assert.equal(await ask('public', 'GET', '/health', tls), 200);
  assert.equal(await ask('public', 'GET', '/notes', tls, { 'x-api-key': key }), 200);
  assert.equal(await ask('public', 'POST', '/notes', tls, { 'x-api-key': key }), 405);
  assert.equal(await ask('services', 'GET', '/notes', client), 200);
  assert.equal(await ask('services', 'GET', '/health', client), 404);
  await assert.rejects(ask('services', 'GET', '/notes', tls));
  const plain = await exchange(portOf('plain'), request('GET', '/notes', { host: 'localhost' }));
  assert.equal(plain.status, 308);
}

for (const file of files) {
  const name = file.split('/')[1]!;
  const needs = name === 'mutual-tls' ? needsOpenssl : {};
  test(name, needs, async (t) => {
    const text = readFileSync(join(root, file), 'utf8');
    assert.ok(validate(parse(text)), JSON.stringify(validate.errors));
    const upstream = await startRawUpstream(t);
    const folder = mkdtempSync(join(tmpdir(), 'gatewright-example-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(join(root, dirname(file)), folder, { recursive: true });
    if (name === 'mutual-tls')
      execFileSync('sh', [join(folder, 'make-certificates.sh')], { stdio: 'ignore' });
    const local = text
      .replace(/port: (?:8080|8443|9443)/g, 'port: 0')
      .replace(/localhost:300\d/g, `127.0.0.1:${upstream.port}`)
      .concat('\ntelemetry: { listen: { port: 0 }, access-log: { to: none } }\n');
    writeFileSync(join(folder, 'gatewright.yaml'), local);
    const gate = await startGate({ file: join(folder, 'gatewright.yaml'), workers: 1, log: silentLog });
    t.after(() => gate.close());
    const { port } = gate.listeners[0]!;
    if (name === 'mutual-tls') return checkMutualTls(gate, folder);
    if (name === 'grpc') return checkGrpc(t, gate, folder);
    assert.equal((await exchange(port, request('GET', '/health'))).status, 200);
    const fields = allowed[name];
    if (fields !== undefined)
      assert.equal((await exchange(port, request('GET', '/notes', fields))).status, 200);
    if (name !== 'several-targets')
      assert.equal((await exchange(port, request('GET', '/notes'))).status, 401);
    assert.equal((await exchange(port, request('GET', '/other', fields ?? {}))).status, 404);
  });
}
