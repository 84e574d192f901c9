// The server's end of HTTP/2, fed with frames by hand: what is legal is served, what is not ends the stream or the
// connection with the right code, and no flood goes on for long.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../fields/index.ts';
import type { H2Handler } from './contract.ts';
import {
  CONNECTION_PREFACE,
  encodeGoaway,
  encodeHeaders,
  encodeRstStream,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  FrameType,
  frameHeader,
  H2Code,
  SETTINGS_ACK,
  uint32,
} from './frames.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { H2Session } from './session.ts';
import type { H2Stream } from './stream.ts';

const usual: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'api.example.com'],
  [':path', '/things'],
];

function block(fields: readonly (readonly [string, string])[]): string {
  const list = new FieldList();
  // Past the list's own check: what is sent here is often not valid.
  list.names.push(...fields.map(([name]) => name));
  list.values.push(...fields.map(([, value]) => value));
  return new HpackEncoder().encodeFields(list);
}

/** HEADERS of a request that has no body, unless `open`. */
const get = (id: number, extra: readonly (readonly [string, string])[] = [], open = false): string =>
  encodeHeaders(id, block([...usual, ...extra]), !open);

const data = (id: number, text: string, flags = 0): string =>
  frameHeader(text.length, FrameType.data, flags, id) + text;

class Server {
  readonly events: string[] = [];
  readonly streams = new Map<number, H2Stream>();
  readonly fields = new Map<number, string[]>();
  /** Whether requests are answered at once. */
  answers = true;
  nowMs = 1000;
  readonly session: H2Session;

  constructor() {
    const handler: H2Handler = {
      onRequest: (stream, head, scheme, problem) => {
        this.streams.set(stream.id, stream);
        this.fields.set(
          stream.id,
          head.fields.names.map((name, i) => `${name}: ${head.fields.values[i]}`),
        );
        this.events.push(
          `request ${stream.id} ${head.method} ${scheme}://${head.host}${head.target}${problem === null ? '' : ` ${problem}`}`,
        );
      },
      onResponse: () => assert.fail('a server gets no response'),
      onData: (stream, bytes, start, end) => {
        this.events.push(`data ${stream.id} ${Buffer.from(bytes.subarray(start, end)).toString('latin1')}`);
        this.session.consume(stream, end - start);
      },
      onEnd: (stream, trailers) => {
        this.events.push(
          `end ${stream.id}${trailers.names.map((name, i) => ` ${name}=${trailers.values[i]}`).join('')}`,
        );
        if (!this.answers) return;
        this.session.respond(stream, 200, new FieldList(), [], false);
        this.session.sendLast(stream, 'ok');
      },
      onReset: (stream, code, byPeer) =>
        void this.events.push(`reset ${stream.id} ${code} ${byPeer ? 'peer' : 'own'}`),
      onDrain: (stream) => void this.events.push(`drain ${stream.id}`),
      onGoaway: () => void this.events.push('goaway'),
    };
    this.session = new H2Session('server', handler);
    this.session.takeOutput();
    this.feed(CONNECTION_PREFACE + encodeSettings([]));
    this.session.takeOutput();
  }

  feed(text: string): string {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; ) at = this.session.feed(bytes, at, bytes.length, this.nowMs);
    return this.session.takeOutput();
  }

  get failure(): number | null {
    return this.session.failed?.code ?? null;
  }
}

test('a request is served, with body and trailers', () => {
  const server = new Server();
  const trailers = encodeHeaders(1, block([['x-check', 'sum']]), true);
  const out = server.feed(
    get(1, [['content-length', '5']], true) + data(1, 'he') + data(1, 'llo') + trailers,
  );
  assert.deepEqual(server.events, [
    'request 1 GET https://api.example.com/things',
    'data 1 he',
    'data 1 llo',
    'end 1 x-check=sum',
  ]);
  assert.equal(out.slice(-(9 + 2)), `${frameHeader(2, FrameType.data, Flag.endStream, 1)}ok`);
  assert.equal(server.session.streams.size, 0);
});

test('padding is taken away and costs no window', () => {
  const server = new Server();
  for (let i = 0; i < 50; i++) {
    const id = 1 + 2 * i;
    server.feed(get(id, [], true) + data(id, `\xffab${'\0'.repeat(255)}`, Flag.padded | Flag.endStream));
  }
  assert.equal(server.failure, null);
  assert.equal(server.events.filter((event) => event.endsWith(' ab')).length, 50);
});

