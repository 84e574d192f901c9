// Guards that judge the upstream's answer: nothing of it reaches the client before they have, in every framing, and
// what follows on the connection is not disturbed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type Exchange, type Guard, Refusal } from '../../src/exchange/index.ts';
import { startGuardedRelay } from '../support/guarded-relay.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

interface Judged {
  readonly body: string;
  readonly whole: boolean;
}

/** Collects up to ten bytes and refuses bodies with "secret"; heads with x-leak are refused at once. */
function judge(judged: Judged[], limit = 10): Partial<Guard> {
  const refusal = new Refusal('upstream-response-invalid', 'inspect', 'secret');
  return {
    onAnswer: (judging: Exchange, _status, fields) => {
      judging.answerLimit = limit;
      return fields.has('x-leak') ? refusal : null;
    },
    onAnswerBody: (_exchange, body, whole) => {
      const text = Buffer.from(body).toString('latin1');
      judged.push({ body: text, whole });
      return text.includes('secret') ? refusal : null;
    },
  };
}

async function setUp(t: TestContext, limit?: number) {
  const upstream = await startRawUpstream(t);
  const judged: Judged[] = [];
  const relay = await startGuardedRelay(t, upstream.port, judge(judged, limit));
  return { upstream, judged, relay };
}

const get = (target = '/things'): string => request('GET', target);

test('an answer passes as it was after it has been judged whole', async (t) => {
  const { upstream, judged, relay } = await setUp(t);
  upstream.onRequest = ({ connection }) => connection.socket.write(answer(200, 'fine', { 'x-a': '1' }));
  const client = await RawClient.connect(relay.port);
  t.after(() => client.destroy());
  client.send(get());
  const got = await client.response();
  assert.deepEqual([got.status, got.body.toString(), got.fields.get('x-a')], [200, 'fine', '1']);
  assert.match(client.received, /\r\ncontent-length: 4\r\n/);
  assert.deepEqual(judged, [{ body: 'fine', whole: true }]);
  assert.deepEqual([relay.ended[0]!.responseBytes, relay.ended[0]!.status], [4, 200]);
});

test('a refused answer is replaced, and its connection serves on', async (t) => {
  const { upstream, relay } = await setUp(t);
  upstream.onRequest = ({ target, connection }) =>
    connection.socket.write(answer(200, target === '/things?bad' ? 'a secret' : 'fine', { 'x-inner': '1' }));
  const client = await RawClient.connect(relay.port);
  t.after(() => client.destroy());
  client.send(get('/things?bad') + get());
  const [bad, good] = [await client.response(), await client.response()];
  assert.deepEqual([bad.status, bad.fields.get('content-type')], [502, 'application/problem+json']);
  assert.equal(bad.fields.has('x-inner'), false);
  assert.deepEqual([good.status, good.body.toString()], [200, 'fine']);
  assert.equal(upstream.connections.length, 1);
  assert.equal(client.received.includes('secret'), false);
  assert.deepEqual([relay.ended[0]!.decidedBy, relay.ended[0]!.status], ['inspect', 502]);
});

test('a refused head is replaced before its body has come', async (t) => {
  const { upstream, judged, relay } = await setUp(t);
  upstream.onRequest = ({ connection }) =>
    connection.socket.write('HTTP/1.1 200 OK\r\nx-leak: 1\r\ncontent-length: 1000\r\n\r\n');
  const got = await exchange(relay.port, get());
  assert.deepEqual([got.status, judged.length], [502, 0]);
  await until(() => upstream.connections[0]!.closed, 'the end of the upstream connection');
});

