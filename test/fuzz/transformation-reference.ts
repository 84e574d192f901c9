// Transformations once more, slow and plain: one list of bytes in, one out, nothing shared with the fast ones. What both
// agree on is what the manual of ModSecurity says.

type Bytes = readonly number[];

const bytesOf = (value: string): number[] => [...value].map((letter) => letter.charCodeAt(0));
const textOf = (bytes: Bytes): string => bytes.map((byte) => String.fromCharCode(byte)).join('');
const letters = (text: string): number[] => bytesOf(text);

const digitOf = (byte: number | undefined): number =>
  byte === undefined ? 16 : '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()) >>> 0;
const isHex = (byte: number | undefined): boolean => digitOf(byte) < 16;
const isSpace = (byte: number | undefined): boolean =>
  byte !== undefined && letters(' \t\n\v\f\r').includes(byte);

/** Number of the hexadecimal digits from `at`, or null when one of them is none. */
function hexNumber(bytes: Bytes, at: number, digits: number): number | null {
  let number = 0;
  for (let i = at; i < at + digits; i++) {
    if (!isHex(bytes[i])) return null;
    number = number * 16 + digitOf(bytes[i]);
  }
  return number;
}

function lowByte(code: number): number {
  const low = code % 256;
  return code >= 0xff01 && code <= 0xff5e ? low + 32 : low;
}

/** Goes through the bytes; `step` gives what comes out here and how many bytes it took. */
function rewrite(
  value: string,
  step: (bytes: Bytes, at: number) => { readonly out: Bytes; readonly took: number },
): string {
  const bytes = bytesOf(value);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const one = step(bytes, at);
    out.push(...one.out);
    at += one.took;
  }
  return textOf(out);
}

const keep = (bytes: Bytes, at: number): { out: Bytes; took: number } => ({ out: [bytes[at]!], took: 1 });

const percent = (bytes: Bytes, at: number): { out: Bytes; took: number } => {
  if (bytes[at] === 0x2b) return { out: [0x20], took: 1 };
  const byte = bytes[at] === 0x25 ? hexNumber(bytes, at + 1, 2) : null;
  return byte === null ? keep(bytes, at) : { out: [byte], took: 3 };
};

const escapesOfC: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

function octal(bytes: Bytes, at: number, most: number): { out: Bytes; took: number } | null {
  let text = '';
  while (text.length < most && /[0-7]/.test(String.fromCharCode(bytes[at + text.length] ?? 0)))
    text += String.fromCharCode(bytes[at + text.length]!);
  return text === '' ? null : { out: [Number.parseInt(text, 8) % 256], took: 1 + text.length };
}

