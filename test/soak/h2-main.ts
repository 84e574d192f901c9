// `npm run soak -- h2`: says what the soak found and judges it.
import { ATTACKERS, hasH2load, isPinned, type Times } from './h2-parts.ts';
import { h2Kinds, h2Soak, sum } from './h2-soak.ts';

/** How much longer than in calm the slowest hundredth of answers may take. */
const MAX_SLOWDOWN = 3;
/** How much memory may grow after full speed. */
const MAX_GROWTH = 1.5;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const shown = ({ p50, p99 }: Times): string => `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;

/** Answers the exit code. `minutes` for all parts together; `each`: every kind of attack alone. */
export async function soakHttp2(minutes: number, each: boolean): Promise<number> {
  if (!hasH2load()) {
    process.stderr.write('soak: h2load is not installed; on Debian: apt-get install nghttp2-client\n');
    return 2;
  }
  say(
    isPinned
      ? `the gate's data-plane thread on processor 0; its main thread, client and its service, ${ATTACKERS} attackers and theirs on 1, these with nice 15`
      : 'no taskset or one processor only: all processes share what there is',
  );
  return each ? soakKinds(minutes) : soakAll(minutes);
}

async function soakKinds(minutes: number): Promise<number> {
  const { calm } = await h2Kinds(Math.max(3, Math.round(minutes * 2)), ({ name, times, rate, cpuMs }) =>
    say(
      `${name.slice(0, 60).padEnd(60)} p99 ${times.p99.toFixed(2).padStart(6)} ms, ${rate.toFixed(0).padStart(4)} attacks/s, ${cpuMs.toFixed(2).padStart(5)} ms CPU each`,
    ),
  );
  say(`calm: ${shown(calm)}`);
  return 0;
}

async function soakAll(minutes: number): Promise<number> {
  const report = await h2Soak(Math.max(3, Math.round((minutes * 60) / 4)));
  const { calm, elsewhere, attacked, memory, counts } = report;
  const slowdown = attacked.p99 / calm.p99;
  say(`full speed: ${report.served} requests served, ${report.failed} failed`);
  say(`calm:       ${shown(calm)}`);
  say(`elsewhere:  ${shown(elsewhere)}, while another gate is attacked`);
  say(`attacked:   ${shown(attacked)}, ${report.unserved} requests not served`);
  for (const [name, count] of Object.entries(counts)) say(`  ${String(count).padStart(6)} ${name}`);
  for (const line of report.wrong.slice(0, 20)) say(`WRONG ${line}`);
  const problems = [
    ...(report.failed + report.unserved > 0 ? ['requests were not served'] : []),
    ...(report.wrong.length > 0 ? ['attacks ended otherwise than they must'] : []),
    ...(slowdown > MAX_SLOWDOWN ? [`answers took more than ${MAX_SLOWDOWN} times as long`] : []),
    ...(memory[1] > memory[0] * MAX_GROWTH ? ['memory grows'] : []),
  ];
  say(
    `verdict: ${problems.length === 0 ? 'PASS' : `FAIL (${problems.join('; ')})`}: p99 ${calm.p99.toFixed(2)} → ${attacked.p99.toFixed(2)} ms ` +
      `(× ${slowdown.toFixed(2)}, at most × ${MAX_SLOWDOWN}), memory ${memory[0]} → ${memory[1]} MiB, ` +
      `${sum(counts)} attacks of ${Object.keys(counts).length} kinds, ${report.rate.toFixed(0)}/s, ${report.pieces} frames`,
  );
  return problems.length === 0 ? 0 : 1;
}