test('frames may be cut anywhere', () => {
  const text =
    get(1, [['content-length', '6']], true) +
    data(1, '\x03abc\0\0\0', Flag.padded) +
    data(1, 'def', Flag.endStream) +
    SETTINGS_ACK +
    get(3) +
    frameHeader(8, FrameType.ping, 0, 0) +
    '12345678';
  const whole = new Server();
  const expected = whole.feed(text);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sizes) => {
      const server = new Server();
      let out = '';
      for (let at = 0, i = 0; at < text.length; i++) {
        const size = sizes[i % sizes.length]!;
        out += server.feed(text.slice(at, at + size));
        at += size;
      }
      assert.equal(out, expected);
      assert.deepEqual(
        server.events.join().replace(/,data 1 /g, ''),
        whole.events.join().replace(/,data 1 /g, ''),
      );
    }),
  );
});

describe('a request that is malformed resets its stream', () => {
  const cases: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    ['upper case in a name', [...usual, ['X-Upper', 'a']]],
    ['a connection field', [...usual, ['connection', 'keep-alive']]],
    ['Transfer-Encoding', [...usual, ['transfer-encoding', 'chunked']]],
    ['Upgrade', [...usual, ['upgrade', 'websocket']]],
    ['Keep-Alive', [...usual, ['keep-alive', '5']]],
    ['Proxy-Connection', [...usual, ['proxy-connection', 'close']]],
    ['TE other than trailers', [...usual, ['te', 'gzip']]],
    ['a line break in a value', [...usual, ['x-a', 'b\r\nx-c: d']]],
    ['NUL in a value', [...usual, ['x-a', 'b\0']]],
    ['a blank before a value', [...usual, ['x-a', ' b']]],
    ['a colon in a name', [...usual, ['x:a', 'b']]],
    ['an empty name', [...usual, ['', 'b']]],
    ['a blank in a name', [...usual, ['x a', 'b']]],
    ['no method', usual.slice(1)],
    ['no scheme', usual.filter(([name]) => name !== ':scheme')],
    ['no path', usual.filter(([name]) => name !== ':path')],
    ['two methods', [[':method', 'POST'], ...usual]],
    ['two paths', [[':path', '/b'], ...usual]],
    ['two authorities', [[':authority', 'b'], ...usual]],
    ['an unknown pseudo-header field', [[':protocol', 'websocket'], ...usual]],
    ['a pseudo-header field of answers', [[':status', '200'], ...usual]],
    ['a pseudo-header field after others', [['x-a', 'b'], ...usual]],
    ['a line break in the path', [...usual.slice(0, 3), [':path', '/a HTTP/1.1\r\nx: y']]],
    ['a blank in the path', [...usual.slice(0, 3), [':path', '/a b']]],
    ['a path that is no path', [...usual.slice(0, 3), [':path', 'things']]],
    ['a scheme that is none of ours', [...usual.slice(0, 1), [':scheme', 'file'], ...usual.slice(2)]],
    ['two lengths', [...usual, ['content-length', '1'], ['content-length', '1']]],
    ['a signed length', [...usual, ['content-length', '+1']]],
    ['a length without a body', [...usual, ['content-length', '5']]],
    ['two Hosts', [...usual, ['host', 'api.example.com'], ['host', 'api.example.com']]],
  ];
  for (const [name, fields] of cases) {
    test(name, () => {
      const server = new Server();
      const out = server.feed(encodeHeaders(1, block(fields), true));
      assert.deepEqual(server.events, []);
      assert.equal(out, encodeRstStream(1, H2Code.protocolError));
      server.feed(get(3));
      assert.equal(server.events.length, 2, 'the connection goes on');
    });
  }
});

