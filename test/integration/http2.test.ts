// HTTP/2 through the gate with Node's own client: over TLS by ALPN, in clear text by prior knowledge, bodies both ways,
// refusals, flow control, resets, draining.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { createCertificate } from '../support/certificate.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { answer, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const certificate = createCertificate();
const needsOpenssl = { skip: certificate === null ? 'openssl is not installed' : false };

interface Setup {
  readonly upstream: RawUpstream;
  readonly gate: Awaited<ReturnType<typeof startTestGate>>;
  readonly client: ClientHttp2Session;
}

async function setUp(
  t: TestContext,
  options: { readonly tls?: boolean; readonly extra?: string; readonly api?: string } = {},
): Promise<Setup> {
  const upstream = await startRawUpstream(t);
  const tls = ', tls: { certificate: ./cert.pem, key: "${file:./key.pem}" }';
  const gate = await startTestGate(t, {
    config: openConfig({
      upstreamPort: upstream.port,
      listener: options.tls === true ? tls : ', http2: true',
      extra: options.extra ?? '',
      api: options.api ?? '',
    }),
    ...(options.tls === true
      ? { files: { 'cert.pem': certificate!.certificate, 'key.pem': certificate!.key } }
      : {}),
  });
  const client = connect(
    `${options.tls === true ? 'https' : 'http'}://127.0.0.1:${gate.port}`,
    options.tls === true ? { ca: certificate!.certificate } : {},
  );
  client.on('error', () => {});
  t.after(() => client.destroy());
  return { upstream, gate, client };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function read(stream: ClientHttp2Stream): Promise<Answer> {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let body = '';
  stream.setEncoding('latin1');
  for await (const piece of stream) body += piece as string;
  return { status: headers[':status'] as number, headers, body };
}

function ask(client: ClientHttp2Session, headers: Record<string, string>, body?: string): Promise<Answer> {
  const stream = client.request({ ':path': '/things', ...headers });
  stream.end(body);
  return read(stream);
}

test('over TLS the client chooses HTTP/2, and the access log says so', needsOpenssl, async (t) => {
  const { client, gate, upstream } = await setUp(t, { tls: true });
  const { status, body, headers } = await ask(client, { 'x-custom': 'a' });
  assert.equal(status, 200);
  assert.equal(body, '{"ok":true}');
  assert.match(String(headers['strict-transport-security']), /max-age=/);
  assert.equal(client.alpnProtocol, 'h2');
  assert.equal(upstream.requests[0]!.field('x-forwarded-proto'), 'https');
  assert.equal(upstream.requests[0]!.field('x-custom'), 'a');
  const [line] = await gate.accessLines(1);
  assert.equal(line!['protocol'], 'HTTP/2');
});

test('clear text by prior knowledge, beside HTTP/1 on the same port', async (t) => {
  const { client, gate } = await setUp(t);
  assert.equal((await ask(client, {})).status, 200);
  const plain = await fetch(`http://127.0.0.1:${gate.port}/things`);
  assert.equal(plain.status, 200);
  assert.equal(await plain.text(), '{"ok":true}');
});

test('a hundred streams at once, each with its own body', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = (request) =>
    void request.connection.socket.write(answer(200, `got ${request.body.toString()}`));
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      ask(client, { ':method': 'POST', 'content-type': 'text/plain' }, `body ${i}`),
    ),
  );
  assert.deepEqual(
    answers.map(({ body }) => body),
    Array.from({ length: 100 }, (_, i) => `got body ${i}`),
  );
});

test('large bodies stream both ways under flow control', async (t) => {
  const size = 20_000_000;
  const { client, upstream } = await setUp(t, { api: '    max-body: 64MiB' });
  let received = 0;
  upstream.onRequest = (request) => {
    received = request.body.length;
    request.connection.socket.write(answer(200, 'x'.repeat(size)));
  };
  const { status, body } = await ask(
    client,
    { ':method': 'POST', 'content-type': 'application/octet-stream' },
    'y'.repeat(size),
  );
  assert.deepEqual([status, received, body.length], [200, size, size]);
});

test('a client that does not read holds the upstream back, not the memory of the gate', async (t) => {
  const { client, upstream } = await setUp(t);
  let written = 0;
  upstream.onRequest = ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n');
    const piece = Buffer.alloc(65_536, 'z');
    const more = (): void => {
      while (written < 100_000_000) {
        written += piece.length;
        if (!socket.write(piece)) return void socket.once('drain', more);
      }
    };
    more();
  };
  const stream = client.request({ ':path': '/things' });
  await once(stream, 'response');
  let before = -1;
  await until(async () => {
    if (written === before) return true;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return false;
  }, 'the upstream to be held back');
  assert.ok(written < 30_000_000, `${written} bytes were taken`);
  stream.destroy();
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to be closed');
});

