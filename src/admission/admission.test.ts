// Bans and lists: against plain models, and over what is written down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressSet, canonicalAddress } from '../net/index.ts';
import { BanError, BanKeeper, BanTable, banBlock, createBanTable, parseAddressList } from './index.ts';

const octet = fc.nat(3);
const v4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const v6 = fc
  .array(fc.nat(3), { minLength: 8, maxLength: 8 })
  .map((parts) => canonicalAddress(parts.join(':'))!);

test('property: a table of bans says what the blocks say one by one, as long as they last', () => {
  const block = fc.oneof(
    v4,
    v6,
    v4.map((address) => `${address.split('.').slice(0, 3).join('.')}.0/24`),
    v6.map((address) => `${banBlock(address)!}`),
  );
  const step = fc.record({
    block,
    kind: fc.constantFrom('set', 'delete'),
    until: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.oneof(v4, v6)),
      fc.nat(20),
      (steps, addresses, now) => {
        const table = new BanTable(createBanTable(4096));
        const model = new Map<string, number>();
        for (const { block: text, kind, until } of steps) {
          const name = banBlock(text)!;
          if (kind === 'set') {
            assert.equal(table.set(name, until), true);
            model.set(name, until);
          } else {
            table.delete(name);
            model.delete(name);
          }
        }
        assert.equal(table.size, model.size);
        for (const address of [...addresses, ...steps.map((one) => one.block.split('/')[0]!)]) {
          // IPv4 is no part of a block of IPv6 here: a ban of "::1" must not be one of everybody.
          const ends = [...model]
            .filter(
              ([name]) => name.includes(':') === address.includes(':') && new AddressSet([name]).has(address),
            )
            .map(([, until]) => until);
          const longest = Math.max(0, ...ends.filter((until) => until > now));
          assert.equal(table.until(address, now), longest, address);
        }
      },
    ),
  );
});

test('blocks have one form, and those that are too wide are none', () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ['192.0.2.1', '192.0.2.1/32'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.1/24', null],
    ['0.0.0.0/0', null],
    ['10.0.0.0/7', null],
    ['2001:DB8::1', '2001:db8::/64'],
    ['2001:db8::1/128', '2001:db8::1/128'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['::/0', null],
    ['x', null],
    ['', null],
  ];
  for (const [text, block] of forms) assert.equal(banBlock(text), block, text);
});

test('a table that is full says so', () => {
  const table = new BanTable(createBanTable(8));
  let set = 0;
  for (let i = 0; i < 100; i++) if (table.set(`10.0.0.${i}/32`, 10)) set++;
  assert.equal(set, 8);
});

test('a keeper lets bans end, protects what must not be banned, and knows no longer than allowed', async () => {
  let now = 1_000_000;
  const clock = { epochMs: () => now, monotonicMs: () => now };
  const table = new BanTable(createBanTable(64));
  const seen: string[] = [];
  const keeper = new BanKeeper({
    table,
    store: null,
    clock,
    onChange: (kind, { block }) => seen.push(`${kind} ${block}`),
    onProblem: () => {},
  });
  keeper.configure({ never: ['192.0.2.0/24', '2001:db8::/32'], longestMs: 60_000 });
  await keeper.start();
  const add = (block: string, forMs = 1e9) => keeper.add({ block, reason: 'test', by: 'test', forMs });
  assert.equal((await add('198.51.100.7')).untilMs, now + 60_000);
  for (const block of ['192.0.2.9', '192.0.0.0/16', '2001:db8::1', '2001::/16', 'nobody'])
    await assert.rejects(add(block), BanError, block);
  await assert.rejects(add('198.51.100.8', 0), BanError);
  assert.notEqual(table.until('198.51.100.7', now / 1000), 0);
  now += 61_000;
  assert.equal(table.until('198.51.100.7', now / 1000), 0);
  await add('198.51.100.9');
  assert.equal(await keeper.remove('198.51.100.9'), true);
  assert.equal(await keeper.remove('198.51.100.9'), false);
  assert.deepEqual(seen, ['added 198.51.100.7/32', 'added 198.51.100.9/32', 'removed 198.51.100.9/32']);
  keeper.close();
});

test('property: lists are read with their remarks, and what is no list is refused', () => {
  const line = fc.oneof(
    v4,
    v6,
    v4.map((address) => `${address} ; SBL1234`),
    v4.map((address) => `  ${address}\t# remark\r`),
    v4.map((address) => `${address},a column`),
    fc.constantFrom('', '# a remark', '; another'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 50 }), (lines) => {
      const { memory, unreadable } = parseAddressList(lines.join('\n'));
      const set = new AddressSet(memory);
      assert.equal(unreadable, 0);
      for (const one of lines) {
        const address = /^\s*([0-9a-f.:]+)/.exec(one)?.[1];
        if (address !== undefined) assert.equal(set.has(address), true, one);
      }
    }),
  );
  assert.throws(() => parseAddressList('<!doctype html>\n<p>sorry</p>'), RangeError);
  const mostly = `${Array.from({ length: 300 }, (_, i) => `10.0.${i % 256}.${i >> 8}`).join('\n')}\nnonsense`;
  assert.equal(parseAddressList(mostly).unreadable, 1);
});
