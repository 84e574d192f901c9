// STIX 2.1 patterns (section 9): the whole grammar is read, and what one request can show is taken from it: values that each stand for
// the pattern alone. A pattern that needs several things at once, or something that a gate does not see, is not narrowed to a part of itself,
// which would match more than its author said.
import type { IndicatorValue } from './contract.ts';

/** Longest pattern, characters, and deepest nesting. */
const MAX_PATTERN = 65_536;
const MAX_DEPTH = 64;

type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string };

/** `path op value`, where value is a list for IN. */
interface Comparison {
  readonly path: string;
  readonly operator: string;
  readonly isNegated: boolean;
  readonly values: readonly string[];
}

/** What stands between brackets or around them: one thing, or a choice (`any`), or several things that must all be. */
type Expression =
  | { readonly kind: 'one'; readonly comparison: Comparison }
  | { readonly kind: 'any'; readonly parts: readonly Expression[] }
  | { readonly kind: 'all' };

class PatternError extends Error {}

const fail = (): never => {
  throw new PatternError();
};

const token =
  /\s*(?:([tbh]?)'((?:[^'\\]|\\['\\])*)'|([+-]?\d+(?:\.\d+)?(?![\w-]))|([A-Za-z_][A-Za-z0-9_-]*)|(!=|<>|<=|>=|==|[=<>[\]().,:*]))/y;

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const text = pattern.trim();
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const [, , quoted, number, word, sign] = token.exec(text) ?? fail();
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replace(/\\(['\\])/g, '$1') });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else tokens.push({ kind: 'sign', text: sign! });
  }
  return tokens;
}

class PatternParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const expression = this.#observations();
    return this.#at === this.#tokens.length ? expression : fail();
  }

  #is(text: string): boolean {
    const next = this.#tokens[this.#at];
    return next !== undefined && (next.kind === 'word' || next.kind === 'sign') && next.text === text;
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at++;
    return true;
  }

  #need(text: string): void {
    if (!this.#take(text)) fail();
  }

  #next(kind: Token['kind']): string {
    const next = this.#tokens[this.#at++];
    return next?.kind === kind ? next.text : fail();
  }

  #deeper<T>(work: () => T): T {
    if (++this.#depth > MAX_DEPTH) fail();
    const result = work();
    this.#depth--;
    return result;
  }

  /** FOLLOWEDBY binds weakest, then OR, then AND. */
  #observations(): Expression {
    let left = this.#orObservations();
    while (this.#take('FOLLOWEDBY')) {
      this.#orObservations();
      left = { kind: 'all' };
    }
    return left;
  }

  #orObservations(): Expression {
    return this.#chain('OR', () => this.#chain('AND', () => this.#observation()));
  }

  #chain(word: 'OR' | 'AND', part: () => Expression): Expression {
    const parts = [part()];
    while (this.#take(word)) parts.push(part());
    if (parts.length === 1) return parts[0]!;
    return word === 'OR' ? { kind: 'any', parts } : { kind: 'all' };
  }

  #observation(): Expression {
    let expression: Expression;
    if (this.#take('[')) {
      expression = this.#comparisons();
      this.#need(']');
    } else {
      this.#need('(');
      expression = this.#deeper(() => this.#observations());
      this.#need(')');
    }
    return this.#qualified(expression);
  }

  /** Qualifiers narrow an observation in time or number: REPEATS 1 TIMES alone changes nothing. */
  #qualified(expression: Expression): Expression {
    for (let narrowed = expression; ; ) {
      if (this.#take('REPEATS')) {
        const times = this.#next('number');
        this.#need('TIMES');
        if (times !== '1') narrowed = { kind: 'all' };
      } else if (this.#take('WITHIN')) {
        this.#next('number');
        this.#need('SECONDS');
      } else if (this.#take('START')) {
        this.#next('text');
        this.#need('STOP');
        this.#next('text');
        narrowed = { kind: 'all' };
      } else return narrowed;
    }
  }

  #comparisons(): Expression {
    return this.#chain('OR', () => this.#chain('AND', () => this.#comparison()));
  }

  #comparison(): Expression {
    if (this.#take('(')) {
      const expression = this.#deeper(() => this.#comparisons());
      this.#need(')');
      return expression;
    }
    if (this.#take('EXISTS')) {
      this.#path();
      return { kind: 'all' };
    }
    const path = this.#path();
    const isNegated = this.#take('NOT');
    const operator = this.#tokens[this.#at++]?.text ?? fail();
    if (operator === 'IN') return one(path, operator, isNegated, this.#set());
    if (!/^(?:=|==|!=|<>|<|<=|>|>=|LIKE|MATCHES|ISSUBSET|ISSUPERSET)$/.test(operator)) fail();
    return one(path, operator, isNegated, [this.#literal()]);
  }

  #set(): string[] {
    this.#need('(');
    const values = [this.#literal()];
    while (this.#take(',')) values.push(this.#literal());
    this.#need(')');
    return values;
  }

  #literal(): string {
    const next = this.#tokens[this.#at++];
    if (next === undefined || next.kind === 'sign') return fail();
    if (next.kind === 'word' && next.text !== 'true' && next.text !== 'false') return fail();
    return next.text;
  }

  /** `type:member.member[0].'member'`, members with a dot between. */
  #path(): string {
    let path = this.#next('word');
    this.#need(':');
    path += `:${this.#member()}`;
    for (;;) {
      if (this.#take('.')) path += `.${this.#member()}`;
      else if (this.#take('[')) {
        if (!this.#take('*')) this.#next('number');
        this.#need(']');
        path += '[]';
      } else return path;
    }
  }

  #member(): string {
    const next = this.#tokens[this.#at++];
    return next?.kind === 'word' || next?.kind === 'text' ? next.text : fail();
  }
}

const one = (path: string, operator: string, isNegated: boolean, values: readonly string[]): Expression => ({
  kind: 'one',
  comparison: { path, operator, isNegated, values },
});

const requestHeader = 'network-traffic:extensions.http-request-ext.request_header.';

/** Values by which one comparison is met; null when that is nothing that a request shows. */
function valuesOf({ path, operator, isNegated, values }: Comparison): IndicatorValue[] | null {
  if (isNegated) return null;
  const isEqual = operator === '=' || operator === '==' || operator === 'IN';
  if (path === 'ipv4-addr:value' || path === 'ipv6-addr:value')
    return isEqual || operator === 'ISSUBSET' ? values.map((value) => ({ kind: 'address', value })) : null;
  if (!isEqual) return null;
  if (path === 'network-traffic:src_ref.value') return values.map((value) => ({ kind: 'address', value }));
  if (path === 'domain-name:value')
    return values.map((value) => ({ kind: 'domain', value: value.toLowerCase().replace(/\.$/, '') }));
  if (path === 'url:value') return values.map((value) => ({ kind: 'url', value }));
  if (path.startsWith(requestHeader) && path.slice(requestHeader.length).toLowerCase() === 'user-agent')
    return values.map((value) => ({ kind: 'user-agent', value }));
  return null;
}

/** Values of which each alone fulfils the pattern; null where some other way to fulfil it remains. */
function alternatives(expression: Expression): IndicatorValue[] | null {
  switch (expression.kind) {
    case 'one':
      return valuesOf(expression.comparison);
    case 'all':
      return null;
    case 'any': {
      const parts = expression.parts.map(alternatives);
      const known = parts.filter((part) => part !== null).flat();
      return known.length === 0 ? null : known;
    }
  }
}

export type PatternReading =
  | { readonly kind: 'values'; readonly values: readonly IndicatorValue[] }
  /** `foreign`: a pattern of something that requests do not show. `broken`: no pattern. */
  | { readonly kind: 'foreign' | 'broken' };

/** Never throws. */
export function readPattern(pattern: string): PatternReading {
  if (pattern.length > MAX_PATTERN) return { kind: 'broken' };
  try {
    const values = alternatives(new PatternParser(tokensOf(pattern)).parse());
    return values === null ? { kind: 'foreign' } : { kind: 'values', values };
  } catch (error) {
    if (error instanceof PatternError) return { kind: 'broken' };
    throw error;
  }
}
