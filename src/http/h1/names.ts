// Field names as the codec knows them: one lookup turns the bytes of a name into its lower-case form and its
// role in the protocol. Names seen for the first time are checked and, within bounds, remembered. HOT

/** What a field means for framing and connections; `ordinary` fields are passed on as they are. */
export const FieldRole = {
  ordinary: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  expect: 5,
  upgrade: 6,
  /** Hop-by-hop: concerns this connection only and is never passed on (RFC 9110 section 7.6.1). */
  hopByHop: 7,
  /** End-to-end and never repeated in a request; two of them could be read in two ways. */
  singleton: 8,
  /** End-to-end, but told by proxies about the client: believed only from configured peers. */
  forwarding: 9,
  /** W3C trace context. */
  trace: 10,
  /** Means nothing (RFC 9112 appendix C.2.2), yet some parsers take it for Connection. */
  proxyConnection: 11,
} as const;

export interface FieldName {
  readonly lower: string;
  readonly role: number;
  /** May not be named in `Connection` nor stand in a trailer section: routing, framing or trust depends on it. */
  readonly protected: boolean;
}

/** Names kept at most; beyond it unknown names are checked anew every time, which is slower but bounded. */
const MAX_REMEMBERED = 1024;
const MAX_REMEMBERED_LENGTH = 64;
/** Longest field name accepted, bytes. */
const MAX_NAME_BYTES = 256;

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const roles: Readonly<Record<string, number>> = {
  host: FieldRole.host,
  'content-length': FieldRole.contentLength,
  'transfer-encoding': FieldRole.transferEncoding,
  connection: FieldRole.connection,
  expect: FieldRole.expect,
  upgrade: FieldRole.upgrade,
  'keep-alive': FieldRole.hopByHop,
  'proxy-connection': FieldRole.proxyConnection,
  'proxy-authenticate': FieldRole.hopByHop,
  'proxy-authorization': FieldRole.hopByHop,
  te: FieldRole.hopByHop,
  trailer: FieldRole.hopByHop,
  'http2-settings': FieldRole.hopByHop,
  authorization: FieldRole.singleton,
  'content-type': FieldRole.singleton,
  'content-encoding': FieldRole.singleton,
  'content-range': FieldRole.singleton,
  origin: FieldRole.singleton,
  'user-agent': FieldRole.singleton,
  'if-modified-since': FieldRole.singleton,
  'if-unmodified-since': FieldRole.singleton,
  'if-range': FieldRole.singleton,
  'max-forwards': FieldRole.singleton,
  range: FieldRole.singleton,
  referer: FieldRole.singleton,
  from: FieldRole.singleton,
  date: FieldRole.singleton,
  traceparent: FieldRole.trace,
  tracestate: FieldRole.trace,
  forwarded: FieldRole.forwarding,
  'x-real-ip': FieldRole.forwarding,
  'client-cert': FieldRole.forwarding,
  'client-cert-chain': FieldRole.forwarding,
};

/** End-to-end fields that stay protected although they have no role of their own. */
const protectedNames = new Set([
  'cookie',
  'set-cookie',
  'cache-control',
  'via',
  'location',
  'age',
  'expires',
  'vary',
  'www-authenticate',
  'x-api-key',
  'access-control-allow-origin',
  'access-control-allow-credentials',
]);

const common = [
  ...Object.keys(roles),
  ...protectedNames,
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'accept-ranges',
  'access-control-request-headers',
  'access-control-request-method',
  'allow',
  'content-disposition',
  'content-language',
  'content-location',
  'content-security-policy',
  'etag',
  'if-match',
  'if-none-match',
  'idempotency-key',
  'last-modified',
  'link',
  'pragma',
  'retry-after',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-protocol',
  'sec-websocket-version',
  'server',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-powered-by',
  'x-request-id',
  'x-requested-with',
];

const table = new Map<string, FieldName>();

interface Spelling {
  /** The name as it is often written, with its colon. */
  readonly text: string;
  readonly entry: FieldName;
}

/** Usual spellings by length and first letter: a comparison in place is cheaper than a slice and a hash. */
const spellings: Spelling[][] = Array.from({ length: 32 * 32 }, () => []);

const slotOf = (length: number, firstCode: number): number => ((length & 31) << 5) | (firstCode & 31);

function describe(lower: string): FieldName {
  const role = roles[lower] ?? (lower.startsWith('x-forwarded-') ? FieldRole.forwarding : FieldRole.ordinary);
  const isProtected = role !== FieldRole.ordinary || protectedNames.has(lower);
  return { lower, role, protected: isProtected };
}

for (const lower of common) {
  const entry = describe(lower);
  const title = lower.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  for (const spelling of [title, lower]) {
    table.set(spelling, entry);
    spellings[slotOf(spelling.length, spelling.charCodeAt(0))]!.push({ text: spelling + ':', entry });
  }
}
const firstLearnt = table.size;

/** Entry of the field name at `text[start, colon)`, which a colon follows; null when it is no token. */
export function findFieldName(text: string, start: number, colon: number): FieldName | null {
  const slot = spellings[slotOf(colon - start, text.charCodeAt(start))]!;
  for (let i = 0; i < slot.length; i++) {
    if (text.startsWith(slot[i]!.text, start)) return slot[i]!.entry;
  }
  return lookUpFieldName(text.slice(start, colon));
}

/** Entry of a field name as it stood in the message, or null when it is no token (RFC 9110 section 5.6.2). */
export function lookUpFieldName(raw: string): FieldName | null {
  const known = table.get(raw);
  return known !== undefined ? known : learn(raw);
}

function learn(raw: string): FieldName | null {
  if (raw.length > MAX_NAME_BYTES || !token.test(raw)) return null;
  const lower = raw.toLowerCase();
  const entry = table.get(lower) ?? describe(lower);
  if (raw.length <= MAX_REMEMBERED_LENGTH && table.size - firstLearnt < MAX_REMEMBERED) {
    // A copy: a slice would keep the whole head alive that it was cut from.
    table.set(Buffer.from(raw, 'latin1').toString('latin1'), entry);
  }
  return entry;
}
