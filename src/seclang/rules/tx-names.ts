// The TX variables that the rules name: each has a slot, so that reading one is an index and not a look-up. Names made by macros
// at run time get no slot unless the rules also write them out.

/** Slots 0 to 9 are what `capture` fills. */
export const CAPTURE_SLOTS = 10;

export class TxNames {
  /** As first written, by slot. */
  readonly names: string[] = [];
  readonly #slots = new Map<string, number>();

  constructor() {
    for (let i = 0; i < CAPTURE_SLOTS; i++) this.intern(String(i));
  }

  /** The slot of a name, which it gets now if it has none. */
  intern(name: string): number {
    const key = name.toLowerCase();
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.names.length;
    this.names.push(name);
    this.#slots.set(key, slot);
    return slot;
  }

  /** The slot of a lower-case name, or -1. */
  find(lowerName: string): number {
    return this.#slots.get(lowerName) ?? -1;
  }
}
