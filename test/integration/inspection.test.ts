// Inspection over the wire: what is refused, what callers and logs are told, and what passes unchanged.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ConfigError } from '../../src/app/index.ts';
import { openConfig, startTestGate } from '../support/gate.ts';
import { exchange, RawClient, request } from '../support/raw-client.ts';
import { answer, startRawUpstream, type UpstreamRequest } from '../support/raw-upstream.ts';
import { until } from '../support/until.ts';

const json = { 'content-type': 'application/json' };
const attack = '/things?q=%27%20OR%20%271%27=%271';
const problemOf = (response: { json(): Record<string, unknown> }): string =>
  String(response.json()['type']).split(':').at(-1)!;

interface Options {
  /** Members of `inspect`. */
  readonly inspect?: string;
  readonly operation?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly watch?: boolean;
  readonly listener?: string;
  readonly log?: string;
}

async function setUp(t: TestContext, options: Options = {}) {
  const upstream = await startRawUpstream(t);
  const config = openConfig({
    upstreamPort: upstream.port,
    api: `    inspect: { ${options.inspect ?? ''} }`,
    ...(options.listener === undefined ? {} : { listener: options.listener }),
  })
    .replace(
      'createThing: { public: true, reason: test }',
      `createThing: { public: true, reason: test${options.operation ?? ''} }`,
    )
    .replace('to: { file: ./access.log }', `to: { file: ./access.log }${options.log ?? ''}`);
  const gate = await startTestGate(t, { config, files: options.files ?? {}, watch: options.watch ?? false });
  return { upstream, gate, port: gate.port };
}

const reply =
  (text: string, fields: Readonly<Record<string, string>> = json) =>
  ({ connection }: UpstreamRequest): void =>
    void connection.socket.write(answer(200, text, fields));

test('an attack is refused before the upstream sees it, and the caller learns no rule', async (t) => {
  const { upstream, gate, port } = await setUp(t);
  const got = await exchange(port, request('GET', attack));
  assert.equal(got.status, 403);
  assert.deepEqual(Object.keys(got.json()).sort(), ['instance', 'status', 'title', 'type']);
  assert.equal(problemOf(got), 'request-blocked');
  assert.equal(upstream.requests.length, 0);
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['guard'], line!['code']], ['inspect', 'request-blocked']);
  assert.ok((line!['score'] as number) >= 5);
  assert.ok((line!['rules'] as number[]).includes(8101060));
  const matches = line!['matches'] as { rule: number; message: string; variables: unknown }[];
  const match = matches.find(({ rule }) => rule === 8101060)!;
  assert.deepEqual(match.variables, [{ name: 'ARGS:q', value: "' OR '1'='1" }]);
});

test('members of JSON bodies are judged by name, and what passes arrives byte for byte', async (t) => {
  const { upstream, gate, port } = await setUp(t);
  const bad = JSON.stringify({ user: { name: 'x', filter: ["1' or 1=1 or '"] } });
  assert.equal((await exchange(port, request('POST', '/things', json, bad))).status, 403);
  const good = JSON.stringify({
    user: { name: "O'Brien & Sons", note: 'select a colour; 50% off, see /about' },
  });
  assert.equal((await exchange(port, request('POST', '/things', json, good))).status, 200);
  assert.deepEqual(
    upstream.requests.map(({ body }) => body.toString()),
    [good],
  );
  const [line] = await gate.accessLines(2);
  const [match] = line!['matches'] as { variables: { name: string }[] }[];
  assert.equal(match!.variables[0]!.name, 'ARGS:json.user.filter.array_0');
});

