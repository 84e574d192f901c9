// HOT. Looking ahead over the tokens of a value: a ring of sixteen, so that memory does not depend on the value and each token is
// read once.
import { classes, isWordByte, SPACE } from './sql-bytes.ts';
import { SqlLexer } from './sql-lexer.ts';
import { idOfWord, Word, weightOfWord } from './sql-words.ts';

const RING = 16;
const RING_MASK = RING - 1;

export class SqlScanner {
  readonly #lexer = new SqlLexer();
  readonly #kinds = new Uint8Array(RING);
  readonly #words = new Uint16Array(RING);
  readonly #starts = new Int32Array(RING);
  readonly #ends = new Int32Array(RING);
  #first = 0;
  #count = 0;

  load(text: string, position: number): void {
    this.#lexer.load(text, position);
    this.#first = 0;
    this.#count = 0;
  }

  /** Lets go of the value. */
  unload(): void {
    this.#lexer.unload();
  }

  /** Kind of the token `ahead` places after the next one; at most 15. */
  kind(ahead: number): number {
    if (this.#count <= ahead) this.#fill(ahead);
    return this.#kinds[(this.#first + ahead) & RING_MASK]!;
  }

  /** Number in the table of words, or 0. */
  word(ahead: number): number {
    if (this.#count <= ahead) this.#fill(ahead);
    return this.#words[(this.#first + ahead) & RING_MASK]!;
  }

  id(ahead: number): number {
    return idOfWord(this.word(ahead));
  }

  weight(ahead: number): number {
    return weightOfWord(this.word(ahead));
  }

  start(ahead: number): number {
    if (this.#count <= ahead) this.#fill(ahead);
    return this.#starts[(this.#first + ahead) & RING_MASK]!;
  }

  end(ahead: number): number {
    if (this.#count <= ahead) this.#fill(ahead);
    return this.#ends[(this.#first + ahead) & RING_MASK]!;
  }

  skip(count: number): void {
    if (this.#count < count) this.#fill(count - 1);
    this.#first = (this.#first + count) & RING_MASK;
    this.#count -= count;
  }

  #fill(ahead: number): void {
    const lexer = this.#lexer;
    while (this.#count <= ahead) {
      lexer.read();
      const at = (this.#first + this.#count) & RING_MASK;
      this.#kinds[at] = lexer.kind;
      this.#words[at] = lexer.word;
      this.#starts[at] = lexer.start;
      this.#ends[at] = lexer.end;
      this.#count++;
    }
  }

  byte(offset: number): number {
    return this.#lexer.byte(offset);
  }

  has(code: number, from: number): boolean {
    return this.#lexer.has(code, from);
  }

  get length(): number {
    return this.#lexer.length;
  }

  /** Comments read so far that end inside of the value. */
  get comments(): number {
    return this.#lexer.comments;
  }

  get openQuote(): number {
    return this.#lexer.openQuote;
  }

  get commentStart(): number {
    return this.#lexer.commentStart;
  }

  get steps(): number {
    return this.#lexer.steps;
  }

  /** Whether the text between the offsets is one word, or nothing; blanks around it do not count. */
  isPlain(from: number, to: number): boolean {
    while (from < to && classes[this.byte(from)] === SPACE) from++;
    while (from < to && classes[this.byte(to - 1)] === SPACE) to--;
    if (from + 1 < to && this.byte(from) === 0x2b && isWordByte(this.byte(from + 1))) from++;
    for (let i = from; i < to; i++) {
      const code = this.byte(i);
      if (!isWordByte(code) && code !== 0x25 && code !== 0x2d && code !== 0x2e && code !== 0x40) return false;
    }
    return true;
  }

  /** Whether the next token, a string, begins with a comma: what stands between the strings of a list. */
  isSeparator(): boolean {
    return this.byte(this.start(0) + 1) === 0x2c;
  }

  /** Whether the next token is `null`, in any case. */
  isNull(): boolean {
    return this.id(0) === Word.null && (this.byte(this.start(0)) | 0x20) === 0x6e;
  }
}
