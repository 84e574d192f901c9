// Expressions of Cedar, by recursive descent along the grammar: if; ||; &&; relations, which do not chain; + and -; *;
// up to four ! or -; members.
import type { BinaryOperator, EntityName, Expression, Variable } from './ast.ts';
import { extensionFunctions, extensionMethods, methodArity } from './extensions/signatures.ts';
import { SyntaxProblem } from './lexer.ts';
import { parseInteger, parsePattern, parseString } from './literals.ts';
import { hint, type TokenReader } from './token-reader.ts';

/** Nesting of expressions; recursion over them, here and at evaluation, stays far below the stack's size. */
const MAX_DEPTH = 150;

const variables: readonly string[] = ['principal', 'action', 'resource', 'context'];
const relations: readonly string[] = ['<', '<=', '>=', '>', '!=', '==', 'in'];

export function parseExpression(reader: TokenReader, depth = 0): Expression {
  if (depth > MAX_DEPTH) {
    throw new SyntaxProblem(reader.next.start, 'The expression is nested too deeply.', 'Split the policy.');
  }
  const { start } = reader.next;
  if (!reader.is('if')) return parseOr(reader, depth + 1);
  reader.take();
  const condition = parseExpression(reader, depth + 1);
  reader.expect('then', 'after the condition of "if"');
  const consequent = parseExpression(reader, depth + 1);
  reader.expect('else', 'after "then": an "if" always has both');
  const alternative = parseExpression(reader, depth + 1);
  return { kind: 'if', condition, consequent, alternative, start, end: reader.lastEnd };
}

function parseOr(reader: TokenReader, depth: number): Expression {
  const first = parseAnd(reader, depth);
  if (!reader.is('||')) return first;
  const operands = [first];
  while (reader.accept('||')) operands.push(parseAnd(reader, depth));
  return { kind: 'or', operands, start: first.start, end: reader.lastEnd };
}

function parseAnd(reader: TokenReader, depth: number): Expression {
  const first = parseRelation(reader, depth);
  if (!reader.is('&&')) return first;
  const operands = [first];
  while (reader.accept('&&')) operands.push(parseRelation(reader, depth));
  return { kind: 'and', operands, start: first.start, end: reader.lastEnd };
}

function parseRelation(reader: TokenReader, depth: number): Expression {
  const left = parseSum(reader, depth);
  const relation = parseRelationTail(reader, left, depth);
  if (relation === null) return left;
  if (isRelation(reader)) {
    throw reader.unexpected('Relations do not chain', 'Put one of the two in parentheses.');
  }
  return relation;
}

const relationWords: ReadonlySet<string> = new Set(['has', 'like', 'is', ...relations]);

const isRelation = ({ next }: TokenReader): boolean => next.kind !== 'string' && relationWords.has(next.text);

function parseRelationTail(reader: TokenReader, left: Expression, depth: number): Expression | null {
  const { start } = left;
  if (!isRelation(reader) && !reader.is('=')) return null;
  if (reader.accept('has')) {
    const path = parseHasPath(reader);
    return { kind: 'has', target: left, path, start, end: reader.lastEnd };
  }
  if (reader.accept('like')) {
    const token = reader.next;
    if (token.kind !== 'string') throw reader.unexpected('A pattern in quotes is expected after "like"');
    reader.take();
    return { kind: 'like', target: left, pattern: parsePattern(token), start, end: reader.lastEnd };
  }
  if (reader.accept('is')) {
    if (reader.next.kind === 'string')
      throw reader.unexpected('The name of an entity type is expected after "is"', 'Remove the quotes.');
    const type = parseTypeName(reader);
    const within = reader.accept('in') ? parseSum(reader, depth) : null;
    return { kind: 'is', target: left, type, within, start, end: reader.lastEnd };
  }
  if (reader.is('=')) throw reader.unexpected('A relation is expected', 'Equality is written "==".');
  const operator = reader.take().text;
  const right = parseSum(reader, depth);
  return {
    kind: 'binary',
    operator: operator as BinaryOperator,
    left,
    right,
    start,
    end: reader.lastEnd,
  };
}

