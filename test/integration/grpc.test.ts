// gRPC through the gate with the real client and server of grpc-js: every kind of call, over TLS and in clear text, and
// what a client is told when the gate refuses.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { type TestContext, test } from 'node:test';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { createCertificate } from '../support/certificate.ts';
import { startTestGate, type TestGate } from '../support/gate.ts';
import { connectEcho, type EchoServer, startEchoServer } from '../support/grpc.ts';
import { startH2Upstream } from '../support/h2-upstream.ts';
import { exchange, request } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const certificate = createCertificate();
const needsOpenssl = { skip: certificate === null ? 'openssl is not installed' : false };
const keys = { reader: 'gk_reader_0123456789abcdef', writer: 'gk_writer_0123456789abcdef' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const configOf = (upstreamPort: number, listener: string, upstream = ''): string => `listeners:
  public: { port: 0, host: 127.0.0.1${listener} }
upstreams:
  echo:
    targets: [ http://127.0.0.1:${upstreamPort} ]
    protocol: http2
${upstream}
identity:
  consumers:
    reader: { scopes: [ echo ], keys: [ { id: reader-1, sha256: ${sha256(keys.reader)} } ] }
    writer: { scopes: [ echo, admin ], keys: [ { id: writer-1, sha256: ${sha256(keys.writer)} } ] }
apis:
  echo:
    grpc:
      services: { demo.Echo: [ Say, Count, Join, Chat ] }
      max-message: 64KiB
    upstream: echo
    authenticate: [ { api-key: {} } ]
    limits: []
    operations:
      demo.Echo/Say: { scopes: [ echo ] }
      demo.Echo/Join: { scopes: [ admin ] }
      demo.Echo/Chat: { limits: [ { per: consumer, rate: 1/h, burst: 3 } ] }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
`;

interface Setup {
  readonly server: EchoServer;
  readonly gate: TestGate;
  readonly client: ReturnType<typeof connectEcho>;
}

async function setUp(t: TestContext, tls = false, upstream = ''): Promise<Setup> {
  const server = await startEchoServer(t);
  const gate = await startTestGate(t, {
    config: configOf(
      server.port,
      tls ? ', tls: { certificate: ./cert.pem, key: "${file:./key.pem}" }' : ', http2: true',
      upstream,
    ),
    ...(tls ? { files: { 'cert.pem': certificate!.certificate, 'key.pem': certificate!.key } } : {}),
  });
  const secure = tls
    ? credentials.createSsl(Buffer.from(certificate!.certificate))
    : credentials.createInsecure();
  return { server, gate, client: connectEcho(t, gate.port, secure) };
}

function metadataOf(key: string | null = keys.reader, more: Record<string, string> = {}): Metadata {
  const metadata = new Metadata();
  if (key !== null) metadata.set('x-api-key', key);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return metadata;
}

type Client = Setup['client'];
type Unary = (
  text: string,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, text: string) => void,
) => NodeJS.EventEmitter;

function say(
  client: Client,
  text: string,
  metadata = metadataOf(),
  options: object = {},
  method = 'Say',
): Promise<{ readonly text: string; readonly trailers: Metadata }> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const unary = (client as unknown as Record<string, Unary>)[method]!.bind(client);
    const call = unary(text, metadata, options, (error, value) => {
      if (error !== null) reject(error);
      else answer = value;
    });
    call.on('status', (ended: { code: number; metadata: Metadata }) => {
      if (ended.code === status.OK) setImmediate(() => resolve({ text: answer, trailers: ended.metadata }));
    });
  });
}

async function collect(stream: ClientReadableStream<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const text of stream) all.push(text as string);
  return all;
}

const refusedWith = (code: number, text: RegExp) => (error: ServiceError) => {
  assert.equal(error.code, code, error.message);
  assert.match(error.details, text);
  return true;
};

