// Named classes of bytes as PCRE has them in the C locale.
import { type ByteSet, complement, makeSet } from './syntax.ts';

const digit = makeSet('', [48, 57]);
const word = makeSet('_', [48, 57], [65, 90], [97, 122]);
/** With VT, as PCRE since 8.34; without the no-break space that JavaScript counts. */
const space = makeSet(' ', [9, 13]);
const horizontal = makeSet('\t \xa0');
const vertical = makeSet('\x85', [10, 13]);

export const anyByte = new Uint8Array(256).fill(1);
export const notNewline = complement(makeSet('\n'));

/** By the letter after the backslash. */
export const escapedClasses: ReadonlyMap<string, ByteSet> = new Map([
  ['d', digit],
  ['D', complement(digit)],
  ['w', word],
  ['W', complement(word)],
  ['s', space],
  ['S', complement(space)],
  ['h', horizontal],
  ['H', complement(horizontal)],
  ['v', vertical],
  ['V', complement(vertical)],
]);

/** By the name in `[:name:]`. */
export const posixClasses: ReadonlyMap<string, ByteSet> = new Map([
  ['alnum', makeSet('', [48, 57], [65, 90], [97, 122])],
  ['alpha', makeSet('', [65, 90], [97, 122])],
  ['ascii', makeSet('', [0, 127])],
  ['blank', makeSet('\t ')],
  ['cntrl', makeSet('\x7f', [0, 31])],
  ['digit', digit],
  ['graph', makeSet('', [33, 126])],
  ['lower', makeSet('', [97, 122])],
  ['print', makeSet('', [32, 126])],
  ['punct', makeSet('', [33, 47], [58, 64], [91, 96], [123, 126])],
  ['space', space],
  ['upper', makeSet('', [65, 90])],
  ['word', word],
  ['xdigit', makeSet('', [48, 57], [65, 70], [97, 102])],
]);
