// Risk without sockets: what each sign says, what is remembered of callers, journeys that nobody makes, and addresses from
// which much was refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Clock, systemClock } from '../../core/index.ts';
import { type Consumer, Exchange, type Place, Refusal, unknownPlace } from '../../exchange/index.ts';
import { createLastPlaces, LastPlaces } from '../../geography/index.ts';
import { createLimitTable, LimitTable } from '../../limits/index.ts';
import { AddressLists } from '../admit/index.ts';
import { Risk, type RiskConfig } from './index.ts';

const consumer: Consumer = {
  id: 'corp|ingrid',
  method: 'jwt',
  scopes: new Set(),
  claims: {},
  credentialId: '',
};

function exchangeOf(address = '2001:db8::7'): Exchange {
  const exchange = new Exchange();
  exchange.consumer = consumer;
  exchange.receivedMs = 1_767_600_300_500;
  exchange.clientAddress = address;
  return exchange;
}

const noList = { blocks: [], lists: [], countries: [], networks: [] };
const noSigns: RiskConfig = {
  addresses: [],
  tokenAge: null,
  credentialAge: null,
  newDevice: null,
  travel: null,
  refusals: null,
};

function riskOf(config: RiskConfig, clock: Clock): Risk {
  const limits = new LimitTable(createLimitTable(4096));
  const lists = new AddressLists();
  return new Risk(config, { limits, places: new LastPlaces(createLastPlaces(64)), lists, clock });
}

function assessor(config: RiskConfig, clock: Clock): (exchange: Exchange) => number {
  const risk = riskOf(config, clock);
  return (exchange) => {
    risk.assess(exchange);
    return exchange.risk;
  };
}

test('risk adds up to a hundred at most', () => {
  const config = {
    ...noSigns,
    addresses: [
      { ...noList, blocks: ['2001:db8::/32'], adds: 60 },
      { ...noList, blocks: ['2001:db8::7/128', '10.0.0.0/8'], adds: 30 },
    ],
    tokenAge: { overMs: 60_000, adds: 20 },
  };
  const assess = assessor(config, systemClock);
  assert.equal(assess(exchangeOf()), 90);
  const old = exchangeOf();
  old.consumer = { ...consumer, claims: { iat: 1_767_600_000 } };
  assert.equal(assess(old), 100);
  old.clientAddress = '192.0.2.1';
  assert.equal(assess(old), 20);
  old.consumer = { ...consumer, claims: { iat: 1_767_600_299 } };
  assert.equal(assess(old), 0);
});

test('a device is new to a caller that is known, once, and is forgotten when it stays away', () => {
  const day = 86_400_000;
  let nowMs = 5000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const config = { ...noSigns, newDevice: { rememberMs: 30 * day, adds: 25 } };
  const assess = assessor(config, clock);
  const from = (agent: string, id = 'corp|ingrid', fingerprint = '') => {
    const exchange = exchangeOf();
    exchange.consumer = { ...consumer, id };
    exchange.fields.append('user-agent', agent);
    if (fingerprint !== '')
      exchange.clientCertificate = {
        problem: '',
        issuers: [],
        identities: [],
        fingerprint,
        notBeforeMs: 0,
        notAfterMs: 0,
        field: '',
        chainField: '',
        forwardedField: '',
        encoded: '',
      };
    return assess(exchange);
  };
  // The first device of a caller is not held against it.
  assert.deepEqual([from('phone'), from('phone'), from('laptop'), from('laptop')], [0, 0, 25, 0]);
  assert.deepEqual([from('laptop', 'corp|tom'), from('phone', 'corp|tom')], [0, 25]);
  assert.equal(from('phone', 'corp|ingrid', 'c0ffee'), 25);
  for (let days = 0; days < 100; days += 10) {
    nowMs += 10 * day;
    assert.equal(from('phone'), 0, `day ${days}`);
  }
  // The laptop was away for longer than it is remembered, the phone was not.
  assert.deepEqual([from('laptop'), from('phone')], [25, 0]);
  nowMs += 90 * day;
  assert.deepEqual([from('tablet'), from('phone')], [0, 25]);
  // Who changes all the time is on a new device all the time, and fills no more than its share of the table.
  for (let i = 0; i < 200; i++) assert.equal(from(`agent ${i}`, 'corp|eve'), i === 0 ? 0 : 25);
  assert.equal(from('agent 3', 'corp|eve'), 0);
  assert.equal(from('agent 150', 'corp|eve'), 25);
  const anonymous = exchangeOf();
  anonymous.consumer = null;
  assert.equal(assess(anonymous), 0);
});

const placed = (country: string, latitude: number, longitude: number, radiusKm = 50): Place => ({
  ...unknownPlace,
  country,
  latitude,
  longitude,
  radiusKm,
});
const oslo = placed('NO', 59.9, 10.8);
const bergen = placed('NO', 60.4, 5.3);
const sydney = placed('AU', -33.9, 151.2);
const hour = 3_600_000;