test('detection mode lets everything pass and records what blocking would do', async (t) => {
  const { upstream, gate, port } = await setUp(t, {
    inspect: 'mode: detect, request-body: { limit: 100B }',
  });
  upstream.onRequest = reply('-----BEGIN PRIVATE KEY-----');
  const long = JSON.stringify({ a: 'x'.repeat(200) });
  for (const bytes of [
    request('GET', attack),
    request('POST', '/things', { ...json, 'content-encoding': 'compress' }, 'abc'),
    request('POST', '/things', json, long),
  ]) {
    assert.equal((await exchange(port, bytes)).status, 200);
  }
  const lines = await gate.accessLines(3);
  assert.deepEqual(
    lines.map((line) => [line['decision'], line['would_refuse']]),
    [
      ['allowed', 'request-blocked'],
      ['allowed', 'response-blocked'],
      ['allowed', 'request-blocked'],
    ],
  );
  assert.equal(upstream.requests[2]!.body.toString(), long);
});

test('exclusions take a target of one operation out, and nothing else', async (t) => {
  const { port } = await setUp(t, {
    inspect: 'rules: [ builtin ]',
    operation: ', inspect: { exclude: [ { tag: attack-sqli, target: "ARGS:json.sql", reason: takes SQL } ] }',
  });
  const post = (body: object) => exchange(port, request('POST', '/things', json, JSON.stringify(body)));
  assert.equal((await post({ sql: "' or 1=1" })).status, 200);
  assert.equal((await post({ other: "' or 1=1" })).status, 403);
  assert.equal((await exchange(port, request('GET', attack))).status, 403);
});

test('the head alone refuses early: no body is asked for', async (t) => {
  const { port } = await setUp(t);
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  client.send(
    'POST /things HTTP/1.1\r\nhost: a\r\nuser-agent: sqlmap/1.7\r\ncontent-type: application/json\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n',
  );
  assert.equal((await client.response('POST', true)).status, 403);
});

