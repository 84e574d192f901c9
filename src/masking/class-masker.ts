// Masks data of classes in texts: what was found, and nothing around it. HOT
import { type DataClass, Finder } from '../sensitive/index.ts';
import type { ClassRule } from './rules.ts';

export interface MaskedSpan {
  readonly start: number;
  readonly end: number;
  readonly action: ClassRule['action'];
  /** What stands there instead. */
  readonly shown: string;
}

/** Shorter values would tell half of themselves. */
export const MIN_LAST4 = 8;

export class ClassMasker {
  readonly #actions = new Map<DataClass, ClassRule['action']>();
  readonly #finder: Finder;

  /** Of two rules for one class the one that shows less counts. */
  constructor(rules: readonly ClassRule[]) {
    for (const rule of rules)
      if (this.#actions.get(rule.class) !== 'redact') this.#actions.set(rule.class, rule.action);
    this.#finder = new Finder(this.#actions.keys());
  }

  /** What the text in these bytes may hold of the classes, as `Finder.mayHold` says. */
  look(bytes: Uint8Array, start: number, end: number): 'nothing' | 'plain' | 'encoded' {
    return this.#finder.mayHold(bytes, start, end, Finder.look(bytes, start, end));
  }

  /** What is to be masked, in order, without overlaps. */
  spans(text: string): MaskedSpan[] {
    return this.#finder.find(text).map(({ class: name, start, end }) => {
      const action = this.#actions.get(name)!;
      return { start, end, action, shown: shownOf(action, text.slice(start, end)) };
    });
  }

  /** `text` with what was found masked, and how much that was; null when it was nothing. */
  replace(text: string): { text: string; count: number } | null {
    const spans = this.spans(text);
    if (spans.length === 0) return null;
    let out = '';
    let from = 0;
    for (const { start, end, shown } of spans) {
      out += text.slice(from, start) + shown;
      from = end;
    }
    return { text: out + text.slice(from), count: spans.length };
  }

  /** Something is only there for a reader that takes characters for others. */
  isDisguised(text: string): boolean {
    return this.#finder.findsDisguised(text);
  }
}

function shownOf(action: ClassRule['action'], text: string): string {
  if (action === 'redact') return '***';
  // Of numbers the digits count, however they are grouped.
  const characters = /[a-z@]/.test(text) ? text : text.replace(/[ .-]/g, '');
  return characters.length < MIN_LAST4 ? '***' : `***${characters.slice(-4)}`;
}