describe('a request that is well formed but not to be served is answered', () => {
  const cases: readonly (readonly [string, readonly (readonly [string, string])[], string])[] = [
    ['Host against :authority', [...usual, ['host', 'evil.example']], 'request-host-invalid'],
    ['no Host at all', usual.filter(([name]) => name !== ':authority'), 'request-host-invalid'],
    ['CONNECT', [[':method', 'CONNECT'], ...usual.slice(1)], 'request-method-unsupported'],
    ['TRACE', [[':method', 'TRACE'], ...usual.slice(1)], 'request-method-unsupported'],
    [
      'two Authorizations',
      [...usual, ['authorization', 'a'], ['authorization', 'b']],
      'credentials-ambiguous',
    ],
    ['an underscore', [...usual, ['x_real_ip', '1.2.3.4']], 'request-malformed'],
    ['too large a head', [...usual, ['x-a', 'a'.repeat(40_000)]], 'request-head-too-large'],
    [
      'too many fields',
      [...usual, ...Array.from({ length: 120 }, (_, i) => [`x-${i}`, ''] as const)],
      'request-head-too-large',
    ],
  ];
  for (const [name, fields, code] of cases) {
    test(name, () => {
      const server = new Server();
      server.feed(encodeHeaders(1, block(fields), true));
      assert.equal(server.failure, null);
      assert.match(server.events[0]!, new RegExp(` ${code}$`));
    });
  }
});

test('cookie crumbs become one field', () => {
  const server = new Server();
  server.feed(
    get(1, [
      ['cookie', 'a=1'],
      ['x-between', 'y'],
      ['cookie', 'b=2'],
    ]),
  );
  assert.deepEqual(server.fields.get(1), ['cookie: a=1; b=2', 'x-between: y']);
});

describe('the connection ends with the right code', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['DATA on stream 0', data(0, 'a'), H2Code.protocolError],
    ['DATA on an idle stream', data(1, 'a'), H2Code.protocolError],
    ['DATA after the end', get(1) + data(1, 'a'), H2Code.streamClosed],
    ['HEADERS on stream 0', get(0), H2Code.protocolError],
    ['HEADERS on an even stream', get(2), H2Code.protocolError],
    ['HEADERS on a closed stream', get(3) + get(3), H2Code.streamClosed],
    ['HEADERS on a lower stream', get(3) + get(1), H2Code.streamClosed],
    ['PUSH_PROMISE', frameHeader(4, FrameType.pushPromise, 4, 1) + uint32(2), H2Code.protocolError],
    ['CONTINUATION alone', frameHeader(0, FrameType.continuation, 4, 1), H2Code.protocolError],
    [
      'a field block that is interrupted',
      frameHeader(1, FrameType.headers, 0, 1) + '\x82' + frameHeader(8, FrameType.ping, 0, 0) + '12345678',
      H2Code.protocolError,
    ],
    ['a frame that is too large', frameHeader(16_385, FrameType.data, 0, 1), H2Code.frameSizeError],
    ['SETTINGS of a wrong size', frameHeader(5, FrameType.settings, 0, 0) + '12345', H2Code.frameSizeError],
    ['SETTINGS on a stream', frameHeader(0, FrameType.settings, 0, 1), H2Code.protocolError],
    [
      'an acknowledgement with content',
      frameHeader(6, FrameType.settings, 1, 0) + '123456',
      H2Code.frameSizeError,
    ],
    ['a window that is too large', encodeSettings([[4, 0x80000000]]), H2Code.flowControlError],
    ['a frame size that is too small', encodeSettings([[5, 100]]), H2Code.protocolError],
    ['push that is neither on nor off', encodeSettings([[2, 2]]), H2Code.protocolError],
    ['PING of a wrong size', frameHeader(7, FrameType.ping, 0, 0) + '1234567', H2Code.frameSizeError],
    ['PING on a stream', frameHeader(8, FrameType.ping, 0, 1) + '12345678', H2Code.protocolError],
    ['WINDOW_UPDATE of 0', encodeWindowUpdate(0, 0), H2Code.protocolError],
    ['a connection window that overflows', encodeWindowUpdate(0, 0x7fffffff), H2Code.flowControlError],
    [
      'WINDOW_UPDATE of a wrong size',
      frameHeader(3, FrameType.windowUpdate, 0, 0) + '123',
      H2Code.frameSizeError,
    ],
    ['WINDOW_UPDATE on an idle stream', encodeWindowUpdate(1, 1), H2Code.protocolError],
    ['RST_STREAM on an idle stream', encodeRstStream(1, 8), H2Code.protocolError],
    ['RST_STREAM on stream 0', encodeRstStream(0, 8), H2Code.protocolError],
    [
      'RST_STREAM of a wrong size',
      get(1, [], true) + frameHeader(3, FrameType.rstStream, 0, 1) + '123',
      H2Code.frameSizeError,
    ],
    ['PRIORITY of a wrong size', frameHeader(4, FrameType.priority, 0, 1) + '1234', H2Code.frameSizeError],
    [
      'GOAWAY on a stream',
      frameHeader(8, FrameType.goaway, 0, 1) + uint32(0) + uint32(0),
      H2Code.protocolError,
    ],
    [
      'padding longer than the frame',
      get(1, [], true) + data(1, '\x05ab', Flag.padded),
      H2Code.protocolError,
    ],
    ['a field block that is no HPACK', encodeHeaders(1, '\x80', true), H2Code.compressionError],
    [
      'more than the connection window',
      [1, 3, 5, 7, 9].map((id) => get(id, [], true) + data(id, 'a'.repeat(16_384)).repeat(16)).join(''),
      H2Code.flowControlError,
    ],
  ];
  for (const [name, text, code] of cases) {
    test(name, () => {
      const server = new Server();
      if (name.startsWith('more than')) server.session.consume = () => {};
      const out = server.feed(text);
      assert.equal(server.failure, code, server.session.failed?.reason ?? '');
      assert.equal(out.slice(-17, -8), frameHeader(8, FrameType.goaway, 0, 0));
      const before = server.events.length;
      server.feed(get(9));
      assert.equal(server.events.length, before, 'nothing more is read');
    });
  }

  test('no preface', () => {
    const session = new H2Session('server', {} as H2Handler);
    const bytes = Buffer.from('GET / HTTP/1.1\r\n');
    session.feed(bytes, 0, bytes.length, 0);
    assert.equal(session.failed?.code, H2Code.protocolError);
  });

  test('no SETTINGS after the preface', () => {
    const session = new H2Session('server', {} as H2Handler);
    const bytes = Buffer.from(CONNECTION_PREFACE + get(1), 'latin1');
    session.feed(bytes, 0, bytes.length, 0);
    assert.equal(session.failed?.code, H2Code.protocolError);
  });
});

