// A listener of the data plane in the test's own thread, whose operations, GET /things and GET /socket, have the guards that the test
// gives it: for hooks that no configured guard uses in the way that is to be tested.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/index.ts';
import { type Exchange, type Guard, noHooks } from '../../src/exchange/index.ts';
import { type RelayContext, RelayListener } from '../../src/gateway/relay/index.ts';
import type { RouteEntry } from '../../src/gateway/relay/route.ts';
import { compileRouter, RouteMatch } from '../../src/gateway/router/index.ts';
import { compileSnapshot, createLastingState } from '../../src/gateway/workers/compile.ts';
import {
  ConcurrencyTable,
  createConcurrencyTable,
  createLimitTable,
  LimitTable,
} from '../../src/limits/index.ts';
import { compilePipeline } from '../../src/pipeline/index.ts';
import { createMetrics, WorkerTelemetry } from '../../src/telemetry/index.ts';
import { openConfig, openContract } from './gate.ts';

export interface GuardedRelay {
  readonly port: number;
  /** Exchanges that have ended, in order. */
  readonly ended: Exchange[];
}

export async function startGuardedRelay(
  t: TestContext,
  upstreamPort: number,
  guard: Partial<Guard>,
  http2 = false,
): Promise<GuardedRelay> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'openapi.yaml'), openContract);
  await writeFile(join(folder, 'gatewright.yaml'), openConfig({ upstreamPort }));
  const { config } = await loadConfig(join(folder, 'gatewright.yaml'), {});
  const state = createLastingState(new LimitTable(createLimitTable()));
  const compiled = compileSnapshot(config!, new Map(), state);
  const snapshot = compiled.listeners.get('public')!;
  compiled.upstreams.get('things')!.entry.balancer.update([
    {
      key: 'one',
      host: '127.0.0.1',
      address: '127.0.0.1',
      port: upstreamPort,
      tls: false,
      weight: 1,
      healthy: true,
    },
  ]);
  const match = new RouteMatch<RouteEntry>();
  const ended: Exchange[] = [];
  const pipeline = compilePipeline([
    { ...noHooks, name: 'inspect', onEnd: (exchange) => void ended.push(exchange), ...guard },
  ]);
  const routes = ['GET /things', 'HEAD /things', 'GET /socket'].map((operation) => {
    const [method, template] = operation.split(' ') as [string, string];
    if (snapshot.router.find('', method, template, match) !== 'found') throw new Error('no route');
    return { hosts: [], method, template, value: { ...match.value!, pipeline } };
  });
  const context: RelayContext = {
    snapshot: { ...snapshot, router: compileRouter(routes) },
    draining: false,
    telemetry: new WorkerTelemetry(createMetrics([]), null),
    clock: systemClock,
  };
  const relay = new RelayListener(context, {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    http2,
    proxyProtocolFrom: null,
    isWithdrawn: () => false,
    maxConnections: 100,
    maxPerAddress: 0,
    connectionsByAddress: new ConcurrencyTable(createConcurrencyTable(1, 8), 0),
    proxies: null,
    isBanned: () => false,
    reusePort: false,
  });
  const port = await relay.listen();
  t.after(() => relay.drain(0));
  return { port, ended };
}
