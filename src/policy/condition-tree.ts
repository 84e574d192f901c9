// Conditions of many policies as one tree: what several ask first is asked once for them all, and of many that compare one
// value with constants only those are looked at whose constants fit. So a decision costs what is different and may
// hold, and not what there is. HOT
import { type Expression, type Pattern, type PolicySource, textOf } from './ast.ts';
import { compileExpression, compilePattern, type Evaluate, wrongType } from './compile-expression.ts';
import { type CompiledPolicy, type Condition, type Conjunct, compileCondition } from './compile-policy.ts';
import type { Long } from './numbers.ts';
import type { Verdict } from './policy-set.ts';
import type { PolicyRequest } from './request.ts';
import { EntityRef, EvaluationError, entityKey } from './values.ts';

/** One policy with the conjuncts that are still to be asked, in their order. */
export interface Conditional {
  readonly policy: CompiledPolicy;
  readonly conjuncts: readonly Conjunct[];
}

/** Something that is asked; answers the first policy that holds, and tells of those that have no value. */
interface Test {
  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null;
}

/** How deep shared beginnings are looked for; what is longer is judged policy by policy. */
const MAX_DEPTH = 64;

export class ConditionTree {
  /** Holds in any case; the first of several. */
  readonly #certain: CompiledPolicy | null;
  readonly #tests: readonly Test[];

  /** `conditionals` in the order of their policies. */
  constructor(conditionals: readonly Conditional[], depth = 0) {
    this.#certain = conditionals.find(({ conjuncts }) => conjuncts.length === 0)?.policy ?? null;
    // What follows a policy that holds in any case is never reached.
    this.#tests = this.#certain === null ? testsOf(conditionals, depth) : [];
  }

  /**
   * The first that holds; failures on the way go to `verdict`. Of policies that fail in one and the same thing, one is
   * told.
   */
  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    if (this.#certain !== null) return this.#certain;
    for (let i = 0; i < this.#tests.length; i++) {
      const found = this.#tests[i]!.first(request, verdict);
      if (found !== null) return found;
    }
    return null;
  }
}

function testsOf(conditionals: readonly Conditional[], depth: number): Test[] {
  const families = new Map<string, Conditional[]>();
  for (const conditional of conditionals) {
    const [conjunct] = conditional.conjuncts;
    const comparison = comparisonOf(conjunct!);
    const key = comparison === null ? `shared ${conjunct!.text}` : `${comparison.kind} ${comparison.text}`;
    const family = families.get(key);
    if (family === undefined) families.set(key, [conditional]);
    else family.push(conditional);
  }
  return [...families.values()].map((family): Test => {
    const [first] = family;
    if (family.length === 1 || depth >= MAX_DEPTH) return new Each(family);
    const comparison = comparisonOf(first!.conjuncts[0]!);
    if (comparison === null) return new Shared(first!, new Branch(family, depth));
    if (comparison.kind === 'like') return new Like(family, depth);
    return comparison.kind === 'equal' ? new Equal(family, depth) : new Ordered(family, depth);
  });
}

/** What is asked after the first conjunct; made when a request first gets there, as most of many never do. */
class Branch implements Test {
  #family: readonly Conditional[];
  #tree: ConditionTree | null = null;
  readonly #depth: number;

  constructor(family: readonly Conditional[], depth: number) {
    this.#family = family;
    this.#depth = depth;
  }

  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    if (this.#tree === null) this.#grow();
    return this.#tree!.first(request, verdict);
  }

  #grow(): void {
    const left = this.#family.map(({ policy, conjuncts }) => ({ policy, conjuncts: conjuncts.slice(1) }));
    this.#tree = new ConditionTree(left, this.#depth + 1);
    this.#family = [];
  }
}

/** Policies that share nothing, one after the other. */
class Each implements Test {
  readonly #policies: readonly CompiledPolicy[];
  readonly #conditions: readonly Condition[];

  constructor(family: readonly Conditional[]) {
    this.#policies = family.map(({ policy }) => policy);
    this.#conditions = family.map(({ conjuncts }) => compileCondition(conjuncts)!);
  }

  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    for (let i = 0; i < this.#conditions.length; i++) {
      const value = this.#conditions[i]!(request);
      if (value === true) return this.#policies[i]!;
      if (value !== false) verdict.fail(this.#policies[i]!, value);
    }
    return null;
  }
}

