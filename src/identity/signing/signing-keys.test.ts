import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../core/index.ts';
import type { IdentityStore, SigningKeyRecord } from '../contract.ts';
import { PUBLISH_AHEAD_MS, type SigningKey, SigningKeyRing } from './signing-keys.ts';

/** The part of a store that keeps signing keys. */
class KeyShelf {
  keys: SigningKeyRecord[] = [];

  async signingKeys(purpose: string, nowMs: number): Promise<readonly SigningKeyRecord[]> {
    return this.keys
      .filter((key) => key.purpose === purpose && key.untilMs > nowMs)
      .sort((a, b) => a.activeMs - b.activeMs);
  }

  async addSigningKey(key: SigningKeyRecord, unlessActiveMs: number): Promise<boolean> {
    if (this.keys.some((other) => other.activeMs >= unlessActiveMs)) return false;
    this.keys.push(key);
    return true;
  }

  async retireSigningKeys(_purpose: string, keep: string, untilMs: number): Promise<void> {
    this.keys = this.keys.map((key) =>
      key.id === keep ? key : { ...key, untilMs: Math.min(untilMs, key.untilMs) },
    );
  }
}

const DAY = 86_400_000;
const config = { purpose: 'forward', algorithm: 'ES256', rotateMs: 30 * DAY, keepMs: 3_600_000 } as const;

function setUp(more: Partial<{ algorithm: 'ES256' | 'EdDSA' }> = {}, shelf = new KeyShelf()) {
  const time = { ms: 1_800_000_000_000 };
  const clock: Clock = { epochMs: () => time.ms, monotonicMs: () => time.ms };
  const signed: SigningKey[] = [];
  const made: string[] = [];
  const ring = new SigningKeyRing(shelf as unknown as IdentityStore, { ...config, ...more }, clock, {
    onChange: (key) => void signed.push(key),
    onRotated: ({ next }) => void made.push(next?.id ?? ''),
  });
  const published = (): string[] =>
    (JSON.parse(ring.jwks()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  return { ring, shelf, time, signed, made, published };
}

test('a key is published before it signs and after it signed, and there is always one that signs', async () => {
  const { ring, time, signed, made, published } = setUp();
  const first = (await ring.rotate(false)).current;
  assert.deepEqual(published(), [first]);
  time.ms += 29 * DAY;
  assert.equal((await ring.rotate(false)).rotated, false);
  time.ms += DAY - PUBLISH_AHEAD_MS;
  const due = await ring.rotate(false);
  assert.deepEqual([due.rotated, due.current, due.next !== null], [true, first, true]);
  const second = due.next!.id;
  assert.deepEqual(published(), [first, second]);
  assert.deepEqual(made, ['', second], 'each is told once, by the node that made it');
  assert.equal((await ring.rotate(true)).rotated, false, 'one at a time');
  time.ms += PUBLISH_AHEAD_MS;
  assert.equal((await ring.rotate(false)).current, second);
  assert.deepEqual([...new Set(signed.map(({ id }) => id))], [first, second]);
  assert.deepEqual(published(), [first, second], 'what the first has signed can still be verified');
  time.ms += config.keepMs;
  await ring.rotate(false);
  assert.deepEqual(published(), [second]);
});

test('nothing private is published', async () => {
  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    const { ring } = setUp({ algorithm });
    await ring.rotate(false);
    const [key] = (JSON.parse(ring.jwks()) as { keys: Record<string, unknown>[] }).keys;
    assert.deepEqual([key!['alg'], key!['d'], key!['use']], [algorithm, undefined, 'sig']);
  }
});

test('of two nodes one makes the key, and both sign with it', async () => {
  const one = setUp();
  const two = setUp({}, one.shelf);
  const [a, b] = await Promise.all([one.ring.rotate(false), two.ring.rotate(false)]);
  assert.equal(a.current, b.current);
  assert.equal(one.shelf.keys.length, 1);
  const [c, d] = await Promise.all([one.ring.rotate(true), two.ring.rotate(true)]);
  assert.deepEqual([c.rotated, d.rotated].sort(), [false, true]);
});

test('another algorithm while the next key waits: one more key, and what signs says how', async () => {
  const one = setUp();
  await one.ring.rotate(false);
  await one.ring.rotate(true);
  const two = setUp({ algorithm: 'EdDSA' }, one.shelf);
  two.time.ms = one.time.ms + 1000;
  for (let turn = 0; turn < 3; turn++) await two.ring.rotate(false);
  assert.equal(one.shelf.keys.length, 3);
  assert.equal(two.ring.current!.algorithm, 'ES256', 'the old key signs, by its own algorithm');
  two.time.ms += PUBLISH_AHEAD_MS + 2;
  await two.ring.rotate(false);
  assert.equal(two.ring.current!.algorithm, 'EdDSA');
});

test('another algorithm brings a new key at once', async () => {
  const one = setUp();
  const first = (await one.ring.rotate(false)).current;
  const two = setUp({ algorithm: 'EdDSA' }, one.shelf);
  two.time.ms += 1000;
  const report = await two.ring.rotate(false);
  assert.notEqual(report.current, first);
  assert.equal(two.ring.current!.algorithm, 'EdDSA');
});
