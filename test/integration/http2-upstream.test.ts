// HTTP/2 to upstreams: one connection for many exchanges, and what each of them sees when the upstream refuses, resets,
// says goodbye, is slow, or speaks something else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { openConfig, startTestGate, type TestGate } from '../support/gate.ts';
import { type H2Upstream, startH2Upstream } from '../support/h2-upstream.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

interface Setup {
  readonly upstream: H2Upstream;
  readonly gate: TestGate;
  readonly client: ClientHttp2Session;
}

function startGate(t: TestContext, upstreamPort: number, upstream = '', api = ''): Promise<TestGate> {
  return startTestGate(t, {
    config: openConfig({
      upstreamPort,
      listener: ', http2: true',
      upstream: `    protocol: http2\n${upstream}`,
      api,
    }).replace(', websocket: true', ''),
  });
}

async function setUp(
  t: TestContext,
  options: {
    readonly maxConcurrentStreams?: number;
    readonly upstream?: string;
    readonly api?: string;
  } = {},
): Promise<Setup> {
  const { maxConcurrentStreams } = options;
  const upstream = await startH2Upstream(
    t,
    maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams },
  );
  const gate = await startGate(t, upstream.port, options.upstream, options.api);
  const client = connect(`http://127.0.0.1:${gate.port}`);
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

const post = { ':method': 'POST', 'content-type': 'text/plain' };

test('what the upstream gets: one head, the gate its own words about the client, no fields of the connection', async (t) => {
  const { upstream, gate } = await setUp(t);
  const answered = await exchange(
    gate.port,
    request(
      'POST',
      '/things?a=1',
      { 'x-own': 'v', connection: 'x-hop', 'x-hop': 'h', te: 'trailers' },
      'body',
    ),
  );
  assert.equal(answered.status, 200);
  assert.deepEqual(answered.json(), { ok: true });
  const { headers, body } = upstream.requests[0]!;
  assert.equal((await body).toString(), 'body');
  assert.deepEqual(
    [headers[':method'], headers[':scheme'], headers[':authority'], headers[':path']],
    ['POST', 'http', 'api.example.com', '/things?a=1'],
  );
  assert.equal(headers['content-length'], '4');
  assert.equal(headers['x-own'], 'v');
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-host'], 'api.example.com');
  for (const gone of ['connection', 'x-hop', 'host', 'transfer-encoding', 'te']) {
    assert.equal(headers[gone], undefined, gone);
  }
});

test('HTTP/1 and HTTP/2 clients share one connection, and each gets its own answer', async (t) => {
  const { upstream, gate, client } = await setUp(t);
  upstream.onRequest = ({ stream, body }) =>
    void body.then((bytes) => {
      stream.respond({ ':status': 200 });
      stream.end(`got ${bytes.toString()}`);
    });
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, i) =>
      i % 2 === 0
        ? (await ask(client, post, `b${i}`)).body
        : (
            await exchange(gate.port, request('POST', '/things', { 'content-type': 'text/plain' }, `b${i}`))
          ).body.toString(),
    ),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 60 }, (_, i) => `got b${i}`),
  );
  assert.equal(upstream.sessions.length, 1);
});

test('no more streams than the upstream allows: what is over them waits, and no answer is lost', async (t) => {
  const { upstream, client } = await setUp(t, { maxConcurrentStreams: 3 });
  upstream.onRequest = ({ stream }) =>
    void setTimeout(() => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }, 5);
  const answers = await Promise.all(Array.from({ length: 90 }, () => ask(client, {})));
  assert.ok(answers.every(({ status, body }) => status === 200 && body === 'ok'));
  assert.ok(upstream.mostStreams <= 3, `${upstream.mostStreams} streams`);
  assert.ok(upstream.sessions.length <= 8, `${upstream.sessions.length} connections`);
});

test('HEAD, 204 and 304 have no body', async (t) => {
  const { upstream, client, gate } = await setUp(t);
  upstream.onRequest = ({ headers, stream }) => {
    const bare = { GET: 304, HEAD: 200, DELETE: 204 }[headers[':method'] as string]!;
    stream.respond(
      { ':status': bare, ...(bare === 204 ? {} : { 'content-length': '12' }) },
      { endStream: true },
    );
  };
  const head = await ask(client, { ':method': 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '12', '']);
  assert.equal((await ask(client, { ':method': 'DELETE', ':path': '/things/1' })).status, 204);
  assert.equal((await ask(client, {})).status, 304);
  const plain = await exchange(gate.port, request('HEAD', '/things'), 'HEAD');
  assert.equal(plain.status, 200);
});

