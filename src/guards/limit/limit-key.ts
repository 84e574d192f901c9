// Whom a limit counts apart. What says nothing about a caller falls back to what does: a request must not get out of a limit by leaving
// something away. HOT
import type { Exchange } from '../../exchange/index.ts';
import { networkOf, siteOf } from '../../net/index.ts';
import { claimAt } from '../authorize/index.ts';
import type { LimitPer } from './contract.ts';
import type { Membership } from './membership.ts';

/** Longest value of a header or claim that is a key of its own; of longer ones the beginning is. */
const MAX_VALUE_LENGTH = 256;

export type KeyOf = (exchange: Exchange) => string;

const ofAddress: KeyOf = ({ clientAddress }) => siteOf(clientAddress);

const ofNetwork: KeyOf = ({ clientAddress }) => networkOf(clientAddress);

const ofConsumer: KeyOf = (exchange) =>
  exchange.consumer === null ? ofAddress(exchange) : `c${exchange.consumer.id}`;

/** Key of the caller in its kind of limit. */
export function compileKey(per: LimitPer, membership: Membership): KeyOf {
  switch (per) {
    case 'operation':
      return () => '';
    case 'address':
      return ofAddress;
    case 'network':
      return ofNetwork;
    case 'asn':
      return (exchange) => {
        const asn = exchange.place?.asn ?? 0;
        return asn === 0 ? ofNetwork(exchange) : `a${asn}`;
      };
    case 'country':
      return (exchange) => exchange.place?.country ?? '';
    case 'consumer':
      return ofConsumer;
    case 'tenant':
      return (exchange) =>
        exchange.consumer === null ? ofAddress(exchange) : membership.tenantOf(exchange.consumer);
    case 'key':
      return (exchange) => {
        const consumer = exchange.consumer;
        return consumer === null || consumer.credentialId === ''
          ? ofConsumer(exchange)
          : `k${consumer.id}\n${consumer.credentialId}`;
      };
    default:
      return per.startsWith('header:')
        ? compileHeaderKey(per.slice('header:'.length))
        : compileClaimKey(per.slice('claim:'.length).split('.'));
  }
}

function compileHeaderKey(name: string): KeyOf {
  return ({ fields, clientAddress }) => {
    const value = fields.get(name);
    return value === null || value === '' ? siteOf(clientAddress) : `h${value.slice(0, MAX_VALUE_LENGTH)}`;
  };
}

function compileClaimKey(path: readonly string[]): KeyOf {
  return (exchange) => {
    const { consumer } = exchange;
    const value = consumer === null ? undefined : claimAt(consumer.claims, path);
    return typeof value === 'string' || typeof value === 'number'
      ? `v${String(value).slice(0, MAX_VALUE_LENGTH)}`
      : ofConsumer(exchange);
  };
}
