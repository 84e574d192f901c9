// The promises about authorization, kept by the demo as it ships: other customers' accounts, hidden and administrative
// operations, fields set by force, a role taken away while the gate runs, a second method, and a login that is too weak.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runDemo } from '../../src/demo/index.ts';
import { until } from '../support/until.ts';

interface Said {
  readonly gate: string;
  readonly folder: string;
  readonly credentials: Readonly<Record<string, string>>;
}

async function startDemo(t: TestContext) {
  let said: Said | null = null;
  const demo = await runDemo({
    port: 0,
    traffic: false,
    json: true,
    print: (line) => {
      said ??= JSON.parse(line) as Said;
    },
  });
  t.after(() => demo.close());
  const { gate, folder, credentials } = said as unknown as Said;
  const call = async (
    who: string,
    method: string,
    path: string,
    options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<string> => {
    const response = await fetch(gate + path, {
      method,
      headers: {
        authorization: `Bearer ${credentials[who]}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const answer = (await response.json()) as { readonly type?: string };
    return `${response.status} ${(answer.type ?? '').replace('urn:gatewright:problem:', '')}`.trim();
  };
  return { folder, call, gate, credentials };
}

const payment = {
  from: 'acc_100001',
  to: 'NO9386011117947',
  money: { amount: '12.50', currency: 'EUR' },
  reference: 'coffee',
};

test('the demo keeps its customers apart', async (t) => {
  const { call } = await startDemo(t);
  assert.equal(await call('ingrid', 'GET', '/accounts/acc_100001'), '200');
  assert.equal(await call('ingrid', 'GET', '/accounts/acc_100001/transactions'), '200');
  for (const path of ['/accounts/acc_200001', '/accounts/acc_200001/transactions', '/accounts/acc_999999'])
    assert.equal(await call('ingrid', 'GET', path), '403 object-denied', path);
  assert.equal(await call('mateus', 'GET', '/accounts/acc_200001'), '200');
  assert.equal(await call('mateus', 'POST', '/payments', { body: payment }), '403 object-denied');
  assert.equal(await call('ingrid', 'POST', '/payments', { body: payment }), '201');
  assert.equal(await call('admin', 'GET', '/accounts/acc_200001'), '200');
});

test('the demo keeps functions and fields to those they are for', async (t) => {
  const { call } = await startDemo(t);
  assert.equal(await call('ingrid', 'POST', '/accounts/acc_100001/freeze'), '403 scope-insufficient');
  assert.equal(await call('ingrid', 'GET', '/internal/debug'), '404 operation-unknown');
  assert.equal(await call('admin', 'POST', '/accounts/acc_100001/freeze'), '200');
  const order = { sku: 'SAI-1042', quantity: 1 };
  assert.equal(await call('ingrid', 'POST', '/orders', { body: order }), '201');
  const cheap = { ...order, discount: 90 };
  assert.equal(await call('ingrid', 'POST', '/orders', { body: cheap }), '403 field-denied');
  const forged = { ...payment, status: 'settled' };
  assert.equal(await call('ingrid', 'POST', '/payments', { body: forged }), '400 body-invalid');
  for (const method of ['DELETE', 'PUT', 'GET']) {
    const headers = { 'X-HTTP-Method-Override': method };
    const answer = await call('ingrid', 'GET', '/accounts/acc_100001', { headers });
    assert.equal(answer, '400 method-override-refused');
  }
  const large = { ...payment, money: { amount: '1000.01', currency: 'EUR' } };
  assert.equal(await call('ingrid', 'POST', '/payments', { body: large }), '401 authentication-insufficient');
  assert.equal(
    await call('ingrid', 'POST', '/payments', {
      body: { ...payment, money: { amount: '1000.00', currency: 'EUR' } },
    }),
    '201',
  );
});

test('a role that is taken away in the file is gone with the same token', async (t) => {
  const { call, folder } = await startDemo(t);
  const ask = () => call('admin', 'GET', '/accounts/acc_200001');
  assert.equal(await ask(), '200');
  const file = join(folder, 'gatewright.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace('members: [ fjordbank|astrid ] }\n    sales', 'members: [ fjordbank|eva ] }\n    sales'),
  );
  await until(async () => ((await ask()) === '403 object-denied' ? true : undefined), 'the role is gone');
  assert.equal(await call('admin', 'POST', '/accounts/acc_200001/freeze'), '403 object-denied');
});

test('the demo gives answers without what the reader may not see', async (t) => {
  const { gate, credentials } = await startDemo(t);
  const orders = async (headers: Readonly<Record<string, string>>): Promise<Record<string, unknown>[]> => {
    const response = await fetch(`${gate}/orders`, { headers });
    assert.equal(response.status, 200);
    return (await response.json()) as Record<string, unknown>[];
  };
  const bearer = (who: string) => ({ authorization: `Bearer ${credentials[who]}` });
  const names = (list: readonly Record<string, unknown>[]) => list.map((order) => order['customer']);
  const seen = names(await orders(bearer('admin')));
  assert.ok(seen.length > 0 && seen.every((name) => typeof name === 'string'));
  for (const headers of [bearer('ingrid'), { 'x-api-key': credentials['partnerKey']! }]) {
    const list = await orders(headers);
    assert.equal(list.length, seen.length);
    assert.deepEqual(
      names(list),
      list.map(() => undefined),
    );
    assert.ok(list.every((order) => typeof order['sku'] === 'string'));
  }
});