describe('a rule of a stream that is broken resets the stream', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    [
      'more body than announced',
      get(1, [['content-length', '2']], true) + data(1, 'abc'),
      H2Code.protocolError,
    ],
    [
      'less body than announced',
      get(1, [['content-length', '5']], true) + data(1, 'abc', Flag.endStream),
      H2Code.protocolError,
    ],
    [
      'a window that overflows',
      get(1, [], true) + encodeWindowUpdate(1, 0x7fffffff),
      H2Code.flowControlError,
    ],
    ['WINDOW_UPDATE of 0', get(1, [], true) + encodeWindowUpdate(1, 0), H2Code.protocolError],
    [
      'trailers that do not end the stream',
      get(1, [], true) + encodeHeaders(1, block([['a', 'b']]), false),
      H2Code.protocolError,
    ],
    [
      'trailers with a pseudo-header field',
      get(1, [], true) + encodeHeaders(1, block([[':path', '/x']]), true),
      H2Code.protocolError,
    ],
    [
      'trailers that would frame or identify',
      get(1, [], true) + encodeHeaders(1, block([['authorization', 'x']]), true),
      H2Code.protocolError,
    ],
  ];
  for (const [name, text, code] of cases) {
    test(name, () => {
      const server = new Server();
      const out = server.feed(text);
      assert.equal(server.failure, null);
      assert.ok(out.endsWith(encodeRstStream(1, code)));
      assert.equal(server.events.at(-1), `reset 1 ${code} own`);
      server.feed(get(3));
      assert.equal(server.events.at(-1), 'end 3');
    });
  }
});

