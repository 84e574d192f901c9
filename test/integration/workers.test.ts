// Several threads: limits that are exact over all of them, a thread that dies under load, ten thousand connections.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

test('a limit is exact over all threads and connections', async (t) => {
  const upstream = await startRawUpstream(t);
  const config = openConfig({ upstreamPort: upstream.port }).replace(
    'limits: []',
    'limits: [ { per: address, rate: 100/d, burst: 100 } ]',
  );
  const gate = await startTestGate(t, { config, workers: 4 });
  const statuses = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const client = await RawClient.connect(gate.port);
      const seen: number[] = [];
      for (let i = 0; i < 10; i++) {
        client.send(request('GET', '/things'));
        seen.push((await client.response()).status);
      }
      client.destroy();
      return seen;
    }),
  );
  const all = statuses.flat();
  assert.equal(all.filter((status) => status === 200).length, 100);
  assert.equal(all.filter((status) => status === 429).length, 300);
  assert.equal(upstream.requests.length, 100);
});

test('a thread that dies under load is replaced; only its own connections fail', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }), workers: 2 });
  let stop = false;
  t.after(() => {
    stop = true;
  });
  let served = 0;
  let broken = 0;
  let unheard = 0;
  const clients = Array.from({ length: 20 }, async () => {
    while (!stop) {
      let client: RawClient | null = null;
      let answered = false;
      try {
        client = await RawClient.connect(gate.port);
        for (let i = 0; i < 50 && !stop; i++) {
          client.send(request('GET', '/things'));
          assert.equal((await client.response()).status, 200);
          served++;
          answered = true;
        }
      } catch (error) {
        assert.ok(!(error instanceof assert.AssertionError), 'never a wrong answer');
        // A connection that the dying thread had not accepted yet is reset before its first answer.
        if (answered) broken++;
        else unheard++;
      }
      client?.destroy();
    }
  });
  for (let death = 1; death <= 3; death++) {
    const before = served;
    await until(() => served > before + 200, 'requests to be served');
    await gate.gate.killWorker(death % 2);
    await until(
      () => gate.log.filter(({ event }) => event === 'worker-died').length === death,
      'the death to be seen',
    );
    const after = served;
    await until(() => served > after + 200, 'requests to be served after the death');
  }
  stop = true;
  await Promise.all(clients);
  t.diagnostic(`${served} served, ${broken} connections broken and ${unheard} reset unheard by three deaths`);
  assert.ok(broken <= 3 * 20);
  for (let i = 0; i < 20; i++)
    assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  await until(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
    return /gatewright_workers 2\b/.test(metrics) && /gatewright_worker_deaths_total 3\b/.test(metrics);
  }, 'both threads to be back');
});

test('what threads counted adds up, also for a thread that died', async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, { config: openConfig({ upstreamPort: upstream.port }), workers: 3 });
  for (let i = 0; i < 30; i++) await exchange(gate.port, request('GET', '/things'));
  await gate.gate.killWorker(1);
  await until(() => gate.log.some(({ event }) => event === 'worker-died'), 'the death to be seen');
  for (let i = 0; i < 30; i++)
    await exchange(gate.port, request('GET', '/things')).catch(() =>
      exchange(gate.port, request('GET', '/things')),
    );
  const metrics = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
  const total = [
    ...metrics.matchAll(/^gatewright_requests_total\{[^}]*operation="listThings"[^}]*\} (\d+)/gm),
  ].reduce((sum, match) => sum + Number(match[1]), 0);
  assert.equal(total, upstream.requests.length);
});

const IDLE = 10_000;

/** Descriptors that this process may open. */
function openFiles(): number {
  try {
    return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))![1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Opens connections from a process of its own, so that each process needs descriptors for one end only. */
const opener = `
const { connect } = require('node:net');
const [port, count] = process.argv.slice(1).map(Number);
let open = 0;
const next = () => {
  if (open === count) return void process.send('open');
  let waiting = Math.min(500, count - open);
  for (let i = waiting; i > 0; i--) {
    const socket = connect(port, '127.0.0.1', () => { open++; if (--waiting === 0) next(); });
    socket.on('error', (error) => { process.send(error.message); process.exit(1); });
    socket.on('close', () => { process.send('closed'); process.exit(1); });
  }
};
next();
`;

const skip =
  openFiles() < IDLE + 500
    ? `the process may open ${openFiles()} files only; raise it with "ulimit -n 20000"`
    : false;

test('ten thousand idle connections, and a request is answered', { skip }, async (t) => {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: upstream.port, extra: 'http: { idle-timeout: 10m }' }),
    workers: 2,
  });
  const before = process.memoryUsage.rss();
  const child = spawn(process.execPath, ['-e', opener, String(gate.port), String(IDLE)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child, 'message')) as [string];
  assert.equal(said, 'open');
  await until(async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/metrics`)).text();
    const open = [...metrics.matchAll(/^gatewright_connections(?:\{[^}]*\})? (\d+)/gm)];
    return open.reduce((sum, match) => sum + Number(match[1]), 0) >= IDLE;
  }, 'all connections to be accepted');
  for (let i = 0; i < 20; i++)
    assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
  t.diagnostic(`${((process.memoryUsage.rss() - before) / IDLE / 1024).toFixed(1)} KiB a connection`);
  assert.equal(child.exitCode, null, 'no connection was closed');
});
