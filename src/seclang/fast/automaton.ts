// Many literals in one pass (Aho, Corasick 1975), blind to the case of ASCII letters. States that end no literal have the lowest
// numbers, so that noticing one is a comparison. Rows of the table are a power of two long, and states are 16-bit numbers where that
// is enough: the table is read at every byte, and what counts is how much of it stays in the processor's cache.

export interface Automaton {
  /** By byte: its class. Class 0 is of bytes in no literal; both cases of a letter share one. */
  readonly classes: Uint8Array;
  /** By state << `shift` | class: the next state. */
  readonly next: Uint16Array | Uint32Array;
  readonly shift: number;
  /** States from this one on end literals. */
  readonly firstEnd: number;
  /** By state - `firstEnd`: the literals that end there, by their index. */
  readonly ends: readonly (readonly number[])[];
}

/** `literals` are lower-case and not empty. */
export function compileAutomaton(literals: readonly string[]): Automaton {
  const { classes, count: width } = classesOf(literals);
  let shift = 0;
  while (1 << shift < width) shift++;
  const trie = buildTrie(literals, classes, width);
  const { order, fail, ends } = connect(trie, width);
  // Breadth first is kept within both groups: states near the root, the ones most often visited, stay together.
  const position = new Uint32Array(trie.count);
  let firstEnd = 0;
  for (const node of order) if (ends[node] === undefined) position[node] = firstEnd++;
  let at = firstEnd;
  const endsInOrder: (readonly number[])[] = [];
  for (const node of order) {
    if (ends[node] === undefined) continue;
    position[node] = at++;
    endsInOrder.push(ends[node]!);
  }
  const size = trie.count << shift;
  const next = trie.count <= 65_536 ? new Uint16Array(size) : new Uint32Array(size);
  for (const node of order) {
    const row = position[node]! << shift;
    // A state falls back to what its longest suffix does, which has been filled in before.
    const fallback = node === 0 ? -1 : position[fail[node]!]! << shift;
    for (let c = 0; c < width; c++) {
      const child = trie.next[node * width + c]!;
      next[row + c] = child !== 0 ? position[child]! : fallback === -1 ? position[0]! : next[fallback + c]!;
    }
  }
  return { classes, next, shift, firstEnd, ends: endsInOrder };
}

function classesOf(literals: readonly string[]): { classes: Uint8Array; count: number } {
  const classes = new Uint8Array(256);
  let count = 1;
  for (const literal of literals) {
    for (let i = 0; i < literal.length; i++) {
      const byte = literal.charCodeAt(i);
      if (classes[byte] !== 0) continue;
      classes[byte] = count++;
      if (byte >= 97 && byte <= 122) classes[byte - 32] = classes[byte]!;
    }
  }
  return { classes, count };
}

interface Trie {
  readonly count: number;
  /** By node × class; 0, the root, where there is no child. */
  readonly next: Int32Array;
  /** By node: the literal that ends there, -1 for none. */
  readonly own: readonly (number | undefined)[];
}

function buildTrie(literals: readonly string[], classes: Uint8Array, width: number): Trie {
  let next = new Int32Array(256 * width);
  const own: (number | undefined)[] = [];
  let count = 1;
  literals.forEach((literal, index) => {
    let node = 0;
    for (let i = 0; i < literal.length; i++) {
      const slot = node * width + classes[literal.charCodeAt(i)]!;
      let child = next[slot]!;
      if (child === 0) {
        child = count++;
        if (count * width > next.length) {
          const larger = new Int32Array(next.length * 2);
          larger.set(next);
          next = larger;
        }
        next[slot] = child;
      }
      node = child;
    }
    own[node] = index;
  });
  return { count, next, own };
}

interface Connected {
  /** Breadth first. */
  readonly order: readonly number[];
  readonly fail: Int32Array;
  readonly ends: readonly (readonly number[] | undefined)[];
}

function connect({ count, next, own }: Trie, width: number): Connected {
  const fail = new Int32Array(count);
  const ends: (readonly number[] | undefined)[] = new Array<undefined>(count);
  const order = [0];
  for (let at = 0; at < order.length; at++) {
    const node = order[at]!;
    const shorter = node === 0 ? undefined : ends[fail[node]!];
    const mine = own[node];
    ends[node] = mine === undefined ? shorter : shorter === undefined ? [mine] : [mine, ...shorter];
    for (let c = 0; c < width; c++) {
      const child = next[node * width + c]!;
      if (child === 0) continue;
      order.push(child);
      if (node === 0) continue;
      let from = fail[node]!;
      while (from !== 0 && next[from * width + c] === 0) from = fail[from]!;
      fail[child] = next[from * width + c]!;
    }
  }
  return { order, fail, ends };
}
