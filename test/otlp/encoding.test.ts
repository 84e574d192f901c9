// Our encoder against the code that OpenTelemetry generates from its own .proto files, and the small reader of answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answerTables, signals } from '../../src/otlp/messages.ts';
import { decodeMessage, encodeMessage } from '../../src/otlp/protobuf.ts';
import { encodeRequest } from '../../src/otlp/transport.ts';
import { decodeOfficially, official, type Signal } from '../support/otlp-collector.ts';

const hex = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((list) => list.map((digit) => digit.toString(16)).join(''));
// Lone surrogates are no text in UTF-8.
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ minLength: 120, maxLength: 300 }));
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const number = fc.double({ noNaN: true });
const value: fc.Arbitrary<object> = fc.oneof(
  text.map((stringValue) => ({ stringValue })),
  fc.boolean().map((boolValue) => ({ boolValue })),
  fc.maxSafeInteger().map((intValue) => ({ intValue })),
  number.map((doubleValue) => ({ doubleValue })),
  fc.array(text).map((list) => ({ arrayValue: { values: list.map((stringValue) => ({ stringValue })) } })),
);
const attributes = fc.array(fc.record({ key: text, value }), { maxLength: 8 });
const count = fc.nat(2 ** 31 - 1);

const span = fc.record(
  {
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: hex(16),
    flags: count,
    name: text,
    kind: fc.integer({ min: 0, max: 5 }),
    startTimeUnixNano: u64,
    endTimeUnixNano: u64,
    attributes,
    events: fc.array(fc.record({ timeUnixNano: u64, name: text })),
    status: fc.record({ message: text, code: fc.integer({ min: 0, max: 2 }) }),
  },
  { requiredKeys: ['traceId', 'spanId'] },
);
const logRecord = fc.record(
  {
    timeUnixNano: u64,
    observedTimeUnixNano: u64,
    severityNumber: fc.integer({ min: 0, max: 24 }),
    severityText: text,
    body: value,
    attributes,
    flags: count,
    traceId: hex(32),
    spanId: hex(16),
    eventName: text,
  },
  { requiredKeys: ['timeUnixNano'] },
);
const times = { startTimeUnixNano: u64, timeUnixNano: u64, attributes };
const numbers = fc.array(fc.record({ ...times, asDouble: number }), { maxLength: 4 });
const aggregationTemporality = fc.integer({ min: 0, max: 2 });
const exemplar = fc.record({ timeUnixNano: u64, asDouble: number, spanId: hex(16), traceId: hex(32) });
const head = { name: text, description: text, unit: text };
const metric = fc.oneof(
  fc.record({ ...head, gauge: fc.record({ dataPoints: numbers }) }),
  fc.record({
    ...head,
    sum: fc.record({ dataPoints: numbers, aggregationTemporality, isMonotonic: fc.boolean() }),
  }),
  fc.record({
    ...head,
    histogram: fc.record({
      dataPoints: fc.array(
        fc.record({
          ...times,
          count: u64,
          sum: number,
          bucketCounts: fc.array(u64),
          explicitBounds: fc.array(number),
          exemplars: fc.array(exemplar, { maxLength: 3 }),
        }),
        { maxLength: 3 },
      ),
      aggregationTemporality,
    }),
  }),
);

/** As the official code shows what was sent: 64-bit integers as text, lists that are empty and members that are 0 as they come. */
const shown = (part: unknown): unknown => {
  if (typeof part === 'bigint') return String(part);
  if (Array.isArray(part)) return part.map(shown);
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(
    Object.entries(part)
      .filter(([, member]) => !(Array.isArray(member) && member.length === 0))
      .map(([name, member]) => [name, name === 'intValue' ? String(member) : shown(member)]),
  );
};

const itemOf: Readonly<Record<Signal, fc.Arbitrary<object>>> = {
  traces: span,
  logs: logRecord,
  metrics: metric,
};
for (const [signal, item] of Object.entries(itemOf) as [Signal, fc.Arbitrary<object>][]) {
  test(`what is encoded of ${signal} is what the official code reads, in protobuf and in JSON`, () => {
    const { ofResource, ofScope, items } = signals[signal];
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), attributes, text, (list, resource, version) => {
        const request = {
          [ofResource]: [
            {
              resource: { attributes: resource },
              [ofScope]: [{ scope: { name: 'g', version }, [items]: list }],
            },
          ],
        };
        const read = decodeOfficially(signal, encodeRequest('http/protobuf', signal, request));
        assert.deepEqual(read, shown(request));
        const json = JSON.parse(encodeRequest('http/json', signal, request).toString('utf8')) as unknown;
        assert.deepEqual(shown(json), JSON.parse(JSON.stringify(shown(request))));
      }),
      { numRuns: 150 },
    );
  });
}

test('answers of receivers are read as they were meant, and nothing that they send breaks the reader', () => {
  const names = { traces: 'rejectedSpans', metrics: 'rejectedDataPoints', logs: 'rejectedLogRecords' };
  fc.assert(
    fc.property(
      fc.constantFrom<Signal>('traces', 'metrics', 'logs'),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      text,
      (signal, rejected, errorMessage) => {
        const codec = official[signal].response;
        const bytes = codec
          .encode(codec.fromObject({ partialSuccess: { [names[signal]]: String(rejected), errorMessage } }))
          .finish();
        const partial = decodeMessage(signals[signal].response, Buffer.from(bytes))![
          'partialSuccess'
        ] as Record<string, unknown>;
        assert.equal(partial[names[signal]] ?? 0n, rejected);
        assert.equal(partial['errorMessage'] ?? '', errorMessage);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = decodeMessage(answerTables.rpcStatus, Buffer.from(bytes));
      assert.ok(read === null || typeof read === 'object');
    }),
  );
});

test('a receiver that nests without end is not followed', () => {
  const deep = { fields: { inner: { id: 1, kind: null as never, repeated: false } } };
  deep.fields.inner.kind = deep as never;
  let bytes = Buffer.alloc(0);
  for (let i = 0; i < 40; i++) bytes = Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
  assert.equal(decodeMessage(deep, bytes), null);
});

test('details of a gRPC status survive both ways', () => {
  const delay = encodeMessage(answerTables.retryInfo, { retryDelay: { seconds: 3, nanos: 500_000_000 } });
  const status = encodeMessage(answerTables.rpcStatus, {
    code: 14,
    message: 'busy',
    details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: delay }],
  });
  const read = decodeMessage(answerTables.rpcStatus, status)!;
  assert.equal(read['code'], 14n);
  assert.deepEqual((read['details'] as { value: Buffer }[])[0]!.value, delay);
});
