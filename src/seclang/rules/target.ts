// Targets with their selectors compiled. Keys are compared without case, as ModSecurity does for every collection.

import type { Diagnostics } from '../../core/index.ts';
import type { TargetNode } from '../language/index.ts';
import { compileOperator } from '../operators/index.ts';
import { parsePath } from '../transaction/xml-values.ts';
import type { Target } from './rule.ts';
import type { TxNames } from './tx-names.ts';

/** Null when the selector's expression is reported as wrong. */
export function compileTarget(node: TargetNode, txNames: TxNames, diagnostics: Diagnostics): Target | null {
  const { selector, variable, isCount } = node;
  const isTx = variable === 'TX';
  let pattern: Target['pattern'] = null;
  if (selector.kind === 'pattern') {
    const compiled = compileOperator('rx', `(?i)${selector.pattern}`, { readData: () => null });
    if (compiled.kind === 'error') {
      diagnostics.error('seclang-target', node.place, compiled.message, compiled.suggestion);
      return null;
    }
    const { operator } = compiled;
    pattern = (key) => operator.match(key, '', null);
  }
  if (selector.kind === 'path' && parsePath(selector.path) === null) {
    diagnostics.error(
      'seclang-target',
      node.place,
      `The path ${selector.path} is not one that the engine knows.`,
      'Write steps of a name, `*`, `@name`, `@*` or `text()` behind `/` or `//`.',
    );
    return null;
  }
  const key = selector.kind === 'key' ? selector.key.toLowerCase() : null;
  const slots: number[] = [];
  if (isTx && pattern !== null) {
    txNames.names.forEach((name, slot) => {
      if (pattern(name)) slots.push(slot);
    });
  }
  return {
    variable,
    key,
    pattern,
    path: variable === 'XML' ? (selector.kind === 'path' ? selector.path : '/*') : null,
    isCount,
    slot: isTx && key !== null ? txNames.intern(key) : -1,
    slots,
    text: targetText(node),
  };
}

function targetText(node: TargetNode): string {
  const { selector } = node;
  const head = (node.isCount ? '&' : '') + node.variable;
  switch (selector.kind) {
    case 'all':
      return head;
    case 'key':
      return `${head}:${selector.key}`;
    case 'pattern':
      return `${head}:/${selector.pattern}/`;
    case 'path':
      return `${head}:${selector.path}`;
  }
}
