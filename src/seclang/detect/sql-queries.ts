// HOT. How the parts of a query after its expressions are read: unions, subqueries, clauses, further statements. Most of them
// decide at once.
import { Ending } from './sql-evidence.ts';
import { Frame, type SqlReading } from './sql-reading.ts';
import { isStatement } from './sql-statements.ts';
import { Kind, Word } from './sql-words.ts';

/** `union [all] [(] select`, and the unions of probes that stop before. */
export function readUnion(r: SqlReading): boolean {
  const scanner = r.scanner;
  const isBare = r.isStart || r.isProse;
  const isFirst = r.isStart;
  const isOnlySet = scanner.id(0) === Word.minus;
  r.take(1);
  let hasQuantifier = false;
  while (scanner.kind(0) === Kind.quantifier) {
    hasQuantifier = true;
    r.take(1);
  }
  let hasOpen = false;
  while (scanner.kind(0) === Kind.open) {
    hasOpen = true;
    r.take(1);
    r.push(Frame.plain);
  }
  const kind = scanner.kind(0);
  if (kind === Kind.select || scanner.id(0) === Word.values) {
    if (!isBare || kind !== Kind.select) return r.decide();
    if (!isFirst) r.evidence.unions++;
    return readSelect(r);
  }
  if (isBare || isOnlySet) return r.fail();
  if (hasOpen || kind === Kind.comment || (kind === Kind.end && r.evidence.operands > 0)) return r.decide();
  if (hasQuantifier && kind !== Kind.name) return r.decide();
  return r.fail();
}

export function readSelect(r: SqlReading): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  const isNested = r.previous === Kind.open || r.previous === Kind.union;
  const isContinued = r.isContinued;
  r.take(1);
  while (scanner.kind(0) === Kind.quantifier) {
    r.take(1);
    if (scanner.kind(0) === Kind.number && scanner.kind(1) !== Kind.comma) {
      e.items++; // `top 1`
      r.take(1);
    }
  }
  e.selects++;
  if (isNested && r.frame === Frame.plain && r.isNested && e.froms > 0) return r.decide();
  if (isNested && isContinued) e.subqueries++;
  r.frame = Frame.list;
  const kind = scanner.kind(0);
  const isCall = scanner.kind(1) === Kind.open && scanner.end(0) === scanner.start(1);
  const isHyphen = kind === Kind.sign && scanner.kind(1) === Kind.name;
  // `"select all"`, `select()`.
  if (kind === Kind.string && r.isQuoteOfContext(scanner.start(0))) return r.fail();
  if (kind === Kind.open && scanner.kind(1) === Kind.close) return r.fail();
  const isItem =
    kind !== Kind.name && !isHyphen && kind > Kind.comment && (kind < Kind.close || kind === Kind.prefix);
  if (isItem || (isCall && (kind === Kind.name || scanner.weight(0) > 0)) || kind === Kind.case) {
    e.items++;
    if (isContinued || (r.last !== Kind.end && isNested)) return r.decide();
  } else if (kind === Kind.star) {
    if (isContinued && (isNested || scanner.kind(1) === Kind.from)) return r.decide();
    e.items++;
  } else if (kind === Kind.union && r.last !== Kind.end) return r.decide();
  return true;
}

export function readClause(r: SqlReading): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  const id = scanner.id(0);
  if (r.frame >= Frame.list) r.frame = Frame.plain;
  switch (id) {
    case Word.order:
    case Word.group: {
      if (scanner.id(1) !== Word.by) return r.fail();
      r.take(2);
      e.isOrdered = !r.isProse || e.selects > 0;
      return true;
    }
    case Word.having:
    case Word.where:
      e.isFiltered = true;
      r.take(1);
      return true;
    case Word.limit:
      e.isLimited = true;
      r.take(1);
      if (scanner.kind(0) === Kind.number && scanner.kind(1) === Kind.comma) e.limitCommas++;
      return true;
    case Word.offset:
      r.take(1);
      return true;
    case Word.into:
      if (scanner.id(1) !== Word.outfile && scanner.kind(1) !== Kind.variable) return r.fail();
      return r.decide();
    case Word.procedure:
      return scanner.kind(2) === Kind.open ? r.decide() : r.fail();
    case Word.for:
      if (scanner.id(1) !== Word.update) return r.fail();
      r.take(2);
      return false;
    case Word.lock:
      if (scanner.id(1) !== Word.in) return r.fail();
      r.take(4);
      return false;
    default:
      return r.fail();
  }
}

/** After a semicolon: each of the statements that follow is looked at by itself. */
export function readStatements(r: SqlReading): boolean {
  const scanner = r.scanner;
  const e = r.evidence;
  const mayBeCode = e.context === 0 && e.extraCloses === 0 && e.names + e.calls > 0;
  let hasStatement = false;
  for (;;) {
    while (scanner.kind(0) === Kind.semicolon || scanner.kind(0) === Kind.close) r.take(1);
    let opens = 0;
    while (scanner.kind(0) === Kind.open && opens++ < 8) r.take(1);
    const kind = scanner.kind(0);
    if (kind === Kind.comment && e.context !== 0 && r.cutsOff()) return r.decide();
    if (kind === Kind.select) {
      const item = scanner.kind(1);
      if (item !== Kind.name && item > Kind.comment) return r.decide();
      if (scanner.kind(2) === Kind.comma || scanner.kind(2) === Kind.from) return r.decide();
    }
    if (kind === Kind.statement) {
      if (isStatement(scanner, false, mayBeCode)) return r.decide();
      hasStatement = !r.isHugged();
    }
    while (scanner.kind(0) !== Kind.semicolon && scanner.kind(0) > Kind.comment) r.take(1);
    if (scanner.kind(0) <= Kind.comment) {
      // Some statement, and the rest of the query cut off.
      const isCut = scanner.kind(0) === Kind.comment && r.cutsOff();
      if (isCut && hasStatement && e.context !== 0) return r.decide();
      // What stands before the semicolon is judged as if it were all.
      e.ending = Ending.end;
      return false;
    }
  }
}
