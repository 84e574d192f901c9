// The first argument of SecRule: `ARGS|!ARGS:password|&REQUEST_HEADERS:/^x-/|XML:/*`. A selector between slashes is a
// regular expression and may hold `|`; after XML it is an XPath.

import { closestName, type Diagnostics } from '../../core/index.ts';
import type { SelectorNode, TargetNode } from './ast.ts';
import type { SourceText } from './lexer.ts';
import { findVariable, variableNames } from './variables.ts';

export function parseTargets(source: SourceText, diagnostics: Diagnostics): TargetNode[] {
  const targets: TargetNode[] = [];
  const { text } = source;
  let at = 0;
  while (at <= text.length) {
    const end = targetEnd(text, at);
    const target = parseTarget(source.slice(at, end), diagnostics);
    if (target !== null) targets.push(target);
    at = end + 1;
  }
  return targets;
}

/** Index of the `|` (or `,`) that ends the target which starts at `from`, or the length of the text. */
function targetEnd(text: string, from: number): number {
  let i = from;
  while (i < text.length && text[i] !== ':' && text[i] !== '|' && text[i] !== ',') i++;
  if (text[i] !== ':') return i;
  i++;
  const isTree = /^[!&\s]*XML$/i.test(text.slice(from, i - 1));
  if (!isTree && text[i] === "'") {
    const close = closing(text, i + 1, "'");
    if (close !== -1) i = close + 1;
  } else if (!isTree && text[i] === '/') {
    const close = closing(text, i + 1, '/');
    if (close !== -1) i = close + 1;
  }
  while (i < text.length && text[i] !== '|' && text[i] !== ',') i++;
  return i;
}

function closing(text: string, from: number, quote: string): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i;
  }
  return -1;
}

/** One target; null when it is reported as wrong. */
export function parseTarget(source: SourceText, diagnostics: Diagnostics): TargetNode | null {
  const { text } = source;
  let at = 0;
  let isCount = false;
  let isExclusion = false;
  for (; at < text.length; at++) {
    const char = text[at];
    if (char === '&') isCount = true;
    else if (char === '!') isExclusion = true;
    else if (char !== ' ' && char !== '\t') break;
  }
  const colon = text.indexOf(':', at);
  const name = (colon === -1 ? text.slice(at) : text.slice(at, colon)).trim();
  const place = source.placeAt(at);
  if (name === '') {
    diagnostics.error(
      'seclang-target',
      place,
      'A target is empty.',
      'Write `VARIABLE` or `VARIABLE:key`, joined by `|`.',
    );
    return null;
  }
  const entry = findVariable(name);
  if (entry === null) {
    const close = closestName(name, variableNames);
    const suggestion = close === null ? '' : `Did you mean ${close}?`;
    diagnostics.error('seclang-unknown-variable', place, `There is no variable ${name}.`, suggestion);
    return null;
  }
  const rest = colon === -1 ? '' : text.slice(colon + 1).trim();
  if (entry.shape === 'scalar' && rest !== '') {
    diagnostics.error(
      'seclang-target',
      place,
      `${entry.name} holds one value and has no keys.`,
      `Write ${entry.name} alone.`,
    );
    return null;
  }
  return {
    kind: 'target',
    place,
    variable: entry.name,
    selector: parseSelector(rest, entry.shape === 'tree'),
    isCount,
    isExclusion,
  };
}

function parseSelector(text: string, isTree: boolean): SelectorNode {
  if (text === '') return { kind: 'all' };
  if (isTree) return { kind: 'path', path: text };
  const bare = text.length >= 2 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text;
  if (bare.length >= 2 && bare.startsWith('/') && bare.endsWith('/')) {
    return { kind: 'pattern', pattern: bare.slice(1, -1).replaceAll('\\/', '/') };
  }
  return { kind: 'key', key: bare };
}