for (const tls of [false, true]) {
  test(`every kind of call, ${tls ? 'over TLS' : 'in clear text'}`, tls ? needsOpenssl : {}, async (t) => {
    const { client, server, gate } = await setUp(t, tls);
    const said = await say(client, 'hällo', metadataOf(keys.reader, { 'x-own': 'v' }));
    assert.equal(said.text, 'said hällo');
    assert.deepEqual(said.trailers.get('x-tail'), ['wag']);
    assert.deepEqual(said.trailers.get('x-bytes-bin'), [Buffer.from([0, 255, 10, 13])]);
    const sent = server.calls[0]!.metadata;
    assert.deepEqual(sent.get('x-own'), ['v']);
    assert.deepEqual(sent.get('x-api-key'), []);
    assert.deepEqual(sent.get('x-forwarded-proto'), [tls ? 'https' : 'http']);

    const count = client['Count']!('500', metadataOf()) as ClientReadableStream<string>;
    assert.equal((await collect(count)).join(' '), Array.from({ length: 500 }, (_, i) => i).join(' '));

    const joined = await new Promise<string>((resolve, reject) => {
      const join = client['Join']!(metadataOf(keys.writer), (error: ServiceError | null, text: string) =>
        error === null ? resolve(text) : reject(error),
      ) as ClientWritableStream<string>;
      for (const text of ['a', 'b', 'c']) join.write(text);
      join.end();
    });
    assert.equal(joined, 'abc');

    const chat = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
    for (let i = 0; i < 20; i++) {
      chat.write(`m${i}`);
      const [text] = (await once(chat, 'data')) as [string];
      assert.equal(text, `echo m${i}`);
    }
    chat.end();
    await once(chat, 'status');
    const lines = await gate.accessLines(4);
    assert.deepEqual(
      lines.map((line) => [line['operation'], line['status'], line['grpc_status'], line['decision']]),
      ['Say', 'Count', 'Join', 'Chat'].map((name) => [`demo.Echo/${name}`, 200, 0, 'allowed']),
    );
  });
}

test('what the service says when it fails reaches the client', async (t) => {
  const { client, gate } = await setUp(t);
  await assert.rejects(say(client, 'fail'), (error: ServiceError) => {
    assert.equal(error.code, status.FAILED_PRECONDITION);
    assert.equal(error.details, 'nö: 100 %');
    assert.deepEqual(error.metadata.get('x-tail'), ['wag']);
    return true;
  });
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['status'], line!['grpc_status']], [200, 9]);
});

test('refusals are statuses with a reason for the caller, and with the id in the log', async (t) => {
  const { client, gate, server } = await setUp(t);
  await assert.rejects(
    say(client, 'a', metadataOf(null)),
    refusedWith(status.UNAUTHENTICATED, /needs credentials/),
  );
  await assert.rejects(
    say(client, 'a', metadataOf('gk_wrong_0123456789abcdef0')),
    refusedWith(status.UNAUTHENTICATED, /not valid/),
  );
  const join = new Promise((_, reject) => {
    const call = client['Join']!(metadataOf(keys.reader), reject) as ClientWritableStream<string>;
    call.write('a');
    call.end();
  });
  await assert.rejects(join, refusedWith(status.PERMISSION_DENIED, /Needs scope admin/));
  await assert.rejects(
    say(client, 'a', metadataOf(), {}, 'Hidden'),
    refusedWith(status.UNIMPLEMENTED, /no such operation/),
  );
  await assert.rejects(say(client, 'x'.repeat(70_000)), refusedWith(status.RESOURCE_EXHAUSTED, /too large/));
  for (let i = 0; i < 3; i++) {
    const chat = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
    chat.end();
    chat.resume();
    await once(chat, 'status');
  }
  const fourth = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
  fourth.resume();
  const [limited] = (await once(fourth, 'error')) as [ServiceError];
  assert.equal(limited.code, status.RESOURCE_EXHAUSTED);
  assert.ok(limited.metadata.get('retry-after').length === 1);
  assert.ok(!server.calls.some(({ method }) => method === 'Hidden' || method === 'Join'));
  const lines = await gate.accessLines(9);
  const last = lines.find((line) => line['code'] === 'rate-limited')!;
  assert.equal(last['status'], 429);
  assert.equal(last['grpc_status'], 8);
  assert.ok(limited.details.includes(String(last['id'])));
});

test('the deadline of the call bounds it, and the service learns it', async (t) => {
  const { client, server } = await setUp(t);
  await say(client, 'a', metadataOf(), { deadline: Date.now() + 20_000 });
  const toldMs = Number(server.calls[0]!.deadline) - Date.now();
  assert.ok(toldMs > 0 && toldMs <= 20_000, `${toldMs} ms`);
  // Clients and services of grpc-js watch the time themselves; what the gate does shows between two that do not.
  const upstream = await startH2Upstream(t);
  upstream.onRequest = () => {};
  const gate = await startTestGate(t, { config: configOf(upstream.port, ', http2: true') });
  const raw = connect(`http://127.0.0.1:${gate.port}`);
  raw.on('error', () => {});
  t.after(() => raw.destroy());
  const ask = async (timeout: string, text: string) => {
    const stream = raw.request({
      ':method': 'POST',
      ':path': '/demo.Echo/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-api-key': keys.reader,
      'grpc-timeout': timeout,
    });
    const body = Buffer.from(text);
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    stream.resume();
    await once(stream, 'close');
    return headers;
  };
  const late = await ask('300m', 'hang');
  assert.deepEqual(
    [late[':status'], late['grpc-status'], late['content-type']],
    [200, '4', 'application/grpc'],
  );
  await until(() => upstream.requests[0]!.stream.destroyed, 'the call to be cancelled at the service');
  for (const bad of ['100', '1.5S', '123456789S', '-1S', '5x', '']) {
    assert.equal((await ask(bad, 'a'))['grpc-status'], '3', bad);
  }
});

