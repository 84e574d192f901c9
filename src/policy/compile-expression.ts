// Expressions to closures. A closure answers a value or an error that was made when the policy was compiled; nothing is
// thrown and nothing is allocated for an error. What depends on no request is computed once. HOT
import type { Expression, Pattern } from './ast.ts';
import { compileArithmetic, compileComparison } from './compile-operators.ts';
import { ExtensionFailure, extensions } from './extensions/functions.ts';
import { PolicyRequest } from './request.ts';
import {
  CedarRecord,
  CedarSet,
  EntityRef,
  EvaluationError,
  emptyRecord,
  equals,
  FixedRecord,
  type Result,
  typeName,
  type Value,
} from './values.ts';

export type Evaluate = (request: PolicyRequest) => Result;

/** The error of an operand, or one that tells of its type. */
export function wrongType(found: Result, wanted: string, offset: number): EvaluationError {
  if (found instanceof EvaluationError) return found;
  return new EvaluationError('type', `${wanted} is expected, not ${typeName(found)}`, offset);
}

const nobody = new EntityRef('None', '');
const noRequest = new PolicyRequest(nobody, nobody, nobody, emptyRecord);

export function compileExpression(node: Expression): Evaluate {
  const evaluate = compileNode(node);
  if (node.kind === 'literal' || !isConstant(node)) return evaluate;
  const value = evaluate(noRequest);
  return () => value;
}

/** Whether the value depends on no request: no variable, and nothing that is asked of an entity. */
function isConstant(node: Expression): boolean {
  switch (node.kind) {
    case 'literal':
    case 'entity':
      return true;
    case 'set':
      return node.items.every(isConstant);
    case 'record':
      return node.members.every(([, value]) => isConstant(value));
    case 'call':
      return node.arguments.every(isConstant);
    case 'negate':
      return isConstant(node.operand);
    case 'method':
      return extensions.has(node.name) && isConstant(node.target) && node.arguments.every(isConstant);
    default:
      return false;
  }
}

function compileNode(node: Expression): Evaluate {
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return () => value;
    }
    case 'entity': {
      const entity = new EntityRef(node.entity.type, node.entity.id);
      return () => entity;
    }
    case 'variable':
      return variables[node.name];
    case 'and':
      return compileLogic(node.operands, false);
    case 'or':
      return compileLogic(node.operands, true);
    case 'not':
      return compileNot(node.operand);
    case 'negate':
      return compileArithmetic(
        'negate',
        { kind: 'literal', value: 0, start: 0, end: 0 },
        node.operand,
        node.start,
      );
    case 'binary':
      return node.operator === '+' || node.operator === '-' || node.operator === '*'
        ? compileArithmetic(node.operator, node.left, node.right, node.start)
        : compileComparison(node.operator, node.left, node.right, node.start);
    case 'get':
      return compileGet(node.target, node.attribute, node.start);
    case 'has':
      return compileHas(node.target, node.path, node.start);
    case 'like':
      return compileLike(node.target, node.pattern, node.start);
    case 'is':
      return compileIs(node.target, node.type, node.within, node.start);
    case 'if':
      return compileIf(node.condition, node.consequent, node.alternative);
    case 'set':
      return compileSet(node.items);
    case 'record':
      return compileRecord(node.members);
    case 'call':
      return compileExtension(node.name, node.arguments, node.start);
    case 'method':
      return compileMethod(node.name, node.target, node.arguments, node.start);
  }
}

const variables: Readonly<Record<'principal' | 'action' | 'resource' | 'context', Evaluate>> = {
  principal: (request) => request.principal,
  action: (request) => request.action,
  resource: (request) => request.resource,
  context: (request) => request.context,
};

/** `&&` ends at the first false, `||` at the first true; every operand that is reached must be a boolean. */
function compileLogic(nodes: readonly Expression[], ends: boolean): Evaluate {
  const operands = nodes.map(compileExpression);
  const offsets = nodes.map((node) => node.start);
  return (request) => {
    for (let i = 0; i < operands.length; i++) {
      const value = operands[i]!(request);
      if (value === ends) return ends;
      if (value !== !ends) return wrongType(value, 'A boolean', offsets[i]!);
    }
    return !ends;
  };
}