test('bodies beyond the limit are refused by default', async (t) => {
  const { upstream, port } = await setUp(t, { inspect: 'request-body: { limit: 100B }' });
  const body = JSON.stringify({ a: 'x'.repeat(200) });
  assert.equal((await exchange(port, request('POST', '/things', json, body))).status, 413);
  const chunked = `POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  assert.equal((await exchange(port, chunked)).status, 413);
  assert.equal(upstream.requests.length, 0);
});

test('with "partial" the first bytes are judged and the whole body passes on', async (t) => {
  const { upstream, port } = await setUp(t, {
    inspect: 'request-body: { limit: 100B, beyond: partial }',
  });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const late = `a=${'x'.repeat(200)}&b=%27or+1=1`;
  assert.equal(
    (await exchange(port, request('POST', '/things', form, `a=%27or+1=1&b=${'x'.repeat(200)}`))).status,
    403,
  );
  assert.equal((await exchange(port, request('POST', '/things', form, late))).status, 200);
  const body = JSON.stringify({ a: 'x'.repeat(200) });
  assert.equal((await exchange(port, request('POST', '/things', json, body))).status, 200);
  assert.deepEqual(
    upstream.requests.map((seen) => seen.body.toString()),
    [late, body],
  );
});

test('coded bodies are refused, or decoded for the rules where that is wanted', async (t) => {
  const gzip = { ...json, 'content-encoding': 'gzip' };
  const bytes = (body: object): Buffer => {
    const packed = gzipSync(JSON.stringify(body));
    return Buffer.concat([
      Buffer.from(request('POST', '/things', { ...gzip, 'content-length': String(packed.length) }), 'latin1'),
      packed,
    ]);
  };
  const strict = await setUp(t);
  assert.equal((await exchange(strict.port, bytes({ a: 1 }))).status, 415);
  const decoding = await setUp(t, { inspect: 'request-body: { limit: 1KiB, compressed: decode }' });
  assert.equal((await exchange(decoding.port, bytes({ a: "' or 1=1" }))).status, 403);
  assert.equal((await exchange(decoding.port, bytes({ a: 'x'.repeat(5000) }))).status, 413);
  assert.equal((await exchange(decoding.port, bytes({ a: 'fine' }))).status, 200);
  assert.equal(decoding.upstream.requests[0]!.field('content-encoding'), 'gzip');
});

test('a wrong or missing Content-Type hides nothing', async (t) => {
  const { upstream, port } = await setUp(t);
  const bad = `{"a":{"b":"' or '1'='1"}}`;
  const types: Record<string, string>[] = [
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/octet-stream' },
    { 'content-type': 'application/x-own' },
    { 'content-type': 'text/plain', 'x-gatewright-body': 'no' },
  ];
  for (const fields of types) {
    const odd = ["\xff' or '1'='1", '\x01{"a":"\' or \'1\'=\'1"}', `{"a":"\xc3' or '1'='1"}`];
    for (const body of [bad, "x=' or '1'='1", '<script>alert(1)</script>', ...odd]) {
      assert.equal((await exchange(port, request('POST', '/things', fields, body))).status, 403);
    }
    const fine = 'plain text of {some} kind: "quoted", 100 % harmless';
    assert.equal((await exchange(port, request('POST', '/things', fields, fine))).status, 200);
  }
  const binary = '\x00\x01\xff\xfe<script>';
  const octets = { 'content-type': 'application/octet-stream' };
  assert.equal((await exchange(port, request('POST', '/things', octets, binary))).status, 200);
  assert.equal(upstream.requests.at(-1)!.body.toString('latin1'), binary);
  const form = { 'content-type': 'application/x-www-form-urlencoded', 'x-gatewright-body': 'text' };
  assert.equal((await exchange(port, request('POST', '/things', form, 'a=%27+or+%271%27=%271'))).status, 403);
});

test('a body beyond the limit is not collected before it is refused', async (t) => {
  const { port } = await setUp(t, { inspect: 'request-body: { limit: 100B }' });
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  // Chunked, and never ended: the answer comes as soon as the limit is passed.
  client.send(
    `POST /things HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n${'x'.repeat(200)}\r\n`,
  );
  assert.equal((await client.response('POST')).status, 413);
});

test('whatever comes is passed on as it was, or refused: never a failure', async (t) => {
  const { upstream, port } = await setUp(t);
  const types = [
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'application/xml',
    'text/plain',
  ];
  const piece = fc.oneof(
    fc.constantFrom(
      ...`' OR 1=1 -- |<script>|{{7*7}}|\${jndi:|../../|{"a":|[|]|}|&#x3c;|%00|%u0041|--b\r\n|Content-Disposition: form-data; name="a"|\r\n|<!DOCTYPE|]]>|;|\0|\xff`.split(
        '|',
      ),
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...types), text, text, async (type, query, body) => {
      const before = upstream.requests.length;
      const bytes = Buffer.from(body);
      const target = `/things?q=${encodeURIComponent(query.toWellFormed())}`;
      const head = request('POST', target, { 'content-type': type, 'content-length': String(bytes.length) });
      const { status } = await exchange(port, Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
      assert.ok([200, 400, 403, 413].includes(status), `${status}`);
      const seen = upstream.requests.slice(before);
      assert.equal(seen.length, status === 200 ? 1 : 0);
      if (status === 200) {
        assert.deepEqual([seen[0]!.target, seen[0]!.body], [target, bytes]);
      }
    }),
    { numRuns: 300 },
  );
});

test('a body that can not be parsed is refused', async (t) => {
  const { port } = await setUp(t);
  assert.equal((await exchange(port, request('POST', '/things', json, '{"a": '))).status, 403);
});

test('an answer that leaks is replaced', async (t) => {
  const { upstream, gate, port } = await setUp(t);
  upstream.onRequest = reply('{"error":"SQLSTATE[42000]: You have an error in your SQL syntax"}');
  const got = await exchange(port, request('GET', '/things'));
  assert.deepEqual([got.status, problemOf(got)], [502, 'response-blocked']);
  const [line] = await gate.accessLines(1);
  assert.deepEqual(
    [line!['code'], line!['response_score'], line!['rules']],
    ['response-blocked', 4, [8120030, 8190120]],
  );
});