test('a client that cancels cancels at the service', async (t) => {
  const { client, server } = await setUp(t);
  const chat = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
  chat.on('error', () => {});
  chat.write('a');
  await once(chat, 'data');
  chat.cancel();
  await until(() => server.calls[0]!.cancelled, 'the call to be cancelled');
});

test('a stream that breaks ends with a status, not with silence', async (t) => {
  const { client, server } = await setUp(t);
  const chat = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
  chat.write('a');
  await once(chat, 'data');
  server.stop();
  const [error] = (await once(chat, 'error')) as [ServiceError];
  assert.equal(error.code, status.UNAVAILABLE);
  assert.match(error.details, /broke off its answer/);
  await assert.rejects(say(client, 'a'), refusedWith(status.UNAVAILABLE, /can not be reached|not available/));
});

test('a quiet stream lives as long as either side speaks, and ends when neither does', async (t) => {
  const { client } = await setUp(t, false, '    timeouts: { idle: 1500ms, first-byte: 30s }');
  const chat = client['Chat']!(metadataOf()) as ClientDuplexStream<string, string>;
  const startMs = performance.now();
  for (let i = 0; performance.now() - startMs < 4000; i++) {
    chat.write(`m${i}`);
    await once(chat, 'data');
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  const [error] = (await once(chat, 'error')) as [ServiceError];
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
});

test('messages stream with back-pressure, more than any window', async (t) => {
  const { client } = await setUp(t);
  const count = client['Count']!('400 50000', metadataOf()) as ClientReadableStream<string>;
  let bytes = 0;
  for await (const text of count) bytes += (text as string).length;
  assert.equal(bytes, 20_000_000);
  const length = await new Promise<string>((resolve, reject) => {
    const join = client['Join']!(metadataOf(keys.writer), (error: ServiceError | null, text: string) =>
      error === null ? resolve(text) : reject(error),
    ) as ClientWritableStream<string>;
    const piece = 'y'.repeat(50_000);
    let left = 400;
    const more = (): void => {
      while (left-- > 0) if (!join.write(piece)) return void join.once('drain', more);
      join.end();
    };
    more();
  });
  assert.equal(length, '20000000');
});

test('what is no gRPC is refused: another content type, HTTP/1, broken messages', async (t) => {
  const { gate, server } = await setUp(t);
  const plain = await exchange(
    gate.port,
    request(
      'POST',
      '/demo.Echo/Say',
      { 'content-type': 'application/grpc', 'x-api-key': keys.reader },
      '\0\0\0\0\0',
    ),
  );
  assert.equal(plain.status, 505);
  const raw = connect(`http://127.0.0.1:${gate.port}`);
  t.after(() => raw.destroy());
  const ask = async (type: string, body: Buffer) => {
    const stream = raw.request({
      ':method': 'POST',
      ':path': '/demo.Echo/Say',
      'content-type': type,
      'x-api-key': keys.reader,
    });
    stream.on('error', () => {});
    stream.end(body);
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    stream.resume();
    return [headers[':status'], headers['grpc-status']];
  };
  const message = Buffer.from([0, 0, 0, 0, 1, 97]);
  assert.deepEqual(await ask('application/json', message), [415, undefined]);
  assert.deepEqual(await ask('application/grpc-web', message), [415, undefined]);
  assert.deepEqual(await ask('application/grpc+proto', message), [200, undefined]);
  assert.deepEqual(await ask('application/grpc', Buffer.from([2, 0, 0, 0, 1, 97])), [200, '13']);
  assert.deepEqual(await ask('application/grpc', message.subarray(0, 5)), [200, '13']);
  assert.deepEqual(await ask('application/grpc', Buffer.from([0, 0, 2, 0, 0, 97])), [200, '8']);
  assert.equal(server.calls.length, 1);
});
