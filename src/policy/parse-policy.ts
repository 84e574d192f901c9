// A text of policies to syntax trees. A policy that can not be read is a diagnostic and the next one is read all the
// same, so that a user sees all mistakes at once.
import { type Diagnostics, type Place, placeAt } from '../core/index.ts';
import type { Clause, EntityName, PolicySyntax, ScopeConstraint } from './ast.ts';
import { SyntaxProblem, type Token, tokenize } from './lexer.ts';
import { parseString } from './literals.ts';
import { parseEntity, parseExpression, parseTypeName } from './parse-expression.ts';
import { hint, TokenReader } from './token-reader.ts';

/**
 * Policies of the text; those with mistakes are left out and told. Policies without `@id` are numbered from
 * `firstNumber`, so that several texts can become one set.
 */
export function parsePolicies(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  firstNumber = 0,
): PolicySyntax[] {
  let tokens: Token[];
  try {
    tokens = tokenize(text);
  } catch (error) {
    report(error, text, file, diagnostics);
    return [];
  }
  const reader = new TokenReader({ file, text }, tokens);
  const policies: PolicySyntax[] = [];
  const ids = new Map<string, PolicySyntax>();
  for (let number = firstNumber; reader.next.kind !== 'end'; number++) {
    try {
      const policy = parsePolicy(reader, number);
      const before = ids.get(policy.id);
      if (before !== undefined) {
        diagnostics.error(
          'policy-duplicate-id',
          policy,
          `The id "${policy.id}" belongs to the policy in line ${before.line} already.`,
          'Give each policy its own @id.',
        );
      }
      ids.set(policy.id, policy);
      policies.push(policy);
    } catch (error) {
      report(error, text, file, diagnostics);
      reader.skipPolicy();
    }
  }
  return policies;
}

function report(error: unknown, text: string, file: string, diagnostics: Diagnostics): void {
  if (!(error instanceof SyntaxProblem)) throw error;
  const place: Place = placeAt(text, file, error.offset);
  diagnostics.error('policy-syntax', place, error.message, error.suggestion);
}

function parsePolicy(reader: TokenReader, number: number): PolicySyntax {
  const { start } = reader.next;
  reader.beginPolicy();
  const annotations = parseAnnotations(reader);
  const effect = reader.next;
  if (effect.kind !== 'identifier' || (effect.text !== 'permit' && effect.text !== 'forbid')) {
    const near = effect.kind === 'identifier' ? hint(effect.text, ['permit', 'forbid']) : '';
    throw reader.unexpected('A policy begins with "permit" or "forbid"', near);
  }
  const place = reader.place();
  reader.take();
  reader.expect('(', `after "${effect.text}"`);
  const principal = parseScope(reader, 'principal');
  reader.expect(',', 'after the principal');
  const action = parseScope(reader, 'action');
  reader.expect(',', 'after the action');
  const resource = parseScope(reader, 'resource');
  reader.accept(',');
  reader.expect(')', 'after the resource');
  const clauses: Clause[] = [];
  while (!reader.is(';')) clauses.push(parseClause(reader));
  reader.take();
  return {
    id: annotations.get('id') || `policy${number}`,
    effect: effect.text,
    annotations,
    principal,
    action,
    resource,
    clauses,
    ...place,
    source: reader.source,
    start,
    end: reader.lastEnd,
  };
}

function parseAnnotations(reader: TokenReader): ReadonlyMap<string, string> {
  const annotations = new Map<string, string>();
  while (reader.accept('@')) {
    const name = reader.next;
    if (name.kind !== 'identifier')
      throw reader.unexpected('The name of an annotation is expected after "@"');
    reader.take();
    if (annotations.has(name.text))
      throw new SyntaxProblem(name.start, `The annotation @${name.text} stands twice.`);
    let value = '';
    if (reader.accept('(')) {
      const token = reader.next;
      if (token.kind !== 'string') throw reader.unexpected('A value in quotes is expected');
      value = parseString(reader.take());
      reader.expect(')', 'after the value of the annotation');
    }
    annotations.set(name.text, value);
  }
  return annotations;
}

function parseScope(reader: TokenReader, what: 'principal' | 'action' | 'resource'): ScopeConstraint {
  if (!reader.is(what)) throw reader.unexpected(`"${what}" is expected`);
  reader.take();
  if (reader.is('is')) {
    if (what === 'action') throw reader.unexpected('The action is asked for with "==" or "in"');
    reader.take();
    const type = parseTypeName(reader);
    return { kind: 'is', type, in: reader.accept('in') ? parseScopeEntity(reader) : null };
  }
  if (reader.accept('==')) return { kind: 'equals', entity: parseScopeEntity(reader) };
  if (reader.is('=')) throw reader.unexpected('A constraint is expected', 'Equality is written "==".');
  if (!reader.accept('in')) return { kind: 'any' };
  if (what !== 'action' || !reader.is('[')) return { kind: 'in', entities: [parseScopeEntity(reader)] };
  reader.take();
  const entities: EntityName[] = [];
  while (!reader.is(']')) {
    entities.push(parseScopeEntity(reader));
    if (!reader.accept(',')) break;
  }
  reader.expect(']', 'after the actions');
  return { kind: 'in', entities };
}

function parseScopeEntity(reader: TokenReader): EntityName {
  if (reader.next.kind === 'slot') {
    throw new SyntaxProblem(
      reader.next.start,
      'The policy is a template, and nothing links it.',
      `Write an entity instead of ${reader.next.text}, for instance User::"alice".`,
    );
  }
  return parseEntity(reader);
}

function parseClause(reader: TokenReader): Clause {
  const { start, text } = reader.next;
  if (text !== 'when' && text !== 'unless')
    throw reader.unexpected('"when", "unless" or ";" is expected', 'A policy ends with ";".');
  reader.take();
  reader.expect('{', `after "${text}"`);
  if (reader.is('}')) throw reader.unexpected('A condition is expected', 'Remove the clause, or write true.');
  const body = parseExpression(reader);
  reader.expect('}', 'after the condition');
  return { kind: text, body, start, end: reader.lastEnd };
}
