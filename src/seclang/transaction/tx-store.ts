// HOT. The TX collection of one transaction: named slots for what the rules write out, a map for names made by macros.

import { CAPTURE_SLOTS, type TxNames } from '../rules/tx-names.ts';
import type { ValueList } from './value-list.ts';

export interface NamedEntry {
  readonly name: string;
  value: string;
}

export class TxStore {
  readonly names: TxNames;
  #slots: readonly (string | null)[];
  /** `#slots` copied for this transaction; null while it is shared. */
  #own: (string | null)[] | null = null;
  /** By lower-case name; null until one is needed. */
  #others: Map<string, NamedEntry> | null = null;

  /** `initial` is shared until the first write; it may be shorter than the table of names. */
  constructor(names: TxNames, initial: readonly (string | null)[]) {
    this.names = names;
    this.#slots = initial;
  }

  /** Takes the place of all slots; `slots` is shared until the next write. */
  adopt(slots: readonly (string | null)[]): void {
    this.#slots = slots;
    this.#own = null;
  }

  /** The slots as they are; not to be changed, and only valid until the next write. */
  slots(): readonly (string | null)[] {
    return this.#slots;
  }

  read(slot: number): string | null {
    return this.#slots[slot] ?? null;
  }

  write(slot: number, value: string | null): void {
    if (this.#own === null) {
      this.#own = this.#slots.slice();
      this.#slots = this.#own;
    }
    while (this.#own.length < slot) this.#own.push(null);
    this.#own[slot] = value;
  }

  readNamed(lowerName: string): string | null {
    const slot = this.names.find(lowerName);
    if (slot !== -1) return this.read(slot);
    return this.#others?.get(lowerName)?.value ?? null;
  }

  /** Any case. Names beyond `maxNames` are dropped, so that a client can not fill the memory. */
  writeNamed(name: string, value: string | null, maxNames: number): void {
    const lowerName = name.toLowerCase();
    const slot = this.names.find(lowerName);
    if (slot !== -1) {
      this.write(slot, value);
      return;
    }
    this.#others ??= new Map();
    if (value === null) this.#others.delete(lowerName);
    else if (this.#others.size < maxNames || this.#others.has(lowerName)) {
      this.#others.set(lowerName, { name, value });
    }
  }

  /** What `capture` does: groups of the last match, and nothing in the slots behind them. */
  capture(groups: readonly string[]): void {
    for (let i = 0; i < CAPTURE_SLOTS; i++) this.write(i, groups[i] ?? null);
  }

  collectSlots(slots: readonly number[], into: ValueList): void {
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const value = this.#slots[slot] ?? null;
      if (value !== null) into.push('TX', this.names.names[slot]!, value);
    }
  }

  collectAll(into: ValueList): void {
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const value = this.#slots[slot]!;
      if (value !== null) into.push('TX', this.names.names[slot]!, value);
    }
    this.collectOthers(null, into);
  }

  collectOthers(pattern: ((key: string) => boolean) | null, into: ValueList): void {
    if (this.#others === null) return;
    for (const entry of this.#others.values()) {
      if (pattern === null || pattern(entry.name)) into.push('TX', entry.name, entry.value);
    }
  }

  /** All that is set, by lower-case name; for tests and for explaining. */
  snapshot(): Map<string, string> {
    const all = new Map<string, string>();
    this.#slots.forEach((value, slot) => {
      if (value !== null) all.set(this.names.names[slot]!.toLowerCase(), value);
    });
    for (const [key, entry] of this.#others ?? []) all.set(key, entry.value);
    return all;
  }
}
