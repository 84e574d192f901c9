// HOT. Reads markup the way browsers tokenize it (WHATWG HTML, section 13.2.5), with the liberties of older ones: a backtick
// quotes, controls separate. Each tag and attribute is judged as it is read; reading stops at the first that is active.
import { isActiveAttribute, isActiveElement } from './html-danger.ts';

const isSpace = (code: number): boolean => code <= 0x20;
const isLetter = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
const isNameEnd = (code: number): boolean => code <= 0x20 || code === 0x2f || code === 0x3e;

const TAG_END = 0x3e;
const EQUALS = 0x3d;
const SLASH = 0x2f;
const BACKTICK = 0x60;
/** A name longer than any of HTML, in bytes; what is longer is cut. */
const MAX_NAME_BYTES = 64;

let steps = 0;
/** Tags and attributes read so far in this thread, for the test that the work is linear. */
export const htmlSteps = (): number => steps;

/** Whether `text`, as content of a document, is active; `open` is the offset of its first `<`. */
export function isActiveMarkup(text: string, open: number): boolean {
  return isActiveContent(text, open) || hasActivePiece(text, open);
}

/**
 * Where a browser is in its tokenization when the value begins, or how it reads broken quotes, is not known: each `<` may
 * begin a tag. From one to the next `<` the text is read by itself, so each byte once.
 */
function hasActivePiece(text: string, open: number): boolean {
  for (let next = open; open >= 0; open = next) {
    next = text.indexOf('<', open + 1);
    if (!isLetter(text.charCodeAt(open + 1))) continue;
    const piece = text.slice(open + 1, next < 0 ? text.length : next);
    if (readTag(piece, 0) < 0) return true;
  }
  return false;
}

function isActiveContent(text: string, at: number): boolean {
  for (;;) {
    const open = text.indexOf('<', at);
    steps++;
    if (open < 0 || open + 1 >= text.length) return false;
    const code = text.charCodeAt(open + 1);
    if (isLetter(code)) {
      at = readTag(text, open + 1);
      if (at < 0) return true;
    } else if (code === 0x21 && text.charCodeAt(open - 1) === 0x3f) {
      at = open + 2; // A look-behind of a regular expression, `(?<!`.
    } else if (code === 0x21) {
      at = readDeclaration(text, open + 2);
      if (at < 0) return true;
    } else if (code === 0x3f) {
      if (isActiveInstruction(text, open + 2)) return true;
      at = skipTo(text, '>', open + 2);
    } else if (code === SLASH) {
      // Scripts of old browsers hide in end tags too: their attributes are read.
      at = isLetter(text.charCodeAt(open + 2))
        ? readAttributes(text, nameEnd(text, open + 2), true)
        : open + 2;
      if (at < 0) return true;
    } else at = open + 1;
  }
}

function skipTo(text: string, what: string, at: number): number {
  const end = text.indexOf(what, at);
  return end < 0 ? text.length : end + what.length;
}

function nameEnd(text: string, at: number): number {
  while (at < text.length && !isNameEnd(text.charCodeAt(at))) at++;
  return at;
}

function nameOf(text: string, from: number, to: number): string {
  const name = text.slice(from, Math.min(to, from + MAX_NAME_BYTES)).toLowerCase();
  return name.includes('\0') || name.includes('\\0') ? name.replace(/\\?\0|\\0/g, '') : name;
}

/** Offset after the tag; -1 when it is active. */
function readTag(text: string, from: number): number {
  steps++;
  let end = from;
  // Browsers drop or replace NUL in a name.
  while (end < text.length && (!isNameEnd(text.charCodeAt(end)) || text.charCodeAt(end) === 0)) end++;
  const hasMore = end < text.length && text.charCodeAt(end) !== TAG_END;
  const name = nameOf(text, from, end);
  if (isActiveElement(name, hasMore)) return -1;
  const inner = name.indexOf('<');
  if (inner >= 0 && isActiveElement(name.slice(inner + 1), hasMore)) return -1;
  return readAttributes(text, end, true);
}

/**
 * Attributes from `at` to the end of the tag. Answers the offset after it, or -1 when one is active.
 * `isTag` is false when the tag is one of the page, whose attribute value was left.
 */
