// Places of addresses: databases of several makers and record sizes, what they leave unsaid, files that are not whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MmdbValue, mmdb } from '../../test/support/mmdb.ts';
import { unknownPlace } from '../exchange/index.ts';
import { AddressSet } from '../net/index.ts';
import { countryMiddles } from './countries.ts';
import { Database, DatabaseError, type DatabaseMemory, databaseInfo, Geography } from './index.ts';
import { placeOf } from './place-record.ts';

function memory(bytes: Buffer): DatabaseMemory {
  const buffer = new SharedArrayBuffer(bytes.length);
  bytes.copy(Buffer.from(buffer));
  return { name: 'test', buffer };
}

test('databases are asked one after the other for what the ones before do not know', () => {
  const countries = mmdb({
    '81.2.69.0/24': {
      country: { iso_code: 'GB' },
      location: { latitude: 51.5, longitude: -0.1, accuracy_radius: 20 },
    },
    '2001:db8:1::/48': { country_code: 'de' },
    '192.0.2.0/24': { country: 'ZZ', asn: 'nonsense' },
  });
  const networks = mmdb({
    '81.2.0.0/16': { autonomous_system_number: 64_500, autonomous_system_organization: 'Example' },
    '2001:db8::/32': { asn: 'AS64501', as_name: 'Other', country_code: 'FR' },
  });
  const geography = new Geography([memory(countries), memory(networks)]);
  assert.deepEqual(geography.placeOf('81.2.69.142'), {
    country: 'GB',
    asn: 64_500,
    organization: 'Example',
    latitude: 51.5,
    longitude: -0.1,
    radiusKm: 20,
  });
  const german = geography.placeOf('2001:db8:1::1');
  assert.equal(german.country, 'DE');
  assert.equal(german.asn, 64_501);
  assert.equal(german.latitude, countryMiddles.get('DE')!.latitude);
  assert.equal(geography.placeOf('2001:db8:2::1').country, 'FR');
  assert.equal(geography.placeOf('81.2.1.1').country, '');
  for (const address of ['192.0.2.1', '127.0.0.1', '::1', 'nonsense', '']) {
    assert.equal(geography.placeOf(address), unknownPlace, address);
  }
  // The same place is the same object, however often and by whichever address it is asked for.
  assert.equal(geography.placeOf('81.2.69.1'), geography.placeOf('81.2.69.142'));
});

test('a tree of every record size says the same as a search through the blocks', () => {
  const block = fc
    .tuple(fc.nat(0xffff_ffff), fc.integer({ min: 8, max: 32 }))
    .map(
      ([value, bits]) =>
        `${dotted(bits === 32 ? value : (value >>> (32 - bits)) * 2 ** (32 - bits))}/${bits}`,
    );
  fc.assert(
    fc.property(
      fc.uniqueArray(block, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(24 as const, 28 as const, 32 as const),
      fc.array(fc.nat(0xffff_ffff), { maxLength: 20 }),
      (blocks, recordSize, values) => {
        // Longer prefixes last, so that they stand inside of the shorter ones.
        const sorted = [...blocks].sort((a, b) => Number(a.split('/')[1]) - Number(b.split('/')[1]));
        const records = Object.fromEntries(sorted.map((cidr, at) => [cidr, { asn: at + 1 } as MmdbValue]));
        const database = new Database(mmdb(records, { recordSize }));
        database.checkNodes(0, database.nodeCount);
        const sets = sorted.map((cidr) => new AddressSet([cidr]));
        for (const address of [...values.map(dotted), ...sorted.map((cidr) => cidr.split('/')[0]!)]) {
          const expected = sets.findLastIndex((set) => set.has(address)) + 1;
          const found = database.recordOf(address) as { asn: number } | null;
          assert.equal(found?.asn ?? 0, expected, address);
        }
      },
    ),
    { numRuns: 300 },
  );
});

const dotted = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');

test('records of any form make a place or none', () => {
  fc.assert(
    fc.property(fc.array(fc.anything({ maxDepth: 3 }), { maxLength: 3 }), (records) => {
      const { country, asn, latitude } = placeOf(records);
      assert.match(country, /^(?:[A-Z]{2})?$/);
      assert.ok(Number.isInteger(asn) && asn >= 0);
      assert.ok(Number.isNaN(latitude) || Math.abs(latitude) <= 90);
    }),
  );
});

test('a file that is not whole is refused, wherever it was cut or damaged', () => {
  const whole = mmdb({ '10.0.0.0/8': { country_code: 'DE' }, '11.0.0.0/8': { country_code: 'FR' } });
  const load = (bytes: Buffer): void => {
    const database = new Database(bytes);
    database.checkNodes(0, database.nodeCount);
  };
  load(whole);
  assert.equal(databaseInfo(whole).type, 'Test');
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => load(whole.subarray(0, length)), DatabaseError, String(length));
  // The end of the file with the metadata, without the tree before it.
  const marker = whole.indexOf('MaxMind.com') - 3;
  assert.throws(() => load(whole.subarray(marker)), DatabaseError);
  const wild = Buffer.from(whole);
  wild.writeUIntBE(0xff_ffff, 0, 3);
  assert.throws(() => load(wild), /leads out of the file/);
});

test('a tree of IPv4 alone knows nothing of longer addresses', () => {
  const bytes = mmdb({ '::/1': { country_code: 'DE' } });
  const text = Buffer.from('ip_version');
  const at = bytes.indexOf(text) + text.length;
  bytes.writeUInt32BE(4, at + 1);
  const database = new Database(bytes);
  assert.equal(database.info.ipVersion, 4);
  assert.deepEqual(database.recordOf('10.0.0.1'), { country_code: 'DE' });
  assert.equal(database.recordOf('2001:db8::1'), null);
});

test('the table of countries has plausible entries', () => {
  assert.ok(countryMiddles.size > 240);
  for (const [code, { latitude, longitude, radiusKm }] of countryMiddles) {
    assert.match(code, /^[A-Z]{2}$/);
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && radiusKm >= 0, code);
  }
});
