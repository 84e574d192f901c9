// `node bench/consumers.ts <count>`: what many callers in the state cost: start, requests, reload, and how long it takes
// until a new key is taken and a revoked one is refused. Ten and a hundred thousand should not differ but in the start.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startGate } from '../src/app/index.ts';
import { systemClock } from '../src/core/index.ts';
import { IdentityRegistry } from '../src/identity/index.ts';
import { openState } from '../src/stores/index.ts';

const REQUESTS = 4000;
const ROUNDS = 10;

const count = Number(process.argv[2] ?? 10);
const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
const upstream = createServer((_request, response) => response.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
writeFileSync(
  join(folder, 'openapi.yaml'),
  `openapi: 3.1.0
info: { title: Things, version: '1' }
paths: { /things: { get: { operationId: list, responses: {} } } }
`,
);
writeFileSync(
  join(folder, 'gatewright.yaml'),
  `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { things: { targets: [ http://127.0.0.1:${(upstream.address() as AddressInfo).port} ] } }
state: { sqlite: ./state.db }
apis:
  things: { contract: ./openapi.yaml, upstream: things, authenticate: [ { api-key: {} } ], authorize: { scopes: none }, limits: [] }
telemetry: { listen: false, access-log: { to: none } }
workers: 2
`,
);
const file = join(folder, 'state.db');
const state = await openState({ kind: 'sqlite', file, sealKey: null });
const registry = new IdentityRegistry(state.identity, systemClock);
const first = (await registry.add('client', 'first', ['a'], '', {}))!;
fill(file);
const startMs = performance.now();
const gate = await startGate({ file: join(folder, 'gatewright.yaml'), log: { write: () => {} } });
const started = performance.now() - startMs;
const { port } = gate.listeners[0]!;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Rows as the store would write them, in one transaction. */
function fill(path: string): void {
  const database = new DatabaseSync(path);
  database.exec('BEGIN');
  const principal = database.prepare(
    `INSERT INTO principals VALUES (?, 'client', '', '["a","b"]', 1, NULL, 1)`,
  );
  const key = database.prepare(`INSERT INTO api_keys VALUES (?, ?, ?, NULL, '[]', 1, NULL, NULL, NULL, 1)`);
  for (let i = 0; i < count; i++) {
    principal.run(`client-${i}`);
    key.run(`key-${i}`, `client-${i}`, createHash('sha256').update(`key-${i}`).digest('hex'));
  }
  database.exec('COMMIT');
  database.close();
}

function get(key: string, through: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: '127.0.0.1', port, path: '/things', headers: { 'x-api-key': key }, agent: through },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode!));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now();
  await work();
  return performance.now() - beginMs;
}

const run = async (): Promise<void> => {
  for (let i = 0; i < REQUESTS; i++) if ((await get(first.key, agent)) !== 200) throw new Error('refused');
};
const waitFor = async (key: string, status: number): Promise<void> => {
  while ((await get(key, false)) !== status);
};
await run();
const requests = await time(run);
const reload = await time(() => gate.reload());
let [seen, refused] = [0, 0];
for (let round = 0; round < ROUNDS; round++) {
  const { key, record } = await registry.createKey('first', {});
  seen = Math.max(seen, await time(() => waitFor(key, 200)));
  await registry.revokeKey(record.id);
  refused = Math.max(refused, await time(() => waitFor(key, 401)));
}
process.stdout.write(
  `${count} callers: start ${started.toFixed(0)} ms, ${((requests / REQUESTS) * 1000).toFixed(0)} µs a request (round trip), ` +
    `reload ${reload.toFixed(0)} ms, new key taken within ${seen.toFixed(0)} ms, revoked key refused within ${refused.toFixed(0)} ms, ` +
    `${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB\n`,
);
await gate.close();
await state.close();
agent.destroy();
upstream.close();
rmSync(folder, { recursive: true, force: true });
