// HOT. What is known while a value is read as SQL: the tokens to come, what was counted so far, and how deep in parentheses. The
// rules of reading stand in `sql-expressions.ts` and `sql-queries.ts`; this file holds what they share.
import { isLetterByte, isWordByte } from './sql-bytes.ts';
import { Ending, SqlEvidence } from './sql-evidence.ts';
import { SqlScanner } from './sql-scanner.ts';
import { KIND_LETTERS, Kind } from './sql-words.ts';

/** Levels of parentheses whose kind is remembered; deeper ones count as plain. */
const MAX_DEPTH = 64;
/** Tokens in a fingerprint. */
const FINGERPRINT_LENGTH = 5;

const HASH = 0x23;
const EQUALS = 0x3d;
const LESS = 0x3c;
const CLOSING_BRACE = 0x7d;
/** What a parenthesis holds. */
export const Frame = { plain: 0, call: 1, list: 2, tables: 3 } as const;

export class SqlReading {
  readonly scanner = new SqlScanner();
  readonly evidence = new SqlEvidence();
  readonly #frames = new Uint8Array(MAX_DEPTH);
  readonly #print = new Uint8Array(FINGERPRINT_LENGTH);
  #printed = 0;
  #depth = 0;
  #from = 0;
  #previousEnd = 0;
  comparesLiteral = false;
  /** Offset of the last string. */
  lastStart = 0;
  caseDepth = 0;
  /** `between` whose `and` has not come yet. */
  betweens = 0;
  /** Nothing has been read, and no quote stands before. */
  isStart = false;
  isDecided = false;
  /** Kind of the last operand; `close` for what is in parentheses. */
  last: number = Kind.end;
  /** Kind of the token read last. */
  previous: number = Kind.end;
  hasAlias = false;

  begin(value: string, from: number, context: number): void {
    this.scanner.load(value, from);
    this.evidence.reset(context);
    this.evidence.isAttribute = from > 1 && value.charCodeAt(from - 2) === EQUALS;
    this.#printed = 0;
    this.#depth = 0;
    this.#frames[0] = Frame.plain;
    this.#from = from;
    this.#previousEnd = from;
    this.comparesLiteral = false;
    this.lastStart = from;
    this.caseDepth = 0;
    this.betweens = 0;
    this.isStart = context === 0;
    this.isDecided = false;
    this.last = context === 0 ? Kind.end : Kind.string;
    this.previous = Kind.end;
    this.hasAlias = false;
    if (context !== 0) this.#print[this.#printed++] = Kind.string;
  }

