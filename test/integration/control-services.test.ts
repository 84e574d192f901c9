// APIs that the gate's own services answer: they pass the same guards, and nobody but the gate can speak for a caller.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlServer, encodeCall, type ServiceCall } from '../../src/control/index.ts';
import { startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';

const config = (service: string, api = ''): string => `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: {}
state: { sqlite: ./state.db }
identity: { forward: {} }
apis:
  keys:
    service: ${service}
    base: /trust
${api}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;

test('a service is an API like any other: routed, limited, logged', async (t) => {
  const gate = await startTestGate(t, {
    config: config('key-set', '    limits: [ { per: address, rate: 2/h } ]'),
    workers: 2,
  });
  const first = await exchange(gate.port, request('GET', '/trust/.well-known/jwks.json'));
  assert.equal(first.status, 200);
  assert.equal(first.fields.get('content-type'), 'application/jwk-set+json');
  const { keys } = JSON.parse(first.body.toString()) as { keys: Record<string, unknown>[] };
  assert.ok(keys.length > 0);
  assert.ok(keys.every((key) => key['d'] === undefined));
  const published = await fetch(`http://127.0.0.1:${gate.gate.telemetry!.port}/.well-known/jwks.json`);
  assert.deepEqual({ keys }, await published.json());
  assert.equal((await exchange(gate.port, request('GET', '/.well-known/jwks.json'))).status, 404);
  assert.equal((await exchange(gate.port, request('POST', '/trust/.well-known/jwks.json'))).status, 405);
  assert.equal((await exchange(gate.port, request('GET', '/trust/.well-known/jwks.json'))).status, 200);
  assert.equal((await exchange(gate.port, request('GET', '/trust/.well-known/jwks.json'))).status, 429);
  const lines = await gate.accessLines(5);
  assert.ok(lines.some((line) => line['operation'] === 'getKeySet' && line['status'] === 200));
});

test('a reload can bring the first service, and take it away', async (t) => {
  const gate = await startTestGate(t, {
    config: config('key-set', '    hosts: [ other.example ]'),
  });
  assert.equal((await exchange(gate.port, request('GET', '/trust/.well-known/jwks.json'))).status, 404);
  await gate.write('gatewright.yaml', config('key-set'));
  assert.deepEqual((await gate.gate.reload()).ok, true);
  assert.equal((await exchange(gate.port, request('GET', '/trust/.well-known/jwks.json'))).status, 200);
});

test('a service that is not there is an error with a suggestion', async (t) => {
  await assert.rejects(
    startTestGate(t, { config: config('key-sett') }),
    /There is no service "key-sett".*key-set/s,
  );
  await assert.rejects(
    startTestGate(t, { config: config('key-set', '    contract: ./openapi.yaml') }),
    /has no use for "contract"/,
  );
});

/** Sends one request to the control server, as another process of this user might try. */
function ask(socket: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { socketPath: socket, path: '/x', headers },
      async (response: IncomingMessage) => {
        let body = '';
        for await (const chunk of response) body += String(chunk);
        resolve({ status: response.statusCode ?? 0, body });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('the control server believes its own gate alone', async (t) => {
  const failures: string[] = [];
  const server = new ControlServer((service) => failures.push(service));
  t.after(() => server.close());
  const seen: ServiceCall[] = [];
  server.mount('echo', (incoming, response, call) => {
    seen.push(call);
    assert.equal(incoming.headers['gatewright-gate'], undefined);
    response.end('ok');
  });
  server.mount('broken', () => Promise.reject(new Error('a secret of the inside')));
  await server.start();
  const { socket, secret } = server.address;
  assert.equal(statSync(join(socket, '..')).mode & 0o077, 0);
  const call: ServiceCall = {
    service: 'echo',
    api: 'a',
    operation: 'o',
    params: ['ü'],
    base: '',
    path: '/x',
    caller: null,
    certificate: null,
    shown: null,
    clientAddress: '192.0.2.1',
    listener: 'public',
    secure: true,
    authority: 'example',
    exchangeId: '0123',
    traceId: '',
  };
  const field = encodeCall(call);
  assert.equal((await ask(socket, {})).status, 403);
  assert.equal((await ask(socket, { 'gatewright-call': field })).status, 403);
  assert.equal((await ask(socket, { 'gatewright-call': field, 'gatewright-gate': 'guess' })).status, 403);
  assert.equal(seen.length, 0);
  assert.deepEqual(await ask(socket, { 'gatewright-call': field, 'gatewright-gate': secret }), {
    status: 200,
    body: 'ok',
  });
  assert.deepEqual(seen, [call]);
  const broken = encodeCall({ ...call, service: 'broken' });
  const failed = await ask(socket, { 'gatewright-call': broken, 'gatewright-gate': secret });
  assert.equal(failed.status, 500);
  assert.doesNotMatch(failed.body, /secret of the inside/);
  assert.match(failed.body, /urn:gatewright:request:0123/);
  assert.deepEqual(failures, ['broken']);
  const unknown = encodeCall({ ...call, service: 'nobody' });
  assert.equal((await ask(socket, { 'gatewright-call': unknown, 'gatewright-gate': secret })).status, 503);
  await server.close();
  assert.ok(!readdirSync(tmpdir()).includes(socket.split('/').at(-2)!));
});

test('what a client says of itself under the names of the gate is removed', async (t) => {
  const gate = await startTestGate(t, { config: config('key-set') });
  const spoofed = request('GET', '/trust/.well-known/jwks.json', {
    'gatewright-gate': 'guess',
    'gatewright-call': 'e30',
  });
  assert.equal((await exchange(gate.port, spoofed)).status, 200);
});