test('large bodies stream both ways under flow control', async (t) => {
  const size = 20_000_000;
  const { client, upstream } = await setUp(t, { api: '    max-body: 64MiB' });
  let received = 0;
  upstream.onRequest = ({ body, stream }) =>
    void body.then((bytes) => {
      received = bytes.length;
      stream.respond({ ':status': 200, 'content-length': String(size) });
      stream.end('x'.repeat(size));
    });
  const { status, body } = await ask(
    client,
    { ':method': 'POST', 'content-type': 'application/octet-stream' },
    'y'.repeat(size),
  );
  assert.deepEqual([status, received, body.length], [200, size, size]);
});

test('a client that does not read holds the upstream back, not the memory of the gate', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  let written = 0;
  upstream.onRequest = ({ stream }) => {
    stream.respond({ ':status': 200 });
    const piece = Buffer.alloc(65_536, 'z');
    const more = (): void => {
      while (written < 100_000_000 && !stream.destroyed) {
        written += piece.length;
        if (!stream.write(piece)) return void stream.once('drain', more);
      }
    };
    more();
  };
  const stream = client.request({ ':path': '/things' });
  stream.on('error', () => {});
  await once(stream, 'response');
  let before = -1;
  await until(async () => {
    if (written === before) return true;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return false;
  }, 'the upstream to be held back');
  assert.ok(written < 5_000_000, `${written} bytes were taken`);
  // The stalled stream holds its own window and nobody else's.
  upstream.onRequest = ({ stream: other }) => {
    other.respond({ ':status': 200 });
    other.end('quick');
  };
  const second = connect(`http://127.0.0.1:${gate.port}`);
  t.after(() => second.destroy());
  assert.equal((await ask(second, {})).body, 'quick');
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => upstream.requests[0]!.stream.destroyed, 'the stream to be given up');
  assert.equal(upstream.requests[0]!.stream.rstCode, constants.NGHTTP2_CANCEL);
});

test('an upstream that does not read holds the client back', async (t) => {
  const { client, upstream } = await setUp(t, { api: '    max-body: 256MiB' });
  upstream.onRequest = ({ stream }) => stream.pause();
  const stream = client.request({ ':path': '/things', ...post });
  stream.on('error', () => {});
  let written = 0;
  const piece = Buffer.alloc(65_536, 'z');
  const more = (): void => {
    while (written < 100_000_000 && !stream.destroyed) {
      written += piece.length;
      if (!stream.write(piece)) return void stream.once('drain', more);
    }
  };
  more();
  let before = -1;
  await until(async () => {
    if (written === before) return true;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return false;
  }, 'the client to be held back');
  assert.ok(written < 5_000_000, `${written} bytes were taken`);
});

test('trailers pass in both directions', async (t) => {
  // Metadata of gRPC may have underscores.
  let more: Record<string, string> = { x_under: 'score' };
  const { client, upstream, gate } = await setUp(t);
  upstream.onRequest = ({ stream, body }) =>
    void body.then(() => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42', ...more }));
      stream.end('ok');
    });
  const stream = client.request({ ':path': '/things', te: 'trailers', ...post }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'a' }));
  stream.end('body');
  const trailers = once(stream, 'trailers') as Promise<[Record<string, string>]>;
  assert.equal((await read(stream)).body, 'ok');
  const got = (await trailers)[0];
  assert.deepEqual([got['x-sum'], got['x_under']], ['42', 'score']);
  assert.equal(upstream.requests[0]!.trailers['x-check'], 'a');
  assert.equal(upstream.requests[0]!.headers.te, 'trailers');
  more = {};
  // To an HTTP/1 client they come in the chunked coding.
  const chunked = 'transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-check: b\r\n\r\n';
  const plain = await exchange(
    gate.port,
    `POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n${chunked}`,
  );
  assert.deepEqual(plain.trailers, [['x-sum', '42']]);
  assert.equal(upstream.requests[1]!.trailers['x-check'], 'b');
});

test('early hints pass, other interim answers stay on their hop', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = ({ stream }) => {
    stream.additionalHeaders({ ':status': 102 });
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
    stream.respond({ ':status': 200 });
    stream.end('ok');
  };
  const stream = client.request({ ':path': '/things' });
  const interim: number[] = [];
  stream.on('headers', (headers) => void interim.push(headers[':status']!));
  assert.equal((await read(stream)).body, 'ok');
  assert.deepEqual(interim, [103]);
});

