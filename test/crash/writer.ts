// A program that writes to a state as fast as it can and says what was acknowledged, until it is killed.
// Usage: node writer.ts <state as JSON> <name>
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { openState } from '../../src/stores/index.ts';

const config = JSON.parse(process.argv[2]!) as StateConfig;
const name = process.argv[3]!;
const state = await openState(config);
const registry = new IdentityRegistry(state.identity, systemClock);
process.stdout.write('open\n');
for (let i = 0; ; i++) {
  const owner = `${name}-${i}`;
  const first = await registry.add('client', owner, ['a'], '', {});
  process.stdout.write(`added ${owner} ${first!.record.id}\n`);
  const next = await registry.rotateKey(first!.record.id, 60_000);
  process.stdout.write(`rotated ${owner} ${first!.record.id} ${next.record.id}\n`);
  await registry.revokeKey(next.record.id);
  process.stdout.write(`revoked ${owner} ${next.record.id}\n`);
}
