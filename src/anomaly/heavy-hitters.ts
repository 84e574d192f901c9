// The keys that weigh most, in bounded memory: SpaceSaving (Metwally, Agrawal, El Abbadi 2005). A key heavier than total/capacity is
// always kept; `error` bounds how much too heavy an entry can look. Summaries merge (Agarwal et al. 2012) without losing that.

export interface HeavyHitter {
  readonly key: string;
  /** At most `error` more than the truth, never less. */
  readonly weight: number;
  readonly error: number;
}

interface Slot {
  key: string;
  weight: number;
  error: number;
  /** Place in the heap. */
  at: number;
}

export class HeavyHitters {
  readonly capacity: number;
  readonly #slots = new Map<string, Slot>();
  /** Min-heap by weight. */
  readonly #heap: Slot[] = [];
  #total = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get total(): number {
    return this.#total;
  }

  add(key: string, weight = 1): void {
    this.#total += weight;
    const known = this.#slots.get(key);
    if (known !== undefined) {
      known.weight += weight;
      this.#sink(known.at);
      return;
    }
    if (this.#heap.length < this.capacity) {
      this.#insert({ key, weight, error: 0, at: this.#heap.length });
      return;
    }
    const least = this.#heap[0]!;
    this.#slots.delete(least.key);
    least.error = least.weight;
    least.weight += weight;
    least.key = key;
    this.#slots.set(key, least);
    this.#sink(0);
  }

  /** Weight of a key as far as it is known: 0 when it is not kept. */
  weightOf(key: string): number {
    return this.#slots.get(key)?.weight ?? 0;
  }

  /** Heaviest first; equal weights by key. */
  top(count = this.capacity): HeavyHitter[] {
    return [...this.#heap]
      .sort((a, b) => b.weight - a.weight || (a.key < b.key ? -1 : 1))
      .slice(0, count)
      .map(({ key, weight, error }) => ({ key, weight, error }));
  }

  /** Takes in another summary: what either does not know may have weighed as much there as its least entry. */
  merge(other: HeavyHitters): void {
    const missingHere = this.#leastIfFull();
    const missingThere = other.#leastIfFull();
    const merged = new Map<string, { weight: number; error: number }>();
    for (const { key, weight, error } of this.#heap)
      merged.set(key, { weight: weight + missingThere, error: error + missingThere });
    for (const { key, weight, error } of other.#heap) {
      const mine = this.#slots.get(key);
      merged.set(
        key,
        mine === undefined
          ? { weight: weight + missingHere, error: error + missingHere }
          : { weight: weight + mine.weight, error: error + mine.error },
      );
    }
    const total = this.#total + other.#total;
    this.#replace(merged, total);
  }

  #replace(entries: ReadonlyMap<string, { weight: number; error: number }>, total: number): void {
    const kept = [...entries]
      .sort(([a, x], [b, y]) => y.weight - x.weight || (a < b ? -1 : 1))
      .slice(0, this.capacity);
    this.clear();
    for (const [key, { weight, error }] of kept) this.#insert({ key, weight, error, at: this.#heap.length });
    this.#total = total;
  }

  #leastIfFull(): number {
    return this.#heap.length < this.capacity ? 0 : this.#heap[0]!.weight;
  }

  /** Lets old weight fade: everything is multiplied by `factor` in (0, 1). */
  decay(factor: number): void {
    this.#total *= factor;
    for (const slot of this.#heap) {
      slot.weight *= factor;
      slot.error *= factor;
    }
  }

  clear(): void {
    this.#slots.clear();
    this.#heap.length = 0;
    this.#total = 0;
  }

  #insert(slot: Slot): void {
    this.#slots.set(slot.key, slot);
    this.#heap.push(slot);
    let at = slot.at;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#heap[parent]!.weight <= slot.weight) break;
      this.#put(at, this.#heap[parent]!);
      at = parent;
    }
    this.#put(at, slot);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const slot = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.weight < heap[child]!.weight) child++;
      if (heap[child]!.weight >= slot.weight) break;
      this.#put(at, heap[child]!);
      at = child;
    }
    this.#put(at, slot);
  }

  #put(at: number, slot: Slot): void {
    this.#heap[at] = slot;
    slot.at = at;
  }

  toJSON(): { capacity: number; total: number; top: HeavyHitter[] } {
    return { capacity: this.capacity, total: this.#total, top: this.top() };
  }

  static from(value: {
    readonly capacity: number;
    readonly total: number;
    readonly top: readonly HeavyHitter[];
  }): HeavyHitters {
    const hitters = new HeavyHitters(value.capacity);
    hitters.#replace(new Map(value.top.map((entry) => [entry.key, entry])), value.total);
    return hitters;
  }
}
