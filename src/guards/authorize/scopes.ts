// Scopes of the contract: the caller needs all scopes of one of the alternatives that are meant for its way of
// authenticating. HOT
import { type Exchange, Refusal } from '../../exchange/index.ts';
import type { ScopeAlternative } from './contract.ts';
import type { Rule } from './rule.ts';

/** Rule for the alternatives; null when there are none. A caller without identity has no scopes. */
export function compileScopes(alternatives: readonly ScopeAlternative[]): Rule | null {
  if (
    alternatives.length === 0 ||
    alternatives.some((entry) => entry.method === 'any' && entry.scopes.length === 0)
  ) {
    return null;
  }
  const wanted = alternatives
    .filter((entry) => entry.scopes.length > 0)
    .map((entry) => entry.scopes.join(' '));
  // RFC 6750 section 3.1 has room for one list; the first alternative is the contract's own first choice.
  const refusal = new Refusal(
    'scope-insufficient',
    'authorize',
    'scope',
    wanted.length === 0 ? '' : `Needs scope ${wanted.join(' or ')}.`,
    wanted.length === 0
      ? []
      : [
          'www-authenticate',
          `Bearer error="insufficient_scope", scope="${wanted[0]!.replace(/[^\x21\x23-\x5b\x5d-\x7e ]/g, '')}"`,
        ],
  );
  const judge = (exchange: Exchange): Refusal | null => {
    const consumer = exchange.consumer;
    if (consumer === null) return refusal;
    for (let i = 0; i < alternatives.length; i++) {
      const { method, scopes } = alternatives[i]!;
      if (method !== 'any' && method !== consumer.method) continue;
      let n = 0;
      while (n < scopes.length && consumer.scopes.has(scopes[n]!)) n++;
      if (n === scopes.length) return null;
    }
    return refusal;
  };
  const words = alternatives.map(({ method, scopes }) => {
    const names = scopes.join(' + ') || 'no scope';
    return method === 'any' ? names : `${names} by ${method}`;
  });
  return { kind: 'scopes', text: `scopes ${words.join(', or ')}`, needsBody: false, judge };
}
