// Address lists, countries and networks. Deny wins; with an allow list everybody else is refused, and so is who comes from
// a place that nobody knows where places count. HOT
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { addressSetOf } from '../../net/index.ts';
import type { AdmitConfig, PlaceConfig } from './contract.ts';

/** Guard for the lists; null when all are empty. */
export function compileAdmit(config: AdmitConfig): Guard | null {
  if (config.allow.length === 0 && config.deny.length === 0 && config.places === null) return null;
  const allow = config.allow.length === 0 ? null : addressSetOf(config.allow);
  const deny = config.deny.length === 0 ? null : addressSetOf(config.deny);
  const places = config.places === null ? null : compilePlaces(config.places);
  const onRequest = (exchange: Exchange): Decision => {
    const address = exchange.clientAddress;
    if (deny?.has(address) === true) return denied;
    if (allow !== null && !allow.has(address)) return notAllowed;
    return places === null ? null : places(exchange);
  };
  return { ...noHooks, name: 'admit', onRequest };
}

const refusal = (reason: string): Refusal => new Refusal('address-denied', 'admit', reason);
const denied = refusal('deny-list');
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
