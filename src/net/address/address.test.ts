// Addresses and sets of blocks against a naive implementation on whole numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressSet, canonicalAddress } from '../index.ts';
import { parseAddress, parseCidr } from './address.ts';
import { AddressSetBuilder } from './address-set.ts';
import { parseWords } from './address-words.ts';

const octet = fc.nat(255);
const v4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const group = fc.oneof(fc.constant(0), fc.nat(0xffff)).map((value) => value.toString(16));
const v6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':'));
const block = fc.oneof(
  fc.tuple(v4, fc.nat(32)).map(([address, bits]) => masked(address, bits)),
  fc.tuple(v6, fc.nat(128)).map(([address, bits]) => masked(address, bits)),
);

function numberOf(address: string): bigint {
  if (!address.includes(':')) {
    return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  }
  return address.split(':').reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
}

function textOf(value: bigint, isV6: boolean): string {
  const size = isV6 ? 8 : 4;
  const width = isV6 ? 16n : 8n;
  const parts = Array.from(
    { length: size },
    (_, i) => (value >> (BigInt(size - 1 - i) * width)) & ((1n << width) - 1n),
  );
  return isV6 ? parts.map((part) => part.toString(16)).join(':') : parts.join('.');
}

function masked(address: string, bits: number): string {
  const isV6 = address.includes(':');
  const free = BigInt((isV6 ? 128 : 32) - bits);
  return `${textOf((numberOf(address) >> free) << free, isV6)}/${bits}`;
}

function naivelyIn(address: string, blocks: readonly string[]): boolean {
  return blocks.some((entry) => {
    const [base, bits] = entry.split('/') as [string, string];
    const isV6 = base.includes(':');
    if (isV6 !== address.includes(':')) return false;
    const free = BigInt((isV6 ? 128 : 32) - Number(bits));
    return numberOf(base) >> free === numberOf(address) >> free;
  });
}

const isMapped = (address: string): boolean => /^0:0:0:0:0:ffff:/i.test(address);

test('property: a set says what the blocks say one by one', () => {
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 20 }),
      fc.array(fc.oneof(v4, v6), { minLength: 1 }),
      (blocks, addresses) => {
        fc.pre(!blocks.some((entry) => entry.startsWith('0:0:0:0:0:')) && !addresses.some(isMapped));
        const set = new AddressSet(blocks);
        const inside = blocks.map((entry) => entry.split('/')[0]!);
        for (const address of [...addresses, ...inside]) {
          assert.equal(set.has(canonicalAddress(address)!), naivelyIn(address, blocks), address);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('canonical forms', () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['01.2.3.4', null],
    ['1.2.3', null],
    ['1.2.3.256', null],
    ['0x7f.0.0.1', null],
    ['2130706433', null],
    [':::', null],
    ['1::2::3', null],
    ['g::', null],
    ['', null],
    ['1.2.3.4 ', null],
  ];
  for (const [text, canonical] of forms) assert.equal(canonicalAddress(text), canonical, text);
});

test('blocks with bits beyond their prefix are refused', () => {
  for (const text of [
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '2001:db8::1/32',
    '/8',
    'x/8',
  ]) {
    assert.equal(parseCidr(text), null, text);
  }
  assert.notEqual(parseCidr('10.0.0.0/8'), null);
});

const words = new Uint32Array(4);

/** What the fast reader says, as the careful one says it. */
function readFast(text: string): { high: bigint; low: bigint } | null {
  if (!parseWords(text, words)) return null;
  const [a, b, c, d] = [...words].map(BigInt) as [bigint, bigint, bigint, bigint];
  return { high: (a << 32n) | b, low: (c << 32n) | d };
}

test('property: the fast reader of addresses reads what the careful one reads, and refuses the same', () => {
  const part = fc.constantFrom(
    '0',
    '1',
    'ffff',
    '00a',
    '12345',
    'g',
    '',
    ':',
    '::',
    '.',
    '1.2.3.4',
    '255',
    '256',
    '01',
  );
  const soup = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(':'));
  const loose = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(v4, v6, soup, loose, fc.ipV6(), fc.ipV4()), (text) => {
      assert.deepEqual(readFast(text), parseAddress(text), JSON.stringify(text));
    }),
    { numRuns: 3000 },
  );
});

test('property: a packed set says the same, and blocks that are none are refused', () => {
  fc.assert(
    fc.property(fc.array(block, { maxLength: 300 }), fc.array(fc.oneof(v4, v6)), (blocks, addresses) => {
      fc.pre(!blocks.some((entry) => entry.startsWith('0:0:0:0:0:')) && !addresses.some(isMapped));
      const builder = new AddressSetBuilder();
      for (const entry of blocks) assert.ok(builder.add(entry));
      const set = new AddressSet(builder.finish());
      for (const address of [...addresses, ...blocks.map((entry) => entry.split('/')[0]!)])
        assert.equal(set.has(canonicalAddress(address)!), naivelyIn(address, blocks), address);
    }),
  );
  for (const text of ['', 'x', '10.0.0.1/8', '1.2.3.4/33', '1.2.3.4/', '::1/129', '1.2.3.4/01'])
    assert.equal(new AddressSetBuilder().add(text), false, text);
});

test('everything holds IPv4 too', () => {
  assert.equal(new AddressSet(['::/0']).has('192.0.2.1'), true);
  assert.equal(new AddressSet(['::ffff:192.0.2.0/120']).has('192.0.2.7'), true);
  assert.equal(new AddressSet(['::ffff:192.0.2.0/120']).has('192.0.3.7'), false);
  assert.equal(new AddressSet(['0.0.0.0/0']).has('255.255.255.255'), true);
  assert.equal(new AddressSet(['0.0.0.0/0']).has('::1'), false);
  assert.equal(new AddressSet([]).has('192.0.2.1'), false);
});
