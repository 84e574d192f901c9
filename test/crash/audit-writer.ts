// Appends to a trail until it is killed, and prints each receipt and checkpoint once it has it. Arguments: folder, prefix.
import { writeSync } from 'node:fs';
import { FileTrail } from '../../src/audit/index.ts';

const [folder, prefix] = process.argv.slice(2) as [string, string];
const trail = FileTrail.open({ folder, origin: 'crash', secret: null });
const say = (text: string): void => void writeSync(1, `${text}\n`);
say('open');
for (let i = 0; ; i++) {
  await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const name = `${prefix}-${i}-${n}`;
      const { index, leaf } = await trail.append({
        action: 'state.change',
        outcome: 'success',
        actor: { kind: 'system', id: name },
        target: null,
      });
      say(`entry ${index} ${leaf}`);
    }),
  );
  if (i % 3 === 0) say(`checkpoint ${Buffer.from(await trail.checkpoint()).toString('base64')}`);
}
