// The part of an address that stands for whoever has it: IPv4 whole, of IPv6 the first groups. HOT

/** `address` in canonical form; `groups` of IPv6: 4 for the /64, since a site has at least that many addresses to change between. */
export function siteOf(address: string, groups = 4): string {
  if (address.indexOf(':') === -1) return address;
  const gap = address.indexOf('::');
  if (gap === -1) return address.split(':', groups).join(':');
  const left = gap === 0 ? [] : address.slice(0, gap).split(':');
  const right = address.length === gap + 2 ? 0 : address.slice(gap + 2).split(':').length;
  const zeros = 8 - left.length - right;
  const all = [...left, ...new Array<string>(zeros).fill('0'), ...address.slice(gap + 2).split(':')];
  return all.slice(0, groups).join(':');
}

/** The /24 of IPv4, the /56 of IPv6: what one customer of a provider has, or a few neighbours. */
export function networkOf(address: string): string {
  if (address.indexOf(':') === -1) return address.slice(0, address.lastIndexOf('.'));
  const groups = siteOf(address).split(':');
  groups[3] = (Number.parseInt(groups[3]!, 16) & 0xff00).toString(16);
  return groups.join(':');
}