test('answers that are compressed are decoded for the rules; what can not be is refused', async (t) => {
  const { upstream, port } = await setUp(t);
  const send = (body: Buffer, coding: string) => {
    upstream.onRequest = ({ connection: { socket } }) => {
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
    };
    return exchange(port, request('GET', '/things'));
  };
  const fine = gzipSync('{"a":1}');
  const got = await send(fine, 'gzip');
  assert.deepEqual([got.status, got.body], [200, fine]);
  assert.equal((await send(gzipSync('-----BEGIN PRIVATE KEY-----'), 'gzip')).status, 502);
  assert.equal((await send(Buffer.from('abc'), 'gzip')).status, 502);
  assert.equal((await send(Buffer.from('abc'), 'compress')).status, 502);
  assert.equal((await send(gzipSync('x'.repeat(2_000_000)), 'gzip')).status, 502);
});

test('event streams pass as they come', async (t) => {
  const { upstream, port } = await setUp(t);
  upstream.onRequest = ({ connection: { socket } }) =>
    void socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n');
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  client.send(request('GET', '/things'));
  await until(() => client.received.includes('data: 1'), 'the first event of a stream without end');
});

test('long answers are refused, or judged by their first bytes where that is wanted', async (t) => {
  const long = `${'x'.repeat(150)}-----BEGIN PRIVATE KEY-----`;
  const strict = await setUp(t, { inspect: 'response: { limit: 100B }' });
  strict.upstream.onRequest = reply(long);
  const got = await exchange(strict.port, request('GET', '/things'));
  assert.deepEqual([got.status, problemOf(got)], [502, 'response-inspection-failed']);
  const partial = await setUp(t, { inspect: 'response: { limit: 100B, beyond: partial }' });
  partial.upstream.onRequest = reply(long);
  assert.equal((await exchange(partial.port, request('GET', '/things'))).body.toString(), long);
  const off = await setUp(t, { inspect: 'response: false' });
  off.upstream.onRequest = reply(long);
  assert.equal((await exchange(off.port, request('GET', '/things'))).body.toString(), long);
});

test('ranges of inspected answers are not asked for', async (t) => {
  const { upstream, port } = await setUp(t);
  await exchange(port, request('GET', '/things', { range: 'bytes=5-', 'if-range': '"a"' }));
  assert.deepEqual(
    [upstream.requests[0]!.field('range'), upstream.requests[0]!.field('if-range')],
    [undefined, undefined],
  );
});

test('rules of the user block, log and refer to data beside them', async (t) => {
  const own = await setUp(t, {
    inspect: 'rules: [ ./own.conf ]',
    files: {
      'own.conf': `SecRule ARGS:word "@pmFromFile words.data" "id:1001,phase:2,deny,status:418,log,msg:'A word'"
SecRule ARGS:to "@streq out" "id:1002,phase:2,redirect:https://login.example.com/,status:303,log"`,
      'words.data': 'forbidden\n',
    },
  });
  assert.equal((await exchange(own.port, request('GET', '/things?word=FORBIDDEN'))).status, 403);
  const moved = await exchange(own.port, request('GET', '/things?to=out'));
  assert.deepEqual([moved.status, moved.fields.get('location')], [303, 'https://login.example.com/']);
  assert.equal((await exchange(own.port, request('GET', '/things?word=fine'))).status, 200);
});

test('rules can count over requests', async (t) => {
  const { port } = await setUp(t, {
    inspect: 'rules: [ ./own.conf ]',
    files: {
      'own.conf': `SecAction "id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}"
SecAction "id:2,phase:1,pass,nolog,setvar:ip.hits=+1,expirevar:ip.hits=60"
SecRule IP:HITS "@gt 2" "id:3,phase:1,deny,log"`,
    },
  });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await exchange(port, request('GET', '/things'))).status);
  assert.deepEqual(statuses, [200, 200, 403, 403]);
});

