// The signature base of RFC 9421 section 2: the covered components of a request, one line each, and the parameters of
// the signature at the end. What is not known, not there or there twice makes no base, and so no signature.
import type { FieldList } from '../http/fields/index.ts';
import { type InnerList, type Item, parseDictionary, writeMember } from '../http/fields/index.ts';

/** A request as it was signed. */
export interface SignedRequest {
  readonly method: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** Host and port as the client named them. */
  readonly authority: string;
  /** Normalised. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly fields: FieldList;
  /** Bytes of the body that the head announces; negative when it does not. */
  readonly contentLength: number;
}

/** The base for what `input` covers, or null. */
export function signatureBase(request: SignedRequest, input: InnerList): string | null {
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const component of input.items) {
    if (component.value.kind !== 'string') return null;
    const name = writeMember(component);
    // Covered twice, with whatever parameters in whatever order (section 2.5).
    const identity = `${component.value.value} ${[...component.parameters.keys()].sort().join(' ')} ${
      component.parameters.get('name')?.value ?? ''
    } ${component.parameters.get('key')?.value ?? ''}`;
    if (seen.has(identity)) return null;
    seen.add(identity);
    const value = componentValue(request, component.value.value, component);
    if (value === null || /[\r\n]/.test(value)) return null;
    lines.push(`${name}: ${value}`);
  }
  lines.push(`"@signature-params": ${writeMember(input)}`);
  return lines.join('\n');
}

/** Host and port without the scheme's own port, in lower case (section 2.2.3). */
const authorityOf = ({ authority, scheme }: SignedRequest): string =>
  authority.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '');

function componentValue(request: SignedRequest, name: string, component: Item): string | null {
  const { parameters } = component;
  if (name === '@query-param') return parameters.size === 1 ? queryParameter(request.query, component) : null;
  if (name.startsWith('@')) return parameters.size === 0 ? derived(request, name) : null;
  if (name !== name.toLowerCase()) return null;
  const values = fieldValues(request, name);
  if (values.length === 0) return null;
  const value = values.map((text) => text.trim()).join(', ');
  if (parameters.size === 0) return value;
  // One member of a dictionary (section 2.1.2); the other parameters are not taken.
  const key = parameters.get('key');
  if (parameters.size !== 1 || key?.kind !== 'string') return null;
  const member = parseDictionary(value)?.get(key.value);
  return member === undefined ? null : writeMember(member);
}

/** The codec keeps Host and Content-Length apart from the other fields. */
function fieldValues({ fields, authority, contentLength }: SignedRequest, name: string): readonly string[] {
  if (name === 'host') return [authority];
  if (name === 'content-length' && contentLength >= 0) return [String(contentLength)];
  return fields.all(name);
}

function derived(request: SignedRequest, name: string): string | null {
  const { method, scheme, path, query } = request;
  const target = query === '' ? path : `${path}?${query}`;
  switch (name) {
    case '@method':
      return method;
    case '@scheme':
      return scheme;
    case '@authority':
      return authorityOf(request);
    case '@path':
      return path;
    case '@query':
      return `?${query}`;
    case '@request-target':
      return target;
    case '@target-uri':
      return `${scheme}://${authorityOf(request)}${target}`;
    default:
      return null;
  }
}

/** Section 2.2.8: the one parameter of that name, decoded and encoded again in one way. */
function queryParameter(query: string, component: Item): string | null {
  const name = component.parameters.get('name');
  if (name?.kind !== 'string') return null;
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!~'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const found = [...new URLSearchParams(query)].filter(([key]) => encode(key) === name.value);
  return found.length === 1 ? encode(found[0]![1]) : null;
}

/** What a component covers besides itself: the whole target covers its parts. */
export const coveredBy: Readonly<Record<string, readonly string[]>> = {
  '@target-uri': ['@scheme', '@authority', '@path', '@query', '@request-target'],
  '@request-target': ['@path', '@query'],
};
