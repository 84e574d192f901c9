// What records of databases say of a place. Makers of databases name things differently: MaxMind and DB-IP nest them,
// ip-location-db and IPinfo do not. What has another form than one of these counts as not said.
import { type Place, unknownPlace } from '../exchange/index.ts';
import { countryMiddles } from './countries.ts';

/** How far from its coordinates an address may be where the database does not say, km. */
const USUAL_RADIUS_KM = 100;
const MAX_ASN = 0xffff_ffff;
const MAX_ORGANIZATION = 128;

/** One place of what several databases say of an address: of each thing, the first that says it. */
export function placeOf(records: readonly unknown[]): Place {
  let country = '';
  let asn = 0;
  let organization = '';
  let spot: Spot | null = null;
  for (const record of records) {
    if (record === null || typeof record !== 'object') continue;
    if (country === '') country = countryOf(record);
    if (asn === 0) {
      asn = asnOf(record);
      if (asn !== 0) organization = organizationOf(record);
    }
    spot ??= spotOf(record);
  }
  if (country === '' && asn === 0 && spot === null) return unknownPlace;
  spot ??= countryMiddles.get(country) ?? unknownPlace;
  const { latitude, longitude, radiusKm } = spot;
  return { country, asn, organization, latitude, longitude, radiusKm };
}

type Spot = Pick<Place, 'latitude' | 'longitude' | 'radiusKm'>;

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;

function countryOf(record: object): string {
  const country = member(record, 'country');
  const texts = [
    member(country, 'iso_code'),
    member(record, 'country_code'),
    country,
    // Where the network is registered, for want of where it is used.
    member(member(record, 'registered_country'), 'iso_code'),
  ];
  for (const text of texts) {
    if (typeof text === 'string' && /^[A-Za-z]{2}$/.test(text) && text.toUpperCase() !== 'ZZ')
      return text.toUpperCase();
  }
  return '';
}

function asnOf(record: object): number {
  for (const name of ['autonomous_system_number', 'asn']) {
    const value = member(record, name);
    const number = typeof value === 'string' ? Number(/^(?:AS)?([0-9]{1,10})$/i.exec(value)?.[1]) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number > 0 && number <= MAX_ASN)
      return number;
  }
  return 0;
}

function organizationOf(record: object): string {
  for (const name of ['autonomous_system_organization', 'as_name', 'as_organization']) {
    const value = member(record, name);
    if (typeof value === 'string') return value.slice(0, MAX_ORGANIZATION);
  }
  return '';
}

function spotOf(record: object): Spot | null {
  const location = member(record, 'location') ?? record;
  const latitude = member(location, 'latitude');
  const longitude = member(location, 'longitude');
  const radius = member(location, 'accuracy_radius');
  const isSpot =
    typeof latitude === 'number' &&
    typeof longitude === 'number' &&
    Math.abs(latitude) <= 90 &&
    Math.abs(longitude) <= 180;
  if (!isSpot) return null;
  return {
    latitude,
    longitude,
    radiusKm: typeof radius === 'number' && radius >= 0 ? radius : USUAL_RADIUS_KM,
  };
}
