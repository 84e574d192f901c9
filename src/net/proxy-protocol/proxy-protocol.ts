// PROXY protocol versions 1 and 2, as HAProxy's specification (proxy-protocol.txt, 2020) describes them. Pure and
// incremental: give it all bytes received so far.
import { crc32c } from './crc32c.ts';

export type ProxyHeader =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'invalid' }
  | {
      readonly kind: 'header';
      /** Bytes of the header; HTTP or TLS starts after them. */
      readonly length: number;
      /** Address of the client; null when the proxy speaks for itself (LOCAL, UNKNOWN) or for no IP socket. */
      readonly source: string | null;
      readonly sourcePort: number;
    };

const NEED_MORE: ProxyHeader = { kind: 'need-more' };
const INVALID: ProxyHeader = { kind: 'invalid' };

/** Longest version 1 line, including CRLF. */
const V1_MAX_BYTES = 107;
/** Addresses and TLVs; the format allows 65,535, no proxy sends more than a few hundred. */
const V2_MAX_BYTES = 4096;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length === 0) return NEED_MORE;
  if (view[0] === signature[0]) return parseV2(view);
  const start = view.toString('latin1', 0, Math.min(6, view.length));
  if (!'PROXY '.startsWith(start)) return INVALID;
  return view.length < 6 ? NEED_MORE : parseV1(view);
}

function parseV1(view: Buffer): ProxyHeader {
  const text = view.toString('latin1', 0, Math.min(view.length, V1_MAX_BYTES));
  const end = text.indexOf('\r\n');
  if (end === -1) return text.length === V1_MAX_BYTES ? INVALID : NEED_MORE;
  const line = text.slice(0, end);
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) {
    return { kind: 'header', length: end + 2, source: null, sourcePort: 0 };
  }
  const match = /^PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (match === null) return INVALID;
  const isV6 = match[1] === 'TCP6';
  for (const address of [match[2]!, match[3]!]) if (address.includes(':') !== isV6) return INVALID;
  for (const port of [match[4]!, match[5]!]) if (Number(port) > 65_535 || /^0./.test(port)) return INVALID;
  return { kind: 'header', length: end + 2, source: match[2]!, sourcePort: Number(match[4]) };
}

function parseV2(view: Buffer): ProxyHeader {
  if (!signature.subarray(0, Math.min(12, view.length)).equals(view.subarray(0, 12))) return INVALID;
  if (view.length < 16) return NEED_MORE;
  const version = view[12]! >> 4;
  const command = view[12]! & 15;
  const family = view[13]! >> 4;
  const transport = view[13]! & 15;
  const size = view.readUInt16BE(14);
  if (version !== 2 || command > 1 || family > 3 || transport > 2 || size > V2_MAX_BYTES) return INVALID;
  const length = 16 + size;
  if (view.length < length) return NEED_MORE;
  const addressBytes = family === 1 ? 12 : family === 2 ? 36 : family === 3 ? 216 : 0;
  if (size < addressBytes) return INVALID;
  if (family !== 0 && !tlvsAreValid(view, 16 + addressBytes, length)) return INVALID;
  if (command === 0 || transport !== 1) return { kind: 'header', length, source: null, sourcePort: 0 };
  if (family === 1) {
    return {
      kind: 'header',
      length,
      source: Array.from(view.subarray(16, 20)).join('.'),
      sourcePort: view.readUInt16BE(24),
    };
  }
  if (family === 2) {
    const groups: string[] = [];
    for (let i = 16; i < 32; i += 2) groups.push(view.readUInt16BE(i).toString(16));
    return { kind: 'header', length, source: groups.join(':'), sourcePort: view.readUInt16BE(48) };
  }
  return { kind: 'header', length, source: null, sourcePort: 0 };
}

const TLV_CRC32C = 3;

function tlvsAreValid(view: Buffer, from: number, end: number): boolean {
  let at = from;
  while (at < end) {
    if (at + 3 > end) return false;
    const size = view.readUInt16BE(at + 1);
    if (at + 3 + size > end) return false;
    if (view[at] === TLV_CRC32C) {
      if (size !== 4) return false;
      const claimed = view.readUInt32BE(at + 3);
      const copy = Buffer.from(view.subarray(0, end));
      copy.fill(0, at + 3, at + 7);
      if (crc32c(copy) !== claimed) return false;
    }
    at += 3 + size;
  }
  return true;
}
