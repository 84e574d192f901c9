// One run of the fuzzer: connections made, spoiled, read by both parsers and compared. A failing input is shrunk, so that
// what is printed is what matters.
import { findDifference, findSplitDifference } from './compare.ts';
import { randomConnection } from './messages.ts';
import { mutate } from './mutations.ts';
import { NodeReader } from './node-reading.ts';
import { readAsGate } from './our-reading.ts';
import { Random } from './random.ts';

export interface FuzzFailure {
  /** Index of the case in the run of its seed. */
  readonly index: number;
  readonly difference: string;
  /** The input, latin1, as small as shrinking gets it. */
  readonly input: string;
}

export interface FuzzResult {
  readonly cases: number;
  /** Cases that we accept to the last byte. */
  readonly accepted: number;
  /** Cases that we refuse. */
  readonly refused: number;
  /** Refused cases that Node accepts. */
  readonly stricter: number;
  readonly failure: FuzzFailure | null;
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Removes spans as long as `fails` holds. */
export function shrink(text: string, fails: (text: string) => boolean): string {
  for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < text.length; ) {
      const shorter = text.slice(0, at) + text.slice(at + size);
      if (fails(shorter)) text = shorter;
      else at += size;
    }
  }
  return text;
}

/** Runs cases of `seed` until `isOver`, or until one fails. */
export function fuzzRequests(seed: number, isOver: (cases: number) => boolean): FuzzResult {
  const random = new Random(seed);
  const reader = new NodeReader();
  let cases = 0;
  let accepted = 0;
  let refused = 0;
  let stricter = 0;
  let failure: FuzzFailure | null = null;
  const compare = (text: string): string | null =>
    findDifference(readAsGate(bytesOf(text)), reader.read(bytesOf(text)));
  while (failure === null && !isOver(cases)) {
    const valid = randomConnection(random);
    const text = random.chance(0.15) ? valid : mutate(valid, random);
    const bytes = bytesOf(text);
    const ours = readAsGate(bytes);
    const node = reader.read(bytes);
    const difference = findDifference(ours, node);
    const cuts = random.cuts(bytes.length, 8);
    const split = findSplitDifference(ours, readAsGate(bytes, cuts));
    if (difference !== null) {
      const input = shrink(text, (shorter) => compare(shorter) !== null);
      failure = { index: cases, difference: compare(input) ?? difference, input };
    } else if (split !== null) {
      failure = { index: cases, difference: `cut at ${cuts.join()}: ${split}`, input: text };
    }
    cases++;
    if (ours.finished) accepted++;
    if (ours.error !== null) {
      refused++;
      if (node.error === null) stricter++;
    }
  }
  reader.close();
  return { cases, accepted, refused, stricter, failure };
}
