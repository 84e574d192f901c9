// Rules of masking, and the tree that those for places of documents make.
import type { DataClass } from '../sensitive/index.ts';

export type MaskAction =
  /** The member or item is not there. */
  | 'drop'
  /** Text becomes `***`, everything else null. */
  | 'redact'
  /** Text and numbers keep their last four characters, when they have at least eight; everything else becomes null. */
  | 'last4';

export interface MaskRule {
  /** Names of members and indices of items from the root; `*` for all of them. */
  readonly path: readonly string[];
  readonly action: MaskAction;
}

/** Masks data of a class wherever it stands in a text or as a number, also in names of members. */
export interface ClassRule {
  readonly class: DataClass;
  /** Nothing but what was found is masked: what stands around it in a text stays. */
  readonly action: 'redact' | 'last4';
}

/** What stands at one place of the documents. */
export interface RuleNode {
  action: MaskAction | null;
  /** By name, as UTF-8. */
  readonly children: { readonly name: string; readonly bytes: Uint8Array; readonly node: RuleNode }[];
  /** Every member and item. */
  any: RuleNode | null;
}

const newNode = (): RuleNode => ({ action: null, children: [], any: null });
const encoder = new TextEncoder();

/** The tree that the rules make. */
export function compileRules(rules: readonly MaskRule[]): RuleNode {
  const root = newNode();
  // What holds for every member holds for each that has rules of its own: the most general come first.
  const stars = ({ path }: MaskRule): number => path.filter((part) => part === '*').length;
  for (const rule of [...rules].sort((a, b) => stars(b) - stars(a))) insert(root, rule, 0);
  return root;
}

function insert(node: RuleNode, rule: MaskRule, at: number): void {
  if (at === rule.path.length) {
    // A document can't be left out of itself.
    const action = rule.path.length === 0 && rule.action === 'drop' ? 'redact' : rule.action;
    node.action = stronger(node.action, action);
    return;
  }
  const name = rule.path[at]!;
  if (name === '*') {
    node.any ??= newNode();
    insert(node.any, rule, at + 1);
    for (const child of node.children) insert(child.node, rule, at + 1);
    return;
  }
  let child = node.children.find((entry) => entry.name === name)?.node;
  if (child === undefined) {
    child = node.any === null ? newNode() : copyNode(node.any);
    node.children.push({ name, bytes: encoder.encode(name), node: child });
  }
  insert(child, rule, at + 1);
}

const copyNode = (node: RuleNode): RuleNode => ({
  action: node.action,
  children: node.children.map((child) => ({ ...child, node: copyNode(child.node) })),
  any: node.any === null ? null : copyNode(node.any),
});

/** Of two rules for one field the one that shows less counts. */
const strength = { drop: 3, redact: 2, last4: 1 } as const;
function stronger(a: MaskAction | null, b: MaskAction): MaskAction {
  return a !== null && strength[a] >= strength[b] ? a : b;
}

/** The rules for an item of a list. */
export function itemOf(node: RuleNode, index: number): RuleNode | null {
  const { children } = node;
  if (children.length > 0) {
    const name = String(index);
    for (let i = 0; i < children.length; i++) if (children[i]!.name === name) return children[i]!.node;
  }
  return node.any;
}
