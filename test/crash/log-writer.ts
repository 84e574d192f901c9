// A program that writes lines to the segments of an access log as fast as it can and says which were taken and which links
// were made, until it is killed. Usage: node log-writer.ts <folder> <number of the first line>
import { SegmentLog } from '../../src/logs/index.ts';
import { crashSettings, numberedLine } from './log-crash.ts';

const log = new SegmentLog({
  settings: crashSettings(process.argv[2]!),
  anchor: (_link, sha256) => {
    process.stdout.write(`link ${sha256}\n`);
    return Promise.resolve();
  },
});
process.stdout.write('open\n');
for (let n = Number(process.argv[3]); ; ) {
  const batch = 1 + (n % 40);
  let text = '';
  for (let i = 0; i < batch; i++) text += numberedLine(n + i);
  const bytes = Buffer.from(text);
  if ((await log.write(bytes)) !== bytes.length) throw new Error('a line was not taken');
  n += batch;
  process.stdout.write(`taken ${n}\n`);
}
