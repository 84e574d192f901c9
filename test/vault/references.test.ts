// References of the configuration into the vault: read at the start, followed when they change, and never a reason to lose what
// is served.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/app/load-config.ts';
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { openState } from '../../src/stores/index.ts';
import { KvMount, Mounts } from '../../src/vault/index.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { until } from '../support/until.ts';

async function upstream(t: TestContext, name: string): Promise<string> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function putSecret(
  config: StateConfig,
  path: string,
  data: Record<string, unknown>,
  reads?: number,
): Promise<void> {
  const state = await openState(config);
  try {
    const mount = (await new Mounts(state.vault, systemClock).table()).engines['secret/']!;
    const kv = new KvMount(state.vault, systemClock, mount.id, () => mount.kv);
    await kv.write(path, data, reads === undefined ? {} : { reads });
  } finally {
    await state.close();
  }
}

test('a reference follows the secret without a restart and without a failed request', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-references-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config: StateConfig = { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null };
  const [first, second] = [await upstream(t, 'first'), await upstream(t, 'second')];
  await putSecret(config, 'up', { url: first });
  const gate = await startTestGate(t, {
    config: openConfig({ upstreamPort: 1, extra: `state: { sqlite: ${config.file} }` }).replace(
      /http:\/\/127\.0\.0\.1:1\b/,
      "'${vault:secret/up#url}'",
    ),
  });
  const ask = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${gate.port}/things`);
    assert.equal(response.status, 200);
    return response.text();
  };
  assert.equal(await ask(), 'first');
  await putSecret(config, 'up', { url: second });
  await until(async () => (await ask()) === 'second', 'the new upstream');
  assert.deepEqual(gate.gate.config.vault.references, [{ name: 'secret/up#url', version: '2' }]);
  // A secret that does not do leaves what is served.
  await putSecret(config, 'up', { other: 1 });
  await until(() => gate.log.some(({ event }) => event === 'vault-reference-missing'), 'word of it');
  assert.equal(await ask(), 'second');
  await putSecret(config, 'up', { url: 'unfit-secret' });
  await until(() => gate.log.some(({ event }) => event === 'reload-refused'), 'a refused reload');
  assert.equal(await ask(), 'second');
  // No log holds what was read.
  assert.doesNotMatch(JSON.stringify(gate.log), new RegExp(`${second}|unfit-secret`));
});

test('what can not be read is a diagnostic that says why', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-references-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config: StateConfig = { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: null };
  await putSecret(config, 'once', { value: 'x' }, 1);
  const { writeFile } = await import('node:fs/promises');
  const problemsOf = async (lines: string): Promise<string> => {
    const file = join(folder, 'gatewright.yaml');
    await writeFile(file, `listeners: { public: { port: 8080 } }\nupstreams: {}\napis: {}\n${lines}\n`);
    return (await loadConfig(file, {})).diagnostics.map(({ message }) => message).join('\n');
  };
  const login = (reference: string): string =>
    `identity: { issuers: { a: { issuer: x, introspect: { client-id: g, client-secret: '${reference}' } } } }`;
  const state = 'state: { sqlite: ./state.db }';
  assert.match(
    await problemsOf(`${state}\n${login('${vault:secret/none#a}')}`),
    /there is no secret secret\/none/,
  );
  assert.match(await problemsOf(`${state}\n${login('${vault:nowhere/none#a}')}`), /nothing is mounted/);
  assert.match(await problemsOf(`${state}\n${login('${vault:secret/once}')}`), /reads are counted/);
  assert.match(await problemsOf(login('${vault:secret/none#a}')), /no state that it could be kept in/);
  assert.match(
    await problemsOf(`state: { sqlite: ./state.db, seal: '\${vault:secret/a}' }`),
    /what opens it can not come from it/,
  );
  assert.match(
    await problemsOf(`state: { sqlite: ./other.db }\n${login('${vault:secret/a}')}`),
    /there is no state in/,
  );
});
