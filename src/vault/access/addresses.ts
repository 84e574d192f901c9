// Whether an address lies in one of several blocks; an empty list allows every address.
import { AddressSet } from '../../net/index.ts';

export const addressAllowed = (address: string, blocks: readonly string[]): boolean =>
  blocks.length === 0 || new AddressSet(blocks).has(address);
