// How people name fields of JSON documents: a JSON Pointer (RFC 6901) or the plain part of JSONPath (RFC 9535), `*` for every
// item or member.

/** `/lines/*\/sku`, `$.lines[*].sku` or `$['a b'].c` to its parts; null for anything else. */
export function parseFieldPath(text: string): readonly string[] | null {
  if (text.startsWith('/')) {
    if (text.length === 1 || /~(?![01])/.test(text)) return null;
    return text
      .slice(1)
      .split('/')
      .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
  }
  if (!text.startsWith('$')) return null;
  const parts: string[] = [];
  const step =
    /\.([A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*|\*)|\[(?:(\*|0|[1-9]\d{0,8})|'([^'\\]+)'|"([^"\\]+)")\]/y;
  step.lastIndex = 1;
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    if (match === null) return null;
    parts.push((match[1] ?? match[2] ?? match[3] ?? match[4])!);
  }
  return parts.length === 0 ? null : parts;
}
