// The short form of the detectors' fuzzer, and what must hold for any bytes at all: an answer, the same each time, and work
// that grows no faster than the value.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { htmlSteps } from '../../src/seclang/detect/html-scanner.ts';
import { detectSqli, detectXss, sqliBytes, xssBytes } from '../../src/seclang/detect/index.ts';
import { sqlSteps } from '../../src/seclang/detect/sqli.ts';
import { fuzzDetectors } from './detect-fuzz.ts';
import { newSeed } from './random.ts';

const CASES = 4000;

describe('injection detectors on made values', () => {
  for (const seed of [1, newSeed()])
    test(`seed ${seed}: attacks are found, harmless values let go`, () => {
      assert.deepEqual(
        fuzzDetectors(seed, (cases) => cases >= CASES),
        { cases: CASES, failure: null },
      );
    });
});

const byteString = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const holdsOneOf = (set: Uint8Array, value: string): boolean =>
  Buffer.from(value, 'latin1').some((byte) => set[byte] === 1);
const pieces = fc
  .array(
    fc.constantFrom(
      ..."' \" ` ( ) [ ] { } ; , . .. @ @@ $ $$ $a$ q'[ nq'( N'x' U&' _latin1 -- # \n /* /*! */ /*!50000 \\ \\' \\N 0x 0b 1e".split(
        ' ',
      ),
      ...'= == <=> <> := :: || && | & ~ ! + - * / % ^ union select all or and not in like is null from where order by'.split(
        ' ',
      ),
      ...'case when then end if exec declare drop table sleep( char( 1 1.5 a.b <a <!-- --> <! <? </ > href= onload= style='.split(
        ' ',
      ),
      ' ',
    ),
    { maxLength: 60 },
  )
  .map((list) => list.join(''));

describe('injection detectors on any bytes', () => {
  test('always the same answer', () => {
    fc.assert(
      fc.property(fc.oneof(byteString, pieces), (value) => {
        const print = detectSqli(value);
        if (print !== null) assert.match(print, /^[.c1snvo&!(),;UEBkfptACdX]{1,5}$/);
        const isXss = detectXss(value);
        // What the bytes rule out is not found.
        if (print !== null) assert.ok(holdsOneOf(sqliBytes, value));
        if (isXss) assert.ok(holdsOneOf(xssBytes, value));
        // Values before do not matter.
        detectSqli("x' or 1=1--");
        assert.equal(detectSqli(value), print);
        assert.equal(detectXss(value), isXss);
      }),
      { numRuns: 5000 },
    );
  });

  test('the case of letters does not matter', () => {
    // But for `\N`, and tags of dollar quotes.
    fc.assert(
      fc.property(
        pieces.filter((value) => !/[\\$]/.test(value)),
        (value) => {
          assert.equal(detectSqli(value.toUpperCase()), detectSqli(value));
          assert.equal(detectXss(value.toUpperCase()), detectXss(value));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('work grows no faster than the value', () => {
    const parts = [
      ...[
        "'",
        '"',
        '`',
        '(',
        ')',
        '[',
        '[a',
        '{',
        '{a ',
        'a.',
        'a.`',
        'a.[b',
        '@',
        "@'",
        '$',
        '$a',
        '$$',
        '$a$',
        "q'[",
        "nq'(",
      ],
      ...[
        '/*',
        '/*!',
        '*/',
        '*/*',
        '--',
        '--\n',
        '#\n',
        '#',
        ';',
        '1;',
        ';a',
        "';",
        '1+',
        '1 and ',
        '(select ',
        "''",
        "\\'",
        '\\',
      ],
      ...[
        '_a ',
        '_a',
        '1a',
        '1e',
        '0x',
        'union ',
        'union(',
        'case when ',
        'a,',
        "a'",
        'U&',
        '?',
        ':',
        'not ',
      ],
      ...[
        '<',
        '<a',
        '<a ',
        '<a "',
        "<a b='",
        '<a b=',
        '<!',
        '<!--',
        '<!-- -',
        '--',
        '<?',
        '</a',
        '<a b=c ',
        '&#',
        '<a b=`',
        'a=',
        '"=',
      ],
    ];
    const stepsOf = (value: string): number => {
      const before = sqlSteps() + htmlSteps();
      detectSqli(value);
      detectXss(value);
      return sqlSteps() + htmlSteps() - before;
    };
    for (const first of parts)
      for (const second of ['', ' ', ...parts]) {
        const value = (first + second).repeat(Math.ceil(2000 / (first.length + second.length)));
        // Four contexts in SQL, twice when pluses are blanks; four in HTML and the pieces; each reads a byte once.
        assert.ok(
          stepsOf(value) <= 16 * value.length + 64,
          `${stepsOf(value)} steps: ${JSON.stringify(first + second)}`,
        );
      }
  });
});
