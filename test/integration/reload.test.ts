// Reload and end: no request is lost to either, and a bad file changes nothing.
import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { type TestContext, test } from 'node:test';
import { openConfig, openContract, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

/** Sends requests on kept and on new connections until told to stop; counts what did not end with 200. */
function load(t: TestContext, port: number, clients: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  t.after(() => agent.destroy());
  const state = { sent: 0, failures: [] as string[], stop: false };
  const once = (kept: boolean): Promise<void> =>
    new Promise((resolve) => {
      const outgoing = httpRequest(
        { port, host: '127.0.0.1', path: '/things', ...(kept ? { agent } : { agent: false }) },
        (response) => {
          response.resume();
          if (response.statusCode !== 200) state.failures.push(String(response.statusCode));
          response.on('end', resolve);
          response.on('error', (error) => {
            state.failures.push(error.message);
            resolve();
          });
        },
      );
      outgoing.on('error', (error) => {
        state.failures.push(error.message);
        resolve();
      });
      outgoing.end();
    });
  const running = Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      while (!state.stop) {
        await once(i % 4 !== 0);
        state.sent++;
      }
    }),
  );
  return {
    state,
    async finish() {
      state.stop = true;
      await running;
    },
  };
}

test('reloads under load lose no request', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port });
  const gate = await startTestGate(t, { config, workers: 2 });
  const { state, finish } = load(t, gate.port, 16);
  for (let i = 0; i < 15; i++) {
    // Routes, limits and the upstream's settings change in turn.
    const change = [
      config,
      config.replace('limits: []', 'limits: [ { per: address, rate: 1000000/s } ]'),
      config.replace('targets:', 'max-idle: 7\n    targets:'),
    ][i % 3]!;
    await gate.write('gatewright.yaml', change);
    const result = await gate.gate.reload();
    assert.equal(result.ok, true, result.problem);
    await until(() => state.sent > (i + 1) * 50, 'requests between two reloads');
  }
  await finish();
  assert.deepEqual(state.failures, []);
  assert.ok(state.sent >= 750);
});

test('a bad file leaves the old snapshot serving, and says what is wrong', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port });
  const gate = await startTestGate(t, { config });
  const bad = [
    config.replace('upstream: things', 'upstream: thinsg'),
    'listeners: [',
    config.replace('port: 0', 'port: 99999'),
    '',
  ];
  for (const text of bad) {
    await gate.write('gatewright.yaml', text);
    const result = await gate.gate.reload();
    assert.equal(result.ok, false);
    assert.ok(result.diagnostics.length > 0);
    assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  }
  await gate.write('gatewright.yaml', config);
  await gate.write('openapi.yaml', 'openapi: 2.0');
  assert.equal((await gate.gate.reload()).ok, false);
  assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  assert.ok(gate.log.some(({ event }) => event === 'reload-refused'));
});

test('a listener whose port is taken leaves everything as it was', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port });
  const gate = await startTestGate(t, { config });
  const taken = config.replace(
    'upstreams:',
    `  second: { port: ${upstream.port}, host: 127.0.0.1 }\nupstreams:`,
  );
  await gate.write('gatewright.yaml', taken);
  const result = await gate.gate.reload();
  assert.equal(result.ok, false);
  assert.match(result.problem, /EADDRINUSE/);
  assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  assert.equal(gate.gate.listeners.length, 1);
});

test('what a new file removes is gone, what it adds is there, listeners too', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port });
  const gate = await startTestGate(t, { config, workers: 2 });
  await gate.write('openapi.yaml', openContract.replace('/things/{id}:', '/stuff/{id}:'));
  await gate.write(
    'gatewright.yaml',
    config.replace('upstreams:', '  second: { port: 0, host: 127.0.0.1 }\nupstreams:'),
  );
  assert.equal((await gate.gate.reload()).ok, true);
  const second = gate.portOf('second');
  for (const port of [gate.port, second]) {
    assert.equal((await exchange(port, request('GET', '/things/1'))).status, 404);
    assert.equal((await exchange(port, request('GET', '/stuff/1'))).status, 200);
  }
  await gate.write('gatewright.yaml', config);
  assert.equal((await gate.gate.reload()).ok, true);
  await assert.rejects(exchange(second, request('GET', '/stuff/1')));
});

test('a changed file is noticed by itself', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }), watch: true });
  await gate.write('openapi.yaml', openContract.replace('/things/{id}:', '/stuff/{id}:'));
  await until(
    async () => (await exchange(gate.port, request('GET', '/stuff/1'))).status === 200,
    'the new path',
  );
});

test('the end: requests in flight finish, idle connections close, new ones are refused', async (t) => {
  const upstream = await startRawUpstream(t);
  let finish = (): void => {};
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }) });
  const idle = await RawClient.connect(gate.port);
  idle.send(request('GET', '/things'));
  await idle.response();
  upstream.onRequest = ({ connection }) => {
    finish = () => void connection.socket.write(answer(200, 'late'));
  };
  const busy = await RawClient.connect(gate.port);
  busy.send(request('GET', '/things'));
  await until(() => upstream.requests.length === 2, 'the request');
  const closing = gate.gate.close();
  await idle.untilClosed();
  await until(
    () =>
      RawClient.connect(gate.port)
        .then(
          (client) => client.destroy(),
          () => true,
        )
        .then((refused) => refused === true),
    'new connections to be refused',
  );
  finish();
  assert.equal((await busy.response()).body.toString(), 'late');
  await busy.untilClosed();
  await closing;
});

test('the end does not wait for ever', async (t) => {
  const upstream = await startRawUpstream(t);
  upstream.onRequest = () => {};
  const config = `${openConfig({ upstreamPort: upstream.port })}\ndrain: 300ms\n`;
  const gate = await startTestGate(t, { config });
  const client = await RawClient.connect(gate.port);
  client.send(request('GET', '/things'));
  await until(() => upstream.requests.length === 1, 'the request');
  await gate.gate.close();
  await client.untilClosed();
});
