// Host and authority (RFC 9110 section 7.2, RFC 3986 section 3.2.2): a registered name, an IPv4 address or an IPv6
// literal, with an optional port. Internationalised names come as A-labels. HOT
import { isIPv6 } from 'node:net';

const name =
  /^([A-Za-z0-9_](?:[A-Za-z0-9\-_]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9\-_]{0,61}[A-Za-z0-9_])?)*)(?::([0-9]{1,5}))?$/;
const literal = /^\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?$/;
const MAX_HOST_BYTES = 261;

/** A server's own names come again and again; junk must not grow the table. */
const MAX_REMEMBERED = 256;
const remembered = new Map<string, string>();
let lastValue = '\0';
let lastHost = '';

/** Lower-case host without the port, or null when the value is not exactly one host. A trailing dot is refused. */
export function parseHost(value: string): string | null {
  if (value === lastValue) return lastHost;
  const known = remembered.get(value);
  if (known !== undefined) {
    lastValue = value;
    lastHost = known;
    return known;
  }
  const host = readHost(value);
  if (host !== null && remembered.size < MAX_REMEMBERED) {
    remembered.set(Buffer.from(value, 'latin1').toString('latin1'), host);
  }
  return host;
}

function readHost(value: string): string | null {
  if (value.length > MAX_HOST_BYTES) return null;
  const match = value.startsWith('[') ? literal.exec(value) : name.exec(value);
  if (match === null) return null;
  const port = match[2];
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return null;
  const host = match[1]!.toLowerCase();
  if (value.startsWith('[')) return isIPv6(host) ? '[' + host + ']' : null;
  // A name of digits and dots that is no IPv4 address is read as one by some resolvers (octal, short forms).
  if (/^[0-9.]+$/.test(host) && !isDottedQuad(host)) return null;
  return host;
}

function isDottedQuad(host: string): boolean {
  const parts = host.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
  );
}
