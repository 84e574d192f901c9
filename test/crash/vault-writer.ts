// A program that writes secrets and turns every key of a vault over, and kills itself at its n-th statement to the database.
// Usage: node vault-writer.ts <state as JSON> <first number> <statement at which it dies>
import { StatementSync } from 'node:sqlite';
import pg from 'pg';
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { openState } from '../../src/stores/index.ts';
import { KvMount, sealTextRoot } from '../../src/vault/index.ts';

const config = JSON.parse(process.argv[2]!) as StateConfig;
const first = Number(process.argv[3]);
const killAt = Number(process.argv[4]);
let statements = 0;
let armed = false;

function count(): void {
  if (armed && ++statements >= killAt) process.kill(process.pid, 'SIGKILL');
}

// Both databases go through one function each; it dies before the statement is sent.
const { all } = StatementSync.prototype;
StatementSync.prototype.all = function (this: StatementSync, ...parameters: Parameters<typeof all>) {
  count();
  return all.apply(this, parameters);
} as typeof all;
const { query } = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
(pg.Client.prototype as unknown as { query: unknown }).query = function (
  this: pg.Client,
  ...args: unknown[]
) {
  count();
  return query.apply(this, args);
};

const state = await openState(config);
const { vault } = state;
await vault.ensureKey('kv-crash');
const kv = new KvMount(vault, systemClock, 'crash', () => ({
  maxVersions: 4,
  casRequired: false,
  deleteAfterMs: 0,
}));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
armed = true;
say('open');
for (let n = first; ; n++) {
  for (let i = 0; i < 6; i++) {
    await kv.write(`s${(n + i) % 12}`, { n });
    say(`wrote s${(n + i) % 12} ${n}`);
  }
  const id = `k${n}`;
  const untilMs = Date.now() + 86_400_000;
  await state.identity.addSigningKey(
    { id, purpose: 'crash', algorithm: 'x', jwk: JSON.stringify({ n }), createdMs: 1, activeMs: n, untilMs },
    Number.MAX_SAFE_INTEGER,
  );
  say(`key ${id} ${n}`);
  for (const name of ['kv-crash', 'state', 'system']) {
    await vault.rotate(name);
    say(`rotated ${name}`);
    await vault.rewrap(name);
    say(`moved ${name}`);
  }
  await vault.changeRoot(sealTextRoot(config.sealKey!));
  say('root');
}
