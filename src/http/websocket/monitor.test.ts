// The WebSocket monitor: legal streams pass however they are cut, each broken rule gives its close code.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CloseCode, encodeClose, WebSocketMonitor } from './monitor.ts';

const limits = { maxMessageBytes: 1000, maxMessagesPerSecond: 0 };

/** One frame; `first` is its first byte. */
function frame(first: number, size: number, masked = true): Buffer {
  const mask = masked ? 0x80 : 0;
  const length =
    size < 126
      ? [mask | size]
      : size < 65_536
        ? [mask | 126, size >> 8, size & 0xff]
        : [mask | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff];
  return Buffer.concat([
    Buffer.from([first, ...length, ...(masked ? [1, 2, 3, 4] : [])]),
    Buffer.alloc(size, 7),
  ]);
}

const run = (monitor: WebSocketMonitor, bytes: Buffer, nowMs = 0): number =>
  monitor.run(bytes, 0, bytes.length, nowMs);

describe('what a client may send', () => {
  const legal = Buffer.concat([
    frame(0x81, 5),
    frame(0x82, 200),
    frame(0x01, 10),
    frame(0x89, 4),
    frame(0x00, 0),
    frame(0x80, 900),
    frame(0x8a, 125),
    Buffer.from([0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2]),
  ]);

  test('passes in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sizes) => {
        const monitor = new WebSocketMonitor('client', limits, false);
        for (let at = 0, i = 0; at < legal.length; i++) {
          const end = Math.min(legal.length, at + sizes[i % sizes.length]!);
          assert.equal(monitor.run(legal, at, end, 0), 0);
          at = end;
        }
        assert.ok(monitor.closed && monitor.betweenFrames);
      }),
    );
  });

  test('compressed messages pass where that was agreed', () => {
    assert.equal(run(new WebSocketMonitor('client', limits, true), frame(0xc1, 5)), 0);
  });

  test('unmasked frames pass from the server', () => {
    assert.equal(run(new WebSocketMonitor('server', limits, false), frame(0x81, 5, false)), 0);
  });
});

describe('what breaks a rule', () => {
  const cases: readonly (readonly [string, Buffer, number])[] = [
    ['a frame without a mask', frame(0x81, 5, false), CloseCode.protocolError],
    ['a reserved bit', frame(0xa1, 5), CloseCode.protocolError],
    ['compression that was not agreed', frame(0xc1, 5), CloseCode.protocolError],
    ['a reserved data opcode', frame(0x83, 5), CloseCode.protocolError],
    ['a reserved control opcode', frame(0x8b, 5), CloseCode.protocolError],
    ['a control frame in fragments', frame(0x09, 5), CloseCode.protocolError],
    ['a control frame that is too long', frame(0x89, 126), CloseCode.protocolError],
    ['a continuation of nothing', frame(0x80, 5), CloseCode.protocolError],
    ['a message within a message', Buffer.concat([frame(0x01, 5), frame(0x81, 5)]), CloseCode.protocolError],
    [
      'a length in more bytes than needed',
      Buffer.from([0x81, 0xfe, 0, 5, 1, 2, 3, 4]),
      CloseCode.protocolError,
    ],
    [
      'a long length in more bytes than needed',
      Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]),
      CloseCode.protocolError,
    ],
    [
      'a length beyond 2^63',
      Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]),
      CloseCode.protocolError,
    ],
    ['a close frame of one byte', frame(0x88, 1), CloseCode.protocolError],
    ['a frame after close', Buffer.concat([frame(0x88, 2), frame(0x81, 5)]), CloseCode.protocolError],
    ['a message that is too large', frame(0x82, 1001), CloseCode.messageTooBig],
    [
      'a message that is too large in fragments',
      Buffer.concat([frame(0x02, 600), frame(0x00, 300), frame(0x80, 101)]),
      CloseCode.messageTooBig,
    ],
    [
      'a flood of pings',
      Buffer.concat(Array.from({ length: 200 }, () => frame(0x89, 0))),
      CloseCode.policyViolation,
    ],
    [
      'a flood of empty fragments',
      Buffer.concat([frame(0x01, 0), ...Array.from({ length: 6000 }, () => frame(0x00, 0))]),
      CloseCode.policyViolation,
    ],
  ];
  for (const [name, bytes, code] of cases) {
    test(name, () => assert.equal(run(new WebSocketMonitor('client', limits, false), bytes), code));
  }

  test('more messages a second than allowed', () => {
    const monitor = new WebSocketMonitor('client', { maxMessageBytes: 1000, maxMessagesPerSecond: 5 }, false);
    let sent = 0;
    while (run(monitor, frame(0x81, 1), sent * 100) === 0) sent++;
    // Ten a second against five: the allowance of ten seconds is used up after about ten.
    assert.ok(sent >= 95 && sent <= 105, `${sent}`);
  });
});

test('close frames are what the other end may send', () => {
  for (const [from, masked] of [
    ['client', true],
    ['server', false],
  ] as const) {
    const monitor = new WebSocketMonitor(from, limits, false);
    assert.equal(run(monitor, encodeClose(CloseCode.messageTooBig, masked)), 0);
    assert.ok(monitor.closed);
  }
});
