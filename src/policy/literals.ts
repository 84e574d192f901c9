// Strings, patterns and integers as policies write them.
import type { Pattern } from './ast.ts';
import { SyntaxProblem, type Token } from './lexer.ts';
import { type Long, longOf } from './numbers.ts';

const escapeForm = /\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-7][0-9a-fA-F])|([nrt\\0'"]))/y;

const simple: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '0': '\0',
  "'": "'",
  '"': '"',
};

/** Reads the characters between the quotes; `onCharacter` gets each with whether it was `\*`. */
function read(token: Token, allowStar: boolean, onText: (text: string, isStar: boolean) => void): void {
  const { text } = token;
  const end = text.length - 1;
  for (let i = 1; i < end; ) {
    const backslash = text.indexOf('\\', i);
    if (backslash === -1 || backslash >= end) {
      onText(text.slice(i, end), false);
      return;
    }
    if (backslash > i) onText(text.slice(i, backslash), false);
    if (allowStar && text[backslash + 1] === '*') {
      onText('*', true);
      i = backslash + 2;
      continue;
    }
    escapeForm.lastIndex = backslash;
    const match = escapeForm.exec(text);
    const code = match?.[1] ?? match?.[2];
    const value = code === undefined ? undefined : Number.parseInt(code, 16);
    if (match === null || (value !== undefined && !isScalar(value))) {
      throw new SyntaxProblem(
        token.start + backslash,
        `"${text.slice(backslash, backslash + 2)}" is no escape.`,
        'There are \\n \\r \\t \\0 \\\\ \\\' \\" \\xHH (up to 7f) and \\u{H…}; in patterns of "like" also \\*.',
      );
    }
    onText(value === undefined ? simple[match[3]!]! : String.fromCodePoint(value), false);
    i = escapeForm.lastIndex;
  }
}

const isScalar = (code: number): boolean => code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);

export function parseString(token: Token): string {
  let out = '';
  read(token, false, (text) => {
    out += text;
  });
  return out;
}

export function parsePattern(token: Token): Pattern {
  const pieces = [''];
  read(token, true, (text, isStar) => {
    if (isStar) {
      pieces[pieces.length - 1] += '*';
      return;
    }
    const [first, ...rest] = text.split('*');
    pieces[pieces.length - 1] += first!;
    pieces.push(...rest);
  });
  return pieces;
}

/** `negative` when a minus stands before the digits. */
export function parseInteger(token: Token, negative: boolean): Long {
  const value = longOf(negative ? -BigInt(token.text) : BigInt(token.text));
  if (value === null) {
    throw new SyntaxProblem(
      token.start,
      `The number ${token.text} does not fit in 64 bits.`,
      'Numbers go from -9223372036854775808 to 9223372036854775807.',
    );
  }
  return value;
}
