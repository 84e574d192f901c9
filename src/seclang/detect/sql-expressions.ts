// HOT. How expressions are read: operands and operators in turn, calls, `case`, casts, aliases of a select list. Prose fails
// within a few tokens, because two words in a row are no expression.
import { readClause, readSelect, readStatements, readUnion } from './sql-queries.ts';
import { Frame, type SqlReading } from './sql-reading.ts';
import { isStatement } from './sql-statements.ts';
import { FunctionWeight, Kind, Word } from './sql-words.ts';

const BACKTICK = 0x60;
const SLASH = 0x2f;
const LESS = 0x3c;
const GREATER = 0x3e;
const PERCENT = 0x25;
const EQUALS = 0x3d;
const AT = 0x40;
const CLOSING_PARENTHESIS = 0x29;

/** An operand is expected. Answers whether one is still expected then. */
export function readOperand(r: SqlReading, kind: number): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  switch (kind) {
    case Kind.number:
      e.numbers++;
      if (scanner.id(0) === Word.null) e.literalWords++;
      r.take(1);
      return r.gotOperand(kind);
    case Kind.string:
      e.strings++;
      if (scanner.isSeparator()) e.separators++;
      r.lastStart = scanner.start(0);
      r.take(1);
      return r.gotOperand(kind);
    case Kind.variable:
      if (scanner.byte(scanner.start(0) + 1) === AT) e.systemVariables++;
      e.variables++;
      r.take(1);
      return r.gotOperand(kind);
    case Kind.name:
    case Kind.function:
    case Kind.type:
    case Kind.object:
    case Kind.join:
      return readName(r);
    case Kind.sign:
    case Kind.not:
      e.prefixes++;
      r.take(1);
      return true;
    case Kind.prefix:
    case Kind.quantifier:
      if (scanner.kind(1) === Kind.open && scanner.weight(0) > 0) return readName(r);
      if (kind === Kind.prefix && scanner.id(0) !== Word.match) e.wordPrefixes++;
      r.take(1);
      return true;
    case Kind.open:
      r.take(1);
      r.push(Frame.plain);
      return true;
    case Kind.close:
      if (r.previous === Kind.open && r.frame === Frame.call) return r.close();
      if (r.isStart && scanner.byte(scanner.start(0)) === CLOSING_PARENTHESIS) return r.close();
      return r.fail();
    case Kind.select:
      return readSelect(r);
    case Kind.case:
      e.cases++;
      r.caseDepth++;
      r.take(1);
      return true;
    case Kind.branch:
      if (r.caseDepth === 0) return r.fail();
      r.take(1);
      return true;
    case Kind.union:
      return readUnion(r);
    case Kind.star:
      if (
        r.previous === Kind.open ||
        r.previous === Kind.select ||
        r.previous === Kind.quantifier ||
        (r.previous === Kind.comma && r.frame === Frame.list)
      ) {
        r.take(1);
        return r.gotOperand(Kind.name);
      }
      return r.fail();
    case Kind.logic:
    case Kind.comparison:
    case Kind.operator:
      if (!r.isStart || !mayLead(r)) return r.fail();
      return readBinary(r, kind);
    case Kind.clause:
      return r.isStart ? readClause(r) : r.fail();
    case Kind.statement:
      if (scanner.id(0) === Word.other) return readName(r);
      if (scanner.kind(1) === Kind.open && scanner.weight(0) > 0) return readName(r);
      if (r.isStart && isStatement(scanner, true, true)) return r.decide();
      return r.fail();
    case Kind.semicolon:
      return r.isStart ? readStatements(r) : r.fail();
    case Kind.comma:
      if (r.frame === Frame.list) {
        r.take(1);
        return true;
      }
      return r.fail();
    default:
      return r.fail();
  }
}

