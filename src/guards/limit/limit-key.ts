// Whom a limit counts apart. HOT
import type { Exchange } from '../../exchange/index.ts';
import type { LimitConfig } from './contract.ts';

/** Key of the caller; what identifies nobody falls back to the address. */
export function limitKey(per: LimitConfig['per'], exchange: Exchange): string {
  if (per === 'operation') return '';
  if (per === 'consumer' && exchange.consumer !== null) return `c${exchange.consumer.id}`;
  return siteOf(exchange.clientAddress);
}

/** The address itself for IPv4, the /64 for IPv6: a site has at least that many addresses to change between. */
function siteOf(address: string): string {
  if (address.indexOf(':') === -1) return address;
  const gap = address.indexOf('::');
  if (gap === -1) return address.split(':', 4).join(':');
  const left = gap === 0 ? [] : address.slice(0, gap).split(':');
  const right = address.length === gap + 2 ? 0 : address.slice(gap + 2).split(':').length;
  const zeros = 8 - left.length - right;
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...address.slice(gap + 2).split(':')];
  return groups.slice(0, 4).join(':');
}
