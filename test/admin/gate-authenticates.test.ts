// The control plane where the gate itself authenticates: its word is taken for who calls, scopes say the role, and nobody gets in
// beside it, not even to the page.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { createApiKey } from '../../src/credentials/index.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

test('with "authenticate" at its API the gate says who calls the control plane', async (t) => {
  const upstream = await startRawUpstream(t);
  const viewer = createApiKey('viewer-1');
  const nobody = createApiKey('nobody-1');
  const config = openConfig({ upstreamPort: upstream.port })
    .replace('listeners:\n', 'listeners:\n  console: { port: 0, host: 127.0.0.1, exposure: internal }\n')
    .replace(
      'apis:\n',
      `state: { sqlite: ./state.db }
identity:
  consumers:
    watcher: { scopes: [ 'gatewright:viewer' ], keys: [ { id: viewer-1, sha256: ${viewer.sha256} } ] }
    other: { scopes: [ 'things:read' ], keys: [ { id: nobody-1, sha256: ${nobody.sha256} } ] }
apis:
  control: { service: admin, exposure: internal, limits: [], authenticate: [ { api-key: {} } ] }
`,
    );
  const gate = await startTestGate(t, { config });
  const origin = `http://127.0.0.1:${gate.portOf('console')}`;
  const ask = async (path: string, key = '', init: RequestInit = {}) => {
    const answer = await fetch(origin + path, {
      ...init,
      headers: { ...init.headers, ...(key === '' ? {} : { 'x-api-key': key }) },
    });
    return { status: answer.status, text: await answer.text() };
  };
  for (const path of ['/', '/api/v1/session', '/api/v1/openapi.json'])
    assert.equal((await ask(path)).status, 401, path);
  const session = JSON.parse((await ask('/api/v1/session', viewer.key)).text) as Record<string, unknown>;
  assert.deepEqual([session['user'], session['kind'], session['roles']], ['watcher', 'gate', ['viewer']]);
  assert.equal((await ask('/api/v1/now', viewer.key)).status, 200);
  assert.equal((await ask('/api/v1/keys', viewer.key)).status, 403);
  assert.equal((await ask('/api/v1/now', nobody.key)).status, 403);
  assert.equal((await ask('/', viewer.key)).status, 200);
  // An account here is for people who signed in here.
  assert.equal((await ask('/api/v1/account', viewer.key)).status, 404);
});

test('the control plane is on internal listeners alone, and wants a state', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-admin-'));
  const file = join(folder, 'gatewright.yaml');
  try {
    await writeFile(
      file,
      'listeners: { public: { port: 8080 } }\nupstreams: {}\napis: { control: { service: admin } }\n',
    );
    const { config, diagnostics } = await loadConfig(file, {});
    assert.equal(config, null);
    const ids = diagnostics.map(({ id }) => id);
    assert.ok(ids.includes('config-exposure') && ids.includes('config-state-missing'), ids.join());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
