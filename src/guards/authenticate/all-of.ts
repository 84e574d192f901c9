// Several methods that must all be fulfilled. The first one names the caller; the others only have to agree to him.
import { type Consumer, type Decision, type Exchange, Refusal } from '../../exchange/index.ts';
import { type CompiledMethod, type MethodResult, NOT_THERE } from './compiled-method.ts';

export function compileAllOf(methods: readonly CompiledMethod[]): CompiledMethod {
  const challenge = methods.find((method) => method.challenge !== '')?.challenge ?? '';
  const missing = new Refusal(
    'credentials-missing',
    'authenticate',
    'all-of-incomplete',
    '',
    challenge === '' ? [] : ['www-authenticate', challenge],
  );
  const bodies = methods.filter((method) => method.runBody !== null).map((method) => method.runBody!);
  return {
    challenge,
    run: (exchange) => runFrom(methods, 0, exchange, null, 0, missing),
    runBody:
      bodies.length === 0
        ? null
        : (exchange, body) => {
            for (const judge of bodies) {
              const decision = judge(exchange, body);
              if (decision !== null) return decision;
            }
            return null;
          },
    strips: methods.flatMap(({ strips }) => strips),
  };
}

/** `found`: how many of the methods before had their credential. */
function runFrom(
  methods: readonly CompiledMethod[],
  from: number,
  exchange: Exchange,
  caller: Consumer | null,
  found: number,
  missing: Refusal,
): MethodResult {
  for (let i = from; i < methods.length; i++) {
    const result = methods[i]!.run(exchange);
    if (result instanceof Promise) {
      return result.then((decision): Decision | Promise<Decision> => {
        if (decision !== null) {
          exchange.consumer = null;
          return decision;
        }
        const first = caller ?? exchange.consumer;
        const rest = runFrom(methods, i + 1, exchange, first, found + 1, missing);
        return rest === NOT_THERE ? missing : rest;
      });
    }
    if (result === NOT_THERE) continue;
    if (result !== null) {
      exchange.consumer = null;
      return result;
    }
    found++;
    caller ??= exchange.consumer;
  }
  // INVARIANT: until the last method has agreed nobody has called; a part of them is as good as none.
  exchange.consumer = found === methods.length ? caller : null;
  if (found === 0) return NOT_THERE;
  return found === methods.length ? null : missing;
}
