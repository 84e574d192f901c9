// Which attributes of the context a policy reads, so that whoever asks can wait for those that come late, a body say.
import type { Expression, PolicySyntax } from './ast.ts';

const known = new WeakMap<PolicySyntax, ReadonlySet<string> | null>();

/** Names of the context's attributes; null when the policy uses the context as a whole. */
export function contextReads(policy: PolicySyntax): ReadonlySet<string> | null {
  let reads = known.get(policy);
  if (reads === undefined) {
    const names = new Set<string>();
    reads = policy.clauses.every(({ body }) => collect(body, names)) ? names : null;
    known.set(policy, reads);
  }
  return reads;
}

const isContext = (node: Expression): boolean => node.kind === 'variable' && node.name === 'context';

/** False when the context itself is a value. */
function collect(node: Expression, names: Set<string>): boolean {
  const each = (nodes: readonly Expression[]): boolean => nodes.every((entry) => collect(entry, names));
  switch (node.kind) {
    case 'literal':
    case 'entity':
      return true;
    case 'variable':
      return node.name !== 'context';
    case 'get':
      if (!isContext(node.target)) return collect(node.target, names);
      names.add(node.attribute);
      return true;
    case 'has':
      if (!isContext(node.target)) return collect(node.target, names);
      names.add(node.path[0]!);
      return true;
    case 'not':
    case 'negate':
      return collect(node.operand, names);
    case 'and':
    case 'or':
      return each(node.operands);
    case 'binary':
      return each([node.left, node.right]);
    case 'like':
      return collect(node.target, names);
    case 'is':
      return each(node.within === null ? [node.target] : [node.target, node.within]);
    case 'if':
      return each([node.condition, node.consequent, node.alternative]);
    case 'set':
      return each(node.items);
    case 'record':
      return each(node.members.map(([, value]) => value));
    case 'call':
      return each(node.arguments);
    case 'method':
      return each([node.target, ...node.arguments]);
  }
}
