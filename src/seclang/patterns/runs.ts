// An expression that begins with an unbounded repeat of one class (`\d+-\d+`, `.*\.jsp`) tries a run of n such bytes from each
// of its bytes: n² steps, seconds for a long value. But where it matches from the middle of a run it matches from the beginning of
// the run, too, and the first match is the one that counts. So it need only be tried where a run begins.

import type { ByteSet, PatternNode } from './syntax.ts';
import { sequence } from './syntax.ts';

/** The tree with that said in it; the very same when there is nothing to say. Finds the same first match, with the same groups. */
export function startAtRuns(root: PatternNode): PatternNode {
  if (root.kind === 'choice') {
    const options = root.options.map(startAtRuns);
    return options.every((option, i) => option === root.options[i]) ? root : { kind: 'choice', options };
  }
  const bytes = firstRun(root);
  if (bytes === null) return root;
  const notWithin: PatternNode = {
    kind: 'look',
    isAhead: false,
    isNegative: true,
    item: { kind: 'set', bytes },
  };
  return sequence([notWithin, ...(root.kind === 'sequence' ? root.items : [root])]);
}

/** The class of the unbounded repeat that the tree begins with; null when it begins otherwise. */
function firstRun(node: PatternNode): ByteSet | null {
  switch (node.kind) {
    case 'sequence':
      return node.items[0] === undefined ? null : firstRun(node.items[0]);
    case 'capture':
    case 'atomic':
      return firstRun(node.item);
    case 'repeat':
      return node.max === Number.POSITIVE_INFINITY && node.item.kind === 'set' ? node.item.bytes : null;
    default:
      return null;
  }
}