function compileNot(node: Expression): Evaluate {
  const operand = compileExpression(node);
  return (request) => {
    const value = operand(request);
    return typeof value === 'boolean' ? !value : wrongType(value, 'A boolean', node.start);
  };
}

function compileIf(condition: Expression, consequent: Expression, alternative: Expression): Evaluate {
  const test = compileExpression(condition);
  const yes = compileExpression(consequent);
  const no = compileExpression(alternative);
  return (request) => {
    const value = test(request);
    if (value === true) return yes(request);
    return value === false ? no(request) : wrongType(value, 'A boolean', condition.start);
  };
}

function compileGet(node: Expression, attribute: string, offset: number): Evaluate {
  const target = compileExpression(node);
  const missing = new EvaluationError('attribute-missing', `there is no attribute "${attribute}"`, offset);
  const unknown = new EvaluationError('entity-missing', 'nothing is known of the entity', offset);
  // The context is always a record.
  if (isContext(node)) return (request) => request.context.get(attribute) ?? missing;
  return (request) => {
    const value = target(request);
    if (value instanceof CedarRecord) return value.get(attribute) ?? missing;
    if (!(value instanceof EntityRef)) return wrongType(value, 'A record or an entity', offset);
    const data = request.dataOf(value);
    return data === null ? unknown : (data.attributes.get(attribute) ?? missing);
  };
}

const isContext = (node: Expression): boolean => node.kind === 'variable' && node.name === 'context';

function compileHas(node: Expression, path: readonly string[], offset: number): Evaluate {
  const target = compileExpression(node);
  const [only] = path;
  if (isContext(node) && path.length === 1) return (request) => request.context.get(only!) !== undefined;
  return (request) => {
    let value = target(request);
    for (let i = 0; i < path.length; i++) {
      let inner: Value | undefined;
      if (value instanceof CedarRecord) inner = value.get(path[i]!);
      else if (value instanceof EntityRef) inner = request.dataOf(value)?.attributes.get(path[i]!);
      else return wrongType(value, 'A record or an entity', offset);
      if (inner === undefined) return false;
      value = inner;
    }
    return true;
  };
}

function compileLike(node: Expression, pattern: Pattern, offset: number): Evaluate {
  const target = compileExpression(node);
  const matches = compilePattern(pattern);
  return (request) => {
    const text = target(request);
    return typeof text === 'string' ? matches(text) : wrongType(text, 'A string', offset);
  };
}

/** Whether a text is like the pattern. */
export function compilePattern(pattern: Pattern): (text: string) => boolean {
  const first = pattern[0]!;
  if (pattern.length === 1) return (text) => text === first;
  const last = pattern.at(-1)!;
  const middle = pattern.slice(1, -1).filter((piece) => piece !== '');
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    for (let i = 0; i < middle.length; i++) {
      const at = text.indexOf(middle[i]!, from);
      if (at === -1) return false;
      from = at + middle[i]!.length;
    }
    return from <= end;
  };
}

function compileIs(node: Expression, type: string, inner: Expression | null, offset: number): Evaluate {
  const target = compileExpression(node);
  const isIn = inner === null ? null : compileComparison('in', node, inner, offset);
  return (request) => {
    const value = target(request);
    if (!(value instanceof EntityRef)) return wrongType(value, 'An entity', offset);
    if (value.type !== type) return false;
    return isIn === null ? true : isIn(request);
  };
}

function compileSet(nodes: readonly Expression[]): Evaluate {
  const items = nodes.map(compileExpression);
  return (request) => {
    const values: Value[] = [];
    for (let i = 0; i < items.length; i++) {
      const value = items[i]!(request);
      if (value instanceof EvaluationError) return value;
      values.push(value);
    }
    return new CedarSet(values);
  };
}

