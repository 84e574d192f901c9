// What masking costs: a JSON answer of 20 KB with ten fields to mask, in microseconds of CPU, beside parsing and writing
// the same document with JSON. Run: node bench/masking.ts
import { compileMask, type MaskRule } from '../src/masking/index.ts';

const ROUNDS = 15;
const RUNS = 400;

const customers = Array.from({ length: 40 }, (_, i) => ({
  id: `c-${1000 + i}`,
  name: `Customer ${i} of a street with a name`,
  email: `customer${i}@example.com`,
  card: { number: '4111111111111111', expires: '2031-04', holder: 'Somebody With A Name' },
  address: { street: 'Storgata 17', city: 'Bergen', postcode: '5003', country: 'NO' },
  balance: 1234.56 + i,
  iban: 'NO9386011117947',
  tags: ['gold', 'since-2014', 'paperless'],
  notes: 'Called twice about a card that was not accepted abroad; asked for a callback after noon.',
}));
const document = Buffer.from(JSON.stringify({ customers, total: customers.length }));
const rules: MaskRule[] = [
  'card/number:last4',
  'card/expires:drop',
  'card/holder:redact',
  'email:redact',
  'iban:last4',
  'balance:drop',
  'address/street:redact',
  'address/postcode:redact',
  'notes:drop',
  'tags:drop',
].map((text) => {
  const [path, action] = text.split(':') as [string, MaskRule['action']];
  return { path: ['customers', '*', ...path.split('/')], action };
});
const mask = compileMask(rules)!;
/** Ten fields of one object. */
const few = compileMask(
  rules.map(({ path, action }) => ({ path: ['customers', '7', ...path.slice(2)], action })),
)!;
const classes = (['card', 'iban', 'national-id', 'email', 'phone', 'credential'] as const).map((name) => ({
  class: name,
  action: 'last4' as const,
}));
const everyClass = compileMask([], classes)!;
/** The same document, in which there is nothing to find. */
const harmless = Buffer.from(
  document
    .toString()
    .replace(/@example\.com/g, ' at example')
    .replace(/4111111111111111|NO9386011117947/g, 'none'),
);
const nothing = compileMask([{ path: ['nobody'], action: 'drop' }])!;

function medianUs(work: () => void): number {
  for (let i = 0; i < RUNS; i++) work();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < RUNS; i++) work();
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / RUNS);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

const rows: [string, () => void][] = [
  ['ten fields of forty objects', () => void mask.run(document)],
  ['ten fields', () => void few.run(document)],
  ['every class, 120 findings', () => void everyClass.run(document)],
  ['every class, nothing found', () => void everyClass.run(harmless)],
  ['nothing to mask', () => void nothing.run(document)],
  ['JSON.parse and JSON.stringify', () => void JSON.stringify(JSON.parse(document.toString()))],
];
const outcome = mask.run(document);
process.stdout.write(`${document.length} bytes, ${outcome.kind === 'changed' ? outcome.fields : 0} fields\n`);
for (const [name, work] of rows) process.stdout.write(`${name.padEnd(34)} ${medianUs(work).toFixed(1)} µs\n`);
