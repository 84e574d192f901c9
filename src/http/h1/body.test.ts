// Bodies must come out as they went in, whatever the reads looked like, and end exactly where they end: the next byte
// belongs to another request.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../fields/index.ts';
import { BodyDecoder } from './body.ts';
import { encodeChunkSize, encodeLastChunk } from './encode.ts';
import { CHUNK_GRACE } from './limits.ts';
import { CHUNKED } from './request-head.ts';
import { UNTIL_CLOSE } from './response-head.ts';

interface Outcome {
  readonly state: 'done' | 'failed' | 'waiting';
  readonly body: string;
  /** Bytes that were not taken. */
  readonly rest: string;
  readonly trailers: readonly (readonly [string, string])[];
}

function decode(length: number, input: string, cuts: readonly number[] = [], guardChunks = true): Outcome {
  const decoder = new BodyDecoder(guardChunks);
  decoder.reset(length);
  const bytes = Buffer.from(input, 'latin1');
  let body = '';
  const sink = {
    onBodyData: (data: Uint8Array, start: number, end: number): void => {
      assert.ok(end > start, 'no empty spans');
      body += Buffer.from(data.subarray(start, end)).toString('latin1');
    },
  };
  let at = 0;
  for (const to of [...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]) {
    if (decoder.done || decoder.failed) break;
    at = decoder.run(bytes, at, to, sink);
    if (!decoder.done && !decoder.failed) assert.equal(at, to, 'an unfinished body takes everything');
  }
  assert.equal(decoder.received, body.length);
  const { names, values } = decoder.trailers;
  return {
    state: decoder.failed ? 'failed' : decoder.done ? 'done' : 'waiting',
    body,
    rest: decoder.failed ? '' : bytes.toString('latin1', at),
    trailers: names.map((name, i) => [name, values[i]!] as const),
  };
}

const everywhere = (text: string): number[] => Array.from(text, (_, i) => i);

