// Turns rule text into directives: a name and its arguments, each with the place of every char. A directive ends with its
// line unless a backslash comes last; a comment goes on the same way. Arguments stand bare, in '…' or in "…".
// As in ModSecurity v3 a backslash before the closing quote means the quote, and any other backslash stays.

import type { Diagnostics, Place } from '../../core/index.ts';

/** Text of an argument, and where each of its chars came from. */
export class SourceText {
  readonly text: string;
  readonly #line: LogicalLine;
  /** Offset of each char in the logical line; null when they follow one another from `#start`. */
  readonly #offsets: readonly number[] | null;
  readonly #start: number;

  constructor(text: string, line: LogicalLine, start: number, offsets: readonly number[] | null) {
    this.text = text;
    this.#line = line;
    this.#start = start;
    this.#offsets = offsets;
  }

  placeAt(index: number): Place {
    const at = this.#offsets === null ? this.#start + index : (this.#offsets[index] ?? this.#start);
    return this.#line.placeAt(at);
  }

  /** The part between two indices, with its places. */
  slice(from: number, to: number): SourceText {
    const offsets = this.#offsets === null ? null : this.#offsets.slice(from, to);
    return new SourceText(this.text.slice(from, to), this.#line, this.#start + from, offsets);
  }
}

/** Lines joined by backslashes, as one. */
class LogicalLine {
  readonly file: string;
  text = '';
  readonly #starts: number[] = [];
  readonly #lines: number[] = [];

  constructor(file: string) {
    this.file = file;
  }

  append(text: string, line: number): void {
    this.#starts.push(this.text.length);
    this.#lines.push(line);
    this.text += text;
  }

  placeAt(offset: number): Place {
    let i = this.#starts.length - 1;
    while (i > 0 && this.#starts[i]! > offset) i--;
    return { file: this.file, line: this.#lines[i] ?? 0, column: offset - (this.#starts[i] ?? 0) + 1 };
  }
}

export interface LexedDirective {
  readonly place: Place;
  readonly name: string;
  readonly arguments: readonly SourceText[];
}

/** Every directive of `text` in order. A quote that never closes is reported, and its directive left out. */
export function lexRules(file: string, text: string, diagnostics: Diagnostics): LexedDirective[] {
  const directives: LexedDirective[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const logical = new LogicalLine(file);
    for (;;) {
      const raw = lines[i]!;
      const trimmed = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      const continues = trimmed.endsWith('\\') && i + 1 < lines.length;
      logical.append(continues ? trimmed.slice(0, -1) : trimmed, i + 1);
      if (!continues) break;
      i++;
    }
    const directive = lexLine(logical, diagnostics);
    if (directive !== null) directives.push(directive);
  }
  return directives;
}

const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\r';

function lexLine(line: LogicalLine, diagnostics: Diagnostics): LexedDirective | null {
  const { text } = line;
  let i = skipSpace(text, 0);
  if (i === text.length || text[i] === '#') return null;
  const start = i;
  while (i < text.length && !isSpace(text[i])) i++;
  const name = text.slice(start, i);
  const found: SourceText[] = [];
  for (;;) {
    i = skipSpace(text, i);
    if (i >= text.length) break;
    const quote = text[i]!;
    if (quote === '"' || quote === "'") {
      const end = closingQuote(text, i + 1, quote);
      if (end === -1) {
        diagnostics.error(
          'seclang-quote-open',
          line.placeAt(i),
          `The quote that opens here is never closed.`,
          `Close it with ${quote}, and end each line but the last of a directive with a backslash.`,
        );
        return null;
      }
      found.push(withoutEscapes(line, i + 1, end, quote));
      i = end + 1;
    } else {
      const from = i;
      while (i < text.length && !isSpace(text[i])) i++;
      found.push(new SourceText(text.slice(from, i), line, from, null));
    }
  }
  return { place: line.placeAt(start), name, arguments: found };
}

function skipSpace(text: string, from: number): number {
  let i = from;
  while (isSpace(text[i])) i++;
  return i;
}

function closingQuote(text: string, from: number, quote: string): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i;
  }
  return -1;
}

function withoutEscapes(line: LogicalLine, from: number, to: number, quote: string): SourceText {
  const raw = line.text.slice(from, to);
  if (!raw.includes('\\' + quote)) return new SourceText(raw, line, from, null);
  let text = '';
  const offsets: number[] = [];
  for (let i = from; i < to; i++) {
    if (line.text[i] === '\\' && i + 1 < to) {
      if (line.text[i + 1] !== quote) {
        text += '\\';
        offsets.push(i);
      }
      i++;
    }
    text += line.text[i];
    offsets.push(i);
  }
  return new SourceText(text, line, from, offsets);
}

/** A text that stands in no rule file, as if it were the first line of `file`. */
export function sourceOf(text: string, file = ''): SourceText {
  const line = new LogicalLine(file);
  line.append(text, 1);
  return new SourceText(text, line, 0, null);
}
