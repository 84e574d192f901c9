// Takes out of an expression what only makes it try the same places again. In `\s*(?:x\s*)*\s*` the last part can match
// only where the one before it gave something back, so whatever it finds was found before; without it the first match and
// its groups are the same, and a long run of space costs one power of its length less. Rules made by tools are full of it.
import { type PatternNode, sequence } from './syntax.ts';

/** A tree with the same matches, in the same order, and fewer ways to each. */
export function simplify(node: PatternNode): PatternNode {
  switch (node.kind) {
    case 'sequence':
      return sequence(withoutRepetition(node.items.map(simplify)));
    case 'choice':
      return { kind: 'choice', options: node.options.map(simplify) };
    case 'repeat':
      return { ...node, item: simplify(node.item) };
    case 'capture':
    case 'atomic':
      return { ...node, item: simplify(node.item) };
    case 'look':
      return node.isAhead ? { ...node, item: simplify(node.item) } : node;
    case 'set':
    case 'assertion':
    case 'back-reference':
      return node;
  }
}

function withoutRepetition(items: readonly PatternNode[]): PatternNode[] {
  const kept: PatternNode[] = [];
  for (const item of items.flatMap((one) => (one.kind === 'sequence' ? one.items : [one]))) {
    const isOptionalRun = item.kind === 'repeat' && item.min === 0 && item.item.kind === 'set';
    if (isOptionalRun && item.item.kind === 'set' && takesAll(kept, item.item.bytes, false)) continue;
    kept.push(item);
  }
  return kept;
}

/** Whether the items end in greedy runs that take every byte of `set` there is; `before` says so of what precedes them. */
function takesAll(items: readonly PatternNode[], set: Uint8Array, before: boolean): boolean {
  let result = before;
  for (const item of items) result = endsTakingAll(item, set, result);
  return result;
}

function endsTakingAll(node: PatternNode, set: Uint8Array, before: boolean): boolean {
  switch (node.kind) {
    case 'sequence':
      return takesAll(node.items, set, before);
    case 'choice':
      return node.options.every((option) => endsTakingAll(option, set, before));
    case 'repeat': {
      const { item } = node;
      if (item.kind === 'set' && !node.isLazy && node.max === Number.POSITIVE_INFINITY)
        return set.every((member, byte) => member <= item.bytes[byte]!);
      return node.min === 0 ? before && endsTakingAll(item, set, true) : endsTakingAll(item, set, before);
    }
    // What looks at the place itself tells the ways to it apart; a group keeps how far its own way went.
    case 'assertion':
    case 'look':
    case 'capture':
    case 'atomic':
    case 'back-reference':
    case 'set':
      return false;
  }
}