test('a refused stream is sent again, whatever its method; for ever refused is 503', async (t) => {
  const { client, upstream } = await setUp(t, { upstream: '    retries: { attempts: 2, budget: 1 }' });
  let refusals = 1;
  const usual = upstream.onRequest;
  upstream.onRequest = (asked) => {
    if (refusals-- > 0) asked.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else usual(asked);
  };
  assert.equal((await ask(client, post, 'body')).status, 200);
  assert.equal(upstream.requests.length, 2);
  refusals = 100;
  const refused = await ask(client, post, 'body');
  assert.equal(refused.status, 503);
  assert.equal(upstream.requests.length, 5);
  refusals = 0;
  assert.equal((await ask(client, post, 'body')).status, 200);
  assert.equal(upstream.sessions.length, 1);
});

test('GOAWAY: what was not processed is sent again, what was goes on, the rest takes a new connection', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = () => {};
  const first = ask(client, post, 'first');
  await until(() => upstream.requests.length === 1, 'the first request');
  const second = ask(client, post, 'second');
  await until(() => upstream.requests.length === 2, 'the second request');
  upstream.onRequest = ({ stream }) => {
    stream.respond({ ':status': 200 });
    stream.end('again');
  };
  const processed = upstream.requests[0]!;
  processed.session.goaway(constants.NGHTTP2_NO_ERROR, processed.stream.id!);
  assert.equal((await second).body, 'again');
  assert.equal((await ask(client, {})).body, 'again');
  processed.stream.respond({ ':status': 200 });
  processed.stream.end('first');
  assert.equal((await first).body, 'first');
  assert.equal(upstream.sessions.length, 2);
});

test('a stream that the upstream resets within its answer breaks for its client alone', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  upstream.onRequest = ({ stream, headers }) => {
    stream.respond({ ':status': 200, 'content-length': '100' });
    stream.write('half');
    if (headers['x-break'] !== undefined)
      setTimeout(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR), 20);
    else setTimeout(() => stream.end('y'.repeat(96)), 60);
  };
  const healthy = ask(client, {});
  const broken = client.request({ ':path': '/things', 'x-break': '1' });
  await assert.rejects(read(broken), /INTERNAL_ERROR/);
  assert.equal((await healthy).body.length, 100);
  const plain = await RawClient.connect(gate.port);
  plain.send(request('GET', '/things', { 'x-break': '1' }));
  await assert.rejects(plain.response());
  assert.equal(upstream.sessions.length, 1);
});

test('a reset before the answer is 502, and is not sent again', async (t) => {
  const { client, upstream } = await setUp(t);
  upstream.onRequest = ({ stream }) => stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  assert.equal((await ask(client, {})).status, 502);
  assert.equal(upstream.requests.length, 1);
});

test('a connection that dies: GET is sent again, POST is answered with 502', async (t) => {
  const { client, upstream } = await setUp(t);
  const usual = upstream.onRequest;
  let deaths = 1;
  upstream.onRequest = (asked) => {
    if (deaths-- > 0) asked.session.socket.destroy();
    else usual(asked);
  };
  assert.equal((await ask(client, {})).status, 200);
  deaths = 1;
  assert.equal((await ask(client, post, 'body')).status, 502);
  assert.equal((await ask(client, post, 'body')).status, 200);
});

test('a slow stream times out alone', async (t) => {
  const { client, upstream } = await setUp(t, { upstream: '    timeouts: { first-byte: 300ms }' });
  const usual = upstream.onRequest;
  upstream.onRequest = (asked) => {
    if (asked.headers['x-slow'] === undefined) usual(asked);
  };
  const slow = ask(client, { 'x-slow': '1' });
  assert.equal((await ask(client, {})).status, 200);
  assert.equal((await slow).status, 504);
  await until(() => upstream.requests[0]!.stream.destroyed, 'the slow stream to be reset');
  assert.equal((await ask(client, {})).status, 200);
  assert.equal(upstream.sessions.length, 1);
});

test('a client that goes away resets its stream, the connection is used on', async (t) => {
  const { client, upstream, gate } = await setUp(t);
  const usual = upstream.onRequest;
  upstream.onRequest = () => {};
  const plain = await RawClient.connect(gate.port);
  plain.send(request('GET', '/things'));
  await until(() => upstream.requests.length === 1, 'the request');
  plain.destroy();
  await until(() => upstream.requests[0]!.stream.destroyed, 'the stream to be reset');
  assert.equal(upstream.requests[0]!.stream.rstCode, constants.NGHTTP2_CANCEL);
  upstream.onRequest = usual;
  assert.equal((await ask(client, {})).status, 200);
  assert.equal(upstream.sessions.length, 1);
});

