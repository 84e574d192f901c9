// HPACK against the examples of RFC 7541 appendix C, against itself, and against bytes that nobody sent on purpose.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../fields/index.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { encodeNumber, HpackEncoder } from './hpack-encoder.ts';
import type { HpackEntry } from './hpack-table.ts';
import { decodeHuffman } from './huffman.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

function decode(decoder: HpackDecoder, bytes: Buffer): [string, string][] | null {
  const out: [string, string][] = [];
  const sink = { onField: (entry: HpackEntry) => void out.push([entry.name, entry.value]) };
  return decoder.run(bytes, 0, bytes.length, sink) ? out : null;
}

describe('HPACK decoder', () => {
  test('reads the requests of RFC 7541 C.3 and C.4, with one table for all three', () => {
    const first: [string, string][] = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'www.example.com'],
    ];
    const second: [string, string][] = [...first, ['cache-control', 'no-cache']];
    const third: [string, string][] = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':path', '/index.html'],
      [':authority', 'www.example.com'],
      ['custom-key', 'custom-value'],
    ];
    for (const blocks of [
      [
        '828684 41 0f 7777772e6578616d706c652e636f6d',
        '828684be 58 08 6e6f2d6361636865',
        '828785bf 40 0a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565',
      ],
      [
        '828684 41 8c f1e3c2e5f23a6ba0ab90f4ff',
        '828684be 58 86 a8eb10649cbf',
        '828785bf 40 88 25a849e95ba97d7f 89 25a849e95bb8e8b4bf',
      ],
    ]) {
      const decoder = new HpackDecoder();
      assert.deepEqual(
        blocks.map((block) => decode(decoder, hex(block))),
        [first, second, third],
      );
    }
  });

  const broken: readonly (readonly [string, string])[] = [
    ['index 0', '80'],
    ['an index beyond both tables', 'ff 00'],
    ['an index into the empty dynamic table', 'be'],
    ['a number that does not end', 'ff ff ff ff ff'],
    ['a number that is cut off', 'ff'],
    ['a string longer than the block', '40 05 61 62'],
    ['a string without a length', '40'],
    ['a Huffman code that is padded with zeros', '40 81 00 01 61'],
    ['a Huffman code with a whole byte of padding', '40 82 1f ff 01 61'],
    ['the end-of-string symbol within a string', '40 84 ff ff ff ff 01 61'],
    ['a table larger than was offered', '3f e2 1f'],
    ['a table size after a field', '82 20'],
    ['three table sizes', '20 20 20 82'],
  ];
  for (const [name, block] of broken) {
    test(`refuses ${name}`, () => assert.equal(decode(new HpackDecoder(), hex(block)), null));
  }

  test('a table size of zero forgets all entries', () => {
    const decoder = new HpackDecoder();
    assert.notEqual(decode(decoder, hex('40 01 61 01 62')), null);
    assert.deepEqual(decode(decoder, hex('be')), [['a', 'b']]);
    assert.equal(decode(decoder, hex('20 be')), null);
  });

  test('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
        const decoder = new HpackDecoder();
        for (const block of blocks) if (decode(decoder, Buffer.from(block)) === null) break;
      }),
    );
  });
});

describe('HPACK encoder', () => {
  const name = fc.constantFrom('content-type', 'x-request-id', 'set-cookie', 'etag', 'a', 'server');
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'Z', '~', '\xe9'), maxLength: 40 });
  const value = fc.oneof(
    fc.constantFrom('', 'application/json', 'nginx'),
    text,
    fc.constant('v'.repeat(700)),
  );
  const block = fc.array(fc.tuple(name, value), { maxLength: 12 });

  test('what it writes, block after block and with changes of the table size, the decoder reads', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(block, fc.option(fc.nat(5000))), { maxLength: 30 }), (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder();
        for (const [fields, size] of blocks) {
          if (size !== null) encoder.setMaxSize(size);
          const list = new FieldList();
          for (const [fieldName, fieldValue] of fields) list.append(fieldName, fieldValue);
          const bytes = Buffer.from(encoder.begin() + encoder.encodeFields(list), 'latin1');
          assert.deepEqual(decode(decoder, bytes), fields);
        }
      }),
    );
  });

  test('a value that comes again costs one byte', () => {
    const encoder = new HpackEncoder();
    const sizes = [1, 2, 3, 4].map(() => encoder.encodeField('server', 'example').length);
    assert.deepEqual(sizes.slice(2), [1, 1]);
  });

  test('credentials never enter the table', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 4; i++) {
      const bytes = encoder.encodeField('set-cookie', 'session=secret');
      assert.equal(bytes.charCodeAt(0) & 0xf0, 0x10);
    }
  });

  test('numbers of RFC 7541 C.1', () => {
    assert.equal(encodeNumber(10, 5, 0), '\x0a');
    assert.equal(encodeNumber(1337, 5, 0), '\x1f\x9a\x0a');
    assert.equal(encodeNumber(42, 8, 0), '\x2a');
  });
});

test('Huffman: every byte has a code that is read back', () => {
  // Codes of appendix B that stand for the rare ends of the table.
  assert.equal(decodeHuffman(hex('ffc7'), 0, 2), '\0');
  assert.equal(decodeHuffman(hex('fffffbbf'), 0, 4), '\xff');
  assert.equal(decodeHuffman(hex('fffffff3'), 0, 4), '\n');
  assert.equal(decodeHuffman(hex(''), 0, 0), '');
});
