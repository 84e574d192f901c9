// Which addresses count as one: an IPv6 customer has a whole /64 to send from, and often a /48.

/** `host` is one sender, `network` its neighbourhood. What is no address is its own host and network. */
export function parseAddress(address: string): { readonly host: string; readonly network: string } {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(mapped))
    return { host: mapped, network: `${mapped.split('.').slice(0, 3).join('.')}.0/24` };
  if (!mapped.includes(':')) return { host: mapped, network: mapped };
  const groups = expand(mapped.split('%')[0]!);
  return { host: `${groups.slice(0, 4).join(':')}::/64`, network: `${groups.slice(0, 3).join(':')}::/48` };
}

function expand(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''));
}
