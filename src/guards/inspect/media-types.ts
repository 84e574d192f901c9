// Which answers are held: a content type against a short list of types and families. HOT

/** Whether `contentType` is one of `types`: `application/json`, `text/*` or `+json`. A missing one is, as nobody knows. */
export function matchesType(contentType: string | null, types: readonly string[]): boolean {
  if (types.length === 0) return false;
  if (contentType === null) return true;
  const semicolon = contentType.indexOf(';');
  const essence = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  for (let i = 0; i < types.length; i++) {
    const type = types[i]!;
    if (type === essence) return true;
    if (type.charCodeAt(0) === 43 ? essence.endsWith(type) : isFamily(type, essence)) return true;
  }
  return false;
}

const isFamily = (type: string, essence: string): boolean =>
  type.endsWith('/*') && essence.startsWith(type.slice(0, -1));