  /** Letters of the first tokens. */
  fingerprint(): string {
    let text = '';
    for (let i = 0; i < this.#printed; i++) text += KIND_LETTERS[this.#print[i]!]!;
    return text;
  }

  finish(kind: number, wants: boolean): void {
    const e = this.evidence;
    const scanner = this.scanner;
    e.isWanting = wants;
    e.ending = kind === Kind.comment ? Ending.comment : Ending.end;
    if (kind === Kind.comment) {
      const begin = scanner.commentStart;
      e.commentLength = scanner.length - begin;
      e.commentBegin = scanner.byte(begin);
      e.isHashComment = scanner.byte(begin - 1) === HASH;
      e.isBareComment = this.previous === Kind.end;
      e.isFlag = this.#isFlag(begin);
      e.isQuotedComment = e.context !== 0 && scanner.has(e.context, begin) && !this.#isAfterWord;
      e.isAfterWord = this.#isAfterWord;
      this.#record(Kind.comment);
    } else if (!wants && this.last === Kind.string && scanner.openQuote !== 0) {
      e.openQuote = scanner.openQuote;
      e.isOpenWord = scanner.isPlain(this.lastStart + 1, scanner.length);
      e.isWordBefore = scanner.isPlain(0, this.#from - 1);
      e.isMarkup = scanner.byte(this.#from) === LESS && isLetterByte(scanner.byte(this.#from + 1));
      e.isQuotedWord = this.#isQuotedWord;
    }
  }

  /** Whether the comment that comes, of those that run to the end, is no text after a hash. */
  cutsOff(): boolean {
    const begin = this.scanner.commentStart;
    return this.scanner.byte(begin - 1) !== HASH || begin === this.scanner.length;
  }

  /** `say 'and'`: a word in quotes at the end of a sentence, no operator between two strings. */
  get #isQuotedWord(): boolean {
    const scanner = this.scanner;
    const isLast = this.lastStart + 1 >= scanner.length;
    return (
      isLast && this.#from > 1 && scanner.byte(this.#from) > 0x40 && scanner.byte(this.lastStart - 1) > 0x40
    );
  }

  /** Whether one word, and not nothing, stands before the quote. */
  get #isAfterWord(): boolean {
    return (
      this.#from > 1 &&
      this.scanner.isPlain(0, this.#from - 1) &&
      isWordByte(this.scanner.byte(this.#from - 2))
    );
  }

  /** `'--help'`: the quote opens what a reader takes for an option of a command. */
  #isFlag(begin: number): boolean {
    const scanner = this.scanner;
    if (begin - 2 !== this.#from || !isLetterByte(scanner.byte(begin))) return false;
    return this.#from < 2 || !isWordByte(scanner.byte(this.#from - 2));
  }

  fail(): boolean {
    this.evidence.ending = Ending.failure;
    return false;
  }

  decide(): boolean {
    for (let i = 0; i < 3; i++) this.#record(this.scanner.kind(i));
    this.isDecided = true;
    return false;
  }

  #record(kind: number): void {
    if (this.#printed < FINGERPRINT_LENGTH && kind !== Kind.end) this.#print[this.#printed++] = kind;
  }

  take(count: number): void {
    for (let i = 0; i < count; i++) {
      this.previous = this.scanner.kind(0);
      this.#previousEnd = this.scanner.end(0);
      this.#record(this.previous);
      this.scanner.skip(1);
    }
  }

  push(frame: number): void {
    this.evidence.opens++;
    this.#depth++;
    if (this.#depth < MAX_DEPTH) this.#frames[this.#depth] = frame;
  }

  get isNested(): boolean {
    return this.#depth > 0;
  }

  get frame(): number {
    return this.#depth < MAX_DEPTH ? this.#frames[this.#depth]! : Frame.plain;
  }

  set frame(frame: number) {
    if (this.#depth < MAX_DEPTH) this.#frames[this.#depth] = frame;
  }

  /** Something stands before that the value continues: a closed string or an operator. */
  get isContinued(): boolean {
    const e = this.evidence;
    return e.context !== 0 || e.binaries + e.commas + e.extraCloses > 0;
  }

  /** Whether the value begins with a lone word, as prose does. */
  get isProse(): boolean {
    const e = this.evidence;
    const isLone = e.context === 0 && this.last === Kind.name;
    return isLone && e.binaries + e.opens + e.extraCloses + this.scanner.comments === 0;
  }

  gotOperand(kind: number): boolean {
    const e = this.evidence;
    this.last = kind;
    this.hasAlias = false;
    if (this.comparesLiteral && kind !== Kind.name) e.literalComparisons++;
    this.comparesLiteral = false;
    return false;
  }

  close(): boolean {
    if (this.#depth > 0) this.#depth--;
    else if (this.scanner.byte(this.scanner.start(0)) === CLOSING_BRACE) return this.fail();
    else this.evidence.extraCloses++;
    this.take(1);
    return this.gotOperand(this.previous);
  }

  /** `'select'`: the word after the closed quote is a word in quotes. */
  isHugged(): boolean {
    const scanner = this.scanner;
    return this.previous === Kind.end && scanner.byte(scanner.end(0)) === this.evidence.context;
  }

  /** Whether the quote at the offset is the context's and follows the last token at once. */
  isQuoteOfContext(at: number): boolean {
    return (
      at === this.#previousEnd &&
      this.previous !== Kind.union &&
      this.scanner.byte(at) === this.evidence.context
    );
  }
}
