import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DataClass, Finder, isLuhn, luhnDigit } from './index.ts';

const finder = new Finder();
const kindsIn = (text: string): string[] => finder.find(text).map(({ kind }) => kind);
const shownIn = (text: string): string[] => finder.find(text).map(({ start, end }) => text.slice(start, end));

/** Fills numbers up so that secret scanners do not take this file for what it tests. */
const join = (...parts: string[]): string => parts.join('');

test('finds numbers of cards however people group them, and nothing that only looks like one', () => {
  assert.deepEqual(kindsIn('pay with 4111 1111 1111 1111 12/28, thanks'), ['visa']);
  assert.deepEqual(shownIn('2025-11-25 4111-1111-1111-1111.'), ['4111-1111-1111-1111']);
  assert.deepEqual(kindsIn('378282246310005 and 3782 822463 10005'), [
    'american-express',
    'american-express',
  ]);
  assert.deepEqual(kindsIn('{"pan":5555555555554444}'), ['mastercard']);
  assert.deepEqual(kindsIn('30569309025904 6011111111111117 3530111333300000 6200000000000005'), [
    'diners-club',
    'discover',
    'jcb',
    'unionpay',
  ]);
  for (const text of [
    '4111111111111112',
    'at 1764061234567 ms',
    '59.4111111111111111',
    'a4111111111111111',
    '4111111111111111b',
    '41 11 11 11 11 11 11 11',
    '550e8400-e29b-41d4-a716-446655440000',
    '4'.repeat(40),
  ])
    assert.deepEqual(kindsIn(text), [], text);
});

test('finds IBANs by their check digits and the length of their country', () => {
  assert.deepEqual(shownIn('to GB82 WEST 1234 5698 7654 32 today'), ['GB82 WEST 1234 5698 7654 32']);
  assert.deepEqual(kindsIn('DE89370400440532013000;NO9386011117947;fr1420041010050500013M02606'), [
    'iban',
    'iban',
    'iban',
  ]);
  for (const text of ['GB83WEST12345698765432', 'DE8937040044053201300', 'XX89370400440532013000'])
    assert.deepEqual(kindsIn(text), [], text);
});

test('finds numbers that states give people by what proves them', () => {
  const ids: Record<string, string> = {
    'us-ssn': '536-90-4399',
    'ca-sin': '193-456-787',
    'br-cpf': '529.982.247-25',
    'ch-ahv': '756.9217.0769.85',
    'se-personnummer': '811218-9876',
    'no-fodselsnummer': '01010750160',
    'be-rijksregister': '85.07.30-033.28',
    'fr-nir': '1 51 02 46 102 043 25',
    'pl-pesel': '44051401359',
    'de-steuer-id': '86095742719',
    'cn-resident-id': '11010519491231002X',
    'in-aadhaar': '2341 2341 2346',
    'gb-nino': 'AB 12 34 56 C',
    'es-dni': '12345678Z',
    'it-codice-fiscale': 'RSSMRA85T10A562S',
    'fi-hetu': '131052-308T',
  };
  const only = new Finder(['national-id']);
  for (const [kind, id] of Object.entries(ids))
    assert.deepEqual(
      only.find(`number ${id}, please`).map((found) => found.kind),
      [kind],
      id,
    );
  for (const text of [
    '000-12-3456',
    '900-12-3456',
    '193 456 788',
    '529.982.247-26',
    '811318-9876',
    '11010519491331002X',
    '12345678A',
    'order 20251125-0001',
    '127.0.0.1 and 192.168.100.200',
    '2025-11-25T08:45:43.123Z',
  ])
    assert.deepEqual(only.find(text), [], text);
});

test('finds addresses of e-mail and numbers of phones', () => {
  assert.deepEqual(shownIn('Ann <ann.o+tag@mail.example.co.uk>, bob@xn--bcher-kva.example.'), [
    'ann.o+tag@mail.example.co.uk',
    'bob@xn--bcher-kva.example',
  ]);
  for (const text of ['@example.com', 'a@b', 'a@b..com', 'user@localhost', 'a@1.2.3.4', 'npm i x@1.2.3'])
    assert.deepEqual(kindsIn(text), [], text);
  assert.deepEqual(shownIn('+47 22 12 34 56 or (212) 555-0187 or +44 (20) 7946 0958'), [
    '+47 22 12 34 56',
    '(212) 555-0187',
    '+44 (20) 7946 0958',
  ]);
  for (const text of ['1 + 22', '12345678', '2025-11-25', '+1.5', '555-0187', 'x+4722123456'])
    assert.deepEqual(kindsIn(text), [], text);
});

