// Does a storm of logins move the data plane's tail? One gate with one data-plane thread serves an API at a steady rate while,
// in every other window, people by the hundred try passwords from ever new addresses. Prints p50 and p99 of the API in
// quiet and stormy windows, medians over the rounds. Usage: node bench/login-storm.ts [rounds] [requests a second]
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { startGate } from '../src/app/index.ts';

const WINDOW_MS = 3000;
const STORMERS = 48;

interface Job {
  readonly role: 'upstream' | 'load' | 'storm';
  readonly port: number;
  readonly rate: number;
}

async function runUpstream(): Promise<void> {
  const server = createServer((_request, response) => response.end('{"ok":true}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  parentPort!.postMessage((server.address() as AddressInfo).port);
}

/**
 * Open loop: requests leave whatever became of those before; latencies of one window are answered. They count from when a
 * request leaves: that the generator's own timer is late says nothing about the gate.
 */
function runLoad(port: number, rate: number): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  parentPort!.on('message', () => {
    const latencies: number[] = [];
    let open = 0;
    let sent = 0;
    const startMs = performance.now();
    const total = Math.floor((WINDOW_MS / 1000) * rate);
    const finish = (): void => {
      if (sent === total && open === 0) parentPort!.postMessage(latencies);
    };
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1000) * rate));
      for (; sent < due; sent++) {
        const sentMs = performance.now();
        open++;
        const done = (): void => {
          latencies.push(performance.now() - sentMs);
          open--;
          finish();
        };
        request({ host: '127.0.0.1', port, path: '/things', agent }, (answer) =>
          answer.resume().on('end', done),
        )
          .on('error', done)
          .end();
      }
      if (sent === total) {
        clearInterval(timer);
        finish();
      }
    }, 1);
  });
}

/** People have machines of their own: what trying passwords costs them must not be taken from the gate. */
function stepBack(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), constants.priority.PRIORITY_LOW);
  } catch {
    process.stdout.write(
      'the storm competes with the gate for the processor: no priorities of threads here\n',
    );
  }
}

/** People who try passwords as fast as they are answered, each from another address. */
function runStorm(port: number): void {
  stepBack();
  let stormy = false;
  let tried = 0;
  let busy = 0;
  const origin = `http://localhost:${port}`;
  const challenge = 'a'.repeat(43);
  const one = async (n: number): Promise<void> => {
    while (stormy) {
      const address = `10.${n}.${Math.floor(tried / 250) % 250}.${tried % 250}`;
      const headers = { 'x-forwarded-for': address, accept: 'text/html' };
      try {
        const begun = await fetch(
          `${origin}/authorize?client_id=shop&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid&code_challenge=${challenge}&code_challenge_method=S256`,
          { redirect: 'manual', headers },
        );
        const cookie = begun.headers
          .getSetCookie()
          .map((line) => line.split(';')[0])
          .join('; ');
        const path = begun.headers.get('location')!;
        const shown = await fetch(origin + path, { headers: { ...headers, cookie } });
        const csrf = /name="csrf" value="([^"]+)"/.exec(await shown.text())![1]!;
        for (let i = 0; i < 10 && stormy; i++) {
          tried++;
          const answer = await fetch(`${origin}${path}/login`, {
            method: 'POST',
            headers: { ...headers, cookie, 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams({
              csrf,
              user: `user-${n}-${tried}`,
              password: 'a password to try',
            }).toString(),
          });
          if (answer.status === 503) busy++;
          await answer.arrayBuffer();
        }
      } catch {
        // Refused connections are part of a storm.
      }
    }
  };
  parentPort!.on('message', (wanted: boolean) => {
    stormy = wanted;
    if (wanted) for (let n = 0; n < STORMERS; n++) void one(n);
    else parentPort!.postMessage({ tried, busy });
  });
}

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!;

const ask = <T>(worker: Worker, message: unknown): Promise<T> =>
  new Promise((resolve) => {
    worker.once('message', resolve);
    worker.postMessage(message);
  });