test('refusals are problem documents on their stream; the connection goes on', async (t) => {
  const { client, gate } = await setUp(t);
  const unknown = await ask(client, { ':path': '/nothing' });
  assert.equal(unknown.status, 404);
  assert.equal(unknown.headers['content-type'], 'application/problem+json');
  const problem = JSON.parse(unknown.body) as Record<string, string>;
  assert.equal((await ask(client, { ':path': '/things/..%2fx' })).status, 400);
  assert.equal((await ask(client, { ':method': 'DELETE' })).status, 405);
  assert.equal((await ask(client, { ':authority': 'api.example.com', host: 'evil.example' })).status, 400);
  assert.equal((await ask(client, {})).status, 200);
  const lines = await gate.accessLines(5);
  assert.ok(problem['instance']!.endsWith(String(lines[0]!['id'])));
});

test('HEAD, 204 and 304 have no body', async (t) => {
  const { client, upstream } = await setUp(t);
  const bare: Record<string, string> = {
    HEAD: 'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n',
    DELETE: 'HTTP/1.1 204 No Content\r\n\r\n',
    GET: 'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n',
  };
  upstream.onRequest = ({ method, connection }) => void connection.socket.write(bare[method]!);
  const head = await ask(client, { ':method': 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '12', '']);
  assert.equal((await ask(client, { ':method': 'DELETE', ':path': '/things/1' })).status, 204);
  assert.equal((await ask(client, {})).status, 304);
});

test('trailers pass in both directions', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    void connection.socket.write(
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 42\r\n\r\n',
    );
  const stream = client.request(
    { ':path': '/things', ':method': 'POST', 'content-type': 'text/plain' },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'a' }));
  stream.end('body');
  const trailers = once(stream, 'trailers') as Promise<[Record<string, string>]>;
  assert.equal((await read(stream)).body, 'ok');
  assert.equal((await trailers)[0]['x-sum'], '42');
  assert.deepEqual(upstream.requests[0]!.trailers, [['x-check', 'a']]);
});

test('an upstream that dies mid-answer resets the stream', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    setTimeout(() => socket.destroy(), 50);
  };
  const stream = client.request({ ':path': '/things' });
  await assert.rejects(read(stream), /INTERNAL_ERROR/);
  assert.equal(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
});

test('a stream that the client resets is given up at the upstream', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  upstream.onRequest = () => {};
  const stream = client.request({ ':path': '/things' });
  stream.on('error', () => {});
  await until(() => upstream.requests.length === 1, 'the request');
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => upstream.connections[0]!.closed, 'the upstream connection to be closed');
  const [line] = await gate.accessLines(1);
  assert.equal(line!['status'], 499);
  upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'ok'));
  assert.equal((await ask(client, {})).status, 200);
});

test('a body larger than allowed is refused while it comes', async (t) => {
  const { client } = await setUp(t, { api: '    max-body: 100KiB' });
  const stream = client.request({
    ':path': '/things',
    ':method': 'POST',
    'content-type': 'application/octet-stream',
  });
  stream.on('error', () => {});
  const answered = read(stream).catch(() => null);
  for (let i = 0; i < 20; i++) stream.write(Buffer.alloc(16_384));
  assert.equal((await answered)?.status, 413);
  assert.equal((await ask(client, {})).status, 200);
});

test('a body of another length than announced is not forwarded as whole', async (t) => {
  const { client, upstream } = await setUp(t);
  const stream = client.request({
    ':path': '/things',
    ':method': 'POST',
    'content-type': 'text/plain',
    'content-length': '10',
  });
  stream.end('short');
  await assert.rejects(read(stream));
  assert.equal(stream.rstCode, constants.NGHTTP2_PROTOCOL_ERROR);
  assert.equal(upstream.requests.length, 0);
});

test('a reset flood ends the connection, others are served', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  upstream.onRequest = () => {};
  const closed = new Promise((resolve) => client.once('close', resolve));
  for (let i = 0; i < 5000 && !client.closed && !client.destroyed; i++) {
    const stream = client.request({ ':path': '/things' });
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  upstream.onRequest = ({ connection }) => void connection.socket.write(answer(200, 'ok'));
  const other = connect(`http://127.0.0.1:${gate.port}`);
  t.after(() => other.destroy());
  assert.equal((await ask(other, {})).status, 200);
});

test('draining lets open streams finish and says GOAWAY', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  let finish = (): void => {};
  upstream.onRequest = ({ connection }) => {
    finish = () => void connection.socket.write(answer(200, 'late'));
  };
  const pending = ask(client, {});
  await until(() => upstream.requests.length === 1, 'the request');
  const goaway = once(client, 'goaway');
  const closing = gate.gate.close();
  await goaway;
  finish();
  assert.equal((await pending).body, 'late');
  await closing;
});
