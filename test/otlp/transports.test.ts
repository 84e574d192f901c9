// The two transports against receivers in trouble: what may be sent again and when, what is refused for good, what was taken in part,
// and who is talked to at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OtlpConfig } from '../../src/otlp/contract.ts';
import { createTransport } from '../../src/otlp/index.ts';
import { answerTables, type Signal } from '../../src/otlp/messages.ts';
import { encodeMessage } from '../../src/otlp/protobuf.ts';
import { encodeRequest } from '../../src/otlp/transport.ts';
import { createCertificate } from '../support/certificate.ts';
import { startGrpcCollector, startHttpCollector } from '../support/otlp-collector.ts';

const config = (more: Partial<OtlpConfig>): OtlpConfig => ({
  endpoint: 'http://127.0.0.1:1',
  protocol: 'http/protobuf',
  headers: {},
  ca: '',
  certificate: '',
  key: '',
  compression: 'gzip',
  timeoutMs: 5000,
  resource: {},
  withhold: [],
  queue: 100,
  batch: 10,
  lingerMs: 0,
  giveUpMs: 1000,
  traces: null,
  metrics: null,
  logs: null,
  ...more,
});

const nothing = (protocol: OtlpConfig['protocol'], signal: Signal): Buffer =>
  encodeRequest(protocol, signal, {});

const retryInfo = encodeMessage(answerTables.rpcStatus, {
  code: 8,
  details: [
    {
      typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
      value: encodeMessage(answerTables.retryInfo, { retryDelay: { seconds: 7 } }),
    },
  ],
});

for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
  test(`${protocol}: statuses, pauses that are asked for, partial success`, async (t) => {
    const collector = protocol === 'grpc' ? await startGrpcCollector(t) : await startHttpCollector(t);
    const transport = await createTransport(
      config({ protocol, endpoint: `http://127.0.0.1:${collector.port}` }),
      'gatewright/test',
    );
    t.after(() => transport.close());
    const send = async (signal: Signal = 'logs') => {
      const outcome = await transport.send(signal, nothing(protocol, signal));
      return outcome.kind === 'again' ? [outcome.kind, outcome.afterMs] : [outcome.kind];
    };
    const rows =
      protocol === 'grpc'
        ? ([
            [{ status: 14 }, ['again', 0]],
            [{ status: 4 }, ['again', 0]],
            [{ status: 14, details: retryInfo }, ['again', 7000]],
            [{ status: 8 }, ['never']],
            [{ status: 8, details: retryInfo }, ['again', 7000]],
            [{ status: 3 }, ['never']],
            [{ status: 16 }, ['never']],
          ] as const)
        : ([
            [{ status: 429, fields: { 'retry-after': '7' } }, ['again', 7000]],
            [{ status: 503 }, ['again', 0]],
            [{ status: 502 }, ['again', 0]],
            [{ status: 400 }, ['never']],
            [{ status: 401 }, ['never']],
            [{ status: 500 }, ['never']],
            [{ status: 307, fields: { location: 'https://elsewhere.example/' } }, ['never']],
          ] as const);
    for (const [trouble, expected] of rows) {
      collector.troubles.push(trouble);
      assert.deepEqual(await send(), expected, JSON.stringify(trouble));
    }
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      collector.partial = { rejected: 3, message: 'three were too old' };
      assert.deepEqual(await transport.send(signal, nothing(protocol, signal)), {
        kind: 'taken',
        rejected: 3,
        message: 'three were too old',
      });
      assert.deepEqual(await send(signal), ['taken']);
    }
    assert.match(String(collector.received[0]!.headers['user-agent']), /^gatewright\/test/);
  });
}

const certificate = createCertificate();
const stranger = createCertificate();
test('a receiver that can not prove who it is gets nothing', {
  skip: certificate === null ? 'openssl is not installed' : false,
}, async (t) => {
  const tls = { key: certificate!.key, cert: certificate!.certificate };
  for (const protocol of ['http/protobuf', 'grpc'] as const) {
    const collector =
      protocol === 'grpc' ? await startGrpcCollector(t, tls) : await startHttpCollector(t, tls);
    const endpoint = `https://127.0.0.1:${collector.port}`;
    const kindOf = async (ca: string) => {
      const transport = await createTransport(config({ protocol, endpoint, ca, timeoutMs: 2000 }), 'test');
      const { kind } = await transport.send('logs', nothing(protocol, 'logs'));
      transport.close();
      return kind;
    };
    assert.equal(await kindOf(stranger!.certificate), 'again');
    assert.equal(collector.received.length, 0, protocol);
    assert.equal(await kindOf(certificate!.certificate), 'taken');
  }
});

test('nothing is sent in clear beyond this machine', async () => {
  const http = await createTransport(config({ endpoint: 'http://192.0.2.1:4318' }), 'test');
  const outcome = await http.send('logs', Buffer.alloc(0));
  assert.match(outcome.kind === 'again' ? outcome.problem : '', /only https is spoken/);
  await assert.rejects(
    createTransport(config({ protocol: 'grpc', endpoint: 'http://192.0.2.1:4317' }), 'test'),
    RangeError,
  );
});
