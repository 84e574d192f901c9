// One path for everybody: equal paths become equal texts (RFC 3986 section 6.2.2), and every path that some server
// reads in another way (dot segments, encoded separators, double encoding, path parameters, empty segments, segments
// that Windows trims) is refused instead of being repaired. HOT

/** A path that is canonical as it stands: no escapes, no empty segment, no segment ending in a dot, no `;`. */
const canonical =
  /^\/(?:[A-Za-z0-9\-_~!$&'()*+,=:@.]*[A-Za-z0-9\-_~!$&'()*+,=:@]\/)*(?:[A-Za-z0-9\-_~!$&'()*+,=:@.]*[A-Za-z0-9\-_~!$&'()*+,=:@])?$/;

/** An escaped percent sign before two digits, which a second decoding would turn into something else. */
const twiceEscaped = /%25[0-9A-Fa-f]{2}/;
/** What may stand in a path besides escapes (RFC 3986 section 3.3), but for `;`. */
const pathCharacters = /^[A-Za-z0-9\-._~!$&'()*+,=:@/%]+$/;
const unreserved = /[A-Za-z0-9\-._~]/;

/** The canonical form of `path`, or null when the path is ambiguous. Idempotent; the segments stay what they are. */
export function normalisePath(path: string): string | null {
  if (path.indexOf('%') === -1) return canonical.test(path) ? path : null;
  return normaliseEscapes(path);
}

function normaliseEscapes(path: string): string | null {
  if (path.charCodeAt(0) !== 47 || path.indexOf(';') !== -1 || path.indexOf('\\') !== -1) return null;
  let out = '';
  let at = 0;
  for (let percent = path.indexOf('%'); percent !== -1; percent = path.indexOf('%', at)) {
    const code = hexByte(path, percent + 1);
    if (code < 32 || code === 127 || code === 0x2f || code === 0x5c) return null;
    const character = String.fromCharCode(code);
    out += path.slice(at, percent);
    out += code < 128 && unreserved.test(character) ? character : '%' + hex(code);
    at = percent + 3;
  }
  out += path.slice(at);
  return pathCharacters.test(out) && !twiceEscaped.test(out) && segmentsAreClear(out) && isUtf8(out)
    ? out
    : null;
}

/** Value of two hexadecimal digits, -1 when they are none. */
function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 65 && code <= 70) return code - 55;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

const hex = (code: number): string => code.toString(16).toUpperCase().padStart(2, '0');

/** No empty segment but the last, none that ends in a dot or an escaped space. */
function segmentsAreClear(path: string): boolean {
  const segments = path.split('/');
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!;
    if (segment === '') {
      if (i !== segments.length - 1) return false;
    } else if (segment.endsWith('.') || segment.endsWith('%20')) return false;
  }
  return true;
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
