// Patterns, plain feeds and the table, each against what it must not get wrong.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Indicator, IndicatorValue } from './contract.ts';
import {
  checkProof,
  IndicatorTable,
  patternOf,
  plainValue,
  readPattern,
  readPlainFeed,
  readStixObject,
  sightingObjects,
  splitCsv,
} from './index.ts';

const address = (value: string): IndicatorValue => ({ kind: 'address', value });

test('patterns give the values of which each alone fulfils them', () => {
  const cases: [string, IndicatorValue[] | 'foreign' | 'broken'][] = [
    ["[ipv4-addr:value = '198.51.100.1']", [address('198.51.100.1')]],
    [
      "[ipv4-addr:value='198.51.100.0/24' OR ipv6-addr:value = '2001:db8::1']",
      [address('198.51.100.0/24'), address('2001:db8::1')],
    ],
    ["[ipv4-addr:value ISSUBSET '198.51.100.0/24']", [address('198.51.100.0/24')]],
    ["[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]", [address('192.0.2.1'), address('192.0.2.2')]],
    ["[domain-name:value = 'Evil.Example.']", [{ kind: 'domain', value: 'evil.example' }]],
    ["[url:value = 'http://x.example/it\\'s']", [{ kind: 'url', value: "http://x.example/it's" }]],
    [
      "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'sqlmap']",
      [{ kind: 'user-agent', value: 'sqlmap' }],
    ],
    [
      "[ipv4-addr:value = '192.0.2.1'] OR ([domain-name:value = 'a.b'])",
      [address('192.0.2.1'), { kind: 'domain', value: 'a.b' }],
    ],
    ["[ipv4-addr:value = '192.0.2.1'] REPEATS 1 TIMES WITHIN 300 SECONDS", [address('192.0.2.1')]],
    // What a request does not show of the pattern is left out of a choice, and makes the rest of a conjunction no match.
    ["[ipv4-addr:value = '192.0.2.1' OR file:name = 'x']", [address('192.0.2.1')]],
    ["[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 443]", 'foreign'],
    ["[ipv4-addr:value = '192.0.2.1'] AND [domain-name:value = 'a.b']", 'foreign'],
    ["[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [domain-name:value = 'a.b']", 'foreign'],
    ["[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES WITHIN 60 SECONDS", 'foreign'],
    ["[ipv4-addr:value != '192.0.2.1']", 'foreign'],
    ["[ipv4-addr:value NOT = '192.0.2.1']", 'foreign'],
    ["[ipv4-addr:value LIKE '192.%']", 'foreign'],
    [
      "[file:hashes.'SHA-256' = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f']",
      'foreign',
    ],
    ["[process:command_line MATCHES '^x' AND EXISTS file:name]", 'foreign'],
    [
      "[file:extensions.'pdf-ext'.pdfids[0].id = 1.5 OR file:size < -3 OR file:x = t'2020-01-01T00:00:00Z']",
      'foreign',
    ],
    ["[ipv4-addr:value = '192.0.2.1'] START t'2020-01-01T00:00:00Z' STOP t'2020-02-01T00:00:00Z'", 'foreign'],
    ["[ipv4-addr:value = '192.0.2.1'", 'broken'],
    ["ipv4-addr:value = '192.0.2.1'", 'broken'],
    ['[ipv4-addr:value = ]', 'broken'],
    ["[ipv4-addr:value = '192.0.2.1']]", 'broken'],
    ['', 'broken'],
    [`${'('.repeat(100)}[a:b = 1]${')'.repeat(100)}`, 'broken'],
  ];
  for (const [pattern, wanted] of cases) {
    const reading = readPattern(pattern);
    assert.deepEqual(reading.kind === 'values' ? reading.values : reading.kind, wanted, pattern);
  }
});

test('any text is read without an exception, and what is written is read back', () => {
  const pieces = fc.constantFrom(
    '[',
    ']',
    '(',
    ')',
    ' OR ',
    ' AND ',
    'ipv4-addr:value',
    ' = ',
    "'192.0.2.1'",
    ' NOT ',
    "'",
    '\\',
    ' REPEATS 1 TIMES',
    ' WITHIN ',
    '5',
    ' SECONDS',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((list) => list.join('')),
      ),
      (text) => {
        readPattern(text);
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      fc.constantFrom('url', 'user-agent'),
      fc.string({ minLength: 1, unit: 'binary' }),
      (kind, value) => {
        assert.deepEqual(readPattern(patternOf({ kind, value } as IndicatorValue)), {
          kind: 'values',
          values: [{ kind, value }],
        });
      },
    ),
    { numRuns: 500 },
  );
});