test('an answer that comes before the request is whole ends both', async (t) => {
  const { client, upstream } = await setUp(t, { api: '    max-body: 64MiB' });
  upstream.onRequest = ({ stream }) => {
    stream.respond({ ':status': 403 });
    stream.end('no');
  };
  const stream = client.request({ ':path': '/things', ...post });
  stream.on('error', () => {});
  stream.write(Buffer.alloc(100_000));
  const { status, body } = await read(stream);
  assert.deepEqual([status, body], [403, 'no']);
  assert.equal((await ask(client, {})).status, 403);
  assert.equal(upstream.sessions.length, 1);
});

test('a body that is not as long as announced is no answer', async (t) => {
  const raw = await startRawUpstream(t);
  const gate = await startGate(t, raw.port, '    retries: { attempts: 0 }');
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const heads: Record<string, number[]> = {
    // :status 200, content-length 5, END_STREAM
    'a length without a body': [0, 0, 5, 1, 5, 0, 0, 0, 1, 0x88, 0x5c, 1, 0x35, 0x20],
    // an upper-case name
    'an upper-case name': [0, 0, 5, 1, 5, 0, 0, 0, 1, 0x88, 0, 1, 0x41, 0],
    'no status': [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82],
    'a status of four digits': [0, 0, 6, 1, 5, 0, 0, 0, 1, 0x08, 4, 0x31, 0x32, 0x30, 0x30],
    '101': [0, 0, 5, 1, 4, 0, 0, 0, 1, 0x08, 3, 0x31, 0x30, 0x31],
    // transfer-encoding: a
    'a field of HTTP/1 connections': [0, 0, 4, 1, 5, 0, 0, 0, 1, 0x88, 0x0f, 42, 1, 0x61],
    'a push': [0, 0, 5, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x82],
    'an index that is not there': [0, 0, 1, 1, 5, 0, 0, 0, 1, 0xff, 0x7f],
    'data before the head': [0, 0, 1, 0, 0, 0, 0, 0, 1, 0x61],
    'an answer on a stream that was not opened': [0, 0, 1, 1, 5, 0, 0, 0, 9, 0x88],
  };
  for (const [what, bytes] of Object.entries(heads)) {
    raw.onBytes = (connection, received) => {
      if (connection.received.length === received.length) connection.socket.write(settings);
      // Frames of type HEADERS for stream 1 begin with the id; the preface and SETTINGS come first.
      if (/\x01[\x04\x05]\0\0\0\x01/.test(connection.received)) connection.socket.write(Buffer.from(bytes));
      return true;
    };
    const answered = await exchange(gate.port, request('GET', '/things'));
    assert.equal(answered.status, 502, what);
    for (const { socket } of raw.connections) socket.destroy();
  }
});

test('after GOAWAY the connection ends with its last stream', async (t) => {
  const raw = await startRawUpstream(t);
  const gate = await startGate(t, raw.port);
  raw.onBytes = (connection, received) => {
    if (connection.received.length === received.length) {
      connection.socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    }
    if (/\x01\x05\0\0\0\x01/.test(received.toString('latin1'))) {
      const goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
      connection.socket.write(Buffer.from([...goaway, 0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]));
    }
    return true;
  };
  for (let i = 0; i < 3; i++) {
    assert.equal((await exchange(gate.port, request('GET', '/things'))).status, 200);
    await until(() => raw.connections[i]!.closed, 'the connection to end');
  }
});

test('an upstream that speaks HTTP/1 only is not reached, and gets no request', async (t) => {
  const raw = await startRawUpstream(t);
  const gate = await startGate(t, raw.port);
  raw.onBytes = (connection) => {
    connection.socket.end(answer(400, 'what?'));
    return true;
  };
  const answered = await exchange(gate.port, request('POST', '/things', {}, 'secret'));
  assert.equal(answered.status, 502);
  assert.ok(!raw.received().includes('secret'));
});

test('active health checks speak HTTP/2 too', async (t) => {
  const upstream = await startH2Upstream(t);
  const usual = upstream.onRequest;
  let health = 200;
  upstream.onRequest = (asked) => {
    if (asked.headers[':path'] !== '/healthz') return usual(asked);
    asked.stream.respond({ ':status': health }, { endStream: true });
  };
  const gate = await startGate(
    t,
    upstream.port,
    '    health: { path: /healthz, interval: 50ms, unhealthy-after: 1, healthy-after: 1 }',
  );
  const status = async (): Promise<number> => (await exchange(gate.port, request('GET', '/things'))).status;
  assert.equal(await status(), 200);
  health = 500;
  await until(async () => (await status()) === 503, 'the endpoint to be left out');
  health = 200;
  await until(async () => (await status()) === 200, 'the endpoint to come back');
});
