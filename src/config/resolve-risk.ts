// What makes a request suspicious, from the document.
import type { RiskConfig } from '../guards/authorize/contract.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';

export function resolveRisk(document: ConfigDocument, context: ResolveContext): RiskConfig | null {
  const { risk, geography } = document;
  if (risk === undefined) return null;
  const { addresses, travel, refusals } = risk;
  const aged = (entry: { readonly over: number; readonly adds: number } | undefined) =>
    entry === undefined ? null : { overMs: entry.over, adds: entry.adds };
  const needsPlaces = [
    ...addresses.flatMap(({ countries, networks }, index) =>
      countries.length + networks.length > 0 ? [['risk', 'addresses', index]] : [],
    ),
    ...(travel === undefined ? [] : [['risk', 'travel']]),
  ];
  for (const path of geography === undefined ? needsPlaces : [])
    fail(
      context,
      'config-value',
      path,
      'Nothing tells where addresses are.',
      'Name a database: geography: { databases: [ ./country.mmdb ] }.',
    );
  const known = Object.keys(document['address-lists']);
  addresses.forEach(({ lists }, index) => {
    lists.forEach((name, at) => {
      if (!known.includes(name))
        failDangling(context, ['risk', 'addresses', index, 'lists', at], 'address list', name, known);
    });
  });
  const newDevice = risk['new-device'];
  return {
    addresses: addresses.map(({ from, ...rest }) => ({ blocks: from, ...rest })),
    tokenAge: aged(risk['token-age']),
    credentialAge: aged(risk['credential-age']),
    newDevice: newDevice === undefined ? null : { rememberMs: newDevice.remember, adds: newDevice.adds },
    travel:
      travel === undefined
        ? null
        : { maxKmh: travel['faster-than'], rememberMs: travel.remember, adds: travel.adds },
    refusals:
      refusals === undefined
        ? null
        : { ...refusals.over, rememberMs: refusals.remember, adds: refusals.adds },
  };
}