test('a mistake in a rule is a diagnostic with its place', async (t) => {
  const broken = setUp(t, {
    inspect: 'rules: [ ./own.conf ]',
    files: { 'own.conf': '# fine\nSecRule ARGS "@rxx a" "id:1,phase:2,deny"\n' },
  });
  await assert.rejects(broken, (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /own\.conf:2:\d+: error/);
    return true;
  });
});

test('changed rules are served after a reload; broken ones change nothing', async (t) => {
  const rule = (word: string) => `SecRule ARGS:a "@streq ${word}" "id:1,phase:2,deny,log"\n`;
  const { gate, port } = await setUp(t, {
    inspect: 'rules: [ ./own.conf ]',
    files: { 'own.conf': rule('one') },
    watch: true,
  });
  const status = async (word: string) => (await exchange(port, request('GET', `/things?a=${word}`))).status;
  assert.deepEqual([await status('one'), await status('two')], [403, 200]);
  await gate.write('own.conf', rule('two'));
  await until(async () => (await status('two')) === 403, 'the new rule');
  assert.equal(await status('one'), 200);
  await gate.write('own.conf', 'SecRule\n');
  await until(
    () => gate.log.some(({ event }) => event === 'reload-refused'),
    'the refusal of the broken rule',
  );
  assert.equal(await status('two'), 403);
});

test('an expression that backtracks does not hold the thread', async (t) => {
  const { port } = await setUp(t, {
    inspect: 'rules: [ ./own.conf ]',
    files: { 'own.conf': 'SecRule ARGS:a "@rx ^(a+)+$" "id:1,phase:2,deny,log"\n' },
  });
  // Forty letters would take hours by backtracking.
  const evil = await exchange(port, request('GET', `/things?a=${'a'.repeat(40)}!`));
  assert.equal(evil.status, 200);
  assert.equal((await exchange(port, request('GET', `/things?a=${'a'.repeat(40)}`))).status, 403);
});

test('a request that needs more time than it may have is refused, and only recorded in detection mode', async (t) => {
  const body = JSON.stringify({ a: `select ${'x '.repeat(50_000)}` });
  const { upstream, gate, port } = await setUp(t, { inspect: 'max-time: 0ms' });
  const got = await exchange(port, request('POST', '/things', json, body));
  assert.deepEqual([got.status, problemOf(got)], [500, 'request-inspection-failed']);
  assert.equal(upstream.requests.length, 0);
  const [line] = await gate.accessLines(1);
  assert.equal(line!['reason'], 'work-budget');
  const detecting = await setUp(t, { inspect: 'mode: detect, max-time: 0ms' });
  assert.equal((await exchange(detecting.port, request('POST', '/things', json, body))).status, 200);
});

test('streams of HTTP/2 are inspected alike', async (t) => {
  const { port } = await setUp(t, { listener: ', http2: true' });
  const session = connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const status = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path });
      stream.on('response', (headers) => resolve(headers[':status']!));
      stream.on('error', reject);
    });
  assert.deepEqual([await status(attack), await status('/things')], [403, 200]);
});

