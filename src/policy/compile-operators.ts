// Arithmetic and comparisons as closures. HOT
import type { BinaryOperator, Expression } from './ast.ts';
import { compareValues, compileExpression, type Evaluate, wrongType } from './compile-expression.ts';
import { CedarTime } from './extensions/datetime.ts';
import { addLong, type Long, multiplyLong, negateLong, subtractLong } from './numbers.ts';
import type { PolicyRequest } from './request.ts';
import { CedarSet, EntityRef, EvaluationError, type Result } from './values.ts';

const isLong = (value: Result): value is Long => typeof value === 'number' || typeof value === 'bigint';

const arithmetic: Readonly<Record<'+' | '-' | '*' | 'negate', (a: Long, b: Long) => Long | null>> = {
  '+': addLong,
  '-': subtractLong,
  '*': multiplyLong,
  negate: (_zero, operand) => negateLong(operand),
};

export function compileArithmetic(
  operator: '+' | '-' | '*' | 'negate',
  leftNode: Expression,
  rightNode: Expression,
  offset: number,
): Evaluate {
  const left = compileExpression(leftNode);
  const right = compileExpression(rightNode);
  const compute = arithmetic[operator];
  const overflow = new EvaluationError('overflow', 'the result does not fit in 64 bits', offset);
  return (request) => {
    const a = left(request);
    if (a instanceof EvaluationError) return a;
    const b = right(request);
    if (b instanceof EvaluationError) return b;
    if (!isLong(a)) return wrongType(a, 'A number', offset);
    if (!isLong(b)) return wrongType(b, 'A number', offset);
    return compute(a, b) ?? overflow;
  };
}

type Comparison = Exclude<BinaryOperator, '+' | '-' | '*'>;

export function compileComparison(
  operator: Comparison,
  leftNode: Expression,
  rightNode: Expression,
  offset: number,
): Evaluate {
  const left = compileExpression(leftNode);
  const right = compileExpression(rightNode);
  switch (operator) {
    case '==':
      return (request) => compareValues(left(request), right(request));
    case '!=':
      return (request) => {
        const same = compareValues(left(request), right(request));
        return typeof same === 'boolean' ? !same : same;
      };
    case 'in':
      return (request) => runIn(request, left(request), right(request), offset);
    default:
      return compileOrder(operator, left, right, offset);
  }
}

function runIn(request: PolicyRequest, entity: Result, place: Result, offset: number): Result {
  if (entity instanceof EvaluationError) return entity;
  if (!(entity instanceof EntityRef)) {
    return place instanceof EvaluationError ? place : wrongType(entity, 'An entity', offset);
  }
  if (place instanceof EntityRef) return isIn(request, entity, place.key);
  if (!(place instanceof CedarSet)) return wrongType(place, 'An entity or a set of entities', offset);
  const places = place.entities;
  if (places === null) return new EvaluationError('type', 'a set of entities is expected', offset);
  for (const key of places.keys()) if (isIn(request, entity, key)) return true;
  return false;
}

/** An entity is in itself and in all its ancestors. */
export function isIn(request: PolicyRequest, entity: EntityRef, key: string): boolean {
  if (entity.key === key) return true;
  const data = request.dataOf(entity);
  return data?.ancestors.has(key) === true;
}

function compileOrder(
  operator: '<' | '<=' | '>' | '>=',
  left: Evaluate,
  right: Evaluate,
  offset: number,
): Evaluate {
  const wanted = 'A number, datetime or duration (and on both sides the same)';
  return (request) => {
    const a = left(request);
    if (a instanceof EvaluationError) return a;
    const b = right(request);
    if (b instanceof EvaluationError) return b;
    let x: Long;
    let y: Long;
    if (isLong(a)) {
      if (!isLong(b)) return wrongType(b, wanted, offset);
      x = a;
      y = b;
    } else {
      if (!(a instanceof CedarTime)) return wrongType(a, wanted, offset);
      if (!(b instanceof CedarTime) || b.kind !== a.kind) return wrongType(b, wanted, offset);
      x = a.ms;
      y = b.ms;
    }
    switch (operator) {
      case '<':
        return x < y;
      case '<=':
        return x <= y;
      case '>':
        return x > y;
      case '>=':
        return x >= y;
    }
  };
}
