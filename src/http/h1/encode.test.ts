// What is written must be read again as it was meant, and nothing that breaks a line may be written at all.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../fields/index.ts';
import { RequestDecoder, ResponseDecoder } from './decoder.ts';
import { encodeChunkSize, encodeField, encodeFields, encodeLastChunk, encodeStatusLine } from './encode.ts';

/** Names without a role in the protocol: the others are read as framing. */
const name = fc
  .stringMatching(/^x-[a-z0-9!#$%&'*+.^`|~-]{0,10}$/)
  .filter((text) => !/^x-(?:forwarded-|real-ip)/.test(text));
const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
const fieldPairs = fc.array(fc.tuple(name, value), { maxLength: 8 });
const data = fc.uint8Array({ maxLength: 60 });

function toList(pairs: readonly (readonly [string, string])[]): FieldList {
  const list = new FieldList();
  for (const [key, text] of pairs) list.append(key, text);
  return list;
}

const pairsOf = ({ names, values }: FieldList): [string, string][] =>
  names.map((key, i) => [key, values[i]!]);

describe('encode', () => {
  for (const broken of ['a\r\nb', 'a\rb', 'a\nb', 'a\0b', '\r\n', '\n']) {
    test(`${JSON.stringify(broken)} is written neither as value nor as name`, () => {
      assert.throws(() => encodeField('x', broken), TypeError);
      assert.throws(() => encodeField(broken, 'x'), TypeError);
      assert.throws(() => encodeFields(toList([['x', broken]])), TypeError);
      assert.throws(() => encodeFields(toList([[broken, 'x']])), TypeError);
      assert.throws(() => encodeLastChunk(toList([['x', broken]])), TypeError);
    });
  }

  test('status lines are complete with and without a known reason', () => {
    assert.equal(encodeStatusLine(200), 'HTTP/1.1 200 OK\r\n');
    assert.equal(encodeStatusLine(599), 'HTTP/1.1 599 \r\n');
    assert.equal(encodeStatusLine(100), 'HTTP/1.1 100 Continue\r\n');
    assert.equal(encodeStatusLine(999), 'HTTP/1.1 999 \r\n');
  });

  test('property: a request comes back as it was written', () => {
    fc.assert(
      fc.property(fieldPairs, data, fc.boolean(), (pairs, body, isChunked) => {
        const framing = isChunked ? 'transfer-encoding: chunked\r\n' : `content-length: ${body.length}\r\n`;
        const head = `POST /p?q HTTP/1.1\r\nhost: a.example\r\n${encodeFields(toList(pairs))}${framing}\r\n`;
        const bytes = Buffer.from(body);
        const wire =
          isChunked && body.length > 0
            ? [
                Buffer.from(encodeChunkSize(body.length)),
                bytes,
                Buffer.from('\r\n'),
                Buffer.from(encodeLastChunk(new FieldList())),
              ]
            : [isChunked ? Buffer.from(encodeLastChunk(new FieldList())) : bytes];
        const decoder = new RequestDecoder();
        const events = decoder.feed(Buffer.concat([Buffer.from(head, 'latin1'), ...wire]));
        assert.deepEqual(
          events.map(({ kind }) => kind),
          body.length > 0 ? ['head', 'data', 'end'] : ['head', 'end'],
        );
        const [first, second] = events;
        assert.ok(first?.kind === 'head');
        assert.deepEqual(pairsOf(first.head.fields), pairs);
        assert.equal(first.head.target, '/p?q');
        if (second?.kind === 'data') assert.deepEqual(Buffer.from(second.bytes), bytes);
        assert.deepEqual(decoder.finish(), []);
      }),
      { numRuns: 1000 },
    );
  });

  test('property: a response comes back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 999 }), fieldPairs, data, (status, pairs, body) => {
        const head = `${encodeStatusLine(status)}${encodeFields(toList(pairs))}content-length: ${body.length}\r\n\r\n`;
        const hasBody = status !== 204 && status !== 304;
        const decoder = new ResponseDecoder();
        const events = decoder.feed(
          Buffer.concat([Buffer.from(head, 'latin1'), hasBody ? body : Buffer.alloc(0)]),
        );
        const [first] = events;
        assert.ok(first?.kind === 'head');
        assert.equal(first.head.status, status);
        assert.equal(first.head.announcedLength, body.length);
        assert.deepEqual(pairsOf(first.head.fields), pairs);
        assert.equal(events.at(-1)?.kind, 'end');
        const received = events.flatMap((event) => (event.kind === 'data' ? [...event.bytes] : []));
        assert.deepEqual(received, hasBody ? [...body] : []);
      }),
      { numRuns: 1000 },
    );
  });
});