test('beyond the limit the first bytes are judged, and the rest streams', async (t) => {
  const { upstream, judged, relay } = await setUp(t);
  const rest = Promise.withResolvers<void>();
  upstream.onRequest = async ({ connection: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n0123456789abc');
    await rest.promise;
    socket.write('nopqrstuvwxyz');
  };
  const client = await RawClient.connect(relay.port);
  t.after(() => client.destroy());
  client.send(get());
  await until(() => client.received.endsWith('0123456789abc'), 'the first bytes');
  rest.resolve();
  assert.equal((await client.response()).body.toString(), '0123456789abcnopqrstuvwxyz');
  assert.deepEqual(judged, [{ body: '0123456789', whole: false }]);
  assert.equal(relay.ended[0]!.responseBytes, 26);
});

test('chunks of a refused answer never become part of the next one', async (t) => {
  const { upstream, relay } = await setUp(t);
  upstream.onRequest = ({ target, connection: { socket } }) => {
    const chunks = Array.from({ length: 50 }, () => '6\r\nsecret\r\n').join('');
    if (target === '/things?bad') {
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}`);
    } else socket.write(answer(200, 'fine'));
  };
  const client = await RawClient.connect(relay.port);
  t.after(() => client.destroy());
  client.send(get('/things?bad') + get() + get());
  const statuses = [await client.response(), await client.response(), await client.response()];
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [502, 200, 200],
  );
  assert.equal(client.received.includes('secret'), false);
});

test('chunked answers keep their trailers, and answers until close their end', async (t) => {
  const { upstream, judged, relay } = await setUp(t, 100);
  upstream.onRequest = ({ target, connection: { socket } }) => {
    if (target === '/things?close') socket.end('HTTP/1.1 200 OK\r\n\r\nuntil close');
    else
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n');
  };
  const chunked = await exchange(relay.port, get());
  assert.deepEqual([chunked.body.toString(), chunked.trailers], ['abc', [['x-sum', '1']]]);
  assert.equal((await exchange(relay.port, get('/things?close'))).body.toString(), 'until close');
  assert.deepEqual(
    judged.map(({ body }) => body),
    ['abc', 'until close'],
  );
});

test('answers without a body are judged too', async (t) => {
  const { upstream, judged, relay } = await setUp(t);
  upstream.onRequest = ({ method, connection: { socket } }) =>
    socket.write(
      method === 'HEAD' ? 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n' : 'HTTP/1.1 204 No Content\r\n\r\n',
    );
  const client = await RawClient.connect(relay.port);
  t.after(() => client.destroy());
  client.send(request('HEAD', '/things'));
  assert.equal((await client.response('HEAD')).status, 200);
  assert.match(client.received, /\r\ncontent-length: 7\r\n/);
  assert.equal((await exchange(relay.port, get())).status, 204);
  assert.deepEqual(judged, [
    { body: '', whole: true },
    { body: '', whole: true },
  ]);
});

test('streams of HTTP/2 are judged alike', async (t) => {
  const upstream = await startRawUpstream(t);
  const judged: Judged[] = [];
  const relay = await startGuardedRelay(t, upstream.port, judge(judged), true);
  upstream.onRequest = ({ target, connection }) =>
    connection.socket.write(answer(200, target === '/things?bad' ? 'a secret' : 'fine'));
  const session = connect(`http://127.0.0.1:${relay.port}`);
  t.after(() => session.destroy());
  const ask = async (path: string): Promise<readonly [number, string]> => {
    const stream = session.request({ ':path': path });
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    return [headers[':status'], await text(stream)];
  };
  const [bad, good] = await Promise.all([ask('/things?bad'), ask('/things')]);
  assert.deepEqual([bad[0], bad[1].includes('secret')], [502, false]);
  assert.deepEqual(good, [200, 'fine']);
});

test('an answer that breaks off while it is held becomes a clean refusal', async (t) => {
  const { upstream, judged, relay } = await setUp(t, 100);
  upstream.onRequest = ({ connection: { socket } }) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf');
  const got = await exchange(relay.port, get());
  assert.deepEqual([got.status, judged.length], [502, 0]);
  assert.match(String(got.json()['type']), /upstream-aborted$/);
});

test('a guard that throws at an answer refuses it', async (t) => {
  const upstream = await startRawUpstream(t);
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const relay = await startGuardedRelay(t, upstream.port, {
    onAnswer: () => {
      throw new Error('broken');
    },
  });
  const got = await exchange(relay.port, get());
  assert.deepEqual([got.status, String(got.json()['type']).split(':').at(-1)], [500, 'guard-failed']);
  assert.match((await warned).message, /a guard threw/);
});