function parseHasPath(reader: TokenReader): string[] {
  if (reader.next.kind === 'string') return [parseString(reader.take())];
  const path = [reader.identifier('an attribute')];
  while (reader.accept('.')) path.push(reader.identifier('an attribute'));
  return path;
}

function parseSum(reader: TokenReader, depth: number): Expression {
  let left = parseProduct(reader, depth);
  while (reader.is('+') || reader.is('-')) {
    reader.countOperation();
    const operator = reader.take().text as BinaryOperator;
    const right = parseProduct(reader, depth);
    left = { kind: 'binary', operator, left, right, start: left.start, end: reader.lastEnd };
  }
  return left;
}

function parseProduct(reader: TokenReader, depth: number): Expression {
  let left = parseUnary(reader, depth);
  while (reader.accept('*')) {
    reader.countOperation();
    const right = parseUnary(reader, depth);
    left = { kind: 'binary', operator: '*', left, right, start: left.start, end: reader.lastEnd };
  }
  if (reader.is('/') || reader.is('%')) {
    throw reader.unexpected('There is no division in Cedar', 'Compare with a multiplied value instead.');
  }
  return left;
}

function parseUnary(reader: TokenReader, depth: number): Expression {
  const sign = reader.is('!') ? '!' : '-';
  const starts: number[] = [];
  while (reader.is(sign)) starts.push(reader.take().start);
  if (starts.length > 4) {
    throw new SyntaxProblem(starts[4]!, `"${sign}" stands more than four times in a row.`, 'Remove pairs.');
  }
  let operand: Expression;
  // The last minus belongs to the digits: -9223372036854775808 has no positive twin.
  if (sign === '-' && starts.length > 0 && reader.next.kind === 'number' && !isAccess(reader, 1)) {
    const start = starts.pop()!;
    const value = parseInteger(reader.take(), true);
    operand = { kind: 'literal', value, start, end: reader.lastEnd };
  } else operand = parseMember(reader, depth);
  for (let i = starts.length - 1; i >= 0; i--) {
    const kind = sign === '!' ? 'not' : 'negate';
    operand = { kind, operand, start: starts[i]!, end: operand.end };
  }
  return operand;
}

const isAccess = (reader: TokenReader, ahead: number): boolean => {
  const token = reader.peek(ahead);
  return token.kind === 'punctuation' && (token.text === '.' || token.text === '[');
};

function parseMember(reader: TokenReader, depth: number): Expression {
  let target = parsePrimary(reader, depth);
  for (;;) {
    const { start } = target;
    if (isAccess(reader, 0)) reader.countOperation();
    if (reader.accept('.')) {
      const at = reader.next.start;
      const name = reader.identifier('an attribute');
      target = reader.is('(')
        ? parseMethod(reader, target, name, at, depth)
        : { kind: 'get', target, attribute: name, start, end: reader.lastEnd };
    } else if (reader.accept('[')) {
      const token = reader.next;
      if (token.kind !== 'string') throw reader.unexpected('An attribute in quotes is expected after "["');
      reader.take();
      reader.expect(']', 'after the attribute');
      target = { kind: 'get', target, attribute: parseString(token), start, end: reader.lastEnd };
    } else return target;
  }
}

function parseMethod(
  reader: TokenReader,
  target: Expression,
  name: string,
  at: number,
  depth: number,
): Expression {
  const args = parseList(reader, '(', ')', depth);
  if (extensionFunctions.includes(name)) {
    throw new SyntaxProblem(at, `"${name}" is a function, not a method.`, `Write ${name}(…).`);
  }
  const arity = methodArity[name];
  if (arity === undefined && !extensionMethods.includes(name)) {
    const known = [...Object.keys(methodArity), ...extensionMethods];
    throw new SyntaxProblem(at, `There is no method "${name}".`, hint(name, known));
  }
  if (arity !== undefined && args.length !== arity) {
    const wanted = `${arity === 0 ? 'no arguments' : 'one argument'}`;
    throw new SyntaxProblem(at, `"${name}" takes ${wanted}, not ${args.length}.`);
  }
  return { kind: 'method', name, target, arguments: args, start: target.start, end: reader.lastEnd };
}

