// HOT. What was read of a value as SQL, and when that is an injection. The weights are rules over kinds of tokens; no value and
// no sequence is listed. The rule of thumb: one more operand is no attack, a comparison that the query did not ask for
// is; what prose and code have in common with SQL (`a and b`, `x = 1`, a list, a call) is never enough.
import { Kind } from './sql-words.ts';

/** How reading ended. */
export const Ending = { none: 0, end: 1, comment: 2, failure: 3 } as const;

const SINGLE_QUOTE = 0x27;
const BACKTICK = 0x60;
const HYPHEN = 0x2d;

export class SqlEvidence {
  /** 0, or the quote that the value closes. */
  context = 0;
  ending: number = Ending.none;
  /** Whether the last token wants an operand after it. */
  isWanting = false;
  /** The value ends inside of a string: the quote of the query closes it. */
  openQuote = 0;
  names = 0;
  numbers = 0;
  /** `true`, `false`, `unknown` and `null` among the numbers. */
  literalWords = 0;
  strings = 0;
  variables = 0;
  systemVariables = 0;
  /** Calls of functions that are not of SQL. */
  calls = 0;
  /** Calls of functions of SQL, and the sum of their weights. */
  functions = 0;
  weight = 0;
  prefixes = 0;
  wordPrefixes = 0;
  operators = 0;
  comparisons = 0;
  /** Comparisons in which neither side is a name. */
  literalComparisons = 0;
  /** Comparisons by a word: `like`, `in`, `between`, `is`. */
  wordComparisons = 0;
  logics = 0;
  /** `is null`, `is not null`. */
  testsNull = false;
  /** Kind of the first logical operator or comparison. */
  firstOperator = 0;
  opens = 0;
  /** Parentheses closed that the value did not open. */
  extraCloses = 0;
  commas = 0;
  selects = 0;
  /** Items of a select list that are no bare names. */
  items = 0;
  /** Queries in parentheses where an operand is expected. */
  subqueries = 0;
  /** The string that the value leaves open is a word, or nothing. */
  isOpenWord = false;
  /** What stands before the quote that the value closes is a word, or nothing. */
  isWordBefore = false;
  isFlag = false;
  /** One word, and not nothing, stands before the quote. */
  isAfterWord = false;
  /** `==`, `=>`, `if (…)`, `f(…)` first: code of other languages. */
  isCode = false;
  /** `'<name`. */
  isMarkup = false;
  /** The text of the comment holds the quote again: the mark stood between quotes. */
  isQuotedComment = false;
  /** Strings that hold a comma alone. */
  separators = 0;
  /** The value begins with an operator. */
  isLeading = false;
  isQuotedWord = false;
  /** `name="` stands before: an attribute of markup. */
  isAttribute = false;
  froms = 0;
  /** Commas between the arguments of calls. */
  callCommas = 0;
  /** Calls of `if`. */
  conditionals = 0;
  /** Unions of a lone name with a query. */
  unions = 0;
  cases = 0;
  isCaseClosed = false;
  casts = 0;
  comments = 0;
  isOrdered = false;
  isFiltered = false;
  isLimited = false;
  limitCommas = 0;
  /** Text after the mark of the comment that ends the value. */
  commentLength = 0;
  isHashComment = false;
  /** The comment follows the closing quote at once. */
  isBareComment = false;
  commentBegin = 0;

  reset(context: number): void {
    this.context = context;
    this.ending = Ending.none;
    this.isWanting = false;
    this.openQuote = 0;
    this.names = 0;
    this.numbers = 0;
    this.literalWords = 0;
    this.strings = 0;
    this.variables = 0;
    this.systemVariables = 0;
    this.calls = 0;
    this.functions = 0;
    this.weight = 0;
    this.prefixes = 0;
    this.wordPrefixes = 0;
    this.operators = 0;
    this.comparisons = 0;
    this.literalComparisons = 0;
    this.wordComparisons = 0;
    this.logics = 0;
    this.testsNull = false;
    this.firstOperator = 0;
    this.opens = 0;
    this.extraCloses = 0;
    this.commas = 0;
    this.selects = 0;
    this.items = 0;
    this.subqueries = 0;
    this.isOpenWord = false;
    this.isWordBefore = false;
    this.isFlag = false;
    this.isAfterWord = false;
    this.isCode = false;
    this.isMarkup = false;
    this.isQuotedComment = false;
    this.separators = 0;
    this.isLeading = false;
    this.isQuotedWord = false;
    this.isAttribute = false;
    this.froms = 0;
    this.callCommas = 0;
    this.conditionals = 0;
    this.unions = 0;
    this.cases = 0;
    this.isCaseClosed = false;
    this.casts = 0;
    this.comments = 0;
    this.isOrdered = false;
    this.isFiltered = false;
    this.isLimited = false;
    this.limitCommas = 0;
    this.commentLength = 0;
    this.isHashComment = false;
    this.isBareComment = false;
    this.commentBegin = 0;
  }

