// What of a line can be searched without reading it: words of its fields in a Bloom filter, one a block. A filter says
// "certainly not here" or "perhaps here"; a caller who makes words collide gains no more than a slower search.
import type { ExchangeRecord } from '../telemetry/index.ts';

/** Bits a word: with seven probes one word in a hundred and twenty is found where it is not. */
const BITS_PER_WORD = 10;
const PROBES = 7;

export type WordField = 'id' | 'trace' | 'consumer' | 'address' | 'operation' | 'status';

export const wordOf = (field: WordField, value: string): string => `${field}\0${value}`;

/** All words of a line. */
export function wordsOf(record: ExchangeRecord): string[] {
  const out = [
    wordOf('id', record.id),
    wordOf('address', record.client_address),
    wordOf('status', String(record.status)),
  ];
  if (record.trace_id !== undefined) out.push(wordOf('trace', record.trace_id));
  if (record.consumer !== undefined) out.push(wordOf('consumer', record.consumer));
  if (record.operation !== undefined) out.push(wordOf('operation', record.operation));
  return out;
}

/** Two hashes of 32 bits in one pass: FNV-1a and a multiplicative one, both mixed at the end. */
function hashes(word: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < word.length; i++) {
    const c = word.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b ^ c, 0x5bd1e995) ^ (b >>> 15);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  return [(a ^ (a >>> 13)) >>> 0, ((b ^ (b >>> 16)) | 1) >>> 0];
}

export function filterOf(words: ReadonlySet<string>): Buffer {
  const filter = Buffer.alloc(Math.max(8, Math.ceil((words.size * BITS_PER_WORD) / 8)));
  const bits = filter.length * 8;
  for (const word of words) {
    const [start, step] = hashes(word);
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (start + probe * step) % bits;
      filter[bit >>> 3]! |= 1 << (bit & 7);
    }
  }
  return filter;
}

/** False: certainly not. */
export function mayHold(filter: Buffer, word: string): boolean {
  const bits = filter.length * 8;
  if (bits === 0) return true;
  const [start, step] = hashes(word);
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = (start + probe * step) % bits;
    if ((filter[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}
