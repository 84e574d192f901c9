// JSON Pointers (RFC 6901) of rules, with `*` for every item of a list. HOT

/** `/lines/*\/sku` to its parts; null when the text is not a pointer to a member. */
export function parseFieldPointer(text: string): readonly string[] | null {
  if (!text.startsWith('/') || text.length === 1 || /~(?![01])/.test(text)) return null;
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));
}

/** All values that stand at the pointer. */
export function valuesAt(body: unknown, pointer: readonly string[]): unknown[] {
  let values = [body];
  for (const name of pointer) {
    const next: unknown[] = [];
    for (const value of values) {
      if (typeof value !== 'object' || value === null) continue;
      if (Array.isArray(value)) {
        if (name === '*') {
          for (let i = 0; i < value.length; i++) next.push(value[i]);
        } else if (/^(?:0|[1-9][0-9]*)$/.test(name) && Number(name) < value.length)
          next.push(value[Number(name)]);
      } else if (Object.hasOwn(value, name)) next.push((value as Readonly<Record<string, unknown>>)[name]);
    }
    values = next;
  }
  return values;
}
