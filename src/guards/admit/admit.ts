// Bans, address lists, countries and networks. Deny wins; with an allow list everybody else is refused, and so is who comes from
// a place that nobody knows where places count. HOT
import type { BanTable } from '../../admission/index.ts';
import type { Clock } from '../../core/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { addressSetOf } from '../../net/index.ts';
import type { AddressList, AddressLists } from './address-lists.ts';
import type { AdmitConfig, PlaceConfig } from './contract.ts';

/** What admission knows beside the configuration. */
export interface AdmitContext {
  readonly lists: AddressLists;
  readonly bans: BanTable;
  readonly clock: Clock;
}

/** Guard for bans, lists and places. Bans come first: they are meant to cost nothing. */
export function compileAdmit(config: AdmitConfig, { lists, bans, clock }: AdmitContext): Guard {
  const allow = config.allow.length === 0 ? null : addressSetOf(config.allow);
  const deny = config.deny.length === 0 ? null : addressSetOf(config.deny);
  const allowLists = config.allowLists.map((name) => lists.of(name));
  const denyLists = config.denyLists.map((name) => lists.of(name));
  const asksAllowed = allow !== null || allowLists.length > 0;
  const places = config.places === null ? null : compilePlaces(config.places);
  const onRequest = (exchange: Exchange): Decision => {
    const address = exchange.clientAddress;
    if (bans.size > 0 && bans.until(address, clock.epochMs() / 1000) !== 0) return banned;
    if (deny?.has(address) === true) return denied;
    for (let i = 0; i < denyLists.length; i++) if (denyLists[i]!.set.has(address)) return onList;
    if (asksAllowed && allow?.has(address) !== true && !holds(allowLists, address)) return notAllowed;
    return places === null ? null : places(exchange);
  };
  return { ...noHooks, name: 'admit', onRequest };
}

function holds(lists: readonly AddressList[], address: string): boolean {
  for (let i = 0; i < lists.length; i++) if (lists[i]!.set.has(address)) return true;
  return false;
}

const refusal = (reason: string): Refusal => new Refusal('address-denied', 'admit', reason);
const banned = refusal('banned');
const denied = refusal('deny-list');
const onList = refusal('on-list');
const notAllowed = refusal('not-allowed');
const countryUnknown = refusal('country-unknown');
const countryDenied = refusal('country-denied');
const countryNotAllowed = refusal('country-not-allowed');
const networkUnknown = refusal('network-unknown');
const networkDenied = refusal('network-denied');
const networkNotAllowed = refusal('network-not-allowed');

function compilePlaces({ countries, networks, anywhere }: PlaceConfig): (exchange: Exchange) => Decision {
  const exempt = anywhere.length === 0 ? null : addressSetOf(anywhere);
  const asksCountry = countries.allow.length + countries.deny.length > 0;
  const asksNetwork = networks.allow.length + networks.deny.length > 0;
  const allowedCountries = new Set(countries.allow);
  const deniedCountries = new Set(countries.deny);
  const allowedNetworks = new Set(networks.allow);
  const deniedNetworks = new Set(networks.deny);
  return ({ place, clientAddress }) => {
    if (exempt?.has(clientAddress) === true) return null;
    if (asksCountry) {
      const country = place === null ? '' : place.country;
      if (country === '') return countryUnknown;
      if (deniedCountries.has(country)) return countryDenied;
      if (allowedCountries.size > 0 && !allowedCountries.has(country)) return countryNotAllowed;
    }
    if (asksNetwork) {
      const asn = place === null ? 0 : place.asn;
      if (asn === 0) return networkUnknown;
      if (deniedNetworks.has(asn)) return networkDenied;
      if (allowedNetworks.size > 0 && !allowedNetworks.has(asn)) return networkNotAllowed;
    }
    return null;
  };
}
