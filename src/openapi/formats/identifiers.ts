// URIs and IRIs (RFC 3986, RFC 3987), and templates of URIs (RFC 6570).
import { isIPv4, isIPv6 } from 'node:net';

/** `ucschar` of RFC 3987; `iprivate` may stand in queries alone. */
const ucs =
  '\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{1fffd}\\u{20000}-\\u{2fffd}\\u{30000}-\\u{3fffd}\\u{40000}-\\u{dfffd}\\u{e1000}-\\u{efffd}';
const isPrivate = '\\ue000-\\uf8ff\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}';
const plain = "A-Za-z0-9\\-._~!$&'()*+,;=";

interface Parts {
  readonly path: RegExp;
  readonly query: RegExp;
  readonly fragment: RegExp;
  readonly user: RegExp;
  readonly name: RegExp;
}

const partsOf = (extra: string, extraInQuery: string): Parts => {
  const all = (characters: string): RegExp => new RegExp(`^(?:[${characters}]|%[0-9A-Fa-f]{2})*$`, 'u');
  return {
    path: all(`${plain}:@/${extra}`),
    query: all(`${plain}:@/?${extra}${extraInQuery}`),
    fragment: all(`${plain}:@/?${extra}`),
    user: all(`${plain}:${extra}`),
    name: all(`${plain}${extra}`),
  };
};
const uriParts = partsOf('', '');
const iriParts = partsOf(ucs, isPrivate);

/** RFC 3986 appendix B. */
const split = /^(?:([^:/?#]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*$/;

function isReference(text: string, parts: Parts, needsScheme: boolean): boolean {
  const match = split.exec(text);
  if (match === null) return false;
  const [, name, authority, path = '', query = '', fragment = ''] = match;
  if (name === undefined ? needsScheme : !scheme.test(name)) return false;
  if (authority !== undefined) {
    if (!isAuthority(authority, parts) || (path !== '' && !path.startsWith('/'))) return false;
  } else if (path.startsWith('//')) return false;
  // Without a scheme a colon in the first segment would make one (section 4.2).
  if (name === undefined && authority === undefined && path.split('/', 1)[0]!.includes(':')) return false;
  return parts.path.test(path) && parts.query.test(query) && parts.fragment.test(fragment);
}

function isAuthority(authority: string, parts: Parts): boolean {
  const at = authority.lastIndexOf('@');
  if (at !== -1 && !parts.user.test(authority.slice(0, at))) return false;
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/s.exec(authority.slice(at + 1));
  if (match === null) return false;
  const host = match[1]!;
  if (!host.startsWith('[')) return parts.name.test(host);
  const address = host.slice(1, -1);
  if (/^[vV]/.test(address)) return /^[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/.test(address);
  const embedded = /(?:^|:)([\d.]+)$/.exec(address)?.[1];
  return (
    isIPv6(address) &&
    !address.includes('%') &&
    (embedded === undefined || !embedded.includes('.') || isIPv4(embedded))
  );
}

export const isUri = (text: string): boolean => isReference(text, uriParts, true);
export const isUriReference = (text: string): boolean => isReference(text, uriParts, false);
export const isIri = (text: string): boolean => isReference(text, iriParts, true);
export const isIriReference = (text: string): boolean => isReference(text, iriParts, false);

const varchar = '(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})';
const varspec = `${varchar}(?:\\.?${varchar})*(?::[1-9]\\d{0,3}|\\*)?`;
const template = new RegExp(
  `^(?:[\\x21\\x23-\\x24\\x26-\\x3b\\x3d\\x3f-\\x5b\\x5d\\x5f\\x61-\\x7a\\x7e${ucs}${isPrivate}]|%[0-9A-Fa-f]{2}|\\{[+#./;?&=,!@|]?${varspec}(?:,${varspec})*\\})*$`,
  'u',
);

export const isUriTemplate = (text: string): boolean => template.test(text);
