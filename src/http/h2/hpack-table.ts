// Entries of the HPACK tables. What a field means and whether it is well formed is found out once, when the entry
// is made; a request whose fields are all indexed costs a few array reads. The static table is RFC 7541 appendix A.
import { type FieldName, lookUpFieldName } from '../h1/index.ts';

/** Kinds of fields; pseudo-header fields are those whose names begin with a colon (RFC 9113 section 8.3). */
export const EntryKind = {
  regular: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  /** Not well formed (RFC 9113 section 8.2.1), or a pseudo-header field that does not exist. */
  invalid: 6,
} as const;

/** Overhead of an entry as the protocol counts it, bytes (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD = 32;

const pseudo: Readonly<Record<string, number>> = {
  __proto__: null as never,
  ':method': EntryKind.method,
  ':scheme': EntryKind.scheme,
  ':authority': EntryKind.authority,
  ':path': EntryKind.path,
  ':status': EntryKind.status,
};

/** Visible characters, blanks only inside. */
const fieldValue = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

export class HpackEntry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  readonly kind: number;
  /** Role of a regular field; null for others. */
  readonly field: FieldName | null;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + ENTRY_OVERHEAD;
    let kind: number = EntryKind.invalid;
    let field: FieldName | null = null;
    if (fieldValue.test(value)) {
      if (name.charCodeAt(0) === 58) kind = pseudo[name] ?? EntryKind.invalid;
      else {
        field = lookUpFieldName(name);
        // Upper case is malformed in HTTP/2.
        if (field !== null && field.lower === name) kind = EntryKind.regular;
        else field = null;
      }
    }
    this.kind = kind;
    this.field = field;
  }
}

const rows: readonly (readonly [string, string?])[] = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
];

/** Entry `i` has index `i + 1`. */
export const staticTable: readonly HpackEntry[] = rows.map(
  ([name, value]) => new HpackEntry(name, value ?? ''),
);

/** Index of the first static entry with this name. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  rows.map(([name], i) => [name, i + 1] as const).reverse(),
);
