// The bytes of SQL: what each can be part of.

export const SPACE = 1;
export const DIGIT = 2;
export const WORD = 4;
/** What a byte can be part of: blank, number, word. Controls count as blanks: some server skips each of them. */
export const classes = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  if (code <= 0x20 || code === 0x7f || code === 0xa0) classes[code] = SPACE;
  else if (code >= 0x30 && code <= 0x39) classes[code] = DIGIT | WORD;
  else if (isLetter || code === 0x5f || code > 0x7f) classes[code] = WORD;
}

export const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
export const isHexDigit = (code: number): boolean =>
  isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
export const isWordByte = (code: number): boolean => (classes[code]! & WORD) !== 0;

export const isLetterByte = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;

export const QUOTE = 0x27;
export const DOUBLE_QUOTE = 0x22;
export const BACKTICK = 0x60;
export const BACKSLASH = 0x5c;
export const DOLLAR = 0x24;