function compileRecord(nodes: readonly (readonly [string, Expression])[]): Evaluate {
  const names = nodes.map(([name]) => name);
  const members = nodes.map(([, node]) => compileExpression(node));
  return (request) => {
    const values = new Map<string, Value>();
    for (let i = 0; i < members.length; i++) {
      const value = members[i]!(request);
      if (value instanceof EvaluationError) return value;
      values.set(names[i]!, value);
    }
    return new FixedRecord(values);
  };
}

function compileMethod(
  name: string,
  node: Expression,
  args: readonly Expression[],
  offset: number,
): Evaluate {
  if (extensions.has(name)) return compileExtension(name, [node, ...args], offset);
  const target = compileExpression(node);
  if (name === 'isEmpty') {
    return (request) => {
      const set = target(request);
      return set instanceof CedarSet ? set.size === 0 : wrongType(set, 'A set', offset);
    };
  }
  const argument = compileExpression(args[0]!);
  if (name === 'getTag' || name === 'hasTag') return compileTag(name, target, argument, offset);
  if (name === 'contains') {
    return (request) => {
      const set = target(request);
      if (!(set instanceof CedarSet)) return wrongType(set, 'A set', offset);
      const value = argument(request);
      return value instanceof EvaluationError ? value : set.has(value);
    };
  }
  const all = name === 'containsAll';
  return (request) => {
    const set = target(request);
    if (set instanceof EvaluationError) return set;
    const other = argument(request);
    if (!(set instanceof CedarSet)) return wrongType(set, 'A set', offset);
    if (!(other instanceof CedarSet)) return wrongType(other, 'A set', offset);
    return all ? set.hasAll(other) : set.hasAny(other);
  };
}

function compileTag(
  name: 'getTag' | 'hasTag',
  target: Evaluate,
  argument: Evaluate,
  offset: number,
): Evaluate {
  const missing = new EvaluationError('tag-missing', 'the entity does not have this tag', offset);
  const unknown = new EvaluationError('entity-missing', 'nothing is known of the entity', offset);
  return (request) => {
    const entity = target(request);
    if (!(entity instanceof EntityRef)) return wrongType(entity, 'An entity', offset);
    const tag = argument(request);
    if (typeof tag !== 'string') return wrongType(tag, 'A string', offset);
    const data = request.dataOf(entity);
    if (name === 'hasTag') return data !== null && data.tags.get(tag) !== undefined;
    return data === null ? unknown : (data.tags.get(tag) ?? missing);
  };
}

function compileExtension(name: string, nodes: readonly Expression[], offset: number): Evaluate {
  const extension = extensions.get(name);
  if (extension === undefined) throw new RangeError(`there is no extension ${name}`);
  const args = nodes.map(compileExpression);
  const wrongCount = new EvaluationError('arity', `"${name}" does not take ${args.length} values`, offset);
  const isRight = args.length === extension.arity;
  const failures = new WeakMap<ExtensionFailure, EvaluationError>();
  return (request) => {
    for (let i = 0; !isRight && i < args.length; i++) {
      const value = args[i]!(request);
      if (value instanceof EvaluationError) return value;
    }
    if (!isRight) return wrongCount;
    const first = args[0]!(request);
    if (first instanceof EvaluationError) return first;
    const second = args.length === 2 ? args[1]!(request) : false;
    if (second instanceof EvaluationError) return second;
    const out = extension.run(first, second);
    if (out === null) return new EvaluationError('type', `"${name}" does not take such a value`, offset);
    if (!(out instanceof ExtensionFailure)) return out;
    let error = failures.get(out);
    if (error === undefined) {
      error = new EvaluationError('extension', out.message, offset);
      failures.set(out, error);
    }
    return error;
  };
}

/** Whether the values are the same; a value that could not be computed is handed on. */
export const compareValues = (left: Result, right: Result): boolean | EvaluationError => {
  if (left instanceof EvaluationError) return left;
  if (right instanceof EvaluationError) return right;
  return equals(left, right);
};
