// The address of the client behind proxies that the configuration trusts. The chain is walked from the nearest hop:
// each trusted proxy may name the one before it, and the first name that is not trusted is the client.
import { type FieldList, parseForwarded, splitList } from '../../http/fields/index.ts';
import { canonicalAddress } from './address.ts';
import type { AddressSet } from './address-set.ts';

/**
 * Walks X-Forwarded-For, or Forwarded (RFC 7239) where there is no X-Forwarded-For. With both present X-Forwarded-For
 * counts, as proxies that know only one of them pass the other through untouched. A malformed entry ends the walk at
 * the proxy that sent it.
 */
export function resolveClientAddress(peer: string, fields: FieldList, trusted: AddressSet): string {
  if (!trusted.has(peer)) return peer;
  const hops = fields.has('x-forwarded-for')
    ? fields.all('x-forwarded-for').flatMap((value) => splitList(value) ?? ['?'])
    : forwardedHops(fields);
  let current = peer;
  for (let i = hops.length - 1; i >= 0 && trusted.has(current); i--) {
    const next = canonicalAddress(stripPort(hops[i]!));
    if (next === null) return current;
    current = next;
  }
  return current;
}

function forwardedHops(fields: FieldList): string[] {
  const hops: string[] = [];
  for (const value of fields.all('forwarded')) {
    const elements = parseForwarded(value);
    if (elements === null) hops.push('?');
    else for (const element of elements) hops.push(element.get('for') ?? '?');
  }
  return hops;
}

/** `192.0.2.1:80` and `[2001:db8::1]:80` without the port. */
function stripPort(text: string): string {
  const bracketed = /^\[([^\]]+)\](?::[0-9]{1,5})?$/.exec(text);
  if (bracketed !== null) return bracketed[1]!;
  const withPort = /^([0-9.]+):[0-9]{1,5}$/.exec(text);
  return withPort === null ? text : withPort[1]!;
}