  get operands(): number {
    return this.names + this.numbers + this.strings + this.variables + this.functions + this.calls;
  }

  /** Comparisons that prose has not: by a sign, or by a word with something that is no word. */
  get conditions(): number {
    const isProse = this.names + this.literalWords === this.operands && !this.testsNull;
    return isProse ? this.comparisons - this.wordComparisons : this.comparisons;
  }

  get binaries(): number {
    return this.operators + this.comparisons + this.logics;
  }
}

/** Whether what was read is an injection. */
export function isInjection(e: SqlEvidence): boolean {
  if (e.ending === Ending.failure) return isEnough(e);
  return e.context === 0 ? continuesNumber(e) : leavesString(e);
}

/** Reading failed, but after a condition on functions of SQL: probes are often misspelt. */
function isEnough(e: SqlEvidence): boolean {
  if (e.context === 0 && e.firstOperator !== Kind.logic) return false;
  return e.logics > 0 && (e.weight >= 4 || (e.weight >= 2 && e.systemVariables + e.selects > 0));
}

/** The value stands where a number or a name is expected. */
function continuesNumber(e: SqlEvidence): boolean {
  const isCommented = e.ending === Ending.comment;
  if (e.selects > 0) return isQuery(e);
  if (e.logics > 0 && e.comments > 0 && e.numbers > 0) return true;
  if (e.isWanting && !isCommented)
    return e.logics > 0 && e.literalComparisons > 0 && e.firstOperator === Kind.logic;
  if (e.logics > 0 && (!e.isCode || e.names === 0)) {
    if (e.literalComparisons > 0 && e.conditions > 0) return true;
    if (
      e.firstOperator === Kind.logic &&
      !e.isLeading &&
      e.commas === 0 &&
      ((e.conditions > 0 && e.operands > e.names) || e.functions > 0)
    )
      return true;
    if (e.systemVariables > 0 || (e.functions > 0 && e.names === 0)) return true;
    if (e.variables > 0 && e.names === 0) return true;
    if (e.literalWords > 0 && e.numbers > e.literalWords && e.names + e.calls === 0) return true;
    if (isCommented && e.numbers > 0 && !e.isWanting) return true;
    if (e.opens > 0 && e.numbers > 0 && e.isFiltered) return true;
  }
  if (e.isFiltered && e.comparisons > 0 && e.literalComparisons > 0) return true;
  if (e.isOrdered && (e.names === 0 || isCommented || e.functions + e.calls > 0)) return true;
  if (e.isLimited && (e.limitCommas > 0 || isCommented)) return true;
  if (e.cases > 0 && (e.isCaseClosed || isCommented) && (e.names === 0 || e.literalComparisons > 0))
    return true;
  // `1 from users where 1=1`: the rest of a select list.
  if (e.froms > 0) return isCommented || (e.isFiltered && e.literalComparisons > 0);
  // `if(1=1,a,b)`
  if (e.conditionals > 0 && e.callCommas > 1 && e.literalComparisons > 0) return true;
  if (e.weight >= 4 && (e.names === 0 || (e.numbers > 1 && e.firstOperator !== Kind.comparison))) return true;
  if (e.weight >= 2 && e.operators > 0 && e.names === 0) return true;
  if (e.calls > 0 && e.literalComparisons > 0 && e.operators > 0 && e.names === 0) return true;
  if (e.functions > 0 && (e.wordPrefixes > 0 || (e.commas > 0 && e.literalComparisons > 0))) return true;
  if (e.wordPrefixes > 0 && e.opens > 0 && e.names === 0) return true;
  return isCommented && cutsQuery(e);
}