describe('floods end the connection and keep memory flat', () => {
  const floods: readonly (readonly [string, (i: number) => string])[] = [
    ['rapid reset', (i) => get(1 + 2 * i, [], true) + encodeRstStream(1 + 2 * i, 8)],
    [
      'made-you-reset by window overflow',
      (i) => get(1 + 2 * i, [], true) + encodeWindowUpdate(1 + 2 * i, 0x7fffffff),
    ],
    ['made-you-reset by an update of 0', (i) => get(1 + 2 * i, [], true) + encodeWindowUpdate(1 + 2 * i, 0)],
    [
      'made-you-reset by too much body',
      (i) => get(1 + 2 * i, [['content-length', '0']], true) + data(1 + 2 * i, 'a'),
    ],
    ['malformed requests', (i) => encodeHeaders(1 + 2 * i, block([...usual, ['X', 'a']]), true)],
    ['SETTINGS', () => encodeSettings([[4, 65_535]])],
    ['PING', () => `${frameHeader(8, FrameType.ping, 0, 0)}12345678`],
    ['PRIORITY', () => `${frameHeader(5, FrameType.priority, 0, 1)}12345`],
    ['unknown frames', () => `${frameHeader(1, 0x77, 0, 0)}a`],
    ['window updates', () => encodeWindowUpdate(0, 1)],
    ['empty DATA', (i) => (i === 0 ? get(1, [], true) : '') + data(1, '')],
    [
      'empty CONTINUATION',
      (i) =>
        (i === 0 ? `${frameHeader(1, FrameType.headers, 0, 1)}\x82` : '') +
        frameHeader(0, FrameType.continuation, 0, 1),
    ],
    [
      'CONTINUATION without end',
      (i) =>
        (i === 0 ? `${frameHeader(1, FrameType.headers, 0, 1)}\x82` : '') +
        frameHeader(8192, FrameType.continuation, 0, 1) +
        '\x82'.repeat(8192),
    ],
    ['streams beyond the number allowed', (i) => get(1 + 2 * i, [], true)],
  ];
  for (const [name, frame] of floods) {
    test(name, () => {
      const server = new Server();
      let sent = 0;
      while (server.failure === null && sent < 20_000) server.feed(frame(sent++));
      assert.ok(sent < 2000, `${sent} were taken`);
      assert.equal(server.failure, H2Code.enhanceYourCalm);
      assert.ok(server.session.streams.size <= 128);
    });
  }

  test('a head that expands to much more than it is does not', () => {
    const server = new Server();
    // One large entry in the table, then thousands of references to it.
    const bomb = `${block(usual)}\x40\x01x${encodeLength(3000)}${'v'.repeat(3000)}${'\xbe'.repeat(12_000)}`;
    server.feed(encodeHeaders(1, bomb, true));
    assert.match(server.events[0]!, /request-head-too-large/);
  });

  test('a peer that works but reads nothing is let go of when control frames pile up', () => {
    const server = new Server();
    let pings = 0;
    while (server.failure === null && pings < 100_000) {
      server.nowMs += 1000;
      server.feed(`${frameHeader(8, FrameType.ping, 0, 0)}12345678`);
      pings++;
    }
    assert.equal(server.failure, H2Code.enhanceYourCalm);
    assert.ok(pings < 10_000);
  });

  test('what honest clients do is not taken for a flood', () => {
    const server = new Server();
    for (let i = 0; i < 5000; i++) {
      server.nowMs += 10;
      const id = 1 + 2 * i;
      // One request in twenty is given up.
      server.answers = i % 20 !== 0;
      server.feed(get(id) + encodeWindowUpdate(0, 2));
      if (i % 100 === 0) server.feed(`${frameHeader(8, FrameType.ping, 0, 0)}12345678`);
      if (i % 20 === 1 && i > 1) server.feed(encodeRstStream(id - 2, 8));
      server.session.onFlushed();
    }
    assert.equal(server.failure, null, server.session.failed?.reason ?? '');
  });
});

const encodeLength = (length: number): string =>
  `\x7f${String.fromCharCode(0x80 | ((length - 127) & 0x7f), (length - 127) >> 7)}`;