describe('BodyDecoder', () => {
  const good: readonly (readonly [string, number, string, string, string])[] = [
    ['no body', 0, 'GET', '', 'GET'],
    ['a length', 3, 'abcGET', 'abc', 'GET'],
    ['chunks', CHUNKED, '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET', 'abcde', 'GET'],
    ['an empty chunked body', CHUNKED, '0\r\n\r\nGET', '', 'GET'],
    [
      'sizes in both cases with zeros',
      CHUNKED,
      '00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n',
      '01234567890123456789',
      '',
    ],
    ['line ends in data', CHUNKED, '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n\r\n', ''],
  ];
  for (const [name, length, input, body, rest] of good) {
    test(`${name}, in one read and byte by byte`, () => {
      const expected = { state: 'done', body, rest, trailers: [] };
      assert.deepEqual(decode(length, input), expected);
      assert.deepEqual(decode(length, input, everywhere(input)), expected);
    });
  }

  const bad: readonly (readonly [string, string])[] = [
    ['no size', '\r\n\r\n'],
    ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['a space after the size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a tab after the size', '3\t\r\nabc\r\n0\r\n\r\n'],
    ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a hexadecimal prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['an extension', '3;a=b\r\nabc\r\n0\r\n\r\n'],
    ['an extension of the last chunk', '3\r\nabc\r\n0;a\r\n\r\n'],
    ['a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare CR behind the size', '3\rabc\r\n0\r\n\r\n'],
    ['two CRs behind the size', '3\r\r\nabc\r\n0\r\n\r\n'],
    ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['data shorter than its size', '3\r\nab\r\n0\r\n\r\n'],
    ['a bare LF behind data', '3\r\nabc\n0\r\n\r\n'],
    ['a size beyond 2^44', '100000000000\r\n'],
    ['a size that overflows 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['too many zeros', '000000000003\r\nabc\r\n0\r\n\r\n'],
    ['a letter that is no digit', 'g\r\n'],
    ['a trailer with a space before the colon', '0\r\nX : y\r\n\r\n'],
    ['a folded trailer', '0\r\nX: y\r\n z\r\n\r\n'],
    ['a trailer without colon', '0\r\nX\r\n\r\n'],
    ['a bare LF in trailers', '0\r\nX: y\nZ: a\r\n\r\n'],
    ['an underscore in a trailer', '0\r\nX_Y: z\r\n\r\n'],
    ['endless trailers', `0\r\n${'X: y\r\n'.repeat(2000)}`],
    ...[
      'Content-Length: 3',
      'Transfer-Encoding: chunked',
      'Host: b',
      'Authorization: x',
      'Connection: close',
      'Connection: x',
      'Cookie: a',
      'X-Forwarded-For: a',
      'Expect: 100-continue',
      'Upgrade: x',
      'X-Api-Key: k',
      'Content-Type: a/b',
    ].map((line) => [`the trailer ${line}`, `0\r\n${line}\r\n\r\n`] as const),
  ];
  for (const [name, input] of bad) {
    test(`refuses ${name}, in one read and byte by byte`, () => {
      assert.equal(decode(CHUNKED, input).state, 'failed');
      assert.equal(decode(CHUNKED, input, everywhere(input)).state, 'failed');
    });
  }

  test('trailers are told', () => {
    const { trailers, rest } = decode(CHUNKED, '1\r\na\r\n0\r\nX-Sum: 1 \r\nx-sum:\t2\r\n\r\nGET');
    assert.deepEqual(trailers, [
      ['x-sum', '1'],
      ['x-sum', '2'],
    ]);
    assert.equal(rest, 'GET');
  });

  test('a flood of tiny chunks is refused from clients and borne from upstreams', () => {
    const flood = '1\r\na\r\n'.repeat(CHUNK_GRACE + 1);
    assert.equal(decode(CHUNKED, flood).state, 'failed');
    assert.equal(decode(CHUNKED, flood, [], false).state, 'waiting');
    assert.equal(decode(CHUNKED, '8\r\n01234567\r\n'.repeat(CHUNK_GRACE * 2)).state, 'waiting');
  });

  test('only a body that ends with the connection may end with it', () => {
    const sink = { onBodyData: () => undefined };
    for (const [length, complete] of [
      [UNTIL_CLOSE, true],
      [5, false],
      [CHUNKED, false],
    ] as const) {
      const decoder = new BodyDecoder(true);
      decoder.reset(length);
      decoder.run(Buffer.from('3\r\n'), 0, 3, sink);
      assert.equal(decoder.finish(), complete);
    }
  });

  test('a decoder starts anew after a body', () => {
    const decoder = new BodyDecoder(true);
    const sink = { onBodyData: () => undefined };
    for (const input of ['1\r\na\r\n0\r\nX: y\r\n\r\n', '0\r\n\r\n']) {
      decoder.reset(CHUNKED);
      assert.equal(decoder.run(Buffer.from(input), 0, input.length, sink), input.length);
      assert.equal(decoder.done, true);
    }
    assert.equal(decoder.trailers.length, 0);
    assert.equal(decoder.received, 0);
  });

  test('property: what was chunked comes out whole, however it is cut, and nothing of what follows', () => {
    const piece = fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
    const trailer = fc
      .tuple(fc.stringMatching(/^x-[a-z]{1,8}$/), fc.stringMatching(/^[!-~]{1,12}$/))
      .filter(([name]) => !name.startsWith('x-forwarded-'));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.array(trailer, { maxLength: 3 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        fc.stringMatching(/^[A-Z]{0,4}$/),
        (pieces, trailers, cuts, next) => {
          const fields = new FieldList();
          for (const [name, value] of trailers) fields.append(name, value);
          const text =
            pieces.map((data) => `${encodeChunkSize(data.length)}${data}\r\n`).join('') +
            encodeLastChunk(fields) +
            next;
          assert.deepEqual(decode(CHUNKED, text, cuts), {
            state: 'done',
            body: pieces.join(''),
            rest: next,
            trailers,
          });
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('property: any input is read alike in one piece and in many', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '\r\n',
        '0',
        '1',
        '3',
        'a',
        '\r',
        '\n',
        ';',
        ' ',
        'abc',
        '0\r\n\r\n',
        '3\r\nabc\r\n',
        'X: y\r\n',
      ),
      fc.string({ maxLength: 3 }),
    );
    const input = fc
      .array(part, { maxLength: 20 })
      .map((parts) => parts.join('').replace(/[^\0-\xff]/g, '?'));
    fc.assert(
      fc.property(
        input,
        fc.constantFrom(CHUNKED, UNTIL_CLOSE, 1, 7),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (text, length, cuts) => {
          assert.deepEqual(decode(length, text, cuts), decode(length, text));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
