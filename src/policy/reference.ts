// The reference implementation of Cedar: it validates policies against a schema, and tests compare the compiler with it.
// 4 MB of WebAssembly, so only control-plane code imports this file, and only when there is a policy.
import { type DetailedError, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { type Diagnostics, placeAt } from '../core/index.ts';
import { type PolicySyntax, textOf } from './ast.ts';

/** Tells what the reference finds wrong with the policies (one file's) under the schema, which is Cedar's own text. */
export function validatePolicies(
  policies: readonly PolicySyntax[],
  schema: string,
  diagnostics: Diagnostics,
): void {
  if (policies.length === 0) return;
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const answer = validate({
    schema,
    policies: {
      staticPolicies: Object.fromEntries(
        policies.map((policy) => [policy.id, textOf(policy.source, policy)]),
      ),
    },
  });
  const first = policies[0]!;
  if (answer.type === 'failure') {
    // What our parser took and the reference does not is not loaded: nobody could say what it means.
    for (const error of answer.errors)
      diagnostics.error('policy-syntax', first, sentence(error.message), error.help ?? '');
    return;
  }
  const place = (id: string, error: DetailedError) => {
    const policy = byId.get(id) ?? first;
    const offset = error.sourceLocations?.[0]?.start;
    if (offset === undefined) return policy;
    const { text, file } = policy.source;
    return placeAt(text, file, policy.start + codeUnits(textOf(policy.source, policy), offset));
  };
  for (const { policyId, error, more } of merged(answer.validationErrors))
    diagnostics.error('policy-invalid', place(policyId, error), sentence(error.message) + more, help(error));
  for (const { policyId, error, more } of merged(answer.validationWarnings))
    diagnostics.warning(
      'policy-suspect',
      place(policyId, error),
      sentence(error.message) + more,
      help(error),
    );
}

interface Finding {
  readonly policyId: string;
  readonly error: DetailedError;
}

/** The reference tells of one mistake once for each action that it touches, in no order: the user is told once. */
function merged(findings: readonly Finding[]): (Finding & { readonly more: string })[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of [...findings].sort((a, b) => (a.error.message < b.error.message ? -1 : 1))) {
    const { policyId, error } = finding;
    const message = error.message.replace(/ for (?:[A-Za-z0-9_]+::)*Action::"(?:[^"\\]|\\.)*"/, '');
    const key = `${policyId}\n${error.sourceLocations?.[0]?.start}\n${message}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    more: group.length === 1 ? '' : ` So it is for ${group.length - 1} more.`,
  }));
}

/** The reference counts bytes of UTF-8. */
function codeUnits(text: string, bytes: number): number {
  return Buffer.from(text, 'utf8').subarray(0, bytes).toString('utf8').length;
}

const help = (error: DetailedError): string => (error.help === null ? '' : sentence(error.help));

/** Its messages begin in lower case, name the policy again and have no full stop. */
function sentence(text: string): string {
  const message = text.replace(/^for policy `[^`]*`, /, '');
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?!]$/.test(message) ? '' : '.'}`;
}
