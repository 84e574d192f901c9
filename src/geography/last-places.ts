// Where each caller was seen last, in memory that all threads share, and whether it can have come from there. Bounded: the
// caller that was not seen for longest makes room. No locks: a cell is written under a sequence number, and whoever finds
// it being written says nothing. HOT
import { randomBytes } from 'node:crypto';
import { KeyHasher } from '../core/index.ts';
import type { Journey, Place } from '../exchange/index.ts';
import { distanceKm } from './distance.ts';

/** Cells of one bucket: a caller lives in one of these. */
const WAYS = 8;
/** Int32 words of a cell: sequence, hash high and low, second, latitude and longitude, radius, country. */
const WORDS = 8;
const [SEQUENCE, HIGH, LOW, SECOND, LATITUDE, LONGITUDE, RADIUS, COUNTRY] = [0, 1, 2, 3, 4, 5, 6, 7];
/** Coordinates are kept as ten-thousandths of a degree, about ten metres. */
const SCALE = 10_000;
/** Shorter ways say nothing, km: who changes from a fixed line to a mobile network is soon in another city. */
const MIN_KM = 500;
/** Who moved no further than this stays, km. */
const SAME_KM = 50;
/** Who stays is noted again after this time, s. */
const NOTE_S = 10;

/** Shared memory of a table, to be posted to other threads. */
export interface LastPlacesMemory {
  readonly buffer: SharedArrayBuffer;
  readonly buckets: number;
  readonly seed: readonly [number, number];
}

/** `callers` is rounded up to a power of two; each takes 32 bytes. */
export function createLastPlaces(callers = 65_536): LastPlacesMemory {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, callers / WAYS)));
  const random = randomBytes(8);
  return {
    buffer: new SharedArrayBuffer(buckets * WAYS * WORDS * 4),
    buckets,
    seed: [random.readInt32LE(0), random.readInt32LE(4)],
  };
}

export class LastPlaces {
  readonly #words: Int32Array;
  readonly #buckets: number;
  readonly #hasher: KeyHasher;

  constructor(memory: LastPlacesMemory) {
    this.#words = new Int32Array(memory.buffer);
    this.#buckets = memory.buckets;
    this.#hasher = new KeyHasher(memory.seed[0], memory.seed[1]);
  }

  /**
   * Notes where `caller` is at `nowMs` (monotonic, the same on all threads). The journey when it can not have come from
   * where it was less than `rememberMs` ago at `maxKmh`; then the earlier place stays, so that a thief does not take the
   * place of who was there before. Null for all else, and where a place has no coordinates.
   */
  visit(caller: string, place: Place, nowMs: number, rememberMs: number, maxKmh: number): Journey | null {
    if (Number.isNaN(place.latitude)) return null;
    const hasher = this.#hasher;
    hasher.run(0, caller);
    const { high, low } = hasher;
    const words = this.#words;
    const second = Math.floor(nowMs / 1000) | 0;
    const first = ((high >>> 0) & (this.#buckets - 1)) * WAYS * WORDS;
    let victim = first;
    let oldest = Number.POSITIVE_INFINITY;
    for (let cell = first; cell < first + WAYS * WORDS; cell += WORDS) {
      const sequence = Atomics.load(words, cell + SEQUENCE!);
      if ((sequence & 1) === 1) continue;
      const seen = words[cell + SECOND!]!;
      const isOwn = words[cell + HIGH!] === high && words[cell + LOW!] === low;
      if (!isOwn) {
        // Cells that nobody has used have no hash.
        const age = words[cell + LOW!] === 0 && words[cell + HIGH!] === 0 ? Number.NEGATIVE_INFINITY : seen;
        if (age < oldest) {
          oldest = age;
          victim = cell;
        }
        continue;
      }
      const elapsed = Math.max(0, second - seen);
      const latitude = words[cell + LATITUDE!]! / SCALE;
      const longitude = words[cell + LONGITUDE!]! / SCALE;
      const radiusKm = words[cell + RADIUS!]!;
      const country = words[cell + COUNTRY!]!;
      if (Atomics.load(words, cell + SEQUENCE!) !== sequence) return null;
      if (elapsed * 1000 <= rememberMs) {
        const apart = distanceKm(latitude, longitude, place.latitude, place.longitude);
        const km = Math.floor(apart - radiusKm - place.radiusKm);
        const seconds = Math.max(1, elapsed);
        if (km >= MIN_KM && km > (maxKmh * seconds) / 3600) return { from: countryOf(country), km, seconds };
        if (elapsed < NOTE_S && apart < SAME_KM) return null;
      }
      this.#write(cell, sequence, high, low, second, place);
      return null;
    }
    this.#write(victim, Atomics.load(words, victim + SEQUENCE!), high, low, second, place);
    return null;
  }

  /** A thread that is terminated while it writes leaves one cell that nobody uses any more. */
  #write(
    cell: number,
    sequence: number,
    high: number,
    low: number,
    second: number,
    { latitude, longitude, radiusKm, country }: Place,
  ): void {
    const words = this.#words;
    if ((sequence & 1) === 1) return;
    if (Atomics.compareExchange(words, cell + SEQUENCE!, sequence, (sequence + 1) | 0) !== sequence) return;
    words[cell + HIGH!] = high;
    words[cell + LOW!] = low;
    words[cell + SECOND!] = second;
    words[cell + LATITUDE!] = Math.round(latitude * SCALE);
    words[cell + LONGITUDE!] = Math.round(longitude * SCALE);
    words[cell + RADIUS!] = Math.ceil(radiusKm);
    words[cell + COUNTRY!] = country === '' ? 0 : (country.charCodeAt(0) << 8) | country.charCodeAt(1);
    Atomics.store(words, cell + SEQUENCE!, (sequence + 2) | 0);
  }
}

const countryOf = (word: number): string => (word === 0 ? '' : String.fromCharCode(word >> 8, word & 0xff));
