// HOT. Sources of one channel: which source judges a value depends on its name, for the few names that rules mention.

import type { Source } from './source.ts';

export class CollectionPlan {
  /** For names that no rule mentions; null when no rule looks at those. */
  readonly others: Source | null;
  /** By lower-case name. */
  readonly #byName: ReadonlyMap<string, Source>;
  readonly hasNames: boolean;

  constructor(others: Source | null, byName: ReadonlyMap<string, Source>) {
    this.others = others;
    this.#byName = byName;
    this.hasNames = byName.size > 0;
  }

  get isEmpty(): boolean {
    return this.others === null && !this.hasNames;
  }

  sourceOf(lowerName: string): Source | null {
    return this.#byName.get(lowerName) ?? this.others;
  }
}

/** Rules that compare how many values a name has: `&REQUEST_HEADERS:Host "@eq 0"`. */
export class CountPlan {
  /** Lower-case; null counts all. */
  readonly name: string | null;
  readonly source: Source;

  constructor(name: string | null, source: Source) {
    this.name = name;
    this.source = source;
  }
}
