// Consistent hashing: each endpoint owns points on a ring in proportion to its weight, a key belongs to the next
// point. When an endpoint goes, only its own keys move (Karger et al., 1997). HOT
import { hash } from 'node:crypto';
import type { Endpoint } from './endpoint.ts';

/** Points of an endpoint with weight 1: the shares of equal endpoints then differ by some per cent. */
const POINTS = 160;

export class HashRing {
  readonly #points: Uint32Array;
  readonly #owners: readonly Endpoint[];

  constructor(endpoints: readonly Endpoint[]) {
    const entries: { point: number; endpoint: Endpoint }[] = [];
    for (const endpoint of endpoints) {
      const count = Math.max(1, Math.round(POINTS * endpoint.weight));
      for (let i = 0; i < count; i++) entries.push({ point: pointOf(`${endpoint.key}#${i}`), endpoint });
    }
    entries.sort((a, b) => a.point - b.point);
    this.#points = Uint32Array.from(entries, (entry) => entry.point);
    this.#owners = entries.map((entry) => entry.endpoint);
  }

  /** Owner of `key`, or the next endpoint on the ring that `usable` accepts; null when none is. */
  pick(key: string, usable: (endpoint: Endpoint) => boolean): Endpoint | null {
    const size = this.#owners.length;
    if (size === 0) return null;
    const point = pointOf(key);
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]! < point) low = middle + 1;
      else high = middle;
    }
    for (let i = 0; i < size; i++) {
      const owner = this.#owners[(low + i) % size]!;
      if (usable(owner)) return owner;
    }
    return null;
  }
}

const pointOf = (text: string): number => hash('md5', text, 'buffer').readUInt32BE(0);
