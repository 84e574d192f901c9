// HOT. Whether a value is cross-site scripting. It is read where it could stand in a page: in the content, and in the value of an
// attribute, unquoted or within each of the quotes, which it leaves.
import { isActiveMarkup, readAttributes } from './html-scanner.ts';

const LESS = 0x3c;
const EQUALS = 0x3d;
const QUOTE_TEXTS = ['"', "'", '`'] as const;

/** 1 for the bytes of which at least one is in every active value. */
export const xssBytes = Uint8Array.from({ length: 256 }, (_, code) =>
  code === LESS || code === EQUALS ? 1 : 0,
);

/** Whether `value` (latin1, one char a byte) makes a browser run script. */
export function detectXss(value: string): boolean {
  const open = value.indexOf('<');
  if (open >= 0 && isActiveMarkup(value, open)) return true;
  // To matter in the tag of the page, a value needs an attribute with a value.
  const equals = value.lastIndexOf('=');
  if (equals < 0) return false;
  for (let i = 0; i < QUOTE_TEXTS.length; i++) {
    const quote = value.indexOf(QUOTE_TEXTS[i]!);
    if (quote >= 0 && quote < equals && leavesAttribute(value, quote + 1)) return true;
  }
  return leavesAttribute(value, unquotedEnd(value));
}

function unquotedEnd(value: string): number {
  let at = 0;
  while (at < value.length && value.charCodeAt(at) > 0x20 && value.charCodeAt(at) !== 0x3e) at++;
  return at;
}

const leavesAttribute = (value: string, at: number): boolean => readAttributes(value, at, false) < 0;