describe('flow control', () => {
  test('body waits for windows and goes out in turns', () => {
    const server = new Server();
    server.answers = false;
    server.feed(encodeSettings([[4, 10]]) + get(1) + get(3));
    const first = server.streams.get(1)!;
    const second = server.streams.get(3)!;
    for (const stream of [first, second]) {
      server.session.respond(stream, 200, new FieldList(), [], false);
      server.session.sendLast(stream, 'x'.repeat(25));
    }
    assert.equal(first.pendingBytes, 15);
    server.feed(encodeWindowUpdate(1, 10));
    assert.equal(first.pendingBytes, 5);
    const out = server.feed(encodeWindowUpdate(1, 5) + encodeWindowUpdate(3, 100));
    assert.ok(out.includes(frameHeader(0, FrameType.data, Flag.endStream, 1)));
    assert.ok(out.includes(frameHeader(0, FrameType.data, Flag.endStream, 3)));
    assert.equal(server.session.streams.size, 0);
  });

  test('a window may become negative and recover', () => {
    const server = new Server();
    server.answers = false;
    server.feed(get(1));
    const stream = server.streams.get(1)!;
    server.session.respond(stream, 200, new FieldList(), [], false);
    server.session.send(stream, 'x'.repeat(100));
    server.feed(encodeSettings([[4, 50]]));
    assert.equal(stream.sendWindow, -50);
    server.session.send(stream, 'y'.repeat(10));
    assert.equal(stream.pendingBytes, 10);
    server.feed(encodeWindowUpdate(1, 60));
    assert.equal(stream.pendingBytes, 0);
    assert.equal(server.events.at(-1), 'drain 1');
  });

  test('body that nobody uses is not granted again; a dead stream gives it back', () => {
    const server = new Server();
    const consume = server.session.consume.bind(server.session);
    server.session.consume = () => {};
    let out = server.feed(get(1, [], true) + data(1, 'a'.repeat(16_000)).repeat(16));
    assert.equal(out, '');
    server.session.consume = consume;
    out = server.feed(encodeRstStream(1, 8) + get(3, [], true));
    for (let i = 0; i < 4; i++) {
      const id = 5 + 2 * i;
      out += server.feed(
        get(id, [], true) + data(id, 'a'.repeat(16_000)).repeat(16) + encodeRstStream(id, 8),
      );
    }
    assert.equal(server.failure, null);
    assert.ok(out.includes(frameHeader(4, FrameType.windowUpdate, 0, 0)));
  });
});

test('after GOAWAY of ours new streams are refused and open ones go on', () => {
  const server = new Server();
  server.answers = false;
  server.feed(get(1));
  server.session.goAway();
  assert.equal(server.session.takeOutput(), encodeGoaway(1, H2Code.noError));
  assert.equal(server.feed(get(3)), encodeRstStream(3, H2Code.refusedStream));
  server.session.respond(server.streams.get(1)!, 204, new FieldList(), [], true);
  assert.equal(server.session.streams.size, 0);
});

test('an answer before the end of the request tells the client to stop sending', () => {
  const server = new Server();
  server.feed(get(1, [], true) + data(1, 'abc'));
  server.session.respond(server.streams.get(1)!, 204, new FieldList(), [], true);
  assert.ok(server.session.takeOutput().endsWith(encodeRstStream(1, H2Code.noError)));
  server.feed(data(1, 'late', Flag.endStream));
  assert.equal(server.failure, null);
});

test('no sequence of frames throws or leaves streams behind', () => {
  const anyFrame = fc.tuple(
    fc.nat(12),
    fc.nat(255),
    fc.constantFrom(0, 1, 3, 5, 2),
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.constant(block(usual)),
    ),
  );
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 30 }), (frames) => {
      const server = new Server();
      for (const [type, flags, id, payload] of frames) {
        server.feed(frameHeader(payload.length, type, flags, id) + payload);
      }
      assert.ok(server.session.streams.size <= 3);
    }),
    { numRuns: 500 },
  );
});

test('trouble is read in slices, so that others have their turn; requests that are answered are not', () => {
  const server = new Server();
  const attack = Buffer.from(
    Array.from({ length: 100 }, (_, i) => get(1 + 2 * i) + encodeRstStream(1 + 2 * i, H2Code.cancel)).join(
      '',
    ),
    'latin1',
  );
  server.answers = false;
  const slices: number[] = [];
  for (let at = 0; at < attack.length && server.failure === null; ) {
    const before = server.events.filter((event) => event.startsWith('request')).length;
    at = server.session.feed(attack, at, attack.length, server.nowMs);
    slices.push(server.events.filter((event) => event.startsWith('request')).length - before);
  }
  assert.equal(
    slices.reduce((sum, count) => sum + count, 0),
    100,
  );
  assert.ok(Math.max(...slices) <= 16, slices.join(' '));
  const calm = new Server();
  const requests = Buffer.from(Array.from({ length: 90 }, (_, i) => get(1 + 2 * i)).join(''), 'latin1');
  assert.equal(calm.session.feed(requests, 0, requests.length, calm.nowMs), requests.length);
});
