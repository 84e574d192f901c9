// Uses of credentials are two entries in a while, however many there were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditEvent, CredentialUseLog } from './index.ts';

const record = (n: number, more = {}) => ({
  time: new Date(n).toISOString(),
  id: String(n),
  client_address: `192.0.2.${n % 3}`,
  consumer: 'partner',
  method_of_authentication: 'api-key',
  credential: 'key-1',
  ...more,
});

test('the first use is told at once, the others at the end, apart by credential and not by token', () => {
  const told: AuditEvent[] = [];
  const log = new CredentialUseLog((event) => told.push(event), 1000);
  for (let n = 5000; n < 5010; n++) log.take(record(n), n);
  for (let n = 5010; n < 5015; n++)
    log.take(record(n, { method_of_authentication: 'jwt', credential: `jti-${n}` }), n);
  log.take(record(5020, { consumer: undefined }), 5020);
  log.take(record(5020, { credential: 'key-2' }), 5020);
  const brief = () =>
    told
      .splice(0)
      .map(({ target, details }) => [
        target?.id,
        details?.['event'],
        details?.['count'],
        details?.['addresses'],
      ]);
  assert.deepEqual(brief(), [
    ['api-key key-1', 'first', undefined, undefined],
    ['jwt', 'first', undefined, undefined],
    ['api-key key-2', 'first', undefined, undefined],
  ]);
  log.take(record(6000), 6000);
  assert.deepEqual(brief(), [
    ['api-key key-1', 'more', 10, 3],
    ['jwt', 'more', 5, 3],
    ['api-key key-1', 'first', undefined, undefined],
  ]);
});

test('an attacker with many credentials does not fill the trail', () => {
  const told: AuditEvent[] = [];
  const log = new CredentialUseLog((event) => told.push(event), 1000);
  for (let n = 0; n < 12_000; n++) log.take(record(5000, { credential: `key-${n}` }), 5000);
  log.flush(5001);
  assert.equal(told.length, 10_001);
  assert.deepEqual([told.at(-1)!.actor.id, told.at(-1)!.details?.['count']], ['many', 2000]);
});
