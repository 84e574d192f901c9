// HOT. The heads of statements: how many words it takes until a statement can not be prose any more. `drop table users;` and
// `exec master..xp` are enough, `update the docs` and `drop table tennis for now` are not.
import type { SqlScanner } from './sql-scanner.ts';
import { FunctionWeight, Kind, Word } from './sql-words.ts';

/**
 * Whether the token that comes begins a statement and what follows goes on as that statement does. `isFirst`: no
 * semicolon and no quote stands before, so that nothing else speaks for an attack. `mayBeCode`: what stands before could
 * as well be another language, which has `if`, `while`, `do` and `print` too.
 */
export function isStatement(s: SqlScanner, isFirst: boolean, mayBeCode: boolean): boolean {
  const next = s.kind(1);
  const isName = next === Kind.name || next === Kind.function;
  switch (s.id(0)) {
    case Word.update:
      if (s.id(2) === Word.set) return isName && s.kind(4) === Kind.comparison;
      return s.kind(2) === Kind.name && s.id(3) === Word.set && s.kind(5) === Kind.comparison;
    case Word.set:
      return next === Kind.variable && s.kind(2) === Kind.comparison;
    case Word.insert: {
      if (s.id(1) !== Word.into || s.kind(2) !== Kind.name) return false;
      const tail = s.kind(3);
      return tail === Kind.select || s.id(3) === Word.values || (tail === Kind.open && !isFirst);
    }
    case Word.delete:
      if (next === Kind.from) return isDeleteTail(s, 3, isFirst);
      return s.kind(2) === Kind.from && isDeleteTail(s, 4, isFirst);
    case Word.drop:
      return isObjectHead(s);
    case Word.exec:
      if (isFirst) return next === Kind.variable || s.weight(1) === FunctionWeight.alarming;
      if (next === Kind.open) return s.kind(2) !== Kind.close;
      if (next === Kind.variable || next === Kind.string || next === Kind.as) return true;
      if (s.weight(1) === FunctionWeight.alarming) return true;
      if (s.kind(2) === Kind.open) return isName && s.end(1) === s.start(2);
      return isName && (isStatementEnd(s.kind(2)) || isValue(s.kind(2)));
    case Word.declare:
      return next === Kind.variable || (isName && s.kind(2) === Kind.object);
    case Word.waitfor:
      return (next === Kind.object || next === Kind.function) && s.kind(2) === Kind.string;
    case Word.if:
      if (mayBeCode) return false;
      if (next === Kind.number) return s.word(1) === 0;
      if (next === Kind.not) return s.kind(2) === Kind.open || s.kind(2) === Kind.prefix;
      return next === Kind.open || next === Kind.variable || next === Kind.prefix;
    case Word.begin:
      if (isFirst) return next === Kind.statement;
      if (next === Kind.statement || next <= Kind.comment || next === Kind.semicolon) return true;
      return (
        s.kind(2) === Kind.open || (isName && (s.kind(2) === Kind.select || s.kind(2) === Kind.statement))
      );
    case Word.shutdown:
      return (
        !mayBeCode &&
        (isStatementEnd(next) || (isName && s.kind(2) === Kind.name && isStatementEnd(s.kind(3))))
      );
    case Word.print:
      if (mayBeCode || s.kind(2) === Kind.name) return false;
      return next === Kind.string || next === Kind.variable || next === Kind.open;
    case Word.load:
      return (isName || next === Kind.type) && (s.kind(2) === Kind.object || s.kind(3) === Kind.object);
    case Word.do:
      return !mayBeCode && (next === Kind.open || (next === Kind.function && s.kind(2) === Kind.open));
    case Word.goto:
      return s.kind(2) === Kind.select || s.kind(2) === Kind.statement;
    case Word.grant:
      return s.kind(2) === Kind.join && next !== Kind.comma && s.kind(4) !== Kind.name;
    case Word.copy:
      if (next === Kind.open) return s.kind(2) === Kind.select;
      return isName && s.kind(3) === Kind.string && (s.kind(2) === Kind.from || s.end(2) - s.start(2) === 2);
    case Word.values:
      return !isFirst && next === Kind.open;
    default:
      return false;
  }
}

function isDeleteTail(s: SqlScanner, ahead: number, isFirst: boolean): boolean {
  if (s.kind(ahead - 1) !== Kind.name) return false;
  if (s.id(ahead) === Word.where) return s.kind(ahead + 2) === Kind.comparison || !isFirst;
  return !isFirst && isStatementEnd(s.kind(ahead));
}

const isValue = (kind: number): boolean =>
  kind === Kind.string || kind === Kind.number || kind === Kind.variable || kind === Kind.comma;
const isStatementEnd = (kind: number): boolean => kind <= Kind.comment || kind === Kind.semicolon;

/** `drop table users`, `create user a identified …`, `alter database x set …`: an object, its name, and no prose after it. */
function isObjectHead(s: SqlScanner): boolean {
  let at = 1;
  // `create or replace`, `create temporary`, `create unique index`, `drop user`.
  while (at < 4 && !isObject(s, at)) at++;
  if (at === 4) return false;
  at++;
  if (s.id(at) === Word.if) at += s.kind(at + 1) === Kind.not ? 3 : 2;
  const kind = s.kind(at);
  if (kind !== Kind.name && kind !== Kind.function && kind !== Kind.variable && kind !== Kind.string)
    return false;
  const tail = s.kind(at + 1);
  if (s.id(at + 2) === Word.by) return true; // `identified by`
  return (
    tail !== Kind.name &&
    tail !== Kind.from &&
    (tail !== Kind.clause || s.id(at + 1) === Word.into) &&
    tail !== Kind.other
  );
}

function isObject(s: SqlScanner, at: number): boolean {
  const kind = s.kind(at);
  return (
    kind === Kind.object ||
    s.id(at) === Word.procedure ||
    (kind === Kind.function && s.kind(at + 1) === Kind.name)
  );
}
