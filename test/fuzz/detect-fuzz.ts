// Attacks made from a grammar, in random case, blanks and comments, which must all be found; and values that must all be let
// go: lists of words, numbers and dates, and names with apostrophes. Spoiled attacks are judged too, for failures alone.
import { detectSqli, detectXss } from '../../src/seclang/detect/index.ts';
import { Random } from './random.ts';

export interface DetectResult {
  readonly cases: number;
  /** What went wrong first, with the value; null when nothing did. */
  readonly failure: string | null;
}

const blanks = [' ', '  ', '\t', '\n', '\r\n', '\x0b', '/**/', '/*x*/', '/*%*/ ', '--x\n', '#\n'];
const events = ['onerror', 'onload', 'onclick', 'onmouseover', 'onfocus', 'onanimationstart', 'ontoggle'];
const words =
  'lorem ipsum dolor sit amet blue green chair table lamp river stone quick brown paper garden winter'.split(
    ' ',
  );
const FINGERPRINT = /^[.c1snvo&!(),;UEBkfptACdX]{1,5}$/;

class Attack {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  #case(text: string): string {
    let out = '';
    for (const letter of text) out += this.#random.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase();
    return out;
  }

  #blank(): string {
    return this.#random.pick(blanks);
  }

  /** Words with something between them that separates. */
  #words(text: string): string {
    return text
      .split(' ')
      .map((word) => this.#case(word))
      .join(this.#blank());
  }

  #literal(quote: string): string {
    const random = this.#random;
    const text = `${quote}${random.text('abcxyz', 2)}${quote}`;
    return random.pick([
      `${random.below(100)}`,
      `0x${random.text('0123456789abcdef', 4)}`,
      '1e1',
      'null',
      '@@version',
      text,
    ]);
  }

  #condition(quote: string): string {
    const random = this.#random;
    const left = `${random.below(9)}`;
    return random.pick([
      `${left}${random.pick(['=', '<', '>', '!=', '<=>', '<>', ' like '])}${this.#literal(quote)}`,
      `(${left})=(${left})`,
      `${this.#case('ascii')}(${this.#case('substring')}(password,1,1))>${left}`,
      `${this.#words('exists')}(${this.#words('select 1')}${this.#blank()}from${this.#blank()}users)`,
      `${left}${this.#blank()}${this.#words('between 0 and 9')}`,
      `${left}${this.#blank()}${this.#case('in')}(${left})`,
      `${this.#case('sleep')}(5)`,
    ]);
  }

  #payload(quote: string): string {
    const random = this.#random;
    const b = this.#blank();
    const items = Array.from({ length: random.between(1, 5) }, () => this.#literal(quote)).join(',');
    return random.pick([
      `${b}${this.#words(random.pick(['or', 'and', 'xor']))}${this.#blank()}${this.#condition(quote)}`,
      `${b}${random.pick(['||', '&&'])}${this.#blank()}${this.#condition(quote)}`,
      `${b}${this.#words(random.pick(['union select', 'union all select', 'union distinct select']))}${this.#blank()}${items}`,
      `${b}${this.#case('union')}(${this.#words('select')}${this.#blank()}${items})`,
      `;${b}${this.#words('drop table')}${this.#blank()}users`,
      `;${b}${this.#words('select pg_sleep')}(5)`,
      `;${b}${this.#words('exec')}${this.#blank()}master..xp_cmdshell${this.#blank()}${quote}dir${quote}`,
      `;${b}${this.#words('waitfor delay')}${this.#blank()}'0:0:5'`,
      `${b}${this.#words('order by')}${this.#blank()}${random.between(1, 30)}`,
    ]);
  }

  sqli(): string {
    const random = this.#random;
    const quote = random.pick(['', '', "'", '"']);
    const close = ')'.repeat(random.pick([0, 0, 0, 1, 2]));
    const start = quote === '' ? random.pick(['1', '-1', '0.5', '99']) : random.text('abc1', random.below(4));
    const end =
      quote === '' ? random.pick(['', '--', ' -- -', '/*']) : random.pick(['-- ', ' -- -', '#', '/*']);
    return `${start}${quote}${close}${this.#payload(quote === '"' ? '"' : "'")}${end}`;
  }

  #script(): string {
    return this.#random.pick(['alert(1)', 'eval(name)', '`${alert(1)}`', 'location=name', '[1].find(alert)']);
  }

  #encoded(text: string): string {
    let out = '';
    for (const letter of text) {
      const code = letter.charCodeAt(0);
      out += this.#random.pick([
        letter,
        letter,
        letter.toUpperCase(),
        `&#${code};`,
        `&#x${code.toString(16)};`,
      ]);
      if (this.#random.chance(0.1)) out += this.#random.pick(['\t', '\n', '&Tab;', '&NewLine;']);
    }
    return out;
  }

  xss(): string {
    const random = this.#random;
    const gap = random.pick([' ', '\n', '\t', '/', ' / ', '\x0c']);
    const quote = random.pick(['"', "'", '']);
    const tag = this.#case(random.pick(['img', 'b', 'a', 'video', 'x', 'details', 'input']));
    const code = quote === '' ? this.#script() : `${quote}${this.#script()}${quote}`;
    const leaving = quote === '' ? 'x' : `x${quote}`;
    return random.pick([
      `${random.text('ab "\'>', 3)}<${this.#case('script')}${random.pick(['>', ' ', '/'])}${this.#script()}`,
      `<${tag}${gap}${this.#case(random.pick(events))}${random.pick(['=', ' = '])}${code}>`,
      `${leaving}${random.pick([' ', '\n'])}${this.#case(random.pick(events))}=${code}`,
      `<a${gap}${this.#case('href')}=${quote}${quote === '' ? '' : ' '}${quote === '' ? 'javascript:' : this.#encoded('javascript:')}${this.#script()}${quote}>`,
      `<${this.#case(random.pick(['iframe', 'embed', 'svg', 'math', 'meta']))}${gap}src=x>`,
      `<${tag}${gap}style=${quote || '"'}${this.#case('x:expression')}(${this.#script()})${quote || '"'}>`,
    ]);
  }
}

