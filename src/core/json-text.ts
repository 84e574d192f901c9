// JSON with places, for contracts of many megabytes that the YAML library would need most of a minute for. JSON.parse reads;
// a scan finds members that stand twice, and where things stand down to the depth that diagnostics speak of.
import type { YamlProblem } from './yaml-text.ts';

/** Levels whose places are kept: below, the place of what is around it is told. */
const KEPT_LEVELS = 7;
/** Deeper texts are left to the YAML library, which counts its own levels. */
const MAX_LEVELS = 200;

interface Spot {
  readonly offset: number;
  readonly inner: ReadonlyMap<string, Spot> | null;
}

/** What texts with places have in common. */
export interface PlacedText {
  readonly problems: readonly YamlProblem[];
  toJS(maxAliases: number): unknown;
  place(path: readonly (string | number)[]): { readonly line: number; readonly column: number };
}

/** Null when `text` is no JSON: then it may still be YAML. */
export function readJsonText(text: string): PlacedText | null {
  const start = /^\s*\{/.exec(text);
  if (start === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const scan = new Scan(text);
  const root = scan.value(0, 0);
  return scan.tooDeep ? null : new JsonText(text, value, root, scan.doubles);
}

class JsonText implements PlacedText {
  readonly problems: readonly YamlProblem[];
  readonly #value: unknown;
  readonly #root: Spot;
  readonly #lineStarts: number[] = [0];

  constructor(text: string, value: unknown, root: Spot, doubles: readonly number[]) {
    this.#value = value;
    this.#root = root;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      this.#lineStarts.push(at + 1);
    this.problems = doubles.map((offset) => ({
      kind: 'duplicate-key',
      ...this.#lineAndColumn(offset),
      message: 'The key stands twice in its map.',
    }));
  }

  toJS(_maxAliases: number): unknown {
    return this.#value;
  }

  place(path: readonly (string | number)[]): { readonly line: number; readonly column: number } {
    let spot = this.#root;
    for (const step of path) {
      const next = spot.inner?.get(String(step));
      if (next === undefined) break;
      spot = next;
    }
    return this.#lineAndColumn(spot.offset);
  }

  #lineAndColumn(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }
}

/** INVARIANT: the text is valid JSON; nothing is checked again. */
class Scan {
  readonly doubles: number[] = [];
  tooDeep = false;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads the value at the current position, whose key or self stands at `offset`. */
  value(offset: number, level: number): Spot {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    const own = level === 0 ? this.#at : offset;
    if (level > MAX_LEVELS) this.tooDeep = true;
    if (this.tooDeep) return { offset: own, inner: null };
    if (code === 123) return { offset: own, inner: this.#object(level) };
    if (code === 91) return { offset: own, inner: this.#array(level) };
    if (code === 34) this.#string();
    else while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at]!)) this.#at++;
    return { offset: own, inner: null };
  }

  #object(level: number): ReadonlyMap<string, Spot> | null {
    const inner = level < KEPT_LEVELS ? new Map<string, Spot>() : null;
    const names = inner ?? new Set<string>();
    this.#at++;
    for (;;) {
      this.#skipSpace();
      const code = this.#text.charCodeAt(this.#at);
      if (code === 125) break;
      if (code === 44) {
        this.#at++;
        continue;
      }
      const offset = this.#at;
      const raw = this.#string();
      const name = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
      this.#skipSpace();
      this.#at++;
      if (names.has(name)) this.doubles.push(offset);
      const spot = this.value(offset, level + 1);
      if (this.tooDeep) return null;
      if (names instanceof Map) names.set(name, spot);
      else names.add(name);
    }
    this.#at++;
    return inner;
  }

  #array(level: number): ReadonlyMap<string, Spot> | null {
    const inner = level < KEPT_LEVELS ? new Map<string, Spot>() : null;
    this.#at++;
    for (let index = 0; ; ) {
      this.#skipSpace();
      const code = this.#text.charCodeAt(this.#at);
      if (code === 93) break;
      if (code === 44) {
        this.#at++;
        continue;
      }
      const spot = this.value(this.#at, level + 1);
      if (this.tooDeep) return null;
      inner?.set(String(index++), spot);
    }
    this.#at++;
    return inner;
  }

  /** Goes behind the string that begins here; its text with quotes. */
  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    for (;;) {
      let slashes = 0;
      while (this.#text.charCodeAt(end - 1 - slashes) === 92) slashes++;
      if (slashes % 2 === 0) break;
      end = this.#text.indexOf('"', end + 1);
    }
    this.#at = end + 1;
    return this.#text.slice(start, this.#at);
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }
}
