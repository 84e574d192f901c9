// JSON objects as JOSE needs them: strict UTF-8, no member twice (RFC 7515 section 4, RFC 7519 section 4), bounded
// depth. JSON.parse keeps the last of two members where another parser keeps the first.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MAX_DEPTH = 16;
/** A name that is one escaped character: V8 at times reads it as a backslash. */
const escapedLetter = /"\\(?:u[0-9a-f]{4}|[^u])"\s*:/i;

/** The object in `bytes`, or null when it is not exactly one JSON object. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return hasDuplicateMembers(text) || escapedLetter.test(text) ? null : (value as Record<string, unknown>);
}

/** Whether an object in the valid JSON `text` has a member twice, or nests deeper than MAX_DEPTH. */
export function hasDuplicateMembers(text: string, maxDepth = MAX_DEPTH): boolean {
  const names: (Set<string> | null)[] = [];
  let expectsName = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) {
      const start = i;
      for (i++; text.charCodeAt(i) !== 34; i++) if (text.charCodeAt(i) === 92) i++;
      const members = names.at(-1);
      if (expectsName && members !== undefined && members !== null) {
        const name = JSON.parse(text.slice(start, i + 1)) as string;
        if (members.has(name)) return true;
        members.add(name);
        expectsName = false;
      }
    } else if (code === 123 || code === 91) {
      names.push(code === 123 ? new Set() : null);
      expectsName = code === 123;
      if (names.length > maxDepth) return true;
    } else if (code === 125 || code === 93) {
      names.pop();
      expectsName = false;
    } else if (code === 44) {
      expectsName = names.at(-1) !== null;
    }
  }
  return false;
}
