// IP addresses as 128-bit values: IPv4 is the IPv4-mapped part of IPv6 (RFC 4291 section 2.5.5.2), so that one
// address has one value however it was written. Octal, short and zoned forms are refused.

export interface AddressValue {
  /** Upper and lower 64 bits. */
  readonly high: bigint;
  readonly low: bigint;
}

const quad = /^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/;
const MAPPED = 0xffff_0000_0000n;

function parseQuad(text: string): bigint | null {
  if (!quad.test(text)) return null;
  let value = 0n;
  for (const part of text.split('.')) {
    const byte = Number(part);
    if (byte > 255) return null;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

/** Reads an IPv4 or IPv6 address; null when it is none. */
export function parseAddress(text: string): AddressValue | null {
  const v4 = parseQuad(text);
  if (v4 !== null) return { high: 0n, low: MAPPED | v4 };
  if (text.length > 45 || text.indexOf(':') === -1) return null;
  let body = text;
  let tail: bigint | null = null;
  const lastColon = text.lastIndexOf(':');
  if (text.indexOf('.') !== -1) {
    tail = parseQuad(text.slice(lastColon + 1));
    if (tail === null) return null;
    body = text.slice(0, lastColon + 1) + (tail >> 16n).toString(16) + ':' + (tail & 0xffffn).toString(16);
  }
  const halves = body.split('::');
  if (halves.length > 2) return null;
  const left = halves[0] === '' ? [] : halves[0]!.split(':');
  const right = halves.length === 1 || halves[1] === '' ? [] : halves[1]!.split(':');
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  let value = 0n;
  for (const group of [
    ...left,
    ...new Array<string>(halves.length === 1 ? 0 : missing).fill('0'),
    ...right,
  ]) {
    if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return null;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return { high: value >> 64n, low: value & 0xffff_ffff_ffff_ffffn };
}

/** Canonical text (RFC 5952; mapped IPv4 as IPv4), or null when `text` is no address. */
export function canonicalAddress(text: string): string | null {
  if (quad.test(text)) return parseQuad(text) === null ? null : text;
  const value = parseAddress(text);
  return value === null ? null : formatAddress(value);
}

export function formatAddress(value: AddressValue): string {
  if (value.high === 0n && value.low >> 32n === 0xffffn) {
    const v4 = Number(value.low & 0xffff_ffffn);
    return [v4 >>> 24, (v4 >>> 16) & 255, (v4 >>> 8) & 255, v4 & 255].join('.');
  }
  const groups: number[] = [];
  for (const half of [value.high, value.low]) {
    for (let shift = 48n; shift >= 0n; shift -= 16n) groups.push(Number((half >> shift) & 0xffffn));
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
    i = Math.max(j, i + 1);
  }
  const text = (list: number[]): string => list.map((group) => group.toString(16)).join(':');
  return best === -1
    ? text(groups)
    : `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`;
}

/** First and last value of a block. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; null when it is none or has bits beyond the prefix. */
export function parseCidr(text: string): AddressRange | null {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const value = parseAddress(address);
  if (value === null) return null;
  const isV4 = quad.test(address);
  let prefix = 128;
  if (slash !== -1) {
    const digits = text.slice(slash + 1);
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits) || Number(digits) > (isV4 ? 32 : 128)) return null;
    prefix = Number(digits) + (isV4 ? 96 : 0);
  }
  const whole = (value.high << 64n) | value.low;
  const hostBits = (1n << BigInt(128 - prefix)) - 1n;
  if ((whole & hostBits) !== 0n) return null;
  return { first: whole, last: whole | hostBits };
}