test('indicators are read as their version says, and nothing of an object is trusted', () => {
  const defaults = { feed: 'f', confidence: 40 };
  const object = {
    type: 'indicator',
    id: 'indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f',
    modified: '2026-01-01T00:00:00.000Z',
    pattern: "[ipv4-addr:value = '192.0.2.1']",
    pattern_type: 'stix',
    valid_until: '2027-01-01T00:00:00Z',
  };
  const read = readStixObject(object, defaults);
  assert.ok(read.kind === 'indicator');
  assert.deepEqual(
    [read.indicator.confidence, read.indicator.untilMs],
    [40, Date.parse('2027-01-01T00:00:00Z')],
  );
  const kinds: [unknown, string][] = [
    [{ ...object, revoked: true }, 'gone'],
    [{ ...object, type: 'malware' }, 'other'],
    [{ ...object, pattern_type: 'snort' }, 'foreign'],
    [{ ...object, id: 'indicator--x' }, 'broken'],
    [{ ...object, valid_until: 'soon' }, 'broken'],
    [{ ...object, pattern: "[ipv4-addr:value = 'not an address']" }, 'broken'],
    [{ ...object, pattern: 7 }, 'foreign'],
    [null, 'broken'],
    ['x', 'broken'],
  ];
  for (const [one, kind] of kinds)
    assert.equal(readStixObject(one, defaults).kind, kind, JSON.stringify(one));
  fc.assert(
    fc.property(fc.anything(), (one) => {
      readStixObject(one, defaults);
      readStixObject({ ...object, confidence: one, name: one, valid_until: one, modified: one }, defaults);
    }),
    { numRuns: 500 },
  );
});

test('plain feeds: addresses, blocks, names and URLs, with comments and columns', () => {
  const lines = [
    '# a list',
    '192.0.2.1',
    '198.51.100.0/24 ; SBL1',
    '2001:db8::/32 # six',
    'evil.example',
    'https://evil.example/x?y=1',
    'nonsense',
    '10.0.0.1/8',
    '192.0.2.1',
    '',
  ];
  const { values, unknown } = readPlainFeed(lines.join('\r\n'), { format: 'lines', column: '' }, 100);
  assert.deepEqual(values, [
    address('192.0.2.1'),
    address('198.51.100.0/24'),
    address('2001:db8::/32'),
    { kind: 'domain', value: 'evil.example' },
    { kind: 'url', value: 'https://evil.example/x?y=1' },
  ]);
  assert.equal(unknown, 2);
  const csv = '"first_seen","dst_ip","port"\n"2026-01-01","192.0.2.9","443"\n# end\n"x","bad","1"';
  assert.deepEqual(readPlainFeed(csv, { format: 'csv', column: 'DST_IP' }, 100), {
    values: [address('192.0.2.9')],
    unknown: 1,
  });
  assert.deepEqual(readPlainFeed('# ip,why\n192.0.2.3,x', { format: 'csv', column: 'ip' }, 100).values, [
    address('192.0.2.3'),
  ]);
  assert.throws(
    () => readPlainFeed('a,b\n1,2', { format: 'csv', column: 'ip' }, 100),
    /no row names a column "ip"/,
  );
  assert.equal(readPlainFeed('192.0.2.1\n192.0.2.2', { format: 'lines', column: '' }, 1).values.length, 1);
  assert.equal(plainValue('localhost'), null);
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (cells) => {
      const row = cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',');
      assert.deepEqual(splitCsv(row), cells);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[^",\r\n]*$/), { minLength: 1 }), (cells) => {
      assert.deepEqual(splitCsv(cells.join(',')), cells);
    }),
  );
});

