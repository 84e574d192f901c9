// Blocks of addresses in the one form that bans have.
import { canonicalAddress, parseCidr, siteOf } from '../net/index.ts';

/** Lengths of prefixes that a ban may have: shorter ones are policy, and belong into a list. */
const MIN_V4 = 8;
const MIN_V6 = 16;
/** An address of IPv6 stands for its site, which has all of these to change between. */
const SITE_V6 = 64;

/** Canonical block of a text; a single IPv6 address becomes its /64. Null for a text that is none, or too wide. */
export function banBlock(text: string): string | null {
  const slash = text.indexOf('/');
  const address = canonicalAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === null) return null;
  const isV4 = !address.includes(':');
  if (slash === -1) return isV4 ? `${address}/32` : `${canonicalAddress(`${siteOf(address)}::`)}/${SITE_V6}`;
  if (isV4 !== !text.includes(':') || parseCidr(text) === null) return null;
  const bits = Number(text.slice(slash + 1));
  return bits < (isV4 ? MIN_V4 : MIN_V6) ? null : `${address}/${bits}`;
}
