// What is known about TX at a point of the program, whichever way it was reached: for each slot its value, that it is not set, or
// nothing. Used once, when a profile is compiled.

import type { Macro } from '../rules/macro.ts';
import type { Link, Rule } from '../rules/rule.ts';
import { CAPTURE_SLOTS, type TxNames } from '../rules/tx-names.ts';

/** A value; null for not set; undefined for not known. */
export type Known = string | null | undefined;

export class TxKnowledge {
  readonly slots: Known[];
  /** Indices of rules that `ctl` must have removed for control to be here. */
  assumesRemoved: number[];

  constructor(slots: readonly Known[], assumesRemoved: readonly number[] = []) {
    this.slots = [...slots];
    this.assumesRemoved = [...assumesRemoved];
    for (let slot = 0; slot < CAPTURE_SLOTS; slot++) this.slots[slot] = undefined;
  }

  copy(): TxKnowledge {
    return new TxKnowledge(this.slots, this.assumesRemoved);
  }

  isKnown(slot: number): boolean {
    return slot !== -1 && this.slots[slot] !== undefined;
  }

  /** Keeps what both agree on. */
  join(other: TxKnowledge): void {
    this.assumesRemoved = this.assumesRemoved.filter((rule) => other.assumesRemoved.includes(rule));
    for (let i = 0; i < this.slots.length; i++) {
      if (this.slots[i] !== other.slots[i]) this.slots[i] = undefined;
    }
  }

  /** After a rule that may or may not have run: whatever it can write is unknown. */
  forgetWrites(rule: Rule, names: TxNames): void {
    for (const link of rule.links) {
      for (const { collection, name, slot, kind } of link.assignments) {
        if (collection !== 'TX' || kind === 'expire') continue;
        if (slot !== -1) this.slots[slot] = undefined;
        else this.#forgetPrefix(name, names);
      }
    }
  }

  /** A name made by a macro may be any that begins like it. */
  #forgetPrefix(name: Macro, names: TxNames): void {
    const [first] = name.parts;
    const prefix = typeof first === 'string' ? first.toLowerCase() : '';
    names.names.forEach((known, slot) => {
      if (known.toLowerCase().startsWith(prefix)) this.slots[slot] = undefined;
    });
  }
}

/** Whether a macro's value follows from `known`. */
export function isMacroKnown(macro: Macro, known: TxKnowledge): boolean {
  return macro.parts.every(
    (part) => typeof part === 'string' || (part.variable === 'TX' && known.isKnown(part.slot)),
  );
}

/** Looks at known TX variables only, so that what it answers is known too. */
export function isLinkDecided(link: Link, known: TxKnowledge): boolean {
  if (link.exclusions.length > 0 || link.isCapturing) return false;
  if (!link.targets.every(({ slot }) => known.isKnown(slot))) return false;
  return link.argument === null || isMacroKnown(link.argument, known);
}

/** Writes nothing but TX variables with fixed names and known values. */
export function areWritesKnown(rule: Rule, known: TxKnowledge): boolean {
  return rule.links.every((link) =>
    link.assignments.every(
      ({ collection, slot, value, kind }) =>
        collection === 'TX' &&
        kind !== 'expire' &&
        slot >= CAPTURE_SLOTS &&
        (kind === 'set' || known.isKnown(slot)) &&
        isMacroKnown(value, known),
    ),
  );
}
