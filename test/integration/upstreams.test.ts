// Several targets: who gets the next request, who is left out, what is tried again, and when all is refused at once.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

/** Three targets that answer their own number, and a gate in front. */
async function setUp(t: TestContext, settings: string, count = 3) {
  const targets = await Promise.all(Array.from({ length: count }, () => startRawUpstream(t)));
  targets.forEach((target, i) => {
    target.onRequest = ({ connection }) => void connection.socket.write(answer(200, String(i)));
  });
  const list = targets.map(({ port }) => `http://127.0.0.1:${port}`).join(', ');
  const config = openConfig({ upstreamPort: 1, upstream: settings }).replace(
    /targets: \[.*\]/,
    `targets: [ ${list} ]`,
  );
  const gate = await startTestGate(t, { config });
  const ask = (method = 'GET', fields: Record<string, string> = {}, target = '/things') =>
    exchange(gate.port, request(method, target, fields), method);
  return { targets, gate, ask };
}

const counts = (targets: readonly RawUpstream[]): number[] => targets.map(({ requests }) => requests.length);

test('round robin takes turns', async (t) => {
  const { targets, ask } = await setUp(t, '    balance: round-robin');
  for (let i = 0; i < 9; i++) assert.equal((await ask()).status, 200);
  assert.deepEqual(counts(targets), [3, 3, 3]);
});

test('a hash on a header sends the same to the same', async (t) => {
  const { targets, ask } = await setUp(t, '    balance: hash\n    hash-on: header:x-tenant');
  for (const tenant of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    const bodies = new Set<string>();
    for (let i = 0; i < 4; i++) bodies.add((await ask('GET', { 'x-tenant': tenant })).body.toString());
    assert.equal(bodies.size, 1, tenant);
  }
  assert.ok(counts(targets).filter((count) => count > 0).length > 1);
});

test('least request avoids the busy one', async (t) => {
  const { targets, gate, ask } = await setUp(t, '', 2);
  targets[0]!.onRequest = () => {};
  const stuck: RawClient[] = [];
  while (targets[0]!.requests.length < 4) {
    const client = await RawClient.connect(gate.port);
    t.after(() => client.destroy());
    client.send(request('GET', '/things'));
    stuck.push(client);
    await until(
      () => targets[0]!.requests.length + targets[1]!.requests.length >= stuck.length,
      'the request',
    );
    if (stuck.length > 200) break;
  }
  const before = targets[0]!.requests.length;
  for (let i = 0; i < 20; i++) assert.equal((await ask()).body.toString(), '1');
  assert.equal(targets[0]!.requests.length, before);
});

test('a target that refuses connections is passed over', async (t) => {
  const { targets, ask, gate } = await setUp(t, '    balance: round-robin', 2);
  await targets[0]!.close();
  for (let i = 0; i < 6; i++) assert.equal((await ask()).body.toString(), '1');
  assert.ok((await gate.accessLines(6)).some((line) => line['upstream_attempts'] === 2));
});

test('a connection that closes without an answer: GET is tried again, POST is not', async (t) => {
  const { targets, ask } = await setUp(t, '    balance: round-robin', 2);
  targets[0]!.onRequest = ({ connection }) => connection.socket.end();
  for (let i = 0; i < 4; i++) assert.equal((await ask()).status, 200);
  const before = counts(targets).reduce((sum, count) => sum + count);
  const statuses = [];
  for (let i = 0; i < 2; i++)
    statuses.push((await ask('POST', { 'content-type': 'text/plain', 'content-length': '0' })).status);
  assert.deepEqual(statuses.sort(), [200, 502]);
  assert.equal(
    counts(targets).reduce((sum, count) => sum + count),
    before + 2,
  );
});

test('statuses that are named are tried elsewhere, for idempotent requests', async (t) => {
  const { targets, ask } = await setUp(t, '    balance: round-robin\n    retries: { statuses: [ 503 ] }', 2);
  targets[0]!.onRequest = ({ connection }) => void connection.socket.write(answer(503, 'busy'));
  for (let i = 0; i < 4; i++) assert.equal((await ask()).status, 200);
});

