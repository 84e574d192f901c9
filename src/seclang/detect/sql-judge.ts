// HOT. Decides whether a value, put where it would stand in a query, continues the query as SQL and changes it. A pushdown
// machine reads expressions, clauses and the heads of statements; prose fails within a few tokens, because two words in a row
// are no expression. What was read is weighed at the end (`sql-evidence.ts`), and some things decide at once: a union with a
// query, a second statement, a subquery, a function that only attackers call.
import { Ending, isInjection, SqlEvidence } from './sql-evidence.ts';
import { SqlScanner } from './sql-scanner.ts';
import { isStatement } from './sql-statements.ts';
import { FunctionWeight, KIND_LETTERS, Kind, Word } from './sql-words.ts';

/** Levels of parentheses whose kind is remembered; deeper ones count as plain. */
const MAX_DEPTH = 64;
/** Tokens in a fingerprint, as in the published idea. */
const FINGERPRINT_LENGTH = 5;

const BACKTICK = 0x60;
const isLetterByte = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
const isWordByte = (code: number): boolean =>
  isLetterByte(code) || (code >= 0x30 && code <= 0x39) || code > 0x7f;

const Frame = { plain: 0, call: 1, list: 2, tables: 3 } as const;

export class SqlJudge {
  readonly #scanner = new SqlScanner();
  readonly #evidence = new SqlEvidence();
  readonly #frames = new Uint8Array(MAX_DEPTH);
  readonly #print = new Uint8Array(FINGERPRINT_LENGTH);
  #printed = 0;
  #depth = 0;
  #caseDepth = 0;
  #betweens = 0;
  #isStart = false;
  #isDecided = false;
  /** Kind of the last operand, for comparisons and adjacent strings. */
  #last = 0;
  #previous = 0;
  #comparesLiteral = false;
  #hasAlias = false;
  #lastStart = 0;
  #from = 0;

  /** Tokens read since the judge was made. */
  get steps(): number {
    return this.#scanner.steps;
  }

