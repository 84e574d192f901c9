// Values that an expression may take long over: pieces that its source is made of, again and again, with a beginning and an
// end that keep it from matching early. Seeded; most are harmless, the slowest of thousands are not.
import type { Random } from './random.ts';

/** What breaks off a match at the end, or nothing. */
const ends = ['', '!', '\n', '\0', '"', "'", '<', '>', '(', ')', '\xff', ' x', '=', ';'];
const common = [
  ' ',
  '\t',
  '\n',
  'a',
  '1',
  '.',
  '/',
  '\\',
  "'",
  '"',
  '-',
  '(',
  ',',
  '=',
  '&',
  '|',
  '$',
  '{',
  '<',
  '%',
  '+',
];

/** Words, marks and what classes stand for, as they are written in the source of an expression. */
export function piecesOf(source: string): readonly string[] {
  const pieces = new Set<string>();
  for (const [word] of source.matchAll(/[A-Za-z_]{2,}/g))
    if (word.length <= 16) pieces.add(word.toLowerCase());
  for (const [, mark] of source.matchAll(/\\([^A-Za-z0-9])/g)) pieces.add(mark!);
  for (const [, code] of source.matchAll(/\\x([0-9a-f]{2})/gi))
    pieces.add(String.fromCharCode(Number.parseInt(code!, 16)));
  for (const mark of source.replace(/\\./g, '')) if (/[^\w()[\]{}?*+^$.|\\]/.test(mark)) pieces.add(mark);
  if (/\\s/.test(source)) for (const space of [' ', '\t', '\n', '\v']) pieces.add(space);
  if (/\\d|0-9/.test(source)) pieces.add('1');
  if (/\\w|[a-z]-[a-z]/i.test(source)) for (const letter of ['a', '_', 'Z']) pieces.add(letter);
  return [...pieces];
}

export function hostileValue(random: Random, pieces: readonly string[], bytes: number): string {
  const pick = (): string =>
    pieces.length > 0 && random.chance(0.8) ? random.pick(pieces) : random.pick(common);
  const some = (most: number): string => {
    let text = '';
    for (let i = random.between(1, most); i > 0; i--) text += pick();
    return text;
  };
  const start = random.chance(0.5) ? some(3) : '';
  const end = random.pick(ends);
  let middle = '';
  // One unit repeated, or one and then another.
  for (const share of random.chance(0.6) ? [1] : [0.5, 0.5]) {
    const unit = some(random.pick([1, 1, 2, 3, 4]));
    middle += unit.repeat(Math.ceil(((bytes - start.length - end.length) * share) / unit.length));
  }
  return (start + middle).slice(0, bytes - end.length) + end;
}