function parseList(reader: TokenReader, open: string, close: string, depth: number): Expression[] {
  reader.expect(open, 'here');
  const items: Expression[] = [];
  while (!reader.is(close)) {
    items.push(parseExpression(reader, depth + 1));
    if (!reader.accept(',')) break;
  }
  reader.expect(close, 'after the list');
  return items;
}

function parsePrimary(reader: TokenReader, depth: number): Expression {
  const token = reader.next;
  const { start } = token;
  switch (token.kind) {
    case 'number':
      reader.take();
      return { kind: 'literal', value: parseInteger(token, false), start, end: token.end };
    case 'string':
      reader.take();
      return { kind: 'literal', value: parseString(token), start, end: token.end };
    case 'slot':
      throw reader.unexpected('A value is expected', 'Slots of templates are not possible in conditions.');
    case 'identifier':
      return parseNamed(reader, depth);
    case 'end':
      throw reader.unexpected('An expression is expected');
    case 'punctuation':
      break;
  }
  if (reader.accept('(')) {
    const inner = parseExpression(reader, depth + 1);
    reader.expect(')', 'to close the parenthesis');
    return inner;
  }
  if (reader.is('[')) {
    const items = parseList(reader, '[', ']', depth);
    return { kind: 'set', items, start, end: reader.lastEnd };
  }
  if (reader.is('{')) return parseRecord(reader, depth);
  throw reader.unexpected('An expression is expected');
}

/** What begins with a word: true, false, a variable, an entity, a function. */
function parseNamed(reader: TokenReader, depth: number): Expression {
  const token = reader.next;
  const { start } = token;
  if (token.text === 'true' || token.text === 'false') {
    reader.take();
    return { kind: 'literal', value: token.text === 'true', start, end: token.end };
  }
  const after = reader.peek(1);
  if (after.text === '::' && after.kind === 'punctuation') {
    const entity = parseEntity(reader);
    return { kind: 'entity', entity, start, end: reader.lastEnd };
  }
  if (variables.includes(token.text) && after.text !== '(') {
    reader.take();
    return { kind: 'variable', name: token.text as Variable, start, end: token.end };
  }
  const name = reader.identifier('a value');
  if (!reader.is('(')) {
    const near = hint(name, variables);
    throw new SyntaxProblem(
      start,
      `"${name}" is no variable.`,
      near.startsWith('Did') ? near : `${near} A text stands in quotes.`,
    );
  }
  if (extensionMethods.includes(name) || methodArity[name] !== undefined) {
    throw new SyntaxProblem(start, `"${name}" is a method, not a function.`, `Write value.${name}(…).`);
  }
  if (!extensionFunctions.includes(name)) {
    throw new SyntaxProblem(start, `There is no function "${name}".`, hint(name, extensionFunctions));
  }
  const args = parseList(reader, '(', ')', depth);
  return { kind: 'call', name, arguments: args, start, end: reader.lastEnd };
}

/** `Type::"id"`, with namespaces. */
export function parseEntity(reader: TokenReader): EntityName {
  const path = [reader.identifier('an entity type')];
  for (;;) {
    reader.expect('::', 'in the name of an entity, such as User::"alice"');
    const token = reader.next;
    if (token.kind === 'string') {
      reader.take();
      return { type: path.join('::'), id: parseString(token) };
    }
    path.push(reader.identifier('an entity type'));
  }
}

export function parseTypeName(reader: TokenReader): string {
  const path = [reader.identifier('an entity type')];
  while (reader.accept('::')) path.push(reader.identifier('an entity type'));
  return path.join('::');
}

function parseRecord(reader: TokenReader, depth: number): Expression {
  const { start } = reader.expect('{', 'here');
  const members: [string, Expression][] = [];
  const names = new Set<string>();
  while (!reader.is('}')) {
    const token = reader.next;
    const name = token.kind === 'string' ? parseString(reader.take()) : reader.identifier('a member');
    if (names.has(name)) throw new SyntaxProblem(token.start, `The member "${name}" stands twice.`);
    names.add(name);
    reader.expect(':', `after the member "${name}"`);
    members.push([name, parseExpression(reader, depth + 1)]);
    if (!reader.accept(',')) break;
  }
  reader.expect('}', 'after the members of the record');
  return { kind: 'record', members, start, end: reader.lastEnd };
}
