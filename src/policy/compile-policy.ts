// One policy, compiled: what its head asks, as keys that an index can use, and its clauses as conjuncts, of which those
// that ask only of the principal and the action can be answered before the request. HOT
import {
  type EntityName,
  type Expression,
  type PolicySource,
  type PolicySyntax,
  type ScopeConstraint,
  textOf,
} from './ast.ts';
import { compileExpression, type Evaluate, wrongType } from './compile-expression.ts';
import type { PolicyRequest } from './request.ts';
import { type EntityRef, EvaluationError, entityKey } from './values.ts';

/** A head constraint with entities as keys. */
export interface CompiledScope {
  readonly kind: 'any' | 'equals' | 'in' | 'is';
  /** Of `equals` and `in`; for `is … in …` the one place, else empty for `any` and `is`. */
  readonly keys: readonly string[];
  /** Of `is`; empty otherwise. */
  readonly type: string;
}

/** One thing that must be so for the policy to hold. */
export class Conjunct {
  readonly node: Expression;
  readonly source: PolicySource;
  /** False for an `unless`. */
  readonly wanted: boolean;
  /** Reads neither resource nor context. */
  readonly isStatic: boolean;
  /** Conjuncts with the same text mean the same. */
  readonly text: string;
  #evaluate: Evaluate | null = null;

  constructor(node: Expression, source: PolicySource, wanted: boolean) {
    this.node = node;
    this.source = source;
    this.wanted = wanted;
    this.isStatic = isStatic(node);
    this.text = `${wanted ? 'when' : 'unless'} ${textOf(source, node)}`;
  }

  /** Compiled when it is first needed: of many policies most are never asked one by one. */
  get evaluate(): Evaluate {
    this.#evaluate ??= compileExpression(this.node);
    return this.#evaluate;
  }
}

export type Condition = (request: PolicyRequest) => boolean | EvaluationError;

export class CompiledPolicy {
  readonly syntax: PolicySyntax;
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly principal: CompiledScope;
  readonly action: CompiledScope;
  readonly resource: CompiledScope;
  /** Position in the set. */
  readonly order: number;
  #conjuncts: readonly Conjunct[] | null = null;

  constructor(syntax: PolicySyntax, order: number) {
    this.syntax = syntax;
    this.id = syntax.id;
    this.effect = syntax.effect;
    this.principal = compileScope(syntax.principal);
    this.action = compileScope(syntax.action);
    this.resource = compileScope(syntax.resource);
    this.order = order;
  }

  /**
   * All must hold, judged in this order; empty when the head alone decides. Compiled when a request first needs them,
   * so that taking over a large set stops nobody.
   */
  get conjuncts(): readonly Conjunct[] {
    this.#conjuncts ??= compileConjuncts(this.syntax);
    return this.#conjuncts;
  }
}

function compileConjuncts({ clauses, source }: PolicySyntax): Conjunct[] {
  const conjuncts: Conjunct[] = [];
  for (const { kind, body } of clauses) {
    for (const node of kind === 'when' ? conjunctsOf(body) : [body]) {
      conjuncts.push(new Conjunct(node, source, kind === 'when'));
    }
  }
  return conjuncts;
}

/** `a && (b && c)` asks for a, b and c, in this order. */
const conjunctsOf = (node: Expression): readonly Expression[] =>
  node.kind === 'and' ? node.operands.flatMap(conjunctsOf) : [node];

function isStatic(node: Expression): boolean {
  switch (node.kind) {
    case 'literal':
    case 'entity':
      return true;
    case 'variable':
      return node.name === 'principal' || node.name === 'action';
    case 'not':
    case 'negate':
      return isStatic(node.operand);
    case 'and':
    case 'or':
      return node.operands.every(isStatic);
    case 'binary':
      return isStatic(node.left) && isStatic(node.right);
    case 'has':
    case 'get':
    case 'like':
      return isStatic(node.target);
    case 'is':
      return isStatic(node.target) && (node.within === null || isStatic(node.within));
    case 'if':
      return isStatic(node.condition) && isStatic(node.consequent) && isStatic(node.alternative);
    case 'set':
      return node.items.every(isStatic);
    case 'record':
      return node.members.every(([, value]) => isStatic(value));
    case 'call':
      return node.arguments.every(isStatic);
    case 'method':
      return isStatic(node.target) && node.arguments.every(isStatic);
  }
}

const keyOf = (entity: EntityName): string => entityKey(entity.type, entity.id);

function compileScope(scope: ScopeConstraint): CompiledScope {
  switch (scope.kind) {
    case 'any':
      return { kind: 'any', keys: [], type: '' };
    case 'equals':
      return { kind: 'equals', keys: [keyOf(scope.entity)], type: '' };
    case 'in':
      return { kind: 'in', keys: scope.entities.map(keyOf), type: '' };
    case 'is':
      return { kind: 'is', keys: scope.in === null ? [] : [keyOf(scope.in)], type: scope.type };
  }
}

/** All conjuncts in their order; null when there are none. */
export function compileCondition(conjuncts: readonly Conjunct[]): Condition | null {
  if (conjuncts.length === 0) return null;
  const evaluates = conjuncts.map(({ evaluate }) => evaluate);
  const wanted = conjuncts.map((conjunct) => conjunct.wanted);
  return (request) => {
    for (let i = 0; i < evaluates.length; i++) {
      const value = evaluates[i]!(request);
      if (value === wanted[i]) continue;
      if (typeof value === 'boolean') return false;
      return value instanceof EvaluationError
        ? value
        : wrongType(value, 'A boolean', conjuncts[i]!.node.start);
    }
    return true;
  };
}

/** Whether the entity, with these ancestors, is what the head asks for. */
export function matchesScope(
  scope: CompiledScope,
  entity: EntityRef,
  ancestors: ReadonlySet<string> | null,
): boolean {
  if (scope.kind === 'any') return true;
  if (scope.kind === 'equals') return entity.key === scope.keys[0];
  if (scope.kind === 'is') {
    if (entity.type !== scope.type) return false;
    if (scope.keys.length === 0) return true;
  }
  for (let i = 0; i < scope.keys.length; i++) {
    const key = scope.keys[i]!;
    if (entity.key === key || ancestors?.has(key) === true) return true;
  }
  return false;
}
