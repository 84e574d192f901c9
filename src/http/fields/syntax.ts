// Syntax that many fields share: tokens, quoted strings, lists (RFC 9110 section 5.6) and Forwarded (RFC 7239).

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Whether `text` is a token (RFC 9110 section 5.6.2). */
export const isToken = (text: string): boolean => token.test(text);

/** Splits at commas outside of quoted strings, trims, drops empty items; null when a quoted string does not end. */
export function splitList(value: string): string[] | null {
  return splitOutsideQuotes(value, ',');
}

function splitOutsideQuotes(value: string, separator: string): string[] | null {
  const items: string[] = [];
  let quoted = false;
  let start = 0;
  for (let i = 0; i <= value.length; i++) {
    const character = value[i];
    if (quoted) {
      if (character === undefined) return null;
      if (character === '\\') i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === separator || character === undefined) {
      const item = value.slice(start, i).trim();
      if (item !== '') items.push(item);
      start = i + 1;
    }
  }
  return quoted ? null : items;
}

/** Text of a token or quoted string; null when it is neither. */
export function parseWord(text: string): string | null {
  if (isToken(text)) return text;
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return null;
  const inner = text.slice(1, -1);
  return /^(?:[^"\\]|\\.)*$/.test(inner) ? inner.replace(/\\(.)/g, '$1') : null;
}

/** Elements of a Forwarded field, nearest client first, each a map of lower-case parameter names; null when malformed. */
export function parseForwarded(value: string): readonly ReadonlyMap<string, string>[] | null {
  const elements = splitList(value);
  if (elements === null) return null;
  const out: Map<string, string>[] = [];
  for (const element of elements) {
    const pairs = splitOutsideQuotes(element, ';');
    if (pairs === null) return null;
    const parameters = new Map<string, string>();
    for (const pair of pairs) {
      const equals = pair.indexOf('=');
      const name = pair.slice(0, Math.max(equals, 0)).toLowerCase();
      const word = parseWord(pair.slice(equals + 1));
      if (!isToken(name) || word === null || parameters.has(name)) return null;
      parameters.set(name, word);
    }
    out.push(parameters);
  }
  return out;
}