test('retries keep to their budget', async (t) => {
  const { targets, ask } = await setUp(
    t,
    '    retries: { attempts: 1, budget: 0.1 }\n    ejection: { consecutive-failures: 1000 }\n    breaker: { minimum-requests: 1000 }',
    1,
  );
  targets[0]!.onRequest = ({ connection }) => connection.socket.end();
  for (let i = 0; i < 50; i++) assert.equal((await ask()).status, 502);
  const retries = targets[0]!.requests.length - 50;
  assert.ok(retries <= 3 + 50 * 0.1 + 1, `${retries} retries`);
  assert.ok(retries >= 3);
});

test('an endpoint that fails again and again is left out, and comes back', async (t) => {
  const { targets, ask } = await setUp(
    t,
    '    balance: round-robin\n    retries: { attempts: 0 }\n    ejection: { consecutive-failures: 3, base: 500ms }\n    breaker: { minimum-requests: 1000 }',
    2,
  );
  targets[0]!.onRequest = ({ connection }) => void connection.socket.write(answer(500, 'broken'));
  while (targets[0]!.requests.length < 3) await ask();
  for (let i = 0; i < 10; i++) assert.equal((await ask()).status, 200);
  assert.equal(targets[0]!.requests.length, 3);
  targets[0]!.onRequest = ({ connection }) => void connection.socket.write(answer(200, '0'));
  await until(async () => (await ask()).body.toString() === '0', 'the endpoint to come back');
});

test('the breaker opens when too much fails, refuses at once, and closes again', async (t) => {
  const { targets, ask, gate } = await setUp(
    t,
    '    retries: { attempts: 0 }\n    ejection: { consecutive-failures: 1000 }\n    breaker: { minimum-requests: 5, failure-ratio: 0.5, open-for: 500ms, window: 5s }',
    1,
  );
  targets[0]!.onRequest = ({ connection }) => void connection.socket.write(answer(500, 'broken'));
  for (let i = 0; i < 5; i++) assert.equal((await ask()).status, 500);
  const before = targets[0]!.requests.length;
  assert.equal((await ask()).status, 503);
  assert.equal(targets[0]!.requests.length, before);
  assert.equal((await gate.accessLines(6)).at(-1)!['code'], 'upstream-overloaded');
  targets[0]!.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'well'));
  await until(async () => (await ask()).status === 200, 'the breaker to close');
});

test('active checks take a target out and bring it back', async (t) => {
  const { targets, ask } = await setUp(
    t,
    '    balance: round-robin\n    health: { path: /well, interval: 100ms, timeout: 500ms, healthy-after: 1, unhealthy-after: 2 }',
    2,
  );
  let well = false;
  const [first] = targets;
  first!.onRequest = ({ target, connection }) =>
    void connection.socket.write(target === '/well' ? answer(well ? 200 : 500) : answer(200, '0'));
  const bodies = async (): Promise<string> => {
    let seen = '';
    for (let i = 0; i < 4; i++) seen += (await ask()).body.toString();
    return seen;
  };
  await until(async () => (await bodies()) === '1111', 'the first target to be left out');
  well = true;
  await until(async () => (await bodies()).includes('0'), 'the first target to come back');
});

test('nobody left is a 503 with a problem document', async (t) => {
  const { ask } = await setUp(
    t,
    '    health: { path: /well, interval: 100ms, timeout: 200ms, unhealthy-after: 1, status: "299" }',
    1,
  );
  const response = await until(async () => {
    const found = await ask();
    return found.status === 503 ? found : undefined;
  }, 'the only target to be left out');
  assert.match(String(response.json()['type']), /upstream-unavailable$/);
});

test('used connections are used again, and a stale one costs no request', async (t) => {
  const { targets, ask } = await setUp(t, '', 1);
  for (let i = 0; i < 5; i++) await ask();
  assert.equal(targets[0]!.connections.length, 1);
  targets[0]!.connections[0]!.socket.end();
  assert.equal((await ask()).status, 200);
  assert.equal((await ask('POST', { 'content-type': 'text/plain', 'content-length': '0' })).status, 200);
});

test('the upstream sees the client’s Host, or its own where it wants that', async (t) => {
  const client = await setUp(t, '', 1);
  await client.ask();
  assert.equal(client.targets[0]!.requests[0]!.head.host, 'api.example.com');
  const own = await setUp(t, '    host: target', 1);
  await own.ask();
  assert.equal(own.targets[0]!.requests[0]!.head.host, `127.0.0.1:${own.targets[0]!.port}`);
});
