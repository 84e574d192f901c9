// What must be true of a value for an expression to match it: literals and bytes that a prefilter can look for, and the
// least length. Everything here errs on the safe side: what is promised holds for every match (property tests say so, over
// random expressions and the whole of the CRS), what is not known is null.
import { byteOdds } from './byte-odds.ts';
import { findFactors } from './literals.ts';
import { addAll, countBytes, type PatternNode } from './syntax.ts';

export interface Requirements {
  /** Lower-case literals of which one is in every match; null when none are known. */
  readonly factors: readonly string[] | null;
  /** Bytes of which one is in every match; null when none are known. */
  readonly requiredBytes: Uint8Array | null;
  readonly minLength: number;
}

export const analysePattern = (root: PatternNode): Requirements => ({
  factors: findFactors(root),
  requiredBytes: requiredBytes(root),
  minLength: minLength(root),
});

/** Bytes of which at least one is in every match of a value that is not empty; null when a match may hold any or none. */
export function requiredBytesBeyondEmpty(root: PatternNode): Uint8Array | null {
  if (root.kind !== 'choice') return requiredBytes(root);
  return requiredBytes({ kind: 'choice', options: root.options.filter((option) => !isEmptyOnly(option)) });
}

/** `^$` */
const isEmptyOnly = (node: PatternNode): boolean =>
  node.kind === 'sequence' &&
  node.items.length === 2 &&
  node.items.every(
    (item, i) =>
      item.kind === 'assertion' &&
      (i === 0 ? item.assertion === 'subject-start' : item.assertion.startsWith('subject-end')),
  );

/** Bytes of which at least one is in every match, chosen to be rare; null when a match may hold any or none. */
function requiredBytes(node: PatternNode): Uint8Array | null {
  switch (node.kind) {
    case 'set':
      return countBytes(node.bytes) === 256 ? null : node.bytes;
    case 'sequence': {
      let best: Uint8Array | null = null;
      for (const item of node.items) {
        const bytes = requiredBytes(item);
        if (bytes !== null && (best === null || setOdds(bytes) < setOdds(best))) best = bytes;
      }
      return best;
    }
    case 'choice': {
      const union = new Uint8Array(256);
      for (const option of node.options) {
        const bytes = requiredBytes(option);
        if (bytes === null) return null;
        addAll(union, bytes);
      }
      return countBytes(union) === 256 ? null : union;
    }
    case 'repeat':
      return node.min === 0 ? null : requiredBytes(node.item);
    case 'capture':
    case 'atomic':
      return requiredBytes(node.item);
    case 'look':
      return node.isNegative ? null : requiredBytes(node.item);
    case 'assertion':
    case 'back-reference':
      return null;
  }
}

function setOdds(set: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 256; i++) if (set[i] === 1) sum += byteOdds[i]!;
  return sum;
}

/** Least bytes that a match consumes. */
export function minLength(node: PatternNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'sequence':
      return node.items.reduce((sum, item) => sum + minLength(item), 0);
    case 'choice':
      return Math.min(...node.options.map(minLength));
    case 'repeat':
      return node.min === 0 ? 0 : node.min * minLength(node.item);
    case 'capture':
    case 'atomic':
      return minLength(node.item);
    case 'look':
    case 'assertion':
    case 'back-reference':
      return 0;
  }
}

/** Bytes that a match can begin with; null when it may be empty or the bytes are unknown. */
export function firstBytes(node: PatternNode): Uint8Array | null {
  switch (node.kind) {
    case 'set':
      return node.bytes;
    case 'sequence': {
      const union = new Uint8Array(256);
      for (const item of node.items) {
        const isOptional = item.kind === 'repeat' && item.min === 0;
        const first = firstBytes(isOptional ? item.item : item);
        if (first === null) return null;
        addAll(union, first);
        if (!isOptional) return union;
      }
      return null;
    }
    case 'choice': {
      const union = new Uint8Array(256);
      for (const option of node.options) {
        const first = firstBytes(option);
        if (first === null) return null;
        addAll(union, first);
      }
      return union;
    }
    case 'repeat':
      return node.min === 0 ? null : firstBytes(node.item);
    case 'capture':
    case 'atomic':
      return firstBytes(node.item);
    case 'look':
    case 'assertion':
    case 'back-reference':
      return null;
  }
}
