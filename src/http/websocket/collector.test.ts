// Messages come out whole and without masks however they were cut; nothing of a message passes before it was judged.
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { WebSocketCollector } from './collector.ts';
import { CloseCode, WebSocketMonitor } from './monitor.ts';
import { Utf8Check } from './utf8.ts';

function frame(first: number, payload: Uint8Array, mask: Uint8Array | null): Buffer {
  const size = payload.length;
  const flag = mask === null ? 0 : 0x80;
  const length = size < 126 ? [flag | size] : [flag | 126, size >> 8, size & 0xff];
  const body = mask === null ? payload : payload.map((byte, i) => byte ^ mask[i & 3]!);
  return Buffer.concat([Buffer.from([first, ...length]), mask ?? Buffer.alloc(0), body]);
}

const message = fc.record({
  isText: fc.boolean(),
  parts: fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 }),
  ping: fc.boolean(),
});
const maskBytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
const cutsOf = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });

function* pieces(bytes: Buffer, cuts: readonly number[]): Generator<[number, number]> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + cuts[i % cuts.length]!);
    yield [at, end];
    at = end;
  }
}

test('what went in comes out, judged message by message', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 6 }),
      maskBytes,
      cutsOf,
      fc.boolean(),
      (messages, key, cuts, masked) => {
        const mask = masked ? key : null;
        const expected: string[] = [];
        const frames = messages.flatMap(({ isText, parts, ping }) => {
          expected.push(`${isText} ${Buffer.concat(parts).toString('hex')}`);
          return parts.flatMap((part, i) => {
            const first = (i === 0 ? (isText ? 1 : 2) : 0) | (i === parts.length - 1 ? 0x80 : 0);
            const own = frame(first, part, mask);
            return ping ? [frame(0x89, Buffer.from('p'), mask), own] : [own];
          });
        });
        const bytes = Buffer.concat(frames);
        const found: string[] = [];
        let passed = 0;
        const collector = new WebSocketCollector({
          onPass: (part) => void (passed += part.length),
          onMessage: (payload, isText) => {
            found.push(`${isText} ${payload.toString('hex')}`);
            return true;
          },
        });
        for (const [at, end] of pieces(bytes, cuts)) assert.ok(collector.run(bytes, at, end));
        assert.deepEqual(found, expected);
        assert.equal(passed, bytes.length);
      },
    ),
  );
});

test('a message that may not pass stops everything after it', () => {
  const passed: string[] = [];
  const collector = new WebSocketCollector({
    onPass: (bytes) => void passed.push(bytes.toString('latin1', 2)),
    onMessage: (payload) => payload.toString() !== 'bad',
  });
  const bytes = Buffer.concat(['good', 'bad', 'late'].map((text) => frame(0x81, Buffer.from(text), null)));
  assert.equal(collector.run(bytes, 0, bytes.length), false);
  assert.deepEqual(passed, ['good']);
});

test('text is UTF-8, like Node says, in any pieces', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.string({ unit: 'grapheme' }).map((text) => new Uint8Array(Buffer.from(text))),
    fc
      .tuple(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom(
          [0xed, 0xa0, 0x80],
          [0xc0, 0x80],
          [0xf4, 0x90, 0x80, 0x80],
          [0xe0, 0x9f, 0xbf],
          [0xf0, 0x8f, 0xbf, 0xbf],
        ),
      )
      .map(([text, bad]) => new Uint8Array([...Buffer.from(text), ...bad])),
  );
  fc.assert(
    fc.property(bytes, maskBytes, cutsOf, fc.nat(12), (payload, mask, cuts, split) => {
      const check = new Utf8Check();
      assert.equal(payload.every((byte) => check.take(byte)) && check.isComplete, isUtf8(payload));
      const monitor = new WebSocketMonitor(
        'client',
        { maxMessageBytes: 1000, maxMessagesPerSecond: 0 },
        false,
      );
      const all = Buffer.concat([
        frame(0x01, payload.subarray(0, split), mask),
        frame(0x80, payload.subarray(split), mask),
      ]);
      let code = 0;
      for (const [at, end] of pieces(all, cuts)) {
        code = monitor.run(all, at, end, 0);
        if (code !== 0) break;
      }
      assert.equal(code, isUtf8(payload) ? 0 : CloseCode.invalidPayload);
    }),
    { numRuns: 500 },
  );
});

test('Close frames: codes and reasons', () => {
  const run = (payload: number[]): number => {
    const monitor = new WebSocketMonitor('client', { maxMessageBytes: 1000, maxMessagesPerSecond: 0 }, false);
    const bytes = frame(0x88, Uint8Array.from(payload), Uint8Array.from([9, 8, 7, 6]));
    return monitor.run(bytes, 0, bytes.length, 0);
  };
  const code = (value: number): number[] => [value >> 8, value & 0xff];
  assert.equal(run([]), 0);
  for (const good of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
    assert.equal(run(code(good)), 0, String(good));
  }
  for (const bad of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
    assert.equal(run(code(bad)), CloseCode.protocolError, String(bad));
  }
  assert.equal(run([3]), CloseCode.protocolError);
  assert.equal(run([...code(1000), ...Buffer.from('bye ö')]), 0);
  assert.equal(run([...code(1000), 0xff]), CloseCode.invalidPayload);
  assert.equal(run([...code(1000), 0xc3]), CloseCode.invalidPayload);
});
