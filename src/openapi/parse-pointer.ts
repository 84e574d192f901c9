// JSON Pointer fragments (RFC 6901 section 6).

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Value at `reference` (`#/a/b`) in `root`; undefined when there is none. Looks at own members only. */
export function lookUp(root: unknown, reference: string): unknown {
  let current: unknown = root;
  for (const raw of reference.slice(2).split('/')) {
    let part: string;
    try {
      part = decodeURIComponent(raw).replace(/~1/g, '/').replace(/~0/g, '~');
    } catch {
      return undefined;
    }
    if (Array.isArray(current)) current = current[Number(part)];
    else if (isObject(current) && Object.hasOwn(current, part)) current = current[part];
    else return undefined;
  }
  return current;
}
