// What telemetry costs in a running gate: CPU of the data-plane thread a request, with nothing but counters, with the access log, and
// with traces beside it, in turns within one run. Run: node bench/telemetry-gate.ts [--rounds 5] [--seconds 3]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Load, measure, median, startPinned, tree, waitForPort } from './measure.ts';
import { ports, writeGate, writeUpstream } from './setup.ts';

const GATE_CPU = 0;
const LOAD_CPU = 1;
const TICKS_PER_SECOND = 100;
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' } },
});

/** utime + stime of threads by their names, ms. */
async function threadMs(pid: number, names: RegExp): Promise<number> {
  let ticks = 0;
  const processes = await tree(pid);
  const files = processes.flatMap((id) =>
    readdirSync(`/proc/${id}/task`).map((task) => `/proc/${id}/task/${task}/stat`),
  );
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    if (!names.test(text)) continue;
    const fields = text.replace(/^.*\) /, '').split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

const serving = /\(gate-\d+\)/;
const control = /\(node-MainThread\)/;

for (const tool of ['nginx', 'wrk', 'taskset']) execFileSync('which', [tool]);
const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
const { secured, token } = writeGate(folder, 'plain');
const collector = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200).end());
});
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const otlp = `otlp: { endpoint: 'http://127.0.0.1:${(collector.address() as AddressInfo).port}', traces: { sample: { ratio: 0.01 } } }`;
const bin = fileURLToPath(new URL('../bin/gatewright.js', import.meta.url));
const contenders = [
  ['counters', 'telemetry: { listen: false, access-log: { to: none } }'],
  ['access log', 'telemetry: { listen: false, access-log: { to: { file: ./x.log } } }'],
  ['log, 1 % of traces', `telemetry: { listen: false, access-log: { to: { file: ./y.log } }, ${otlp} }`],
].map(([name, telemetry], index) => {
  const port = ports.modsecurity + 1 + index;
  const file = join(folder, `telemetry-${index}.yaml`);
  const text = readFileSync(secured, 'utf8').replace(/^telemetry: .*$/m, telemetry!);
  writeFileSync(file, text.replace(`port: ${ports.gate},`, `port: ${port},`));
  const process_ = startPinned(GATE_CPU, process.execPath, [bin, 'start', '--no-watch', '--config', file]);
  return {
    name: name!,
    port,
    process: process_,
    thread: [] as number[],
    main: [] as number[],
    whole: [] as number[],
  };
});
const upstream = startPinned(LOAD_CPU, 'nginx', ['-c', writeUpstream(folder)]);

try {
  await Promise.all([waitForPort(ports.upstream), ...contenders.map(({ port }) => waitForPort(port))]);
  const load = (port: number, seconds: number): Load => ({
    tool: 'wrk',
    url: `http://127.0.0.1:${port}/orders/ord_000042?expand=true`,
    seconds,
    connections: 64,
    streams: 1,
    cpu: LOAD_CPU,
    script: '',
    headers: [`Authorization: Bearer ${token}`],
  });
  for (const { port, process: child } of contenders) await measure(child.pid!, load(port, 2));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const one of contenders) {
      const pid = one.process.pid!;
      const [thread, main] = [await threadMs(pid, serving), await threadMs(pid, control)];
      const sample = await measure(pid, load(one.port, Number(values.seconds)));
      one.thread.push((((await threadMs(pid, serving)) - thread) * 1000) / sample.requests);
      one.main.push((((await threadMs(pid, control)) - main) * 1000) / sample.requests);
      one.whole.push(sample.cpuUs);
    }
  }
} finally {
  for (const { process: child } of contenders) child.kill('SIGTERM');
  upstream.kill('SIGTERM');
  collector.close();
  collector.closeAllConnections();
  await new Promise((resolve) => setTimeout(resolve, 500));
  rmSync(folder, { recursive: true, force: true });
}

process.stdout.write('µs CPU a request      thread   more than counters   main thread     process\n');
for (const { name, thread, main, whole } of contenders) {
  const more = median(thread.map((value, round) => value - contenders[0]!.thread[round]!));
  const cells = [median(thread), more, median(main), median(whole)].map((us, i) =>
    us.toFixed(2).padStart([6, 15, 14, 12][i]!),
  );
  process.stdout.write(`${name.padEnd(22)}${cells.join('')}\n`);
}
