// What users rely on without having written it: limits that do not eat each other, no cross-origin access unless
// configured, targets that mean all of what they say.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../src/config/load.ts';
import { openConfig, openContract, startTestGate } from './support/gate.ts';

/** A service that allows every origin to read its answers. */
async function startOpenService(t: TestContext): Promise<number> {
  const server = createServer((_request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-credentials', 'true');
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('without "cors" no other origin may read, whatever the service says', async (t) => {
  const upstreamPort = await startOpenService(t);
  const { port } = await startTestGate(t, { config: openConfig({ upstreamPort }) });
  const answer = await fetch(`http://127.0.0.1:${port}/things`, {
    headers: { origin: 'https://evil.example' },
  });
  assert.equal(answer.status, 200);
  assert.deepEqual(
    [...answer.headers.keys()].filter((name) => name.startsWith('access-control-')),
    [],
  );
});

test('a limit of an operation and one of its API do not use each other up', async (t) => {
  const upstreamPort = await startOpenService(t);
  const config = openConfig({ upstreamPort })
    .replace('limits: []', 'limits: [ { per: address, rate: 100/h, burst: 50 } ]')
    .replace('deleteThing: {', 'deleteThing: { limits: [ { per: address, rate: 3/h } ],');
  const { port } = await startTestGate(t, { config });
  const call = async (method: string): Promise<Response> => {
    const answer = await fetch(`http://127.0.0.1:${port}/things/1`, { method });
    await answer.arrayBuffer();
    return answer;
  };
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await call('DELETE')).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  const read = await call('GET');
  assert.equal(read.status, 200);
  assert.match(read.headers.get('ratelimit') ?? '', /^"address";r=49;/);
});

test('a target that says more than scheme, host and port is refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-targets-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'openapi.yaml'), openContract);
  const file = join(folder, 'gatewright.yaml');
  const load = async (target: string) => {
    await writeFile(file, openConfig({ upstreamPort: 1 }).replace('http://127.0.0.1:1 ', `"${target}" `));
    return loadConfig(file, {});
  };
  for (const target of ['http://things:3000', 'https://things.example/', 'http://[::1]:3000'])
    assert.deepEqual((await load(target)).diagnostics, [], target);
  for (const target of [
    'http://things/api',
    'http://things?x',
    'http://a:b@things',
    'things:3000',
    'ftp://things',
  ]) {
    const { config, diagnostics } = await load(target);
    assert.equal(config, null, target);
    assert.deepEqual(
      diagnostics.map((entry) => entry.id),
      ['config-value'],
    );
  }
});
