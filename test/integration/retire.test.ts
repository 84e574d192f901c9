// Versions that come to their end, over the wire: told in every answer, gone after the sunset, one operation apart from its API.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
paths:
  /orders: { get: { operationId: list, responses: {} } }
  /items: { get: { operationId: items, responses: {} } }
`;

const configOf = (
  port: number,
  retire: string,
  own = '',
): string => `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { orders: { targets: [ http://127.0.0.1:${port} ] } }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    limits: []
    retire: ${retire}
    operations: { list: { public: true, reason: test }, items: { public: true, reason: test${own} } }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`;

test('callers are told of the end in every answer, and get 410 after it', async (t) => {
  const upstream = await startRawUpstream(t);
  upstream.onRequest = ({ connection }) =>
    connection.socket.write(answer(200, '{}', { link: '</next>; rel="next"', sunset: 'never' }));
  const gate = await startTestGate(t, {
    config: configOf(
      upstream.port,
      '{ deprecated: 2026-01-01, sunset: "2999-12-31T12:00:00Z", successor: https://api.example.com/v2, information: /docs/v1 }',
      ', retire: { sunset: 2026-02-01, successor: /v2/items }',
    ),
    contract,
  });
  const get = (path: string) => exchange(gate.port, request('GET', path), 'GET');
  const told = await get('/orders');
  assert.equal(told.status, 200);
  assert.deepEqual(told.fields.get('deprecation'), `@${Date.UTC(2026, 0, 1) / 1000}`);
  assert.deepEqual(told.fields.get('sunset'), 'Tue, 31 Dec 2999 12:00:00 GMT');
  assert.deepEqual(told.fields.get('link')!.split(', ').sort(), [
    '</docs/v1>; rel="deprecation"',
    '</docs/v1>; rel="sunset"',
    '</next>; rel="next"',
    '<https://api.example.com/v2>; rel="successor-version"',
  ]);
  const requests = upstream.requests.length;
  const gone = await get('/items');
  assert.equal(gone.status, 410);
  const problem = JSON.parse(gone.body.toString());
  assert.match(problem.type, /version-gone/);
  assert.equal(problem.detail, 'Use /v2/items instead.');
  assert.ok(gone.fields.get('link')!.includes('</v2/items>; rel="successor-version"'));
  assert.equal(upstream.requests.length, requests, 'the service is not asked');
});

test('dates that make no sense are mistakes', async (t) => {
  for (const retire of [
    '{ deprecated: 2027-01-01, sunset: 2026-01-01 }',
    '{ sunset: soon }',
    '{ sunset: 2027-01-01, successor: "javascript:x" }',
  ])
    await assert.rejects(startTestGate(t, { config: configOf(1, retire), contract }), /sunset|date|address/);
});
