// Contracts of the size that large services have: read and compiled in steps that no request waits long for, each
// schema once however many lead to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diagnostics } from '../../src/core/index.ts';
import { parseContract } from '../../src/openapi/document.ts';
import { SchemaSet } from '../../src/openapi/index.ts';
import { bigContract } from '../support/big-contract.ts';

const shape = { operations: 1000, schemas: 2000, references: 4 };
const options = { undocumentedFields: 'refuse', refuse: 'readOnly' } as const;

test('a thousand operations over two thousand tangled schemas: a request compiles what its value touches', () => {
  const diagnostics = new Diagnostics();
  const contract = parseContract(bigContract(shape), 'big.json', diagnostics)!;
  assert.deepEqual(diagnostics.all, []);
  assert.equal(contract.operations.length, 1000);
  const set = new SchemaSet(contract.document, { checked: true });
  const operation = contract.operations.find(({ id }) => id === 'createThing7')!;
  const validate = set.lazy(operation.body!.content[0]!.schema, options);
  assert.equal(validate({ name: 'x' }), null);
  const warmBefore = countWarm(set, 50);
  assert.ok(warmBefore >= 1, 'what the value did not touch is left for later');
  const nested = { name: 'x', part0: [{ name: 'y', part1: { name: 'z', part2: { name: 'w' } } }] };
  assert.equal(validate(nested), null);
  assert.deepEqual(
    validate({ ...nested, part0: [{ name: 'y', part1: { name: 'z', part2: { name: 'w', oops: 1 } } }] }),
    {
      pointer: '/part0/0/part1/part2',
      keyword: 'unevaluatedProperties',
      message: 'has an unknown member "oops"',
    },
  );
});

test('schemas that lead to each other are compiled once each', () => {
  const contract = parseContract(
    bigContract({ operations: 40, schemas: 12, references: 2 }),
    'x',
    new Diagnostics(),
  )!;
  const set = new SchemaSet(contract.document, { checked: true });
  for (const { body } of contract.operations) if (body !== null) set.lazy(body.content[0]!.schema, options);
  // 20 bodies, and each schema at most whole and for its lists and wrappers.
  const steps = countWarm(set, 1000);
  assert.ok(steps >= 20 + 12 && steps <= 20 + 12 * 4, `${steps} steps`);
});

function countWarm(set: SchemaSet, most: number): number {
  let steps = 0;
  while (steps < most && set.warm()) steps++;
  return steps;
}
