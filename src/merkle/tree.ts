// Roots and proofs of a Merkle tree (RFC 9162 section 2.1), from the hashes of its complete subtrees, which never change
// once they are there. Where those are kept is the caller's business.
import { EMPTY_ROOT, leafHash, nodeHash } from './hashes.ts';

/** Hash of the complete subtree with the leaves from `index << level`, `1 << level` of them. */
export type SubtreeReader = (level: number, index: number) => Uint8Array;

/** Largest power of two below `size`; `size` is at least 2. Sizes go beyond 32 bits. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Hash over the leaves [start, end), where `start` is a multiple of the largest power of two that is not above the count. */
function rangeHash(start: number, end: number, read: SubtreeReader): Uint8Array {
  const count = end - start;
  const level = Math.log2(count);
  if (Number.isInteger(level)) return read(level, start / count);
  const split = splitOf(count);
  return nodeHash(rangeHash(start, start + split, read), rangeHash(start + split, end, read));
}

export const rootOf = (size: number, read: SubtreeReader): Uint8Array =>
  size === 0 ? EMPTY_ROOT : rangeHash(0, size, read);

/** Hashes that lead from the leaf `index` to the root of the tree of `size` leaves. Throws RangeError for no such leaf. */
export function inclusionProof(index: number, size: number, read: SubtreeReader): Uint8Array[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`the tree of ${size} has no leaf ${index}`);
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(middle, end, read));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, read));
      start = middle;
    }
  }
  return proof.reverse();
}

/** Hashes that show the tree of `from` leaves to be the beginning of that of `to`. Throws RangeError unless 0 < from <= to. */
export function consistencyProof(from: number, to: number, read: SubtreeReader): Uint8Array[] {
  if (!(from > 0 && from <= to)) throw new RangeError(`no tree of ${from} leaves begins one of ${to}`);
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = to;
  let isWhole = true;
  while (from < end) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      proof.push(rangeHash(middle, end, read));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, read));
      start = middle;
      isWhole = false;
    }
  }
  if (!isWhole) proof.push(rangeHash(start, end, read));
  return proof.reverse();
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether `proof` leads from the entry at `index` to `root` (RFC 9162 section 2.1.3.2). */
export const verifyInclusion = (
  entry: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean => verifyLeafInclusion(leafHash(entry), index, size, proof, root);

/** The same for an entry of which only its hash is at hand. */
export function verifyLeafInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let found: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      found = nodeHash(sibling, found);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else found = nodeHash(found, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && isSame(found, root);
}

/** Whether `proof` shows that the tree with `fromRoot` begins the tree with `toRoot` (RFC 9162 section 2.1.4.2). */
export function verifyConsistency(
  from: number,
  to: number,
  proof: readonly Uint8Array[],
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
): boolean {
  if (from === 0) return proof.length === 0 && isSame(fromRoot, EMPTY_ROOT);
  if (from > to) return false;
  if (from === to) return proof.length === 0 && isSame(fromRoot, toRoot);
  const path = Number.isInteger(Math.log2(from)) ? [fromRoot, ...proof] : [...proof];
  if (path.length === 0) return false;
  let at = from - 1;
  let last = to - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  let older: Uint8Array = path[0]!;
  let newer: Uint8Array = path[0]!;
  for (const hash of path.slice(1)) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else newer = nodeHash(newer, hash);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && isSame(older, fromRoot) && isSame(newer, toRoot);
}
