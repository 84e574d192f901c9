// A cursor over tokens with the small questions that a recursive-descent parser asks.
import { closestName, type Place } from '../core/index.ts';
import type { PolicySource } from './ast.ts';
import { SyntaxProblem, type Token } from './lexer.ts';

/** Words that name nothing: neither attributes nor types. */
const reserved: ReadonlySet<string> = new Set([
  'true',
  'false',
  'if',
  'then',
  'else',
  'in',
  'is',
  'like',
  'has',
  '__cedar',
]);

/** Operators and accesses of one policy: each may nest the ones before it. */
const MAX_OPERATIONS = 2000;

export class TokenReader {
  readonly source: PolicySource;
  #operations = 0;
  readonly #tokens: readonly Token[];
  #at = 0;
  // Where the last place was asked for: places come in the order of the text.
  #line = 1;
  #lineStart = 0;
  #searched = 0;

  constructor(source: PolicySource, tokens: readonly Token[]) {
    this.source = source;
    this.#tokens = tokens;
  }

  /** Place of the next token. */
  place(): Place {
    const { start } = this.next;
    for (;;) {
      const feed = this.source.text.indexOf('\n', this.#searched);
      if (feed === -1 || feed >= start) break;
      this.#line++;
      this.#lineStart = feed + 1;
      this.#searched = feed + 1;
    }
    return { file: this.source.file, line: this.#line, column: start - this.#lineStart + 1 };
  }

  get next(): Token {
    return this.#tokens[this.#at]!;
  }

  peek(ahead: number): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  /** End of the token before the next one. */
  get lastEnd(): number {
    return this.#at === 0 ? 0 : this.#tokens[this.#at - 1]!.end;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  is(text: string): boolean {
    const { kind } = this.next;
    return (kind === 'punctuation' || kind === 'identifier') && this.next.text === text;
  }

  /** Takes the next token when it is `text`. */
  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at++;
    return true;
  }

  expect(text: string, where: string): Token {
    if (!this.is(text)) throw this.unexpected(`"${text}" is expected ${where}`);
    return this.take();
  }

  unexpected(wanted: string, suggestion = ''): SyntaxProblem {
    const found = this.next.kind === 'end' ? 'the text ends' : `${JSON.stringify(this.next.text)} stands`;
    return new SyntaxProblem(this.next.start, `${wanted}, but ${found} here.`, suggestion);
  }

  /** A name that is not a reserved word. */
  identifier(what: string): string {
    const token = this.next;
    if (token.kind !== 'identifier') throw this.unexpected(`${what} is expected`);
    if (reserved.has(token.text)) {
      throw new SyntaxProblem(
        token.start,
        `"${token.text}" is a reserved word and can not be ${what}.`,
        'An attribute with such a name is reached with ["…"].',
      );
    }
    this.#at++;
    return token.text;
  }

  /** Counts an operation of the policy that is being read. */
  countOperation(): void {
    if (++this.#operations > MAX_OPERATIONS) {
      throw new SyntaxProblem(this.next.start, 'The policy has too many operations.', 'Split the policy.');
    }
  }

  beginPolicy(): void {
    this.#operations = 0;
  }

  /** Goes past the end of the policy that could not be read. */
  skipPolicy(): void {
    while (this.next.kind !== 'end' && !this.accept(';')) this.#at++;
  }
}

/** "Did you mean …?" or the list of what is known. */
export function hint(name: string, known: readonly string[]): string {
  const near = closestName(name, known);
  return near !== null ? `Did you mean "${near}"?` : `There are: ${known.join(', ')}.`;
}
