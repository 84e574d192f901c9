// A gate started by the command line: it serves, reloads on SIGHUP, drains on SIGTERM, and says why it can not start.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { get, type RequestOptions } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { machineNode, run, start } from '../support/command.ts';
import { openConfig, openContract } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-start-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'openapi.yaml'), openContract);
  return folder;
}

const listening = /"listener":"public","url":"http:\/\/127\.0\.0\.1:(\d+)"/;

test('init, check and start put a service behind the gate', async (t) => {
  const folder = makeFolder(t);
  const upstream = await startRawUpstream(t);
  const args = ['init', 'openapi.yaml', '-u', `http://127.0.0.1:${upstream.port}`, '-p', '0', '--json'];
  const node = machineNode() ?? process.execPath;
  const init = await run(args, { cwd: folder, node });
  const { key } = JSON.parse(init.out) as { key: string };
  const text = readFileSync(join(folder, 'gatewright.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'gatewright.yaml'),
    `${text}\n${text.includes('\ntelemetry:') ? '' : 'telemetry: { listen: { port: 0 } }\n'}`,
  );
  assert.equal((await run(['check'], { cwd: folder, node })).code, 0);
  const startMs = performance.now();
  const gate = start(t, ['start'], { cwd: folder, node });
  const port = Number((await gate.says(listening))[1]);
  const allowed = await exchange(port, request('GET', '/things', { 'x-api-key': key }));
  t.diagnostic(`start to first answer: ${Math.round(performance.now() - startMs)} ms`);
  assert.equal(allowed.status, 200);
  assert.equal((await exchange(port, request('GET', '/things'))).status, 401);
  assert.equal((await exchange(port, request('GET', '/other', { 'x-api-key': key }))).status, 404);
  assert.ok(!upstream.received().includes(key), 'the key is for the gate alone');
  assert.ok(!`${gate.out}${gate.err}`.includes(key), 'the log does not hold it');
  gate.child.kill('SIGTERM');
  assert.equal((await gate.finish()).code, 0);
});

test('SIGHUP reloads; a bad file is refused aloud and the old one serves on', async (t) => {
  const folder = makeFolder(t);
  const upstream = await startRawUpstream(t);
  const file = join(folder, 'gatewright.yaml');
  const good = openConfig({ upstreamPort: upstream.port });
  writeFileSync(file, good);
  const gate = start(t, ['start', '--no-watch', '--workers', '1'], { cwd: folder });
  const port = Number((await gate.says(listening))[1]);
  writeFileSync(file, good.replace('upstream: things', 'upstream: nothing'));
  gate.child.kill('SIGHUP');
  await gate.says(/"event":"reload-refused"/);
  await gate.says(/"id":"config-dangling-name"/);
  assert.equal((await exchange(port, request('GET', '/things'))).status, 200);
  writeFileSync(
    file,
    good
      .replace('      getThing: { public: true, reason: test }\n', '')
      .replace('limits: []', 'limits: []\n    authenticate: [ { api-key: {} } ]'),
  );
  gate.child.kill('SIGHUP');
  await gate.says(/"event":"reloaded"/);
  assert.equal((await exchange(port, request('GET', '/things/1'))).status, 401);
  assert.equal((await exchange(port, request('GET', '/things'))).status, 200);
});

test('SIGTERM lets a request in flight finish, then the process ends with 0', async (t) => {
  const folder = makeFolder(t);
  const upstream = await startRawUpstream(t);
  let finish = (): void => {};
  upstream.onRequest = ({ connection }) => {
    finish = () => void connection.socket.write(answer(200, 'late'));
  };
  writeFileSync(join(folder, 'gatewright.yaml'), openConfig({ upstreamPort: upstream.port }));
  const gate = start(t, ['start', '--workers', '1'], { cwd: folder });
  const port = Number((await gate.says(listening))[1]);
  const client = await RawClient.connect(port);
  client.send(request('GET', '/things'));
  await until(() => upstream.requests.length === 1, 'the request');
  gate.child.kill('SIGTERM');
  await gate.says(/"event":"draining"/);
  finish();
  const { status, body } = await client.response();
  assert.deepEqual([status, body.toString()], [200, 'late']);
  await client.untilClosed();
  assert.equal((await gate.finish()).code, 0);
});

test('a port that is taken is said, and nothing is left running', async (t) => {
  const folder = makeFolder(t);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const config = openConfig({ upstreamPort: 1 }).replace('port: 0, host', `port: ${port}, host`);
  writeFileSync(join(folder, 'gatewright.yaml'), config);
  const { code, err } = await run(['start'], { cwd: folder });
  assert.equal(code, 1);
  assert.match(err, /EADDRINUSE|in use/);
});

test('the demo starts, answers and refuses', async (t) => {
  const demo = start(t, ['demo', '--port', '0', '--json'], { node: machineNode() ?? process.execPath });
  const [line] = await demo.says(/^\{.*\}$/m);
  const { gate, secure, services, folder, credentials } = JSON.parse(line!) as {
    gate: string;
    secure: string;
    services: string;
    folder: string;
    credentials: Record<string, string>;
  };
  const ask = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(gate + path, { headers })).status;
  const bearer = (name: string) => ({ authorization: `Bearer ${credentials[name]}` });
  assert.equal(await ask('/accounts', bearer('ingrid')), 200);
  assert.equal(await ask('/orders', { 'x-api-key': credentials['partnerKey']! }), 200);
  assert.equal(await ask('/accounts'), 401);
  assert.equal(await ask('/accounts', bearer('expired')), 401);
  assert.equal(await ask('/accounts', { 'x-api-key': credentials['partnerKey']! }), 403);
  assert.equal(await ask('/accounts/acc_100001', bearer('ingrid')), 200);
  assert.equal(await ask('/accounts/acc_200001', bearer('ingrid')), 403);
  assert.equal(await ask('/accounts/acc_200001', bearer('admin')), 200);
  assert.equal(await ask('/internal/debug', bearer('ingrid')), 404);
  assert.equal(await ask('/accounts?limit=1000', bearer('ingrid')), 400);

  // By TLS, and the listener for services.
  const file = (name: string): Promise<Buffer> => readFile(join(folder, 'tls', name));
  const askSecurely = async (url: string, options: RequestOptions): Promise<number | string> => {
    const ca = await file('ca.pem');
    return new Promise((resolve) => {
      get(url, { ca, agent: false, ...options }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', () => resolve('refused'));
    });
  };
  const client = { cert: await file('settlement.pem'), key: await file('settlement.key') };
  assert.equal(await askSecurely(`${secure}/accounts`, { headers: bearer('ingrid') }), 200);
  assert.equal(await askSecurely(`${services}/ledger`, client), 200);
  assert.equal(await askSecurely(`${services}/ledger`, {}), 'refused');
  assert.equal(await askSecurely(`${services}/accounts`, { ...client, headers: bearer('ingrid') }), 404);
  assert.equal(await askSecurely(`${secure}/ledger`, { ...client, headers: bearer('admin') }), 404);
  assert.equal(await ask('/ledger', bearer('admin')), 404);
  const order = (note: string): Promise<Response> =>
    fetch(`${gate}/orders`, {
      method: 'POST',
      headers: { ...bearer('ingrid'), 'content-type': 'application/json' },
      body: JSON.stringify({ sku: 'SAI-1042', quantity: 1, note }),
    });
  assert.equal((await order("please don't ring; leave it at the door & text me")).status, 201);
  const blocked = await order("x' OR '1'='1");
  assert.equal(blocked.status, 403);
  assert.match(await blocked.text(), /request-blocked/);
  demo.child.kill('SIGTERM');
  assert.equal((await demo.finish()).code, 0);
});
