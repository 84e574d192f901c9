// The buffer must find the same head whatever the reads looked like, and must never hold more than its bound.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HeadBuffer } from './head-buffer.ts';

const MAX_BYTES = 64;

interface Outcome {
  readonly state: 'complete' | 'too-large' | 'malformed' | 'waiting';
  readonly head: string;
  /** Bytes behind the head. */
  readonly rest: string;
}

function collect(input: string, cuts: readonly number[]): Outcome {
  const buffer = new HeadBuffer(MAX_BYTES);
  const bytes = Buffer.from(input, 'latin1');
  let from = 0;
  for (const to of [...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]) {
    const at = buffer.feed(bytes, from, to);
    if (buffer.tooLarge) return { state: 'too-large', head: '', rest: '' };
    if (buffer.malformed) return { state: 'malformed', head: '', rest: '' };
    if (buffer.complete) {
      return { state: 'complete', head: buffer.take(), rest: bytes.toString('latin1', at) };
    }
    assert.equal(at, to, 'an unfinished head takes everything');
    from = to;
  }
  return { state: 'waiting', head: '', rest: '' };
}

describe('HeadBuffer', () => {
  const cases: readonly (readonly [string, string, Outcome])[] = [
    ['a head', 'GET / HTTP/1.1\r\n\r\n', { state: 'complete', head: 'GET / HTTP/1.1\r\n\r\n', rest: '' }],
    ['bytes behind it', 'A\r\n\r\nbody', { state: 'complete', head: 'A\r\n\r\n', rest: 'body' }],
    ['one empty line before it', '\r\nA\r\n\r\nbody', { state: 'complete', head: 'A\r\n\r\n', rest: 'body' }],
    ['two empty lines before it', '\r\n\r\nA\r\n\r\n', { state: 'malformed', head: '', rest: '' }],
    ['a bare LF first', '\nA', { state: 'malformed', head: '', rest: '' }],
    ['a bare LF', 'GET / HTTP/1.1\nHost: a', { state: 'malformed', head: '', rest: '' }],
    ['a bare CR', 'GET / HTTP/1.1\rHost: a', { state: 'malformed', head: '', rest: '' }],
    ['a bare CR where the head could end', 'A\r\n\rbody', { state: 'malformed', head: '', rest: '' }],
    ['nothing', '', { state: 'waiting', head: '', rest: '' }],
    ['half a line end', 'A\r\n\r', { state: 'waiting', head: '', rest: '' }],
    [
      'as many bytes as fit',
      `${'a'.repeat(60)}\r\n\r\nb`,
      { state: 'complete', head: `${'a'.repeat(60)}\r\n\r\n`, rest: 'b' },
    ],
    ['one byte too many', `${'a'.repeat(61)}\r\n\r\nb`, { state: 'too-large', head: '', rest: '' }],
    ['no end in sight', 'a'.repeat(70), { state: 'too-large', head: '', rest: '' }],
  ];
  for (const [name, input, expected] of cases) {
    test(`${name}, in one read and byte by byte`, () => {
      assert.deepEqual(collect(input, []), expected);
      assert.deepEqual(
        collect(
          input,
          [...input].map((_, i) => i),
        ),
        expected,
      );
    });
  }

  test('takes a Uint8Array that is no Buffer', () => {
    const buffer = new HeadBuffer(MAX_BYTES);
    const bytes = new Uint8Array(Buffer.from('xxA\xff\r\n\r\nyy', 'latin1'));
    assert.equal(buffer.feed(bytes, 2, bytes.length), bytes.length - 2);
    assert.equal(buffer.take(), 'A\xff\r\n\r\n');
    assert.equal(buffer.empty, true);
  });

  test('property: heads do not depend on where reads end', () => {
    const piece = fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', '\r\n\r\n', 'GET / HTTP/1.1', 'a: b', '\xff'),
      fc.string({ maxLength: 12 }),
    );
    const input = fc
      .array(piece, { maxLength: 12 })
      .map((pieces) => pieces.join('').replace(/[^\0-\xff]/g, '?'));
    fc.assert(
      fc.property(input, fc.array(fc.nat(120), { maxLength: 6 }), (text, cuts) => {
        const whole = collect(text, []);
        const split = collect(text, cuts);
        // What is certainly wrong may be seen before or after the bound is reached or the end is found, but a head that
        // both find is one head.
        if (whole.state === 'complete' && split.state === 'complete') assert.deepEqual(split, whole);
        else if (whole.state === 'complete') {
          assert.equal(split.state, 'malformed');
          assert.match(whole.head, /(?<!\r)\n|\r(?!\n)/, 'only bare line ends are seen early');
        } else assert.notEqual(split.state, 'complete');
      }),
      { numRuns: 3000 },
    );
  });

  test('property: what is held is bounded', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 10 }), (sizes) => {
        const buffer = new HeadBuffer(MAX_BYTES);
        let held = 0;
        for (const size of sizes) {
          const taken = buffer.feed(Buffer.alloc(size, 'a'), 0, size);
          held += taken;
          assert.ok(held <= MAX_BYTES + 4);
          if (buffer.tooLarge) break;
          assert.equal(taken, size);
        }
        assert.equal(buffer.tooLarge, held > MAX_BYTES);
      }),
    );
  });
});
