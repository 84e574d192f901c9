// The syntax tree of Cedar policies (https://docs.cedarpolicy.com/policies/syntax-grammar.html): plain readonly data,
// every node with the place it was written at, so that an explanation can quote the author's own text.
import type { Long } from './numbers.ts';

/** Offsets into the text, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface EntityName {
  /** With its namespaces, for instance `Bank::Account`. */
  readonly type: string;
  readonly id: string;
}

export type Variable = 'principal' | 'action' | 'resource' | 'context';

export type BinaryOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*';

/** Literal pieces of a `like` pattern; between two of them stands a wildcard. `['a', '']` is `a*`. */
export type Pattern = readonly string[];

export type Expression = Span &
  (
    | { readonly kind: 'literal'; readonly value: boolean | Long | string }
    | { readonly kind: 'entity'; readonly entity: EntityName }
    | { readonly kind: 'variable'; readonly name: Variable }
    | { readonly kind: 'not'; readonly operand: Expression }
    | { readonly kind: 'negate'; readonly operand: Expression }
    | { readonly kind: 'and'; readonly operands: readonly Expression[] }
    | { readonly kind: 'or'; readonly operands: readonly Expression[] }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Expression;
        readonly right: Expression;
      }
    | { readonly kind: 'has'; readonly target: Expression; readonly path: readonly string[] }
    | { readonly kind: 'get'; readonly target: Expression; readonly attribute: string }
    | { readonly kind: 'like'; readonly target: Expression; readonly pattern: Pattern }
    | {
        readonly kind: 'is';
        readonly target: Expression;
        readonly type: string;
        readonly within: Expression | null;
      }
    | {
        readonly kind: 'if';
        readonly condition: Expression;
        readonly consequent: Expression;
        readonly alternative: Expression;
      }
    | { readonly kind: 'set'; readonly items: readonly Expression[] }
    | { readonly kind: 'record'; readonly members: readonly (readonly [string, Expression])[] }
    | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] }
    | {
        readonly kind: 'method';
        readonly name: string;
        readonly target: Expression;
        readonly arguments: readonly Expression[];
      }
  );

/** What a policy's head asks of principal, action or resource. */
export type ScopeConstraint =
  | { readonly kind: 'any' }
  | { readonly kind: 'equals'; readonly entity: EntityName }
  | { readonly kind: 'in'; readonly entities: readonly EntityName[] }
  | { readonly kind: 'is'; readonly type: string; readonly in: EntityName | null };

export interface Clause extends Span {
  readonly kind: 'when' | 'unless';
  readonly body: Expression;
}

/** The text that the spans of its policies point into; one object for all of them. */
export interface PolicySource {
  readonly file: string;
  readonly text: string;
}

/** Plain data: the main thread reads policies, data-plane threads get this. */
export interface PolicySyntax extends Span {
  /** `@id`, or `policy` and the position in the text from 0. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** Names without a value have an empty one. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly principal: ScopeConstraint;
  readonly action: ScopeConstraint;
  readonly resource: ScopeConstraint;
  readonly clauses: readonly Clause[];
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly source: PolicySource;
}

/** What was written at the span. */
export const textOf = (source: PolicySource, span: Span): string => source.text.slice(span.start, span.end);
