import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorCodes } from '../../core/index.ts';
import {
  encodeGrpcMessage,
  GrpcMessages,
  grpcStatusOf,
  isGrpcContentType,
  parseGrpcStatus,
  parseGrpcTimeout,
} from './index.ts';

test('timeouts: eight digits and a unit, rounded up to a millisecond', () => {
  const good: Record<string, number> = {
    '1H': 3_600_000,
    '2M': 120_000,
    '10S': 10_000,
    '250m': 250,
    '1500u': 2,
    '1n': 1,
    '0S': 1,
    '99999999H': 359_999_996_400_000,
  };
  for (const [text, ms] of Object.entries(good)) assert.equal(parseGrpcTimeout(text), ms, text);
  for (const bad of [
    '',
    '1',
    'S',
    '1s',
    '1h',
    '+1S',
    '-1S',
    '1.0S',
    ' 1S',
    '1S ',
    '1 S',
    '123456789S',
    '1SS',
    '0x1S',
    '١S',
  ]) {
    assert.equal(parseGrpcTimeout(bad), null, bad);
  }
});

test('statuses: the mapping of gRPC, and its exceptions', () => {
  const expected: Partial<Record<(typeof errorCodes)[number], number>> = {
    'credentials-missing': 16,
    'credentials-invalid': 16,
    'credentials-expired': 16,
    'scope-insufficient': 7,
    'address-denied': 7,
    'operation-unknown': 12,
    'method-not-allowed': 12,
    'rate-limited': 8,
    'request-body-too-large': 8,
    'upstream-unavailable': 14,
    'upstream-overloaded': 14,
    'upstream-connect-failed': 14,
    'upstream-timeout': 4,
    'request-timeout': 4,
    'request-malformed': 13,
    'parameter-invalid': 3,
    'request-aborted': 1,
    'guard-failed': 13,
  };
  for (const code of errorCodes) {
    const status = grpcStatusOf(code);
    assert.ok(status > 0 && status <= 16, code);
    if (expected[code] !== undefined) assert.equal(status, expected[code], code);
  }
});

test('messages are percent-encoded UTF-8 of printable ASCII', () => {
  assert.equal(encodeGrpcMessage('100 % nö\n'), '100 %25 n%C3%B6%0A');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = encodeGrpcMessage(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeURIComponent(encoded), text);
    }),
  );
});

test('statuses are read strictly', () => {
  assert.equal(parseGrpcStatus('0'), 0);
  assert.equal(parseGrpcStatus('16'), 16);
  for (const bad of [null, '', '00', '-1', '1 ', '1e1', '1000']) assert.equal(parseGrpcStatus(bad), -1);
});

test('content types', () => {
  for (const good of ['application/grpc', 'application/grpc+proto', 'Application/gRPC+json; a=b']) {
    assert.ok(isGrpcContentType(good), good);
  }
  for (const bad of [
    null,
    '',
    'application/grpc-web',
    'application/grpcx',
    'application/grpc+',
    'text/application/grpc',
  ]) {
    assert.ok(!isGrpcContentType(bad), String(bad));
  }
});

const framed = (payload: Uint8Array, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
};

test('messages are followed however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (payloads, cuts) => {
        const bytes = Buffer.concat(payloads.map((payload, i) => framed(payload, i % 2)));
        const messages = new GrpcMessages(50);
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, at + cuts[i % cuts.length]!);
          assert.equal(messages.run(bytes, at, end), null);
          at = end;
        }
        assert.ok(messages.betweenMessages);
        assert.equal(messages.count, payloads.length);
      },
    ),
  );
});

test('what is too large, cut off, or flagged otherwise is told', () => {
  const run = (bytes: Buffer, max = 10): string | null => new GrpcMessages(max).run(bytes, 0, bytes.length);
  assert.equal(run(framed(Buffer.alloc(10))), null);
  assert.equal(run(framed(Buffer.alloc(11))), 'too-large');
  assert.equal(run(Buffer.from([0, 0xff, 0xff, 0xff, 0xff])), 'too-large');
  assert.equal(run(framed(Buffer.alloc(1), 2)), 'invalid');
  assert.equal(run(framed(Buffer.alloc(1), 128)), 'invalid');
  const cut = new GrpcMessages(10);
  cut.run(framed(Buffer.alloc(5)), 0, 7);
  assert.ok(!cut.betweenMessages);
});