/** An operand has been read. Answers whether another is expected. */
export function readAfter(r: SqlReading, kind: number): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  switch (kind) {
    case Kind.sign:
    case Kind.operator:
    case Kind.star:
    case Kind.comparison:
    case Kind.logic:
    case Kind.is:
      return readBinary(r, kind);
    case Kind.not: {
      const next = scanner.kind(1);
      if (next !== Kind.comparison) return r.fail();
      r.take(1);
      return readBinary(r, next);
    }
    case Kind.close:
      return r.close();
    case Kind.comma:
      if (r.frame === Frame.plain && !r.isNested) e.commas++;
      else if (r.frame === Frame.call) e.callCommas++;
      r.take(1);
      if (r.frame === Frame.tables) return true;
      return true;
    case Kind.semicolon:
      return readStatements(r);
    case Kind.union:
      return readUnion(r);
    case Kind.clause:
      if (r.frame === Frame.call && scanner.id(0) === Word.for) {
        r.take(1);
        return true;
      }
      return readClause(r);
    case Kind.from:
      if (r.frame === Frame.call) {
        r.take(1);
        return true;
      }
      if (e.selects === 0 && (r.isProse || e.context !== 0)) return r.fail();
      if (e.selects > 0 && r.isContinued) return r.decide();
      e.froms++;
      r.frame = Frame.tables;
      r.take(1);
      return true;
    case Kind.statement:
      if (r.isHugged()) return r.fail();
      if (r.isProse && scanner.id(0) !== Word.waitfor) return r.fail();
      return r.evidence.context !== BACKTICK && isStatement(scanner, r.evidence.context === 0, true)
        ? r.decide()
        : r.fail();
    case Kind.select:
      return r.isProse || r.isHugged() ? r.fail() : readSelect(r);
    case Kind.string:
      if (r.last === Kind.string || r.frame === Frame.list) {
        r.take(1);
        r.last = Kind.string;
        return false;
      }
      return r.fail();
    case Kind.collate:
      r.take(2);
      return false;
    case Kind.cast:
      e.casts++;
      r.take(2);
      return false;
    case Kind.branch:
      if (r.caseDepth === 0) return r.fail();
      r.take(1);
      return true;
    case Kind.endOfCase:
      if (r.caseDepth === 0) return r.fail();
      r.caseDepth--;
      e.isCaseClosed = true;
      r.take(1);
      return r.gotOperand(Kind.close);
    case Kind.as:
      if (r.frame === Frame.plain) return r.fail();
      r.take(1);
      return true;
    case Kind.open:
      if (!opensQuery(r)) return r.fail();
      r.take(1);
      r.push(Frame.plain);
      return true;
    case Kind.join:
      if (r.frame !== Frame.tables) return r.fail();
      r.take(1);
      return true;
    case Kind.name:
    case Kind.function:
    case Kind.type:
    case Kind.object:
      return readAlias(r, kind);
    default:
      return r.fail();
  }
}

/** A leading operator is one only where no path, markup or pattern begins with it. */
function mayLead(r: SqlReading): boolean {
  const code = r.scanner.byte(r.scanner.start(0));
  return code !== SLASH && code !== LESS && code !== GREATER && code !== PERCENT;
}

function readName(r: SqlReading): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  if (scanner.kind(1) !== Kind.open) {
    e.names++;
    r.take(1);
    return r.gotOperand(Kind.name);
  }
  const weight = scanner.weight(0);
  if (weight === FunctionWeight.alarming) return r.decide();
  if (weight > 0 && scanner.id(0) !== Word.if) {
    e.functions++;
    e.weight += weight;
  } else {
    e.calls++;
    if (scanner.id(0) === Word.if) e.conditionals++;
    if (r.isStart) e.isCode = true;
  }
  r.take(2);
  r.push(Frame.call);
  return true;
}

function readAlias(r: SqlReading, kind: number): boolean {
  const scanner = r.scanner;
  if (kind === Kind.function && scanner.kind(1) === Kind.open) {
    if (scanner.weight(0) === FunctionWeight.alarming) return r.decide();
    return r.fail();
  }
  if (scanner.id(0) === Word.direction) {
    r.take(1);
    return false;
  }
  if (r.frame < Frame.list || r.hasAlias) return r.fail();
  r.take(1);
  r.hasAlias = true;
  return false;
}

/** Whether the parenthesis that comes begins a query or the rest of a union. */
function opensQuery(r: SqlReading): boolean {
  let ahead = 1;
  while (ahead < 5 && r.scanner.kind(ahead) === Kind.open) ahead++;
  const kind = r.scanner.kind(ahead);
  return kind === Kind.select || kind === Kind.union;
}

function readBinary(r: SqlReading, kind: number): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  const id = scanner.id(0);
  const isSign = kind === Kind.sign || kind === Kind.star || kind === Kind.operator;
  if (kind === Kind.logic && id === Word.and && r.betweens > 0) {
    r.betweens--;
    r.take(1);
    return true;
  }
  if (r.isStart) e.isLeading = true;
  if (e.firstOperator === 0 && !isSign) e.firstOperator = kind === Kind.is ? Kind.comparison : kind;
  if (isSign) e.operators++;
  else if (kind === Kind.logic) e.logics++;
  else {
    e.comparisons++;
    if (scanner.word(0) !== 0) e.wordComparisons++;
    if (scanner.end(0) - scanner.start(0) === 2 && scanner.byte(scanner.start(0)) === EQUALS) e.isCode = true;
    r.comparesLiteral = r.last !== Kind.name && r.last !== Kind.end;
    if (id === Word.between) r.betweens++;
  }
  r.take(1);
  if (kind === Kind.is) {
    if (scanner.kind(0) === Kind.not) r.take(1);
    if (scanner.isNull()) e.testsNull = true;
  } else if (id === Word.sounds && scanner.id(0) === Word.like) r.take(1);
  else if (id === Word.in && scanner.id(0) === Word.boolean) {
    r.take(2);
    return false;
  } else if (id === Word.in && scanner.kind(0) !== Kind.open && scanner.kind(0) !== Kind.variable)
    return r.fail();
  return true;
}
