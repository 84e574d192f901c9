// Four gates that share limits over one Redis, under greedy and honest callers whose requests are spread unevenly; Redis may be
// killed and come back empty under way. Counts what was admitted to whom.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin } from '../support/command.ts';
import { openConfig, openContract } from '../support/gate.ts';
import { freePort } from '../support/own-postgres.ts';
import { type OwnRedis, spawnRedis } from '../support/own-redis.ts';

const GATES = 4;
export const RATE = 100;
export const BURST = 100;
const HONEST = 20;
const HONEST_PER_SECOND = 20;
const GREEDY_PER_SECOND = 250;

export interface StormResult {
  readonly seconds: number;
  /** Admitted requests of each greedy caller. */
  readonly greedy: readonly number[];
  readonly honest: number;
  /** Answers to honest callers other than 200, by status; 0 for a connection that failed. */
  readonly refused: Readonly<Record<string, number>>;
  /** Waiting time of honest requests, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Exchanges with Redis by all gates. */
  readonly exchanges: number;
  readonly requests: number;
}

interface Scope {
  after(work: () => Promise<void> | void): void;
}

/** Runs for `seconds`; with `kill` Redis is gone for the middle third. */
export async function limitStorm(scope: Scope, seconds: number, kill: boolean): Promise<StormResult> {
  const redisPort = await freePort();
  let redis: OwnRedis = await spawnRedis(scope as never, redisPort);
  const upstream = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  scope.after(() => void upstream.close());
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-storm-'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'openapi.yaml'), openContract);
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  writeFileSync(
    join(folder, 'gatewright.yaml'),
    openConfig({
      upstreamPort,
      listener: ', trusted-proxies: [ 127.0.0.1 ]',
      extra: `cluster: { redis: "\${env:REDIS_URL}", wait: 100ms, nodes: ${GATES} }\nworkers: 1`,
    })
      .replace('limits: []', `limits: [ { per: address, rate: ${RATE}/s, burst: ${BURST} } ]`)
      .replace('access-log: { to: { file: ./access.log } }', 'access-log: { to: none }'),
  );
  const gates = await Promise.all(
    Array.from({ length: GATES }, () => startGate(scope, join(folder, 'gatewright.yaml'), redisPort)),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  scope.after(() => agent.destroy());

  const greedy = [0, 0];
  const refused: Record<string, number> = {};
  const waits: number[] = [];
  let honest = 0;
  let requests = 0;
  let underway = 0;
  const send = (gate: number, caller: string, done: (status: number) => void): void => {
    requests++;
    underway++;
    const sent = request(
      {
        host: '127.0.0.1',
        port: gates[gate]!.port,
        path: '/things',
        agent,
        headers: { 'x-forwarded-for': caller },
      },
      (answer) => {
        answer.resume();
        answer.on('end', () => {
          underway--;
          done(answer.statusCode!);
        });
      },
    );
    sent.on('error', () => {
      underway--;
      done(0);
    });
    sent.end();
  };
  const startMs = performance.now();
  const elapsed = (): number => (performance.now() - startMs) / 1000;
  const sentBy = new Map<string, number>();
  /** Sends what is due of a caller at `perSecond`. */
  const due = (caller: string, perSecond: number, one: () => void): void => {
    const wanted = Math.floor(elapsed() * perSecond);
    const sent = sentBy.get(caller) ?? 0;
    // A machine that was busy does not make a caller that kept to its rate exceed it afterwards.
    for (let i = Math.max(sent, wanted - 10); i < wanted; i++) one();
    sentBy.set(caller, wanted);
  };
  const weights = [0.7, 0.9, 0.98, 1];
  const turn = (): void => {
    due('198.51.100.1', GREEDY_PER_SECOND, () => {
      const draw = Math.random();
      send(
        weights.findIndex((weight) => draw < weight),
        '198.51.100.1',
        (status) => {
          if (status === 200) greedy[0]!++;
        },
      );
    });
    due('198.51.100.2', GREEDY_PER_SECOND, () =>
      send(Math.floor(elapsed() / 2) % GATES, '198.51.100.2', (status) => {
        if (status === 200) greedy[1]!++;
      }),
    );
    for (let i = 0; i < HONEST; i++) {
      const caller = `203.0.113.${i + 1}`;
      due(caller, HONEST_PER_SECOND, () => {
        const sentMs = performance.now();
        send(Math.floor(Math.random() * GATES), caller, (status) => {
          waits.push(performance.now() - sentMs);
          honest++;
          if (status !== 200) refused[status] = (refused[status] ?? 0) + 1;
        });
      });
    }
  };
  const events = kill
    ? [
        { at: seconds / 3, what: 'kill' },
        { at: (seconds * 2) / 3, what: 'start' },
      ]
    : [];
  while (elapsed() < seconds) {
    if (events.length > 0 && elapsed() >= events[0]!.at) {
      const { what } = events.shift()!;
      if (what === 'kill') await redis.kill();
      else void spawnRedis(scope as never, redisPort).then((again) => (redis = again));
    }
    turn();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ranSeconds = elapsed();
  while (underway > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  let exchanges = 0;
  for (const { telemetry } of gates) {
    const text = await (await fetch(`http://127.0.0.1:${telemetry}/metrics`)).text();
    exchanges += Number(/^gatewright_limit_exchanges_total (\d+)/m.exec(text)?.[1] ?? 0);
  }
  waits.sort((a, b) => a - b);
  const at = (share: number): number =>
    waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0;
  return {
    seconds: ranSeconds,
    greedy,
    honest,
    refused,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    exchanges,
    requests,
  };
}

async function startGate(
  scope: Scope,
  file: string,
  redisPort: number,
): Promise<{ port: number; telemetry: number }> {
  const child = spawn(process.execPath, [bin, 'start', '--no-watch', '--config', file], {
    env: { ...process.env, NO_COLOR: '1', REDIS_URL: `redis://127.0.0.1:${redisPort}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  scope.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let text = '';
  return new Promise((resolve, reject) => {
    const look = (part: Buffer): void => {
      text += part.toString();
      const port = /"listening"[^\n]*127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      const telemetry = /127\.0\.0\.1:(\d+)\/metrics/.exec(text)?.[1];
      if (port !== undefined && telemetry !== undefined)
        resolve({ port: Number(port), telemetry: Number(telemetry) });
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('close', () => reject(new Error(`a gate ended:\n${text}`)));
  });
}