export const references: Readonly<Record<string, (value: string) => string>> = {
  urlDecode: (value) => rewrite(value, percent),

  urlEncode: (value) =>
    rewrite(value, (bytes, at) => {
      const byte = bytes[at]!;
      if (/[a-zA-Z0-9*]/.test(String.fromCharCode(byte))) return keep(bytes, at);
      return { out: byte === 0x20 ? [0x2b] : letters(`%${byte.toString(16).padStart(2, '0')}`), took: 1 };
    }),

  jsDecode: (value) =>
    rewrite(value, (bytes, at) => {
      const next = bytes[at + 1];
      if (bytes[at] !== 0x5c || next === undefined) return keep(bytes, at);
      const letter = String.fromCharCode(next);
      const unit = letter === 'u' ? hexNumber(bytes, at + 2, 4) : null;
      if (unit !== null) return { out: [lowByte(unit)], took: 6 };
      const byte = letter === 'x' ? hexNumber(bytes, at + 2, 2) : null;
      if (byte !== null) return { out: [byte], took: 4 };
      const three = octal(bytes, at + 1, 3);
      if (three !== null) return three.took === 4 && letter > '3' ? octal(bytes, at + 1, 2)! : three;
      return { out: [escapesOfC[letter] ?? next], took: 2 };
    }),

  escapeSeqDecode: (value) =>
    rewrite(value, (bytes, at) => {
      const next = bytes[at + 1];
      if (bytes[at] !== 0x5c || next === undefined) return keep(bytes, at);
      const letter = String.fromCharCode(next);
      const byte = letter === 'x' || letter === 'X' ? hexNumber(bytes, at + 2, 2) : null;
      if (byte !== null) return { out: [byte], took: 4 };
      return octal(bytes, at + 1, 3) ?? { out: [escapesOfC[letter] ?? next], took: 2 };
    }),

  cssDecode: (value) =>
    rewrite(value, (bytes, at) => {
      if (bytes[at] !== 0x5c) return keep(bytes, at);
      if (at + 1 >= bytes.length) return { out: [], took: 1 };
      let digits = 0;
      while (digits < 6 && isHex(bytes[at + 1 + digits])) digits++;
      if (digits === 0) return { out: bytes[at + 1] === 10 ? [] : [bytes[at + 1]!], took: 2 };
      const code = hexNumber(bytes, at + 1, digits)!;
      return {
        out: [code > 0xffff ? code % 256 : lowByte(code)],
        took: 1 + digits + (isSpace(bytes[at + 1 + digits]) ? 1 : 0),
      };
    }),

  htmlEntityDecode: (value) =>
    rewrite(value, (bytes, at) => {
      if (bytes[at] !== 0x26) return keep(bytes, at);
      const rest = textOf(bytes.slice(at));
      const numeric = /^&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?/.exec(rest);
      if (numeric !== null) {
        const code = numeric[1] !== undefined ? BigInt(`0x${numeric[1]}`) : BigInt(numeric[2]!);
        return { out: [Number(code % 256n)], took: numeric[0].length };
      }
      const named = /^&([0-9a-zA-Z]+);?/.exec(rest);
      const known: Readonly<Record<string, number>> = { quot: 34, amp: 38, lt: 60, gt: 62, nbsp: 160 };
      const byte = named === null ? undefined : known[named[1]!.toLowerCase()];
      return byte === undefined ? keep(bytes, at) : { out: [byte], took: named![0].length };
    }),

  cmdLine: (value) => {
    const out: string[] = [];
    for (const letter of value) {
      if ('"\'\\^'.includes(letter)) continue;
      if (' ,;\t\r\n'.includes(letter)) {
        if (out.at(-1) !== ' ') out.push(' ');
        continue;
      }
      if ('/('.includes(letter) && out.at(-1) === ' ') out.pop();
      out.push(/[A-Z]/.test(letter) ? letter.toLowerCase() : letter);
    }
    return out.join('');
  },

  lowercase: (value) => value.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32)),
  uppercase: (value) => value.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 32)),
  removeNulls: (value) => value.split('\0').join(''),
  replaceNulls: (value) => value.split('\0').join(' '),
  removeWhitespace: (value) =>
    [...value].filter((letter) => !' \t\n\v\f\r\xa0\xc2'.includes(letter)).join(''),
  compressWhitespace: (value) => value.replace(/[ \t\n\v\f\r\xa0]+/g, ' '),
  trim: (value) => value.replace(/^[ \t\n\v\f\r]+/, '').replace(/[ \t\n\v\f\r]+$/, ''),
  trimLeft: (value) => value.replace(/^[ \t\n\v\f\r]+/, ''),
  trimRight: (value) => value.replace(/[ \t\n\v\f\r]+$/, ''),
  replaceComments: (value) => value.replace(/\/\*[\s\S]*?(?:\*\/|$)/g, ' '),
  removeComments: (value) =>
    value.replace(
      /\/\*[\s\S]*?\*\/|<!--[\s\S]*?-->|(\/\*|<!--)[\s\S]*|(?:--|#)[\s\S]*/g,
      (_, open?: string) => (open === undefined ? '' : ' '),
    ),
  removeCommentsChar: (value) => value.replace(/\/\*|\*\/|<!--|-->|--|#/g, ''),
  hexEncode: (value) =>
    bytesOf(value)
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(''),
  base64Encode: (value) => btoa(value),
  length: (value) => String(value.length),

  utf8toUnicode: (value) =>
    value.replace(
      /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/g,
      (sequence) =>
        `%u${Buffer.from(sequence, 'latin1').toString('utf8').codePointAt(0)!.toString(16).padStart(4, '0')}`,
    ),

  normalizePath: (value) => {
    const isAbsolute = value.startsWith('/');
    const out: string[] = [];
    const parts = value.split('/');
    for (const part of parts) {
      if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop();
      else if (part === '..' && isAbsolute) continue;
      else if (part !== '' && part !== '.') out.push(part);
    }
    const isOpen =
      out.length > 0 &&
      ['', '.', '..'].includes(parts.at(-1)!) &&
      !(parts.at(-1) === '..' && out.at(-1) === '..');
    return (isAbsolute ? '/' : '') + out.join('/') + (isOpen ? '/' : '');
  },
};

/** Pieces that make values on which something happens. */
export const transformationPieces: readonly string[] = [
  ...[
    '%',
    '%4',
    '%41',
    '%2B',
    '%u',
    '%uff1c',
    '%U0041',
    '%u00e9',
    '%zz',
    '+',
    '\\',
    '\\u',
    '\\uff1c',
    '\\x41',
    '\\x4',
  ],
  ...[
    '\\101',
    '\\477',
    '\\8',
    '\\n',
    '\\q',
    '\\"',
    '\\41 ',
    '\\00ff1c ',
    '\\1ff1c',
    '\\ff1c\n',
    '\\\n',
    '&',
    '&lt;',
  ],
  ...[
    '&LT',
    '&#60;',
    '&#x3c',
    '&#',
    '&#999999999999999999999;',
    '&#x1ff;',
    '&nbsp;',
    '&foo;',
    ';',
    '/*',
    '*/',
    '--',
  ],
  ...[
    '-->',
    '<!--',
    '#',
    '/',
    '//',
    '/./',
    '/../',
    '..',
    '.',
    '../',
    '\\..\\',
    ' ',
    '  ',
    '\t',
    '\n',
    '\r',
    '\v',
    '\f',
  ],
  ...[
    '\xa0',
    '\xc2\xa0',
    '\0',
    '"',
    "'",
    '^',
    ',',
    '(',
    ' (',
    ' /',
    'a',
    'B',
    'z',
    '9',
    '0x41',
    '0X4142zz',
    'YWJj',
    'YW==',
  ],
  ...[
    '=',
    '!',
    '\xc3\xa9',
    '\xe2\x82\xac',
    '\xf0\x9f\x98\x80',
    '\xc0\xaf',
    '\xed\xa0\x80',
    '\xff',
    '\x80',
    'abc',
    '41',
    '4g',
  ],
];
