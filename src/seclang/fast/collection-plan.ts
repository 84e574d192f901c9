// HOT. Sources of one channel: which source judges a value depends on its name, for the few names that rules mention.

import { ALONE, type Source } from './source.ts';

interface NamedSource {
  readonly name: string;
  readonly source: Source;
}

export class CollectionPlan {
  /** For names that no rule mentions; null when no rule looks at those. */
  readonly others: Source | null;
  /** By length: lower-case names. A Map would first look for each name that a client sends in V8's table of all texts. */
  readonly #byLength: (readonly NamedSource[] | undefined)[] = [];
  readonly hasNames: boolean;

  constructor(others: Source | null, byName: ReadonlyMap<string, Source>) {
    this.others = others;
    for (const [name, source] of byName) {
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), { name, source }];
    }
    this.hasNames = byName.size > 0;
  }

  get isEmpty(): boolean {
    return this.others === null && !this.hasNames;
  }

  sourceOf(lowerName: string): Source | null {
    const named = lowerName.length < this.#byLength.length ? this.#byLength[lowerName.length] : undefined;
    if (named === undefined) return this.others;
    for (let i = 0; i < named.length; i++) if (named[i]!.name === lowerName) return named[i]!.source;
    return this.others;
  }
}

/** Rules that compare how many values a name has: `&REQUEST_HEADERS:Host "@eq 0"`. */
export class CountPlan {
  /** Lower-case; null counts all. */
  readonly name: string | null;
  readonly #source: Source;
  /** What is said about the first numbers. */
  readonly #verdicts: (readonly number[] | undefined)[] = new Array<undefined>(KEPT_COUNTS).fill(undefined);

  constructor(name: string | null, source: Source) {
    this.name = name;
    this.#source = source;
  }

  judge(count: number): readonly number[] {
    if (count >= KEPT_COUNTS) return this.#source.judge(String(count), ALONE);
    return (this.#verdicts[count] ??= this.#source.judge(String(count), ALONE));
  }
}

const KEPT_COUNTS = 64;