test('who was in Oslo ten minutes ago is not in Sydney, and keeps its place while a thief claims to be', () => {
  let nowMs = 5_000_000;
  const risk = riskOf(
    { ...noSigns, travel: { maxKmh: 1000, rememberMs: 30 * 24 * hour, adds: 40 } },
    { ...systemClock, monotonicMs: () => nowMs },
  );
  const from = (place: Place | null, id = consumer.id): string => {
    const exchange = exchangeOf();
    exchange.consumer = { ...consumer, id };
    exchange.place = place;
    risk.assess(exchange);
    const { journey } = exchange;
    return `${exchange.risk} ${exchange.riskSigns.join()} ${journey === null ? '' : `${journey.from} ${journey.km > 15_000} ${journey.seconds}`}`.trim();
  };
  assert.equal(from(oslo), '0');
  nowMs += 600_000;
  assert.equal(from(sydney), '40 travel NO true 600');
  assert.equal(from(oslo), '0');
  // A neighbour's network, a place without coordinates, none at all, and another caller: nothing to say.
  nowMs += 60_000;
  for (const place of [bergen, unknownPlace, null]) assert.equal(from(place), '0');
  assert.equal(from(sydney, 'corp|kylie'), '0');
  nowMs += 3 * hour;
  assert.match(from(sydney), /^40 travel NO true 108/);
  // A day is enough for the flight.
  nowMs += 24 * hour;
  assert.equal(from(sydney), '0');
  assert.match(from(oslo), /^40 travel AU true 1$/);
  nowMs += 31 * 24 * hour;
  assert.equal(from(oslo), '0');
});

test('journeys are told exactly where the greatest distance of the two places is too far', () => {
  const place = fc
    .tuple(
      fc.double({ min: -90, max: 90, noNaN: true }),
      fc.double({ min: -180, max: 180, noNaN: true }),
      fc.nat(2000),
    )
    .map(([latitude, longitude, radiusKm]) => placed('XX', latitude, longitude, radiusKm));
  fc.assert(
    fc.property(place, place, fc.integer({ min: 1, max: 100_000 }), (from, to, seconds) => {
      const places = new LastPlaces(createLastPlaces(8));
      assert.equal(places.visit('a', from, 1_000_000, 1e9, 900), null);
      const journey = places.visit('a', to, 1_000_000 + seconds * 1000, 1e9, 900);
      // The angle between two vectors, which shares nothing with the formula of the code.
      const vector = ({ latitude, longitude }: Place): number[] => {
        const [north, east] = [latitude, longitude].map((degrees) => (degrees * Math.PI) / 180);
        return [Math.cos(north!) * Math.cos(east!), Math.cos(north!) * Math.sin(east!), Math.sin(north!)];
      };
      const [a, b] = [vector(from), vector(to)];
      const cross = [
        a[1]! * b[2]! - a[2]! * b[1]!,
        a[2]! * b[0]! - a[0]! * b[2]!,
        a[0]! * b[1]! - a[1]! * b[0]!,
      ];
      const dot = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
      const km = 6371 * Math.atan2(Math.hypot(...cross), dot) - from.radiusKm - to.radiusKm;
      const limit = Math.max(500, (900 * seconds) / 3600);
      if (km > limit + 2) assert.equal(journey?.seconds, seconds);
      else if (km < limit - 2) assert.equal(journey, null);
    }),
  );
});

test('the table of places is bounded, and the callers seen last stay', () => {
  const places = new LastPlaces(createLastPlaces(64));
  for (let i = 0; i < 5000; i++) places.visit(`caller ${i}`, oslo, 1_000_000 + i * 1000, 1e12, 1000);
  const known = (i: number): boolean => places.visit(`caller ${i}`, sydney, 6_000_000, 1e12, 1000) !== null;
  assert.ok(known(4999));
  assert.ok(!known(0));
});

test('keys and certificates grow old where somebody knows when they were made', () => {
  const day = 24 * hour;
  const assess = assessor({ ...noSigns, credentialAge: { overMs: 90 * day, adds: 15 } }, systemClock);
  const aged = (days: number | null): number => {
    const exchange = exchangeOf();
    if (days !== null) exchange.consumer = { ...consumer, issuedMs: exchange.receivedMs - days * day };
    return assess(exchange);
  };
  assert.deepEqual([aged(null), aged(89), aged(91)], [0, 0, 15]);
});

test('an address from which much was refused is of bad repute for a while', () => {
  let nowMs = 5_000_000;
  const risk = riskOf(
    { ...noSigns, refusals: { count: 5, periodMs: 60_000, rememberMs: 600_000, adds: 30 } },
    { ...systemClock, monotonicMs: () => nowMs },
  );
  const request = (address: string, guard: 'authenticate' | 'limit' | null): number => {
    const exchange = exchangeOf(address);
    risk.assess(exchange);
    if (guard !== null) exchange.refusal = new Refusal('credentials-invalid', guard, 'test');
    risk.watch!.onEnd!(exchange);
    return exchange.risk;
  };
  for (let i = 0; i < 5; i++) assert.equal(request('192.0.2.1', 'authenticate'), 0);
  for (let i = 0; i < 20; i++) assert.equal(request('192.0.2.2', 'limit'), 0);
  assert.equal(request('192.0.2.1', null), 0);
  request('192.0.2.1', 'authenticate');
  assert.equal(request('192.0.2.1', null), 30);
  assert.equal(request('192.0.2.3', null), 0);
  nowMs += 599_000;
  assert.equal(request('192.0.2.1', null), 30);
  nowMs += 2000;
  assert.equal(request('192.0.2.1', null), 0);
});