/** `1 --`: literals alone, then a comment that cuts off the rest of the query. */
function cutsQuery(e: SqlEvidence): boolean {
  if (e.names + e.calls > 0 || e.isWanting) return false;
  if (e.isHashComment && e.commentLength > 0) return false;
  // `2005--2010`, a heading underlined with dashes.
  if (isDigitByte(e.commentBegin) || e.commentBegin === HYPHEN) return false;
  if (e.commas > 0) return e.functions + e.variables > 0;
  if (e.strings > 0) return e.binaries + e.opens > 0;
  return e.numbers + e.variables + e.functions > 0;
}

/** A value that is a query itself, `(select …)`, or has one as an operand. */
function isQuery(e: SqlEvidence): boolean {
  const isCommented = e.ending === Ending.comment;
  if (e.variables + e.functions + e.calls > 0) return true;
  if (e.subqueries > 0 && (e.numbers + e.strings > 0 || isCommented)) return true;
  const isNamed = e.operands === e.names;
  if (e.items > 0 && ((e.opens > 0 && !isNamed) || e.binaries > 0 || isCommented || e.froms > 0)) return true;
  if (e.froms === 0) return false;
  if (e.unions > 0 && !e.isWanting) return true;
  if (e.isLimited || e.isOrdered || e.literalComparisons > 0 || e.opens > 0 || isCommented) return true;
  return e.isFiltered && !e.isWanting && e.numbers + e.strings > 0;
}

/** The value stands in a string of the query and closes it. */
function leavesString(e: SqlEvidence): boolean {
  if (e.context === BACKTICK) return e.logics > 0 && e.literalComparisons > 0;
  if (e.ending === Ending.comment) {
    if (e.isFlag || (e.isQuotedComment && (e.binaries === 0 || e.commentBegin === e.context))) return false;
    if (e.isHashComment && e.separators > 0 && e.commentLength > 0) return false;
    if (e.isWanting && e.logics === 0) return false;
    if (e.isBareComment && e.commentBegin === HYPHEN && !e.isAfterWord) return false;
    if (e.isBareComment) return e.isHashComment ? e.commentLength === 0 : e.commentBegin !== e.context;
    // `(")  # text`
    const isHashText = e.isHashComment && e.commentLength > 0;
    if (isHashText && e.binaries + e.operands === 0 && !e.isAfterWord) return false;
    // `'/path#part'`, `' -this -that --such`: arithmetic of names is none.
    const isText = e.commentLength > 0 && (e.commentBegin > 0x20 || isHashText);
    return !isText || e.operators < e.binaries || e.extraCloses > 0 || e.operands > e.names + e.strings;
  }
  if (e.selects > 0 && e.items + e.froms > 0) return true;
  if (e.openQuote !== 0 && e.openQuote === e.context) {
    if (e.functions + e.variables > 0) return true;
    if (e.isMarkup && e.logics === 0) return false;
    if (e.binaries === 0 || (e.context !== SINGLE_QUOTE && e.binaries + e.prefixes < 2)) return false;
    if (e.separators > 0 && e.separators + 1 >= e.strings) return false;
    if (e.logics > 0 && e.binaries > 1) return true;
    if (e.numbers > 0 && e.comparisons > 0) return true;
    // `a' * 'b`: operators between words only; quoted operators in prose look alike.
    return e.isOpenWord && e.isWordBefore && !e.isAttribute && !e.isQuotedWord;
  }
  if (e.isWanting) return e.logics > 0 && e.conditions > 0;
  if (e.logics > 0 && (e.conditions > 0 || e.functions > 0 || e.variables > 0)) return true;
  if (e.isOrdered || e.isLimited) return true;
  if (e.isFiltered && e.comparisons > 0) return true;
  if (e.functions > 0 && e.binaries > 0) return true;
  return e.systemVariables > 0;
}

const isDigitByte = (code: number): boolean => code >= 0x30 && code <= 0x39;
