// Which addresses are out on the Internet, after IANA's special-purpose registries: everything else is the inside of
// somebody's network, a metadata service, or nothing at all.
import { AddressSet } from '../address/address-set.ts';

const inside4 = new AddressSet([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);
const global6 = new AddressSet(['2000::/3']);
/** Within 2000::/3: Teredo and protocol assignments, benchmarks and documentation, 6to4, which hides an IPv4 address. */
const inside6 = new AddressSet(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);
/** Where clouds keep credentials for whoever asks; never the address of an issuer. */
const linkLocal = new AddressSet(['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254']);
const loopback = new AddressSet(['127.0.0.0/8', '::1']);

/** False for what is no address. */
export function isPublicAddress(address: string): boolean {
  const text = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!text.includes(':')) return /^\d+\.\d+\.\d+\.\d+$/.test(text) && !inside4.has(text);
  return global6.has(text) && !inside6.has(text);
}

export const isLinkLocal = (address: string): boolean => linkLocal.has(address);
export const isLoopback = (address: string): boolean => loopback.has(address);
