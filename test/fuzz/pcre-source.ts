// Random PCRE sources and values for them. The sources use what expressions of rules use, and more of what PCRE and
// JavaScript read in different ways.
import type { Random } from './random.ts';

const letters = [
  'a',
  'b',
  'c',
  'A',
  'B',
  'k',
  's',
  '1',
  '_',
  ' ',
  '-',
  '.',
  '\n',
  '\r',
  '\v',
  '\xe9',
  '\xc9',
  '\xff',
  '\xa0',
  '\x85',
  '\xb5',
  '\0',
];
const sources = [
  'a',
  'b',
  'c',
  'A',
  'B',
  'k',
  '1',
  '_',
  ' ',
  '-',
  '\\.',
  '\\n',
  '\\r',
  '\\xe9',
  '\\x{c9}',
  '\xe9',
  '\xff',
  '\\xb5',
  '\\x00',
  '\\101',
  '\\o{142}',
  '\\t',
  '\\e',
  '\\/',
  '"',
  '/',
];
const classes = [
  '.',
  '\\d',
  '\\w',
  '\\s',
  '\\D',
  '\\W',
  '\\S',
  '\\h',
  '\\H',
  '\\v',
  '\\V',
  '\\N',
  '\\R',
  '[^a]',
  '[a-c]',
  '[[:alpha:]]',
  '[[:^space:][:digit:]]',
  '[]a]',
  '[^]a]',
  '[a\\-c]',
  '[\\w-]',
  '[\\x80-\\xff]',
  '[\\s\\d]',
  '[^\\n]',
  '[A-C\\xe0-\\xff]',
  '[\\Qa-c\\E]',
  '[[:upper:]]',
  '[.-]',
  '[\\b]',
  '[\\x{61}-\\x{63}]',
];
const assertions = ['^', '$', '\\A', '\\z', '\\Z', '\\b', '\\B'];
const quantifiers = ['*', '+', '?', '*?', '+?', '??', '{2}', '{1,2}', '{1,}', '{0,2}?', '{2,}?'];
const possessive = ['*+', '++', '?+', '{1,2}+'];
const flags = ['i', 's', 'm', 'x', '-i', '-s', '-m', 'i-s', 'U'];

export class PcreSource {
  readonly #random: Random;
  #captures = 0;
  #lookbehinds = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  source(): string {
    this.#captures = 0;
    const random = this.#random;
    const start = random.chance(0.3) ? `(?${random.pick(flags)})` : '';
    return start + this.#alternatives(random.between(1, 4));
  }

  #alternatives(depth: number): string {
    const random = this.#random;
    const count = random.chance(0.3) ? random.between(2, 3) : 1;
    return Array.from({ length: count }, () => this.#sequence(depth)).join('|');
  }

  #sequence(depth: number): string {
    const random = this.#random;
    let text = '';
    for (let i = random.between(random.chance(0.05) ? 0 : 1, 4); i > 0; i--) text += this.#item(depth);
    return text;
  }

  #item(depth: number): string {
    const random = this.#random;
    if (random.chance(0.12)) return random.pick(assertions);
    const atom = this.#atom(depth);
    if (this.#lookbehinds > 0 || !random.chance(0.35)) return atom;
    return atom + random.pick(random.chance(0.2) ? possessive : quantifiers);
  }

  #atom(depth: number): string {
    const random = this.#random;
    if (depth > 0 && random.chance(0.3)) return this.#group(depth - 1);
    if (random.chance(0.04) && this.#lookbehinds === 0)
      return `\\Q${random.text('a.b*', random.between(1, 3))}\\E`;
    return random.chance(0.4) ? random.pick(classes) : random.pick(sources);
  }

  #group(depth: number): string {
    const random = this.#random;
    const kind = random.below(10);
    if (kind < 3 && this.#lookbehinds === 0) {
      const index = ++this.#captures;
      const inside = this.#alternatives(depth);
      // A reference right behind its group, where the group surely has a value.
      return `(${inside})${random.chance(0.2) ? `\\g{${index}}` : ''}`;
    }
    if (kind === 3 && this.#lookbehinds === 0) return `(?>${this.#alternatives(depth)})`;
    if (kind === 4) return `(?${random.pick(['=', '!'])}${this.#alternatives(depth)})`;
    if (kind === 5 && this.#lookbehinds === 0) {
      this.#lookbehinds++;
      const text = `(?<${random.pick(['=', '!'])}${this.#sequence(0)})`;
      this.#lookbehinds--;
      return text;
    }
    if (kind === 6) return `(?${random.pick(flags)}:${this.#alternatives(depth)})`;
    return `(?:${this.#alternatives(depth)})`;
  }
}

/** A short value of letters that the sources are about. */
export function randomSubject(random: Random): string {
  let text = '';
  for (let i = random.below(9); i > 0; i--) text += random.pick(letters);
  return text;
}