  /** Whether `value` from `from` on is an injection; `context` is 0 or the quote that stands before `from`. */
  judge(value: string, from: number, context: number): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    scanner.load(value, from);
    e.reset(context);
    e.isAttribute = from > 1 && value.charCodeAt(from - 2) === 0x3d;
    this.#printed = 0;
    this.#depth = 0;
    this.#frames[0] = Frame.plain;
    this.#caseDepth = 0;
    this.#betweens = 0;
    this.#isStart = context === 0;
    this.#isDecided = false;
    this.#last = context === 0 ? Kind.end : Kind.string;
    this.#previous = Kind.end;
    this.#comparesLiteral = false;
    this.#hasAlias = false;
    this.#lastStart = from;
    this.#from = from;
    if (context !== 0) this.#print[this.#printed++] = Kind.string;
    let wants = context === 0;
    while (e.ending === Ending.none && !this.#isDecided) {
      const kind = scanner.kind(0);
      if (kind <= Kind.comment) this.#finish(kind, wants);
      else if (wants) wants = this.#readOperand(kind);
      else wants = this.#readAfter(kind);
      this.#isStart = false;
    }
    e.comments = scanner.comments;
    const result = this.#isDecided || isInjection(e);
    scanner.unload();
    return result;
  }

  /** Letters of the first tokens of the last value judged. */
  fingerprint(): string {
    let text = '';
    for (let i = 0; i < this.#printed; i++) text += KIND_LETTERS[this.#print[i]!]!;
    return text;
  }

  #finish(kind: number, wants: boolean): void {
    const e = this.#evidence;
    const scanner = this.#scanner;
    e.isWanting = wants;
    e.ending = kind === Kind.comment ? Ending.comment : Ending.end;
    if (kind === Kind.comment) {
      const begin = scanner.commentStart;
      e.commentLength = scanner.length - begin;
      e.commentBegin = scanner.byte(begin);
      e.isHashComment = scanner.byte(begin - 1) === 0x23;
      e.isBareComment = this.#previous === Kind.end;
      e.isFlag = this.#isFlag(begin);
      e.isQuotedComment = e.context !== 0 && scanner.has(e.context, begin) && !this.#isAfterWord;
      this.#record(Kind.comment);
    } else if (!wants && this.#last === Kind.string && scanner.openQuote !== 0) {
      e.openQuote = scanner.openQuote;
      e.isOpenWord = scanner.isPlain(this.#lastStart + 1, scanner.length);
      e.isWordBefore = scanner.isPlain(0, this.#from - 1);
      e.isMarkup = scanner.byte(this.#from) === 0x3c && isLetterByte(scanner.byte(this.#from + 1));
      e.isQuotedWord = this.#isQuotedWord;
    }
  }

  /** `say 'and'`: a word in quotes at the end of a sentence, no operator between two strings. */
  get #isQuotedWord(): boolean {
    const scanner = this.#scanner;
    const isLast = this.#lastStart + 1 >= scanner.length;
    return (
      isLast && this.#from > 1 && scanner.byte(this.#from) > 0x40 && scanner.byte(this.#lastStart - 1) > 0x40
    );
  }

  /** Whether one word, and not nothing, stands before the quote. */
  get #isAfterWord(): boolean {
    return (
      this.#from > 1 &&
      this.#scanner.isPlain(0, this.#from - 1) &&
      isWordByte(this.#scanner.byte(this.#from - 2))
    );
  }

  /** `'--help'`: the quote opens what a reader takes for an option of a command. */
  #isFlag(begin: number): boolean {
    const scanner = this.#scanner;
    if (begin - 2 !== this.#from || !isLetterByte(scanner.byte(begin))) return false;
    return this.#from < 2 || !isWordByte(scanner.byte(this.#from - 2));
  }

  #fail(): boolean {
    this.#evidence.ending = Ending.failure;
    return false;
  }

  #decide(): boolean {
    for (let i = 0; i < 3; i++) this.#record(this.#scanner.kind(i));
    this.#isDecided = true;
    return false;
  }

  #record(kind: number): void {
    if (this.#printed < FINGERPRINT_LENGTH && kind !== Kind.end) this.#print[this.#printed++] = kind;
  }

  #take(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#previous = this.#scanner.kind(0);
      this.#record(this.#previous);
      this.#scanner.skip(1);
    }
  }

  #push(frame: number): void {
    this.#evidence.opens++;
    this.#depth++;
    if (this.#depth < MAX_DEPTH) this.#frames[this.#depth] = frame;
  }

  get #frame(): number {
    return this.#depth < MAX_DEPTH ? this.#frames[this.#depth]! : Frame.plain;
  }

  set #frame(frame: number) {
    if (this.#depth < MAX_DEPTH) this.#frames[this.#depth] = frame;
  }

  /** Something stands before that the value continues: a closed string or an operator. */
  get #isContinued(): boolean {
    const e = this.#evidence;
    return e.context !== 0 || e.binaries + e.commas + e.extraCloses > 0;
  }

  /** Whether the value begins with a lone word, as prose does. */
  get #isProse(): boolean {
    const e = this.#evidence;
    const isLone = e.context === 0 && this.#last === Kind.name;
    return isLone && e.binaries + e.opens + e.extraCloses + this.#scanner.comments === 0;
  }

  #gotOperand(kind: number): boolean {
    const e = this.#evidence;
    this.#last = kind;
    this.#hasAlias = false;
    if (this.#comparesLiteral && kind !== Kind.name) e.literalComparisons++;
    this.#comparesLiteral = false;
    return false;
  }

  /** An operand is expected. Answers whether one is still expected then. */
  #readOperand(kind: number): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    switch (kind) {
      case Kind.number:
        e.numbers++;
        if (scanner.id(0) === Word.null) e.literalWords++;
        this.#take(1);
        return this.#gotOperand(kind);
      case Kind.string:
        e.strings++;
        if (scanner.isSeparator()) e.separators++;
        this.#lastStart = scanner.start(0);
        this.#take(1);
        return this.#gotOperand(kind);
      case Kind.variable:
        if (scanner.byte(scanner.start(0) + 1) === 0x40) e.systemVariables++;
        e.variables++;
        this.#take(1);
        return this.#gotOperand(kind);
      case Kind.name:
      case Kind.function:
      case Kind.type:
      case Kind.object:
      case Kind.join:
        return this.#readName();
      case Kind.sign:
      case Kind.not:
        e.prefixes++;
        this.#take(1);
        return true;
      case Kind.prefix:
      case Kind.quantifier:
        if (scanner.kind(1) === Kind.open && scanner.weight(0) > 0) return this.#readName();
        if (kind === Kind.prefix && scanner.id(0) !== Word.match) e.wordPrefixes++;
        this.#take(1);
        return true;
      case Kind.open:
        this.#take(1);
        this.#push(Frame.plain);
        return true;
      case Kind.close:
        if (this.#previous === Kind.open && this.#frame === Frame.call) return this.#close();
        if (this.#isStart && scanner.byte(scanner.start(0)) === 0x29) return this.#close();
        return this.#fail();
      case Kind.select:
        return this.#readSelect();
      case Kind.case:
        e.cases++;
        this.#caseDepth++;
        this.#take(1);
        return true;
      case Kind.branch:
        if (this.#caseDepth === 0) return this.#fail();
        this.#take(1);
        return true;
      case Kind.union:
        return this.#readUnion();
      case Kind.star:
        if (
          this.#previous === Kind.open ||
          this.#previous === Kind.select ||
          this.#previous === Kind.quantifier ||
          (this.#previous === Kind.comma && this.#frame === Frame.list)
        ) {
          this.#take(1);
          return this.#gotOperand(Kind.name);
        }
        return this.#fail();
      case Kind.logic:
      case Kind.comparison:
      case Kind.operator:
        if (!this.#isStart || !this.#mayLead()) return this.#fail();
        return this.#readBinary(kind);
      case Kind.clause:
        return this.#isStart ? this.#readClause() : this.#fail();
      case Kind.statement:
        if (scanner.kind(1) === Kind.open && scanner.weight(0) > 0) return this.#readName();
        if (this.#isStart && isStatement(scanner, true)) return this.#decide();
        return this.#fail();
      case Kind.semicolon:
        return this.#isStart ? this.#readStatements() : this.#fail();
      case Kind.comma:
        if (this.#frame === Frame.list) {
          this.#take(1);
          return true;
        }
        return this.#fail();
      default:
        return this.#fail();
    }
  }

  /** A leading operator is one only where no path, markup or pattern begins with it. */
  #mayLead(): boolean {
    const code = this.#scanner.byte(this.#scanner.start(0));
    return code !== 0x2f && code !== 0x3c && code !== 0x3e && code !== 0x25;
  }

  #readName(): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    if (scanner.kind(1) !== Kind.open) {
      e.names++;
      this.#take(1);
      return this.#gotOperand(Kind.name);
    }
    const weight = scanner.weight(0);
    if (weight === FunctionWeight.alarming) return this.#decide();
    if (weight > 0 && scanner.id(0) !== Word.if) {
      e.functions++;
      e.weight += weight;
    } else {
      e.calls++;
      if (this.#isStart) e.isCode = true;
    }
    this.#take(2);
    this.#push(Frame.call);
    return true;
  }

  #close(): boolean {
    if (this.#depth > 0) this.#depth--;
    else this.#evidence.extraCloses++;
    this.#take(1);
    return this.#gotOperand(this.#previous);
  }

  /** An operand has been read. Answers whether another is expected. */
  #readAfter(kind: number): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    switch (kind) {
      case Kind.sign:
      case Kind.operator:
      case Kind.star:
      case Kind.comparison:
      case Kind.logic:
      case Kind.is:
        return this.#readBinary(kind);
      case Kind.not: {
        const next = scanner.kind(1);
        if (next !== Kind.comparison) return this.#fail();
        this.#take(1);
        return this.#readBinary(next);
      }
      case Kind.close:
        return this.#close();
      case Kind.comma:
        if (this.#frame === Frame.plain && this.#depth === 0) e.commas++;
        this.#take(1);
        if (this.#frame === Frame.tables) return true;
        return true;
      case Kind.semicolon:
        return this.#readStatements();
      case Kind.union:
        return this.#readUnion();
      case Kind.clause:
        if (this.#frame === Frame.call && scanner.id(0) === Word.for) {
          this.#take(1);
          return true;
        }
        return this.#readClause();
      case Kind.from:
        if (this.#frame === Frame.call) {
          this.#take(1);
          return true;
        }
        if (e.selects === 0) return this.#fail();
        if (this.#isContinued) return this.#decide();
        e.froms++;
        this.#frame = Frame.tables;
        this.#take(1);
        return true;
      case Kind.statement:
        if (this.#isHugged()) return this.#fail();
        if (this.#isProse && scanner.id(0) !== Word.waitfor) return this.#fail();
        return this.#evidence.context !== BACKTICK && isStatement(scanner, this.#evidence.context === 0)
          ? this.#decide()
          : this.#fail();
      case Kind.select:
        return this.#isProse || this.#isHugged() ? this.#fail() : this.#readSelect();
      case Kind.string:
        if (this.#last === Kind.string || this.#frame === Frame.list) {
          this.#take(1);
          this.#last = Kind.string;
          return false;
        }
        return this.#fail();
      case Kind.collate:
        this.#take(2);
        return false;
      case Kind.cast:
        e.casts++;
        this.#take(2);
        return false;
      case Kind.branch:
        if (this.#caseDepth === 0) return this.#fail();
        this.#take(1);
        return true;
      case Kind.endOfCase:
        if (this.#caseDepth === 0) return this.#fail();
        this.#caseDepth--;
        e.isCaseClosed = true;
        this.#take(1);
        return this.#gotOperand(Kind.close);
      case Kind.as:
        if (this.#frame === Frame.plain) return this.#fail();
        this.#take(1);
        return true;
      case Kind.open:
        if (!this.#opensQuery()) return this.#fail();
        this.#take(1);
        this.#push(Frame.plain);
        return true;
      case Kind.join:
        if (this.#frame !== Frame.tables) return this.#fail();
        this.#take(1);
        return true;
      case Kind.name:
      case Kind.function:
      case Kind.type:
      case Kind.object:
        return this.#readAlias(kind);
      default:
        return this.#fail();
    }
  }

  /** `'select'`: the word after the closed quote is a word in quotes. */
  #isHugged(): boolean {
    const scanner = this.#scanner;
    return this.#previous === Kind.end && scanner.byte(scanner.end(0)) === this.#evidence.context;
  }

  #readAlias(kind: number): boolean {
    const scanner = this.#scanner;
    if (kind === Kind.function && scanner.kind(1) === Kind.open) {
      if (scanner.weight(0) === FunctionWeight.alarming) return this.#decide();
      return this.#fail();
    }
    if (this.#frame < Frame.list || this.#hasAlias) return this.#fail();
    this.#take(1);
    this.#hasAlias = true;
    return false;
  }

  /** Whether the parenthesis that comes begins a query or the rest of a union. */
  #opensQuery(): boolean {
    let ahead = 1;
    while (ahead < 5 && this.#scanner.kind(ahead) === Kind.open) ahead++;
    const kind = this.#scanner.kind(ahead);
    return kind === Kind.select || kind === Kind.union;
  }

  #readBinary(kind: number): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    const id = scanner.id(0);
    const isSign = kind === Kind.sign || kind === Kind.star || kind === Kind.operator;
    if (kind === Kind.logic && id === Word.and && this.#betweens > 0) {
      this.#betweens--;
      this.#take(1);
      return true;
    }
    if (this.#isStart) e.isLeading = true;
    if (e.firstOperator === 0 && !isSign) e.firstOperator = kind === Kind.is ? Kind.comparison : kind;
    if (isSign) e.operators++;
    else if (kind === Kind.logic) e.logics++;
    else {
      e.comparisons++;
      if (scanner.word(0) !== 0) e.wordComparisons++;
      if (scanner.end(0) - scanner.start(0) === 2 && scanner.byte(scanner.start(0)) === 0x3d) e.isCode = true;
      this.#comparesLiteral = this.#last !== Kind.name && this.#last !== Kind.end;
      if (id === Word.between) this.#betweens++;
    }
    this.#take(1);
    if (kind === Kind.is) {
      if (scanner.kind(0) === Kind.not) this.#take(1);
      if (scanner.isNull()) e.testsNull = true;
    } else if (id === Word.sounds && scanner.id(0) === Word.like) this.#take(1);
    else if (id === Word.in && scanner.id(0) === Word.boolean) {
      this.#take(2);
      return false;
    } else if (id === Word.in && scanner.kind(0) !== Kind.open && scanner.kind(0) !== Kind.variable)
      return this.#fail();
    return true;
  }

  /** `union [all] [(] select`, and the unions of probes that stop before. */
  #readUnion(): boolean {
    const scanner = this.#scanner;
    const isBare = this.#isStart || this.#isProse;
    const isOnlySet = scanner.id(0) === Word.minus;
    this.#take(1);
    let hasQuantifier = false;
    while (scanner.kind(0) === Kind.quantifier) {
      hasQuantifier = true;
      this.#take(1);
    }
    let hasOpen = false;
    while (scanner.kind(0) === Kind.open) {
      hasOpen = true;
      this.#take(1);
      this.#push(Frame.plain);
    }
    const kind = scanner.kind(0);
    if (kind === Kind.select || scanner.id(0) === Word.values) {
      if (!isBare || kind !== Kind.select) return this.#decide();
      return this.#readSelect();
    }
    if (isBare || isOnlySet) return this.#fail();
    if (hasOpen || (kind <= Kind.comment && this.#evidence.operands > 0)) return this.#decide();
    if (hasQuantifier && kind !== Kind.name) return this.#decide();
    return this.#fail();
  }

  #readSelect(): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    const isNested = this.#previous === Kind.open || this.#previous === Kind.union;
    const isContinued = this.#isContinued;
    this.#take(1);
    while (scanner.kind(0) === Kind.quantifier) {
      this.#take(1);
      if (scanner.kind(0) === Kind.number && scanner.kind(1) !== Kind.comma) {
        e.items++; // `top 1`
        this.#take(1);
      }
    }
    e.selects++;
    if (isNested && this.#frame === Frame.plain && this.#depth > 0 && e.froms > 0) return this.#decide();
    if (isNested && isContinued) e.subqueries++;
    this.#frame = Frame.list;
    const kind = scanner.kind(0);
    const isCall = scanner.kind(1) === Kind.open && scanner.end(0) === scanner.start(1);
    const isHyphen = kind === Kind.sign && scanner.kind(1) === Kind.name;
    const isItem =
      kind !== Kind.name && !isHyphen && kind > Kind.comment && (kind < Kind.close || kind === Kind.prefix);
    if (isItem || (isCall && (kind === Kind.name || scanner.weight(0) > 0)) || kind === Kind.case) {
      e.items++;
      if (isContinued || (this.#last !== Kind.end && isNested)) return this.#decide();
    } else if (kind === Kind.star) {
      if (isContinued && (isNested || scanner.kind(1) === Kind.from)) return this.#decide();
      e.items++;
    } else if (kind === Kind.union && this.#last !== Kind.end) return this.#decide();
    return true;
  }

  #readClause(): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    const id = scanner.id(0);
    if (this.#frame >= Frame.list) this.#frame = Frame.plain;
    switch (id) {
      case Word.order:
      case Word.group: {
        if (scanner.id(1) !== Word.by) return this.#fail();
        this.#take(2);
        e.isOrdered = !this.#isProse || e.selects > 0;
        return true;
      }
      case Word.having:
      case Word.where:
        e.isFiltered = true;
        this.#take(1);
        return true;
      case Word.limit:
        e.isLimited = true;
        this.#take(1);
        if (scanner.kind(0) === Kind.number && scanner.kind(1) === Kind.comma) e.limitCommas++;
        return true;
      case Word.offset:
        this.#take(1);
        return true;
      case Word.into:
        return scanner.id(1) === Word.outfile ? this.#decide() : this.#fail();
      case Word.procedure:
        return scanner.kind(2) === Kind.open ? this.#decide() : this.#fail();
      case Word.for:
        if (scanner.id(1) !== Word.update) return this.#fail();
        this.#take(2);
        return false;
      case Word.lock:
        if (scanner.id(1) !== Word.in) return this.#fail();
        this.#take(4);
        return false;
      default:
        return this.#fail();
    }
  }

  /** After a semicolon: each of the statements that follow is looked at by itself. */
  #readStatements(): boolean {
    const scanner = this.#scanner;
    const e = this.#evidence;
    for (;;) {
      while (scanner.kind(0) === Kind.semicolon || scanner.kind(0) === Kind.close) this.#take(1);
      let opens = 0;
      while (scanner.kind(0) === Kind.open && opens++ < 8) this.#take(1);
      const kind = scanner.kind(0);
      if (kind === Kind.comment && e.context !== 0) return this.#decide();
      if (kind === Kind.select) {
        const item = scanner.kind(1);
        if (item !== Kind.name && item > Kind.comment) return this.#decide();
        if (scanner.kind(2) === Kind.comma || scanner.kind(2) === Kind.from) return this.#decide();
      }
      if (kind === Kind.statement && isStatement(scanner, false)) return this.#decide();
      while (scanner.kind(0) !== Kind.semicolon && scanner.kind(0) > Kind.comment) this.#take(1);
      if (scanner.kind(0) <= Kind.comment) {
        e.ending = Ending.failure;
        return false;
      }
    }
  }
}
