// `node bench/vault.ts`: CPU microseconds of what the vault does, in one process, as medians of rounds: sealing and opening a
// record, encrypting with a transit key, and reading a secret over HTTP on loopback (client and server together).
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/index.ts';
import { openEnvelope, parseEnvelope, sealEnvelope } from '../src/envelope/index.ts';
import { openState } from '../src/stores/index.ts';
import { serveVault, Unsealing, VaultService } from '../src/vault/index.ts';

const ROUNDS = 7;

/** Median over rounds of CPU µs a call. */
async function measure(name: string, count: number, work: () => unknown): Promise<void> {
  const samples: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) await work();
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) samples.push((user + system) / count);
  }
  samples.sort((a, b) => a - b);
  process.stdout.write(`${name.padEnd(44)} ${samples[Math.floor(ROUNDS / 2)]!.toFixed(1)} µs\n`);
}

const key = randomBytes(32);
const ref = { key: 'bench', version: 1 };
const clear = randomBytes(256);
const text = sealEnvelope(ref, key, 'bench/place', clear);
await measure('seal a record of 256 bytes', 20_000, () => sealEnvelope(ref, key, 'bench/place', clear));
await measure('open a record of 256 bytes', 20_000, () =>
  openEnvelope(parseEnvelope(text), key, 'bench/place'),
);

const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
const state = await openState({ kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null });
const service = new VaultService({
  barrier: state.vault,
  clock: systemClock,
  audit: () => {},
  unsealing: new Unsealing(state.vault, false),
});
await service.mounts.table();
const { id } = await state.vault.transaction((session) =>
  service.tokens.issue(session, { policies: ['root'], ttlMs: 0, path: 'bench' }),
);
const call = (operation: 'read' | 'update', path: string, body = {}) =>
  service.handle({
    operation,
    path,
    query: new URLSearchParams(),
    body,
    tokenId: id,
    wrapTtlMs: 0,
    address: '127.0.0.1',
  });
await call('update', 'sys/mounts/transit', { type: 'transit' });
await call('update', 'transit/keys/bench');
await call('update', 'secret/data/bench', { data: { password: 'x'.repeat(32) } });
const plaintext = clear.toString('base64');
await measure('transit encrypt, 256 bytes, with its token', 2000, () =>
  call('update', 'transit/encrypt/bench', { plaintext }),
);
await measure('KV read, with its token', 2000, () => call('read', 'secret/data/bench'));

const server = createServer((incoming, response) => {
  void serveVault(service, incoming, response, { target: incoming.url ?? '/', address: '127.0.0.1' });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
const { port } = server.address() as AddressInfo;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const get = (): Promise<void> =>
  new Promise((resolve, reject) => {
    request(
      { port, host: '127.0.0.1', path: '/v1/secret/data/bench', headers: { 'x-vault-token': id }, agent },
      (response) => {
        response.resume().on('end', () => resolve());
      },
    )
      .on('error', reject)
      .end();
  });
await measure('KV read over HTTP, client and server', 1000, get);
agent.destroy();
server.close();
await state.close();
rmSync(folder, { recursive: true, force: true });
