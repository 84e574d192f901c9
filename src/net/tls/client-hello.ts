// The one thing the gate wants to know of a ClientHello before the TLS stack sees it: whether it belongs to an ACME
// challenge (RFC 8737), which is answered with another certificate than all else. Looked at only while one is awaited.

export type HelloReading =
  | { readonly kind: 'need-more' }
  /** No ClientHello, or one that says nothing of protocols: the TLS stack decides what to make of it. */
  | { readonly kind: 'other' }
  | { readonly kind: 'hello'; readonly protocols: readonly string[]; readonly serverName: string };

/** A ClientHello with post-quantum key shares takes about 2 KiB. */
const MAX_HELLO_BYTES = 16_384;

const needMore: HelloReading = { kind: 'need-more' };
const other: HelloReading = { kind: 'other' };

/** Reads ALPN protocols and server name from the first bytes of a connection. Never throws. */
export function readClientHello(bytes: Buffer): HelloReading {
  const parts: Buffer[] = [];
  let size = 0;
  let wanted = Number.POSITIVE_INFINITY;
  // The message may come in several records (RFC 8446 section 5.1).
  for (let at = 0; size < wanted; ) {
    if (at + 5 > bytes.length) return at < bytes.length && bytes[at] !== 22 ? other : needMore;
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== 22 || bytes[at + 1] !== 3 || length === 0 || size + length > MAX_HELLO_BYTES)
      return other;
    if (at + 5 + length > bytes.length) return needMore;
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    size += length;
    at += 5 + length;
    if (wanted === Number.POSITIVE_INFINITY && size >= 4) {
      const start = Buffer.concat(parts);
      if (start[0] !== 1) return other;
      wanted = 4 + start.readUIntBE(1, 3);
      if (wanted > MAX_HELLO_BYTES) return other;
    }
  }
  try {
    return readExtensions(Buffer.concat(parts).subarray(4, wanted));
  } catch (error) {
    if (error instanceof RangeError) return other;
    throw error;
  }
}

/** Reads past the ends throw RangeError. */
function readExtensions(hello: Buffer): HelloReading {
  let at = 34;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  if (end !== hello.length) return other;
  let protocols: string[] = [];
  let serverName = '';
  for (at += 2; at < end; ) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    at += 4;
    if (at + length > end) return other;
    const data = hello.subarray(at, at + length);
    if (type === 0) serverName = readServerName(data);
    else if (type === 16) protocols = readProtocols(data);
    at += length;
  }
  return { kind: 'hello', protocols, serverName };
}

function readServerName(data: Buffer): string {
  if (data.readUInt8(2) !== 0) return '';
  const length = data.readUInt16BE(3);
  if (5 + length > data.length) throw new RangeError('a server name is cut off');
  return data.toString('latin1', 5, 5 + length).toLowerCase();
}

function readProtocols(data: Buffer): string[] {
  const out: string[] = [];
  for (let at = 2; at < data.length; ) {
    const length = data.readUInt8(at);
    if (length === 0 || at + 1 + length > data.length) throw new RangeError('a protocol name is cut off');
    out.push(data.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return out;
}