function spoiled(random: Random, text: string): string {
  let out = text;
  for (let i = random.between(1, 4); i > 0; i--) {
    const at = random.below(out.length + 1);
    const piece = random.pick([
      "'",
      '"',
      '`',
      '(',
      '/*',
      '*/',
      '--',
      '#',
      '<',
      '>',
      '=',
      '\0',
      '\\',
      '$$',
      "q'[",
    ]);
    out = random.chance(0.5)
      ? out.slice(0, at) + piece + out.slice(at)
      : out.slice(0, at) + out.slice(at + 1);
  }
  return out;
}

function harmless(random: Random): string {
  const some = (): string => {
    const list = Array.from({ length: random.between(1, 6) }, () => random.pick(words));
    return list.join(random.pick([' ', ', ', '-', '_', ' / ', '. ']));
  };
  return random.pick([
    some(),
    `${random.pick(['O', 'D', 'L'])}'${some()}`,
    `${some()} (${some()})`,
    `"${some()}"`,
    `${some()}: ${random.below(1000)}`,
    `${random.below(1000)}-${random.below(1000)}`,
    `${random.below(30)}/${random.below(12)}/20${random.between(10, 30)}`,
    `${random.pick(words)}@${random.pick(words)}.example`,
    `${random.pick(words)}=${random.pick(words)}&${random.pick(words)}=${random.below(99)}`,
    `{"${random.pick(words)}":"${some()}","${random.pick(words)}":${random.below(99)}}`,
    `<b>${some()}</b>`,
    `${random.pick(words)} < ${random.below(9)}`,
  ]);
}

/** Judges made values until `isOver`, which gets the number of cases so far, or a failure. */
export function fuzzDetectors(seed: number, isOver: (cases: number) => boolean): DetectResult {
  const random = new Random(seed);
  const attack = new Attack(random);
  let cases = 0;
  const fail = (what: string, value: string): DetectResult => ({
    cases,
    failure: `${what}: ${JSON.stringify(value)}`,
  });
  for (; !isOver(cases); cases++) {
    const sqli = attack.sqli();
    const print = detectSqli(sqli);
    if (print === null) return fail('missed SQL injection', sqli);
    if (!FINGERPRINT.test(print)) return fail(`fingerprint ${print}`, sqli);
    if (detectSqli(sqli) !== print) return fail('another answer the second time', sqli);
    const xss = attack.xss();
    if (!detectXss(xss)) return fail('missed cross-site scripting', xss);
    const value = harmless(random);
    if (detectSqli(value) !== null) return fail('took for SQL injection', value);
    if (detectXss(value)) return fail('took for cross-site scripting', value);
    for (const spoil of [spoiled(random, sqli), spoiled(random, xss)]) {
      const first = detectSqli(spoil);
      if (first !== null && !FINGERPRINT.test(first)) return fail(`fingerprint ${first}`, spoil);
      const isXss = detectXss(spoil);
      if (first !== detectSqli(spoil) || isXss !== detectXss(spoil))
        return fail('another answer the second time', spoil);
    }
  }
  return { cases, failure: null };
}
