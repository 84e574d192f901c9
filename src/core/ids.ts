// Random identifiers, cut from a block of hexadecimal random digits that is refilled when used up: one call
// into the random generator serves hundreds of requests. HOT
import { randomBytes } from 'node:crypto';

const BLOCK_BYTES = 8192;

let block = '';
let used = 0;

/** `digits` random lower-case hexadecimal digits (4 bits each); `digits` at most 64. Not for secrets. */
export function randomHex(digits: number): string {
  if (used + digits > block.length) {
    block = randomBytes(BLOCK_BYTES).toString('hex');
    used = 0;
  }
  const id = block.slice(used, used + digits);
  used += digits;
  return id;
}
