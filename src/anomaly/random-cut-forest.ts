// Robust random cut forest (Guha, Mishra, Roy, Schrijvers 2016): points of several features at once. A point that would let many
// others be described more shortly if it were gone displaces much and is odd (collusive displacement). Trees forget their oldest
// point, so that memory is bounded and the forest follows.
import { Random } from './random.ts';

interface Leaf {
  readonly isLeaf: true;
  parent: Branch | null;
  readonly point: Float64Array;
  /** Equal points share a leaf. */
  count: number;
}

interface Branch {
  readonly isLeaf: false;
  parent: Branch | null;
  left: Node;
  right: Node;
  count: number;
  readonly dimension: number;
  readonly cut: number;
  low: Float64Array;
  high: Float64Array;
}

type Node = Leaf | Branch;

class CutTree {
  readonly #random: Random;
  readonly #capacity: number;
  #root: Node | null = null;
  readonly #leaves: Leaf[] = [];
  #next = 0;

  constructor(capacity: number, random: Random) {
    this.#capacity = capacity;
    this.#random = random;
  }

  /** Inserts a point, forgetting the oldest when full; answers its displacement. */
  insert(point: Float64Array): number {
    if (this.#leaves.length === this.#capacity) this.#remove(this.#leaves[this.#next]!);
    const leaf = this.#add(point);
    this.#leaves[this.#next] = leaf;
    this.#next = (this.#next + 1) % this.#capacity;
    return displacement(leaf);
  }

  #add(point: Float64Array): Leaf {
    let node = this.#root;
    if (node === null) {
      const leaf: Leaf = { isLeaf: true, parent: null, point, count: 1 };
      this.#root = leaf;
      return leaf;
    }
    for (;;) {
      const low = node.isLeaf ? node.point : node.low;
      const high = node.isLeaf ? node.point : node.high;
      const spans = point.map((value, d) => Math.max(high[d]!, value) - Math.min(low[d]!, value));
      const total = spans.reduce((sum, span) => sum + span, 0);
      if (total === 0 && node.isLeaf) {
        node.count++;
        addUp(node.parent, 1);
        return node;
      }
      let left = this.#random.next() * total;
      let dimension = 0;
      while (dimension < spans.length - 1 && left >= spans[dimension]!) left -= spans[dimension++]!;
      const cut = Math.min(low[dimension]!, point[dimension]!) + left;
      const isBelow = point[dimension]! <= cut && cut < low[dimension]!;
      const isAbove = point[dimension]! > cut && cut >= high[dimension]!;
      if (isBelow || isAbove) return this.#split(node, point, dimension, cut, isBelow);
      if (node.isLeaf) continue;
      widen(node, point);
      node = point[node.dimension]! <= node.cut ? node.left : node.right;
    }
  }

  #split(node: Node, point: Float64Array, dimension: number, cut: number, isBelow: boolean): Leaf {
    const { parent } = node;
    const leaf: Leaf = { isLeaf: true, parent: null, point, count: 1 };
    const low = node.isLeaf ? node.point : node.low;
    const high = node.isLeaf ? node.point : node.high;
    const branch: Branch = {
      isLeaf: false,
      parent,
      left: isBelow ? leaf : node,
      right: isBelow ? node : leaf,
      count: node.count + 1,
      dimension,
      cut,
      low: low.map((value, d) => Math.min(value, point[d]!)),
      high: high.map((value, d) => Math.max(value, point[d]!)),
    };
    leaf.parent = branch;
    node.parent = branch;
    if (parent === null) this.#root = branch;
    else if (parent.left === node) parent.left = branch;
    else parent.right = branch;
    addUp(parent, 1);
    return leaf;
  }

  #remove(leaf: Leaf): void {
    if (leaf.count > 1) {
      leaf.count--;
      addUp(leaf.parent, -1);
      return;
    }
    const { parent } = leaf;
    if (parent === null) {
      this.#root = null;
      return;
    }
    const sibling = parent.left === leaf ? parent.right : parent.left;
    const above = parent.parent;
    sibling.parent = above;
    if (above === null) this.#root = sibling;
    else if (above.left === parent) above.left = sibling;
    else above.right = sibling;
    for (let at = above; at !== null; at = at.parent) {
      at.count--;
      tighten(at);
    }
  }
}

function addUp(from: Branch | null, by: number): void {
  for (let at = from; at !== null; at = at.parent) at.count += by;
}

function widen(node: Branch, point: Float64Array): void {
  for (let d = 0; d < point.length; d++) {
    if (point[d]! < node.low[d]!) node.low[d] = point[d]!;
    if (point[d]! > node.high[d]!) node.high[d] = point[d]!;
  }
}

function tighten(node: Branch): void {
  const { left, right } = node;
  const [leftLow, leftHigh] = left.isLeaf ? [left.point, left.point] : [left.low, left.high];
  const [rightLow, rightHigh] = right.isLeaf ? [right.point, right.point] : [right.low, right.high];
  for (let d = 0; d < node.low.length; d++) {
    node.low[d] = Math.min(leftLow[d]!, rightLow[d]!);
    node.high[d] = Math.max(leftHigh[d]!, rightHigh[d]!);
  }
}

/** Largest ratio, over the way to the root, of what a sibling holds to what would go with the point. */
function displacement(leaf: Leaf): number {
  let most = 0;
  let node: Node = leaf;
  while (node.parent !== null) {
    const sibling: Node = node.parent.left === node ? node.parent.right : node.parent.left;
    most = Math.max(most, sibling.count / node.count);
    node = node.parent;
  }
  return most;
}

export interface ForestOptions {
  readonly trees: number;
  /** Points that each tree remembers. */
  readonly points: number;
  readonly seed: number;
}

export class RandomCutForest {
  readonly #trees: readonly CutTree[];

  constructor({ trees, points, seed }: ForestOptions) {
    this.#trees = Array.from(
      { length: trees },
      (_, index) => new CutTree(points, new Random(seed + index * 7919)),
    );
  }

  /** Learns a point and answers its score: 0 for the first, about as many as the neighbours that it stands apart from. */
  add(features: readonly number[]): number {
    let sum = 0;
    for (const tree of this.#trees) sum += tree.insert(Float64Array.from(features));
    return sum / this.#trees.length;
  }
}
