// Plain feeds: a value a line, or a column of CSV, with comments. What a value is it says itself: an address or block, a URL, else a name.
import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { parseCidr } from '../net/index.ts';
import { type FeedProof, type Indicator, type IndicatorValue, IntelError } from './contract.ts';
import { isMatchable, nameUuid } from './stix.ts';

export interface PlainFormat {
  readonly format: 'lines' | 'csv';
  /** Column of CSV. */
  readonly column: string;
}

export interface PlainReading {
  readonly values: readonly IndicatorValue[];
  /** Lines that say nothing that is known. */
  readonly unknown: number;
}

/** Null for what is neither an address, a name nor a URL. */
export function plainValue(text: string): IndicatorValue | null {
  const value = text.trim();
  const candidate: IndicatorValue =
    parseCidr(value) !== null
      ? { kind: 'address', value }
      : /^https?:\/\//i.test(value)
        ? { kind: 'url', value }
        : { kind: 'domain', value: value.toLowerCase().replace(/\.$/, '') };
  if (!isMatchable(candidate)) return null;
  // A bare word or number is no name of a host.
  return candidate.kind === 'domain' && !/\.[a-z][a-z0-9-]*$/.test(candidate.value) ? null : candidate;
}

/** At most `max` values; throws IntelError for CSV without the column. */
export function readPlainFeed(text: string, { format, column }: PlainFormat, max: number): PlainReading {
  const values = new Map<string, IndicatorValue>();
  let unknown = 0;
  let at = -1;
  for (const line of text.split(/\r?\n/)) {
    const isComment = /^\s*(?:[#;]|\/\/|$)/.test(line);
    let cell = line;
    if (format === 'csv') {
      const cells = splitCsv(isComment && at === -1 ? line.replace(/^\s*#\s*/, '') : line);
      // Some feeds name their columns in a comment.
      if (at === -1) {
        at = cells.findIndex((name) => name.trim().toLowerCase() === column.toLowerCase());
        continue;
      }
      cell = cells[at] ?? '';
    } else cell = line.replace(/\s+(?:[#;]|\/\/).*$/, '');
    if (isComment) continue;
    const value = plainValue(cell);
    if (value === null) unknown++;
    else if (values.size < max) values.set(`${value.kind} ${value.value}`, value);
  }
  if (format === 'csv' && at === -1) throw new IntelError(`no row names a column "${column}"`);
  return { values: [...values.values()], unknown };
}

/** Cells of one row (RFC 4180); a quoted cell ends with its line at the latest. */
export function splitCsv(row: string): string[] {
  const cells: string[] = [];
  const nextComma = (from: number): number => {
    const comma = row.indexOf(',', from);
    return comma === -1 ? row.length : comma;
  };
  for (let at = 0; ; at++) {
    let cell = '';
    if (row[at] === '"') {
      let from = at + 1;
      let quote = row.indexOf('"', from);
      while (quote !== -1 && row[quote + 1] === '"') {
        cell += row.slice(from, quote + 1);
        from = quote + 2;
        quote = row.indexOf('"', from);
      }
      const end = quote === -1 ? row.length : quote;
      cell += row.slice(from, end);
      at = nextComma(end);
    } else {
      const end = nextComma(at);
      cell = row.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (at >= row.length) return cells;
  }
}

/** Indicators of plain values; each has the id that its value gives it. */
export function plainIndicators(
  values: readonly IndicatorValue[],
  {
    feed,
    confidence,
    untilMs,
  }: { readonly feed: string; readonly confidence: number; readonly untilMs: number | null },
): Indicator[] {
  return values.map((value) => ({
    id: `indicator--${nameUuid(`${feed}\n${value.kind}\n${value.value}`)}`,
    feed,
    name: '',
    confidence,
    untilMs,
    values: [value],
    modified: '',
  }));
}

/** A public Ed25519 key as PEM, or as 32 bytes in base64; null for anything else. */
export function parseEd25519(text: string): KeyObject | null {
  try {
    const raw = Buffer.from(text.trim(), 'base64');
    const key = text.includes('BEGIN')
      ? createPublicKey(text)
      : createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

/** Throws IntelError unless the bytes are what their maker published. `sidecar` is the text at the proof's URL. */
export function checkProof(bytes: Uint8Array, proof: FeedProof, sidecar: string): void {
  if (proof.kind === 'none') return;
  if (proof.kind === 'ed25519') {
    const key = parseEd25519(proof.key);
    const signature = Buffer.from(sidecar.trim(), 'base64');
    if (key === null || signature.length !== 64 || !verify(null, bytes, key, signature))
      throw new IntelError('the feed is not signed by its key');
    return;
  }
  // As sha256sum writes it: the hash, and a name behind.
  const wanted = proof.kind === 'sha256' ? proof.hex : (/\b[0-9a-f]{64}\b/i.exec(sidecar)?.[0] ?? '');
  const found = createHash('sha256').update(bytes).digest();
  const expected = Buffer.from(wanted, 'hex');
  if (expected.length !== 32 || !timingSafeEqual(found, expected))
    throw new IntelError('the feed does not have the hash that it must have');
}