async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 7);
  const rate = Number(process.argv[3] ?? 400);
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-storm-'));
  const start = (job: Job): Worker => new Worker(new URL(import.meta.url), { workerData: job });
  const upstream = start({ role: 'upstream', port: 0, rate });
  const upstreamPort = await new Promise<number>((resolve) => upstream.once('message', resolve));
  const port = await freePort();
  writeFileSync(
    join(folder, 'openapi.yaml'),
    `openapi: 3.1.0
info: { title: Things, version: '1' }
paths: { /things: { get: { operationId: listThings, responses: { '200': { description: ok } } } } }
`,
  );
  writeFileSync(
    join(folder, 'gatewright.yaml'),
    `listeners: { public: { port: ${port}, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] } }
state: { sqlite: ./state.db }
upstreams: { things: { targets: [ http://127.0.0.1:${upstreamPort} ] } }
identity: { authorization-server: { issuer: http://localhost:${port} } }
apis:
  login: { service: authorization-server, hosts: [ localhost ], limits: [] }
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    operations: { listThings: { public: true, reason: measured } }
telemetry: { listen: false, access-log: { to: none } }
`,
  );
  const gate = await startGate({
    file: join(folder, 'gatewright.yaml'),
    workers: 1,
    log: { write: () => {} },
  });
  const { openState } = await import('../src/stores/index.ts');
  const { defaultSettings, registerClient } = await import('../src/oauth/index.ts');
  const { IdentityRegistry } = await import('../src/identity/index.ts');
  const { systemClock } = await import('../src/core/index.ts');
  const state = await openState({ kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null });
  await new IdentityRegistry(state.identity, systemClock).add('client', 'shop', [], '', null);
  await registerClient(state.oauth, 'shop', {
    ...defaultSettings,
    redirectUris: ['https://app.example/cb'],
    grantTypes: ['authorization_code'],
    authMethod: 'none',
  });
  const load = start({ role: 'load', port, rate });
  const storm = start({ role: 'storm', port, rate });
  const windows: { quiet: number[][]; stormy: number[][] } = { quiet: [], stormy: [] };
  await ask(load, 'warm up');
  let tried = { tried: 0, busy: 0 };
  for (let round = 0; round < rounds; round++) {
    windows.quiet.push(await ask<number[]>(load, 'quiet'));
    storm.postMessage(true);
    windows.stormy.push(await ask<number[]>(load, 'stormy'));
    tried = await ask<{ tried: number; busy: number }>(storm, false);
  }
  const median = (of: number[][], q: number): number =>
    quantile(
      of.map((window) => quantile(window, q)),
      0.5,
    );
  // How far windows without a storm are apart: less than that is no difference.
  const odd = median(
    windows.quiet.filter((_, index) => index % 2 === 1),
    0.99,
  );
  const even = median(
    windows.quiet.filter((_, index) => index % 2 === 0),
    0.99,
  );
  const show = (ms: number): string => `${ms.toFixed(2)} ms`;
  const p99 = [median(windows.quiet, 0.99), median(windows.stormy, 0.99)] as const;
  process.stdout.write(
    `${rounds} rounds of ${WINDOW_MS} ms, ${rate} requests a second, ${STORMERS} people trying passwords\n` +
      `quiet   p50 ${show(median(windows.quiet, 0.5))}  p99 ${show(p99[0])}  (odd and even windows apart: ${(Math.max(odd, even) / Math.min(odd, even)).toFixed(2)} times)\n` +
      `stormy  p50 ${show(median(windows.stormy, 0.5))}  p99 ${show(p99[1])}  (${(p99[1] / p99[0]).toFixed(2)} times)\n` +
      `${tried.tried} passwords tried, ${tried.busy} asked to come again\n`,
  );
  for (const worker of [load, storm, upstream]) await worker.terminate();
  await gate.close();
  await state.close();
  rmSync(folder, { recursive: true, force: true });
}

if (isMainThread) await main();
else {
  const { role, port, rate } = workerData as Job;
  if (role === 'upstream') await runUpstream();
  else if (role === 'load') runLoad(port, rate);
  else runStorm(port);
}
