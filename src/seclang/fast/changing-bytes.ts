// Which bytes a value must hold for a transformation to change it.

import type { Transformation } from '../contract.ts';
import { requiredBytesOf } from '../patterns/index.ts';

const known = new Map<Transformation, Uint8Array | null>();

/** 256 entries, 1 for the bytes of which one must be in a value, if it is not empty, to be changed; null when that can not be told. */
export function changingBytes(transformation: Transformation): Uint8Array | null {
  let bytes = known.get(transformation);
  if (bytes === undefined) {
    const { changesOnly } = transformation;
    bytes = changesOnly === null ? null : requiredBytesOf(changesOnly.source);
    known.set(transformation, bytes);
  }
  return bytes;
}
