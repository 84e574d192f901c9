// Values of XML: a small part of XPath 1.0, namely what rule sets use: steps behind `/` and `//` with a name, `*`, `@name`,
// `@*` or `text()`. An element's value is all text within it.

import type { XmlElement } from '../contract.ts';

interface Step {
  /** Behind `//`: at any depth. */
  readonly isDeep: boolean;
  /** `*`, `name`, `@*`, `@name` or `text()`. */
  readonly test: string;
}

const stepPattern = /(\/\/?)(@?[A-Za-z_*][\w.:-]*|@?\*|text\(\))/gy;

/** The steps of a path, or null when it is not of the part that is known. */
export function parsePath(path: string): readonly Step[] | null {
  const steps: Step[] = [];
  let end = 0;
  for (const match of path.matchAll(stepPattern)) {
    steps.push({ isDeep: match[1] === '//', test: match[2]! });
    end = match.index + match[0].length;
  }
  return steps.length === 0 || end !== path.length ? null : steps;
}

export function xmlValues(root: XmlElement, steps: readonly Step[]): string[] {
  // The document itself is the element around the root.
  let nodes: XmlElement[] = [{ name: '', attributes: [], children: [root] }];
  for (let i = 0; i < steps.length; i++) {
    const { isDeep, test } = steps[i]!;
    const parents = isDeep ? nodes.flatMap(withDescendants) : nodes;
    if (test.startsWith('@')) {
      return parents.flatMap(({ attributes }) =>
        attributes.filter(({ name }) => test === '@*' || name === test.slice(1)).map(({ value }) => value),
      );
    }
    if (test === 'text()')
      return parents.flatMap(({ children }) => children.filter((c) => typeof c === 'string'));
    nodes = parents.flatMap(({ children }) =>
      children.filter((c) => typeof c !== 'string').filter(({ name }) => test === '*' || name === test),
    );
  }
  return nodes.map(textOf);
}

/** Depth is limited by the parser of the body. */
function withDescendants(node: XmlElement): XmlElement[] {
  const found: XmlElement[] = [];
  const open: XmlElement[] = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    found.push(next);
    for (let i = next.children.length - 1; i >= 0; i--) {
      const child = next.children[i]!;
      if (typeof child !== 'string') open.push(child);
    }
  }
  return found;
}

function textOf(node: XmlElement): string {
  const parts: string[] = [];
  const open: (XmlElement | string)[] = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') parts.push(next);
    else for (let i = next.children.length - 1; i >= 0; i--) open.push(next.children[i]!);
  }
  return parts.join('');
}