test('a feed that is not what its maker published is not believed', () => {
  const bytes = Buffer.from('192.0.2.1\n');
  const hex = createHash('sha256').update(bytes).digest('hex');
  checkProof(bytes, { kind: 'sha256', hex }, '');
  checkProof(bytes, { kind: 'sha256-url', url: '' }, `${hex}  list.txt\n`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('base64');
  const signature = sign(null, bytes, privateKey).toString('base64');
  for (const text of [key, raw]) checkProof(bytes, { kind: 'ed25519', key: text, url: '' }, `${signature}\n`);
  const other = Buffer.from('192.0.2.2\n');
  for (const proof of [
    { kind: 'sha256', hex },
    { kind: 'sha256-url', url: '' },
  ] as const)
    assert.throws(() => checkProof(other, proof, hex), /does not have the hash/);
  assert.throws(() => checkProof(bytes, { kind: 'sha256-url', url: '' }, '404'), /does not have the hash/);
  assert.throws(
    () => checkProof(other, { kind: 'ed25519', key, url: '' }, signature),
    /not signed by its key/,
  );
  assert.throws(() => checkProof(bytes, { kind: 'ed25519', key, url: '' }, ''), /not signed by its key/);
});

const indicator = (id: string, values: IndicatorValue[], more: Partial<Indicator> = {}): Indicator => ({
  id,
  feed: 'f',
  name: '',
  confidence: 50,
  untilMs: null,
  modified: '',
  values,
  ...more,
});
const nothing = { address: '', host: '', url: '', userAgent: '' };

test('the table finds blocks of any length as a plain comparison does', async () => {
  const octets = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(255), fc.nat(255));
  const block = fc.tuple(octets, fc.integer({ min: 8, max: 32 })).map(([parts, length]) => {
    const value = parts.reduce((sum, part) => sum * 256 + part, 0);
    const first = Math.floor(value / 2 ** (32 - length)) * 2 ** (32 - length);
    return {
      first,
      length,
      text: `${[24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join('.')}/${length}`,
    };
  });
  await fc.assert(
    fc.asyncProperty(fc.array(block, { maxLength: 20 }), fc.array(octets), async (blocks, asked) => {
      const table = await IndicatorTable.build(
        blocks.map(({ text }, i) => indicator(String(i), [address(text)])),
        1000,
      );
      for (const parts of asked) {
        const value = parts.reduce((sum, part) => sum * 256 + part, 0);
        const wanted = blocks
          .map(({ first, length }, i) => ({ i, hit: value >= first && value < first + 2 ** (32 - length) }))
          .filter(({ hit }) => hit)
          .map(({ i }) => String(i));
        const found = table
          .match({ ...nothing, address: parts.join('.') }, 0)
          .map((match) => match.indicator);
        assert.deepEqual(
          found.sort(),
          wanted.sort().slice(0, 8).length === wanted.length ? wanted.sort() : found.sort(),
        );
        assert.equal(found.length, Math.min(8, wanted.length));
      }
    }),
    { numRuns: 100 },
  );
});

test('names, URLs and agents are found, time ends an indicator, and the table has a bound', async () => {
  const table = await IndicatorTable.build(
    [
      indicator('d', [{ kind: 'domain', value: 'evil.example' }]),
      indicator('u', [{ kind: 'url', value: 'http://evil.example:8080/a?b=1#c' }]),
      indicator('a', [{ kind: 'user-agent', value: 'sqlmap/1.8' }], { untilMs: 1000 }),
      indicator('6', [address('2001:db8::/32')]),
      indicator('x', [address('192.0.2.1'), address('192.0.2.2')]),
    ],
    5,
  );
  assert.deepEqual([table.size, table.dropped], [5, 1]);
  const ids = (observed: Partial<typeof nothing>, nowMs = 0): string[] =>
    table.match({ ...nothing, ...observed }, nowMs).map((match) => match.indicator);
  assert.deepEqual(ids({ host: 'EVIL.example' }), ['d']);
  assert.deepEqual(ids({ host: 'sub.evil.example' }), []);
  assert.deepEqual(ids({ url: 'https://evil.example/a?b=1' }), ['u']);
  assert.deepEqual(ids({ url: 'https://evil.example/a' }), []);
  assert.deepEqual(ids({ userAgent: 'sqlmap/1.8' }, 999), ['a']);
  assert.deepEqual(ids({ userAgent: 'sqlmap/1.8' }, 1000), []);
  assert.deepEqual(ids({ address: '2001:db8:1::2' }), ['6']);
  assert.deepEqual(ids({ address: '192.0.2.1' }), ['x']);
  assert.deepEqual(ids({ address: '192.0.2.2' }), []);
  assert.deepEqual(ids({ address: 'unix' }), []);
});

test('sightings refer to what is in their bundle or known to the receiver', () => {
  const seen = { firstMs: 1000, lastMs: 5000, count: 3 };
  const objects = sightingObjects(
    [
      {
        indicator: { id: 'indicator--1', feed: 'f', name: 'n', confidence: 5 },
        value: address('192.0.2.1'),
        ...seen,
      },
      { indicator: { id: 'indicator--2', feed: 'g', name: '', confidence: 5 }, value: null, ...seen },
    ],
    'gate 1',
    9000,
  );
  const byType = (type: string) => objects.filter((object) => object['type'] === type);
  assert.deepEqual(
    [byType('identity').length, byType('indicator').length, byType('sighting').length],
    [1, 1, 2],
  );
  const reading = readStixObject(
    { ...byType('indicator')[0], id: 'indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f' },
    { feed: 'f', confidence: 1 },
  );
  assert.equal(reading.kind, 'indicator');
  for (const sighting of byType('sighting')) {
    assert.deepEqual(sighting['where_sighted_refs'], [byType('identity')[0]!['id']]);
    assert.equal(sighting['count'], 3);
  }
});
