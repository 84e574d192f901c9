// Blocks of addresses in the one form that bans have.
import { canonicalAddress, parseCidr } from '../net/index.ts';

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
  if (slash === -1) return isV4 ? `${address}/32` : siteOf(address);
  if (isV4 !== !text.includes(':') || parseCidr(text) === null) return null;
  const bits = Number(text.slice(slash + 1));
  return bits < (isV4 ? MIN_V4 : MIN_V6) ? null : `${address}/${bits}`;
}

function siteOf(address: string): string {
  const groups = address.split('::');
  const left = groups[0] === '' ? [] : groups[0]!.split(':');
  const right = groups.length < 2 || groups[1] === '' ? [] : groups[1]!.split(':');
  const all = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return `${canonicalAddress(`${all.slice(0, 4).join(':')}::`)}/${SITE_V6}`;
}