test('finds credentials by their form', () => {
  const forty = 'Zk3vQ8mB1nR5tY7wE9xC2dF4gH6jL0pAsUiOqWeT';
  const samples: Record<string, string> = {
    'aws-access-key': join('AKIA', 'QYLPMN5HIXAMPLE7'),
    'github-token': join('ghp_', forty.slice(0, 36)),
    'gitlab-token': join('glpat-', forty.slice(0, 20)),
    'slack-token': join('xoxb-', '123456789012-', forty.slice(0, 24)),
    'stripe-key': join('sk_live_', forty.slice(0, 24)),
    'google-api-key': join('AIza', forty.slice(0, 35)),
    'npm-token': join('npm_', forty.slice(0, 36)),
    'vault-token': join('hvs.', forty),
    'gatewright-key': join('gwk_ci-1_', forty, 'abc'),
    jwt: join('eyJhbGciOiJIUzI1NiJ9', '.eyJzdWIiOiIxIn0.', forty),
    'password-in-url': join('hunter2', '-long'),
  };
  const only = new Finder(['credential']);
  for (const [kind, secret] of Object.entries(samples)) {
    const text = kind === 'password-in-url' ? `postgres://app:${secret}@db/main` : `value="${secret}";`;
    const found = only.find(text);
    assert.deepEqual(
      found.map((finding) => [finding.kind, text.slice(finding.start, finding.end)]),
      [[kind, secret]],
      kind,
    );
  }
  const pem = join('-----BEGIN EC PRIVATE', ' KEY-----\n', forty, '\n-----END EC PRIVATE', ' KEY-----');
  assert.deepEqual(
    only.find(`x ${pem} y`).map((found) => [found.kind, found.start, found.end]),
    [['private-key', 2, 2 + pem.length]],
  );
  for (const text of [
    'https://user:$PASSWORD@host/',
    'https://user:<password>@host/',
    'https://example.com/a:b@c',
    'eyJub3QiOiJhIGp3dCJ9.abc.def',
    'a task_live_of_cells and sk_live_short',
    '-----BEGIN PUBLIC KEY-----',
    '-----BEGIN PRIVATE KEY----- is the header',
  ])
    assert.deepEqual(only.find(text), [], text);
});

test('tells characters that are taken for others', () => {
  assert.ok(finder.findsDisguised('4１１１ 1111 1111 1111'));
  assert.ok(finder.findsDisguised('4111\u20111111\u20111111\u20111111'));
  assert.ok(finder.findsDisguised('ann＠example.com'));
  assert.ok(!finder.findsDisguised('Ærlig talt, 4111 1111 1111 1111'));
});

/** Texts that are likely to hold something, and to be nearly something. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '4111111111111111',
        '4111 1111 1111 1111',
        'DE89370400440532013000',
        '536-90-4399',
        'ann@example.com',
        '+47 22 12 34 56',
        'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
        '811218-9876',
        'postgres://a:b4cdefg@h',
      ),
      fc.string({ maxLength: 12 }),
      fc.constantFrom(' ', ',', '.', '-', '0', '9', 'x', '@', '+'),
    ),
    { maxLength: 14 },
  )
  .map((list) => list.join(''));

test('the first look never hides what is there; findings are in order and apart', () => {
  const classes: DataClass[] = ['card', 'iban', 'national-id', 'email', 'phone', 'credential'];
  fc.assert(
    fc.property(pieces, fc.subarray(classes, { minLength: 1 }), (text, wanted) => {
      const some = new Finder(wanted);
      const found = some.find(text);
      let end = 0;
      for (const finding of found) {
        assert.ok(finding.start >= end && finding.end > finding.start && finding.end <= text.length);
        assert.ok(wanted.includes(finding.class));
        end = finding.end;
      }
      const bytes = Buffer.from(text);
      const seen = some.mayHold(bytes, 0, bytes.length, Finder.look(bytes, 0, bytes.length));
      if (found.length > 0) assert.notEqual(seen, 'nothing', text);
      if (seen === 'plain') assert.equal(bytes.toString('latin1'), text);
    }),
    { numRuns: 2000 },
  );
});

test('a number with its check digit is a card wherever it stands between blanks', () => {
  const number = fc
    .tuple(fc.constantFrom('4', '51', '2221', '6011'), fc.integer({ min: 0, max: 10 ** 11 }))
    .map(([begin, rest]) => {
      const digits =
        begin +
        String(rest)
          .padStart(15 - begin.length, '0')
          .slice(0, 15 - begin.length);
      return digits + luhnDigit(digits);
    });
  const before = fc.stringMatching(/^[a-z0-9.,:;-]{0,8}$/);
  fc.assert(
    fc.property(number, before, before, (digits, left, right) => {
      assert.ok(isLuhn(digits));
      const found = new Finder(['card']).find(`${left}  ${digits}  ${right}`);
      assert.ok(found.some(({ start, end }) => end - start === 16 && start === left.length + 2));
    }),
    { numRuns: 500 },
  );
});

test('no text makes it slow: work grows with the length', () => {
  const worst = [
    '1 ',
    '4111 ',
    '9',
    'a',
    '@',
    'a@a.',
    '+1 ',
    'eyJ',
    'AKIA',
    'x://a:',
    'AA11 ',
    '1-',
    '-----BEGIN ',
  ];
  for (const piece of worst) {
    const text = piece.repeat(Math.ceil(200_000 / piece.length));
    // A quadratic one would take minutes here; the runner's limit ends the test.
    finder.find(text);
  }
});
