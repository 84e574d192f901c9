// HOT
// A compiled expression: which of its two JavaScript forms a value needs, and the groups in PCRE's numbering.
import { setFlagsFromString } from 'node:v8';
import { analysePattern, type Requirements, requiredBytesBeyondEmpty } from './analyse.ts';
import { emitPattern } from './emit.ts';
import { modSecurityFlags, type PatternFlags, parsePattern } from './parse.ts';
import { startAtRuns } from './runs.ts';
import { simplify } from './simplify.ts';
import { type ParsedPattern, PatternError } from './syntax.ts';

// An expression that backtracks too much goes on in V8's linear engine, where that can take it. For the whole process.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** Groups that a match keeps: 0 to 9, as TX has variables for. */
const KEPT_GROUPS = 10;

/** V8 refuses expressions of some hundred kilobytes when they first run; for shorter ones the first value is soon enough. */
const PROBED_LENGTH = 65_536;

export type CompiledPattern =
  | { readonly kind: 'ok'; readonly pattern: Pattern }
  | { readonly kind: 'error'; readonly message: string; readonly offset: number };

export class Pattern {
  readonly requirements: Requirements;
  readonly flatSource: string;
  readonly fullSource: string;
  readonly #flat: RegExp;
  #full: RegExp | null;
  readonly #groups: readonly number[];
  /** As written, for those who want more than the first match; null when this is it. */
  readonly #written: Pattern | null;

  constructor(
    flat: RegExp,
    full: string,
    groups: readonly number[],
    requirements: Requirements,
    written: Pattern | null,
  ) {
    this.#flat = flat;
    this.flatSource = flat.source;
    this.fullSource = full;
    this.#full = full === flat.source ? flat : null;
    this.#groups = groups.slice(0, KEPT_GROUPS);
    this.requirements = requirements;
    this.#written = written;
  }

  #for(value: string): RegExp {
    if (this.#full === this.#flat || value.indexOf('\n') < 0) return this.#flat;
    return (this.#full ??= new RegExp(this.fullSource));
  }

  /** Runs once, so that V8 says now, not on a request, that the expression is too large. */
  probe(): void {
    this.#flat.test('');
  }

  test(value: string): boolean {
    return this.#for(value).test(value);
  }

  /** As `test`, and fills `captures` with the groups; a group without a value is ''. */
  exec(value: string, captures: string[]): boolean {
    const match = this.#for(value).exec(value);
    if (match === null) return false;
    const groups = this.#groups;
    captures.length = groups.length;
    for (let i = 0; i < groups.length; i++) captures[i] = match[groups[i]!] ?? '';
    return true;
  }

  /** A global copy, for those who want every match. */
  all(value: string): RegExpStringIterator<RegExpExecArray> {
    if (this.#written !== null) return this.#written.all(value);
    return value.matchAll(new RegExp(this.#for(value).source, 'g'));
  }

  /** The first match that `accepts` takes, of those that begin at each offset; null when there is none. */
  findAt(value: string, accepts: (text: string) => boolean): string | null {
    if (this.#written !== null) return this.#written.findAt(value, accepts);
    const search = new RegExp(this.#for(value).source, 'g');
    for (let match = search.exec(value); match !== null; match = search.exec(value)) {
      if (accepts(match[0])) return match[0];
      search.lastIndex = match.index + 1;
    }
    return null;
  }

  get groups(): readonly number[] {
    return this.#groups;
  }
}

export function compilePattern(source: string, flags: PatternFlags = modSecurityFlags): CompiledPattern {
  try {
    const read = parsePattern(source, flags);
    const parsed = { ...read, root: simplify(read.root) };
    const requirements = analysePattern(parsed.root);
    const root = startAtRuns(parsed.root);
    const written = root === parsed.root ? null : emitted(parsed, requirements, null);
    const pattern = emitted({ ...parsed, root }, requirements, written);
    if (pattern.flatSource.length > PROBED_LENGTH) pattern.probe();
    return { kind: 'ok', pattern };
  } catch (error) {
    if (error instanceof PatternError) return { kind: 'error', message: error.message, offset: error.offset };
    if (error instanceof SyntaxError || error instanceof RangeError)
      return { kind: 'error', message: 'the expression is too large', offset: 0 };
    throw error;
  }
}

/**
 * Of an expression of our own: bytes of which one is in every value, but for the empty one, in which it finds something. Null when
 * that can not be told.
 */
export function requiredBytesOf(source: string): Uint8Array | null {
  return requiredBytesBeyondEmpty(simplify(parsePattern(source, modSecurityFlags).root));
}

function emitted(parsed: ParsedPattern, requirements: Requirements, written: Pattern | null): Pattern {
  const { flat, full, groups } = emitPattern(parsed);
  return new Pattern(new RegExp(flat), full, groups, requirements, written);
}
