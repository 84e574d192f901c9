// Address lists. Deny wins; with an allow list everybody else is refused. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { AddressSet } from '../../net/index.ts';
import type { AdmitConfig } from './contract.ts';

/** Lists can be long and are the same for all operations of an API: each is compiled once. */
const compiled = new WeakMap<readonly string[], AddressSet>();

function setOf(blocks: readonly string[]): AddressSet {
  let set = compiled.get(blocks);
  if (set === undefined) {
    set = new AddressSet(blocks);
    compiled.set(blocks, set);
  }
  return set;
}

/** Guard for the lists; null when both are empty. */
export function compileAdmit(config: AdmitConfig): Guard | null {
  if (config.allow.length === 0 && config.deny.length === 0) return null;
  const allow = config.allow.length === 0 ? null : setOf(config.allow);
  const deny = setOf(config.deny);
  const onRequest = (exchange: Exchange): Decision => {
    const address = exchange.clientAddress;
    if (deny.has(address)) return new Refusal('address-denied', 'admit', 'deny-list');
    if (allow !== null && !allow.has(address)) return new Refusal('address-denied', 'admit', 'not-allowed');
    return null;
  };
  return { ...noHooks, name: 'admit', onRequest };
}
