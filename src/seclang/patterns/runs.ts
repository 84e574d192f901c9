// An expression that begins with an unbounded repeat of one class (`\d+-\d+`, `.*\.jsp`) tries a run of n such bytes from each
// of its bytes: n² steps, seconds for a long value. But where it matches from the middle of a run it matches from the beginning of
// the run, too, and the first match is the one that counts. So it need only be tried where a run begins. The same goes for one byte
// and a run behind it (`[-+]\w+`), where the byte before would do as well: it takes the place of the first, which joins the run.

import { type ByteSet, choice, countBytes, type PatternNode, sequence } from './syntax.ts';

/** The tree with that said in it; the very same when there is nothing to say. Finds the same first match, with the same groups. */
export function startAtRuns(root: PatternNode): PatternNode {
  // What a group took is asked for again: a longer run is not as good.
  return hasBackReference(root) ? root : rooted(root);
}

function rooted(root: PatternNode): PatternNode {
  if (root.kind === 'choice') {
    const options = root.options.map(rooted);
    return options.every((option, i) => option === root.options[i]) ? root : { kind: 'choice', options };
  }
  const bytes = firstRun(root);
  const items = root.kind === 'sequence' ? root.items : [root];
  if (bytes !== null) return sequence([notBehind(bytes), ...items]);
  const [head, run] = items;
  if (head?.kind !== 'set' || run?.kind !== 'repeat') return root;
  if (run.item.kind !== 'set' || run.max !== Number.POSITIVE_INFINITY) return root;
  const members = run.item.bytes;
  const joining = head.bytes.map((member, byte) => member & members[byte]!);
  if (countBytes(joining) === 0) return root;
  const other = head.bytes.map((member, byte) => member & (1 - members[byte]!));
  const options: PatternNode[] = [sequence([notBehind(head.bytes), { kind: 'set', bytes: joining }])];
  if (countBytes(other) > 0) options.push({ kind: 'set', bytes: other });
  return sequence([choice(options), ...items.slice(1)]);
}

const notBehind = (bytes: ByteSet): PatternNode => ({
  kind: 'look',
  isAhead: false,
  isNegative: true,
  item: { kind: 'set', bytes },
});

function hasBackReference(node: PatternNode): boolean {
  switch (node.kind) {
    case 'back-reference':
      return true;
    case 'sequence':
      return node.items.some(hasBackReference);
    case 'choice':
      return node.options.some(hasBackReference);
    case 'repeat':
    case 'capture':
    case 'atomic':
    case 'look':
      return hasBackReference(node.item);
    default:
      return false;
  }
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