export function readAttributes(text: string, at: number, isTag: boolean): number {
  const length = text.length;
  while (at < length) {
    let code = text.charCodeAt(at);
    if (code === TAG_END) return at + 1;
    if (isSpace(code) || code === SLASH) {
      at++;
      continue;
    }
    // A value of character references that a line break cut.
    if (isTag && code === 0x26 && text.charCodeAt(at + 1) === 0x23) return -1;
    steps++;
    // Attribute name; what can not begin one is passed over.
    while (at < length && !isLetter(code) && !isNameEnd(code) && code !== EQUALS)
      code = text.charCodeAt(++at);
    const from = at;
    // An equals sign in the first place belongs to the name.
    if (code === EQUALS) code = text.charCodeAt(++at);
    while (at < length && code !== EQUALS && (!isNameEnd(code) || code === 0)) code = text.charCodeAt(++at);
    const to = at;
    while (at < length && isSpace(code)) code = text.charCodeAt(++at);
    if (at >= length || code !== EQUALS) {
      if (at === from && at < length) at++;
      continue;
    }
    code = text.charCodeAt(++at);
    while (at < length && isSpace(code)) code = text.charCodeAt(++at);
    const valueFrom = at;
    let valueTo = at;
    if (code === 0x22 || code === 0x27 || code === BACKTICK) {
      const close = text.indexOf(String.fromCharCode(code), at + 1);
      valueTo = close < 0 ? length : close;
      at = close < 0 ? length : close + 1;
      if (to > from && isActiveAttribute(nameOf(text, from, to), text.slice(valueFrom + 1, valueTo), isTag))
        return -1;
    } else {
      while (at < length && !isSpace(code) && code !== TAG_END) code = text.charCodeAt(++at);
      valueTo = at;
      if (to > from && isActiveAttribute(nameOf(text, from, to), text.slice(valueFrom, valueTo), isTag))
        return -1;
    }
  }
  return length;
}

/** After `<!`. Offset behind it, or -1 when it is active. */
function readDeclaration(text: string, at: number): number {
  if (text.startsWith('--', at)) {
    const from = at + 2;
    // `<!-->` and `<!--->` end at once.
    if (text.charCodeAt(from) === TAG_END) return from + 1;
    if (text.startsWith('->', from)) return from + 2;
    let end = text.indexOf('--', from);
    while (end >= 0 && text.charCodeAt(end + 2) !== TAG_END && !text.startsWith('!>', end + 2))
      end = text.indexOf('--', end + 1);
    const stop = end < 0 ? text.length : end;
    if (isActiveComment(text.slice(from, stop))) return -1;
    return end < 0 ? text.length : skipTo(text, '>', end + 2);
  }
  if (text.startsWith('[CDATA[', at)) return at + 7; // Only foreign content knows it; else a comment, and what follows `>` counts.
  const word = text
    .slice(at, at + 8)
    .trimStart()
    .toLowerCase();
  if (/^(?:doctype|entity|attlist|element)/.test(word)) return -1;
  const end = skipTo(text, '>', at);
  return hidesMarkup(text.slice(at, end)) ? -1 : end;
}

/** What Internet Explorer sees in comments, conditions and backticks as quotes, and what servers do, directives. */
function isActiveComment(text: string): boolean {
  if (/^\s*`|=\s*`/.test(text)) return true;
  return /^\s*(?:\[\s*(?:if|endif)|import\b|entity\b|xml\b|#\s*(?:exec|include|echo|set|config|printenv)\b)/i.test(
    text,
  );
}

/** `<?xml-stylesheet`, `<?import`, `<?xml:namespace`, and any with a value in backticks. */
function isActiveInstruction(text: string, at: number): boolean {
  const head = text.slice(at, at + 16).toLowerCase();
  return /^(?:import|xml[-:])/.test(head) || hidesMarkup(text.slice(at, skipTo(text, '>', at)));
}

/** Whether a backtick, which quotes in Internet Explorer, begins a value or hides a tag. */
function hidesMarkup(text: string): boolean {
  const tick = text.indexOf('`');
  return tick >= 0 && (text.indexOf('<', tick) >= 0 || /=\s*`/.test(text));
}
