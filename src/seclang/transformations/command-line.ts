// HOT
// What shells of Unix and Windows ignore in a command: quotes, backslash and caret go, separators become one space, none
// before `/` or `(`, and letters become small.
import { readLatin1 } from '../latin1.ts';
import { scratch } from './bytes.ts';

const KEEP = 0;
const DROP = 1;
const SPACE = 2;
const TIGHT = 3;
const kinds = new Uint8Array(256);
for (const letter of '"\'\\^') kinds[letter.charCodeAt(0)] = DROP;
for (const letter of ' ,;\t\r\n') kinds[letter.charCodeAt(0)] = SPACE;
for (const letter of '/(') kinds[letter.charCodeAt(0)] = TIGHT;

export const cmdLineChanges = /["'\\^,;\t\r\nA-Z]| {2}| [/(]/;

export function cmdLine(value: string): string {
  if (!cmdLineChanges.test(value)) return value;
  const length = value.length;
  const out = scratch(length);
  let to = 0;
  let afterSpace = false;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    const kind = kinds[code];
    if (kind === KEEP) {
      out[to++] = code >= 65 && code <= 90 ? code + 32 : code;
      afterSpace = false;
    } else if (kind === SPACE) {
      if (!afterSpace) out[to++] = 32;
      afterSpace = true;
    } else if (kind === TIGHT) {
      if (afterSpace) to--;
      out[to++] = code;
      afterSpace = false;
    }
  }
  return readLatin1(out, 0, to);
}