/** A short text frame of a client, or with `binary` another. */
function clientFrame(text: string, binary = false): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([binary ? 0x82 : 0x81, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

const serverFrame = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);

async function openSocket(t: TestContext, options: Options = {}) {
  const { upstream, gate, port } = await setUp(t, options);
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  let received = '';
  const open = Promise.withResolvers<UpstreamRequest['connection']>();
  let isOpen = false;
  upstream.onRequest = ({ connection }) => {
    connection.socket.write(
      `HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    isOpen = true;
    open.resolve(connection);
  };
  upstream.onBytes = (_connection, bytes) => {
    if (isOpen) received += bytes.toString('latin1');
    return isOpen;
  };
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  client.send(
    request('GET', '/socket', {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    }),
  );
  assert.equal((await client.response()).status, 101);
  client.received = '';
  return { client, gate, service: (await open.promise).socket, received: () => received };
}

/** Close code 1008. */
const policyClose = '\x88\x02\x03\xf0';

test('messages of a WebSocket are judged, each on its own', async (t) => {
  const { client, gate, service, received } = await openSocket(t);
  client.send(clientFrame('{"text":"hello"}'));
  client.send(clientFrame("it's five o'clock"));
  await until(() => received().includes("o'clock"), 'two harmless messages');
  service.write(serverFrame('{"ok":true}'));
  await until(() => client.received.includes('{"ok":true}'), 'a harmless answer');
  client.send(clientFrame(`{"text":"1' or '1'='1"}`));
  await until(() => client.received.endsWith(policyClose), 'the close frame');
  assert.equal(received().includes("'1'='1"), false);
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['guard'], line!['code']], ['inspect', 'request-blocked']);
  const matches = line!['matches'] as { variables: { name: string }[] }[];
  assert.ok(matches.some(({ variables }) => variables[0]?.name === 'ARGS:json.text'));
});

test('attacks in plain and in binary messages end a WebSocket, binary data does not', async (t) => {
  for (const binary of [false, true]) {
    const { client, received } = await openSocket(t);
    client.send(clientFrame('\0\x01 data', true));
    await until(() => received().includes(' data'), 'binary data');
    client.send(clientFrame('<script>alert(1)</script>', binary));
    await until(() => client.received.endsWith(policyClose), 'the close frame');
    assert.equal(received().includes('script'), false);
  }
});

test('messages of a service that leak end a WebSocket', async (t) => {
  const { client, gate, service } = await openSocket(t);
  service.write(serverFrame('-----BEGIN PRIVATE KEY-----'));
  await until(() => client.received.endsWith(policyClose), 'the close frame');
  assert.equal(client.received.includes('PRIVATE'), false);
  const [line] = await gate.accessLines(1);
  assert.equal(line!['code'], 'response-blocked');
});

test('in detection mode messages pass and are recorded', async (t) => {
  const { client, gate, received } = await openSocket(t, { inspect: 'mode: detect' });
  client.send(clientFrame("1' or '1'='1"));
  await until(() => received().includes("'1'='1"), 'the message');
  client.destroy();
  const [line] = await gate.accessLines(1);
  assert.deepEqual([line!['decision'], line!['would_refuse']], ['allowed', 'request-blocked']);
});

test('secrets are masked in the log unless they are wanted', async (t) => {
  const target = `/things?password=${encodeURIComponent("x' or 1=1")}&q=${encodeURIComponent(`' or 1=1 ${'k3y'.repeat(20)}`)}`;
  const valuesOf = async (log: string) => {
    const { gate, port } = await setUp(t, { log });
    await exchange(port, request('GET', target));
    const [line] = await gate.accessLines(1);
    return (line!['matches'] as { variables: { name: string; value?: string }[] }[]).flatMap(
      ({ variables }) => variables,
    );
  };
  const masked = await valuesOf('');
  assert.equal(masked.find(({ name }) => name === 'ARGS:password')!.value, '***');
  assert.equal(masked.find(({ name }) => name === 'ARGS:q')!.value, "' or 1=1 ***");
  const kept = await valuesOf(', match-values: keep');
  assert.equal(kept.find(({ name }) => name === 'ARGS:password')!.value, "x' or 1=1");
  const none = await valuesOf(', match-values: none');
  assert.ok(none.every((variable) => !('value' in variable)));
});

test('matches are counted by rule', async (t) => {
  const { gate, port } = await setUp(t);
  await exchange(port, request('GET', attack));
  const { host, port: telemetry } = gate.gate.telemetry!;
  const text = await (await fetch(`http://${host}:${telemetry}/metrics`)).text();
  assert.match(text, /gatewright_rule_matches_total\{rule="8101060"\} 1\n/);
  assert.match(text, /gatewright_refusals_total\{code="request-blocked"\} 1\n/);
  assert.match(text, /gatewright_inspection_would_refuse_total 0\n/);
});