/** Tells that `policy`, and all that ask the same, has no value. */
function fail(policy: CompiledPolicy, conjunct: Conjunct, request: PolicyRequest, verdict: Verdict): null {
  const value = conjunct.evaluate(request);
  verdict.fail(
    policy,
    value instanceof EvaluationError ? value : wrongType(value, 'A boolean', conjunct.node.start),
  );
  return null;
}

/** One conjunct of several policies. */
class Shared implements Test {
  readonly #policy: CompiledPolicy;
  readonly #conjunct: Conjunct;
  readonly #evaluate: Evaluate;
  readonly #wanted: boolean;
  readonly #child: Branch;

  constructor({ policy, conjuncts }: Conditional, child: Branch) {
    this.#policy = policy;
    this.#conjunct = conjuncts[0]!;
    this.#evaluate = this.#conjunct.evaluate;
    this.#wanted = this.#conjunct.wanted;
    this.#child = child;
  }

  first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const value = this.#evaluate(request);
    if (value === this.#wanted) return this.#child.first(request, verdict);
    return typeof value === 'boolean' ? null : fail(this.#policy, this.#conjunct, request, verdict);
  }
}

type Constant = boolean | Long | string;

/** `x == constant`, `x < constant` and its like with the constant on either side, or `x like pattern`; wanted to hold. */
interface Comparison {
  readonly kind: 'equal' | 'order' | 'like';
  /** What is compared, as it was written. */
  readonly text: string;
  readonly operand: Expression;
  /** An entity by its key. */
  readonly constant: Constant | { readonly entity: string } | { readonly pattern: Pattern };
  /** The constant on the right. */
  readonly operator: '==' | '<' | '<=' | '>' | '>=' | 'like';
}

const flipped = { '==': '==', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;
const comparisons = new WeakMap<Conjunct, { readonly comparison: Comparison | null }>();

function comparisonOf(conjunct: Conjunct): Comparison | null {
  let known = comparisons.get(conjunct);
  if (known === undefined) {
    known = { comparison: readComparison(conjunct) };
    comparisons.set(conjunct, known);
  }
  return known.comparison;
}

function readComparison({ node, wanted, source }: Conjunct): Comparison | null {
  if (wanted && node.kind === 'like')
    return comparison(node.target, 'like', { pattern: node.pattern }, source);
  if (!wanted || node.kind !== 'binary') return null;
  const { operator, left, right } = node;
  if (!Object.hasOwn(flipped, operator)) return null;
  const known = operator as keyof typeof flipped;
  const [onRight, onLeft] = [constantOf(right), constantOf(left)];
  if (onRight !== null) return comparison(left, known, onRight, source);
  return onLeft === null ? null : comparison(right, flipped[known], onLeft, source);
}

function comparison(
  operand: Expression,
  operator: Comparison['operator'],
  constant: Comparison['constant'],
  source: PolicySource,
): Comparison | null {
  const kind = operator === '==' ? 'equal' : operator === 'like' ? 'like' : 'order';
  const isLong = typeof constant === 'number' || typeof constant === 'bigint';
  if (kind === 'order' && !isLong) return null;
  return { kind, text: textOf(source, operand), operand, constant, operator };
}

function constantOf(node: Expression): Comparison['constant'] | null {
  if (node.kind === 'literal') return node.value;
  return node.kind === 'entity' ? { entity: entityKey(node.entity.type, node.entity.id) } : null;
}

/** Several policies that compare one operand first. */
abstract class Comparing implements Test {
  protected readonly operand: Evaluate;
  readonly #policy: CompiledPolicy;
  readonly #conjunct: Conjunct;

  constructor({ policy, conjuncts }: Conditional) {
    this.#policy = policy;
    this.#conjunct = conjuncts[0]!;
    this.operand = compileExpression(comparisonOf(this.#conjunct)!.operand);
  }

  abstract first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null;

  protected fail(request: PolicyRequest, verdict: Verdict): null {
    return fail(this.#policy, this.#conjunct, request, verdict);
  }
}

/** Policies by the constants that one value is compared with. */
class Equal extends Comparing {
  readonly #children: ReadonlyMap<Constant, Branch>;
  readonly #ofEntities: ReadonlyMap<string, Branch>;

  constructor(family: readonly Conditional[], depth: number) {
    super(family[0]!);
    const groups = new Map<Constant, Conditional[]>();
    const ofEntities = new Map<string, Conditional[]>();
    for (const conditional of family) {
      const { constant } = comparisonOf(conditional.conjuncts[0]!)!;
      if (typeof constant === 'object')
        add(ofEntities, (constant as { readonly entity: string }).entity, conditional);
      else add(groups, constant, conditional);
    }
    this.#children = branchesOf(groups, depth);
    this.#ofEntities = branchesOf(ofEntities, depth);
  }

  override first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const value = this.operand(request);
    let child: Branch | undefined;
    if (typeof value !== 'object') child = this.#children.get(value);
    else if (value instanceof EntityRef) child = this.#ofEntities.get(value.key);
    else if (value instanceof EvaluationError) return this.fail(request, verdict);
    return child === undefined ? null : child.first(request, verdict);
  }
}

function add<K>(groups: Map<K, Conditional[]>, key: K, conditional: Conditional): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [conditional]);
  else group.push(conditional);
}

const branchesOf = <K>(groups: ReadonlyMap<K, readonly Conditional[]>, depth: number) =>
  new Map([...groups].map(([key, group]) => [key, new Branch(group, depth)]));

/** Policies by the patterns that one text is held against. */
class Like extends Comparing {
  readonly #patterns: readonly ((text: string) => boolean)[];
  readonly #children: readonly Branch[];

  constructor(family: readonly Conditional[], depth: number) {
    super(family[0]!);
    const groups = new Map<string, Conditional[]>();
    for (const conditional of family) add(groups, conditional.conjuncts[0]!.text, conditional);
    this.#patterns = [...groups.values()].map(([first]) => {
      const { constant } = comparisonOf(first!.conjuncts[0]!)!;
      return compilePattern((constant as { readonly pattern: Pattern }).pattern);
    });
    this.#children = [...branchesOf(groups, depth).values()];
  }

  override first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const text = this.operand(request);
    if (typeof text !== 'string') return this.fail(request, verdict);
    for (let i = 0; i < this.#patterns.length; i++) {
      if (!this.#patterns[i]!(text)) continue;
      const found = this.#children[i]!.first(request, verdict);
      if (found !== null) return found;
    }
    return null;
  }
}

interface Step {
  readonly constant: Long;
  readonly child: Branch;
}

/** Policies by the bounds that one number is held against: those that hold stand together at one end. */
class Ordered extends Comparing {
  /** Ascending: `>` and `>=` hold for the first ones, `<` and `<=` for the last ones. */
  readonly #above: readonly Step[];
  readonly #atLeast: readonly Step[];
  readonly #below: readonly Step[];
  readonly #atMost: readonly Step[];

  constructor(family: readonly Conditional[], depth: number) {
    super(family[0]!);
    const stepsOf = (operator: Comparison['operator']): Step[] => {
      const groups = new Map<Long, Conditional[]>();
      for (const conditional of family) {
        const found = comparisonOf(conditional.conjuncts[0]!)!;
        if (found.operator === operator) add(groups, found.constant as Long, conditional);
      }
      return [...branchesOf(groups, depth)]
        .map(([constant, child]) => ({ constant, child }))
        .sort((a, b) => (a.constant < b.constant ? -1 : a.constant > b.constant ? 1 : 0));
    };
    this.#above = stepsOf('>');
    this.#atLeast = stepsOf('>=');
    this.#below = stepsOf('<');
    this.#atMost = stepsOf('<=');
  }

  override first(request: PolicyRequest, verdict: Verdict): CompiledPolicy | null {
    const value = this.operand(request);
    if (typeof value !== 'number' && typeof value !== 'bigint') return this.fail(request, verdict);
    let steps = this.#above;
    for (let i = 0; i < steps.length && value > steps[i]!.constant; i++) {
      const found = steps[i]!.child.first(request, verdict);
      if (found !== null) return found;
    }
    steps = this.#atLeast;
    for (let i = 0; i < steps.length && value >= steps[i]!.constant; i++) {
      const found = steps[i]!.child.first(request, verdict);
      if (found !== null) return found;
    }
    steps = this.#below;
    for (let i = steps.length - 1; i >= 0 && value < steps[i]!.constant; i--) {
      const found = steps[i]!.child.first(request, verdict);
      if (found !== null) return found;
    }
    steps = this.#atMost;
    for (let i = steps.length - 1; i >= 0 && value <= steps[i]!.constant; i--) {
      const found = steps[i]!.child.first(request, verdict);
      if (found !== null) return found;
    }
    return null;
  }
}
