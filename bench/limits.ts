// `npm run bench -- limits`: what a million listed addresses, a hundred thousand callers and ten thousand bans cost a request: two gates in
// turns, one with them and one with ten of each. Both get requests from random addresses with keys of all their callers.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { createApiKey } from '../src/credentials/index.ts';
import { openState } from '../src/stores/index.ts';
import { type Load, measure, median, type Sample, startPinned, tree, waitForPort } from './measure.ts';
import { ports, writeUpstream } from './setup.ts';

const GATE_CPU = 0;
const LOAD_CPU = 1;
const CONNECTIONS = 64;
/** Long enough for every key to have been used once: the first use of each is written down. */
const WARM_UP_SECONDS = 8;

interface Size {
  readonly name: string;
  readonly port: number;
  readonly callers: number;
  readonly addresses: number;
  readonly bans: number;
}

const sizes: readonly Size[] = [
  { name: 'ten of each', port: ports.gate, callers: 10, addresses: 10, bans: 10 },
  {
    name: '100,000 callers, 1,000,000 addresses, 10,000 bans',
    port: ports.gate + 10,
    callers: 100_000,
    addresses: 1_000_000,
    bans: 10_000,
  },
];

/** Addresses of requests begin with 10, those that are listed and banned do not. */
const listed = (i: number): string =>
  `${20 + (i % 200)}.${(i >> 3) & 255}.${(i >> 11) & 255}.${(i * 7) & 255}`;

async function write(folder: string, size: Size): Promise<{ config: string; script: string }> {
  const lines = Array.from({ length: size.addresses }, (_, i) => listed(i * 977));
  writeFileSync(join(folder, `${size.port}.txt`), `${lines.join('\n')}\n`);
  const file = join(folder, `${size.port}.db`);
  await (await openState({ kind: 'sqlite', file, sealKey: null })).close();
  const database = new DatabaseSync(file);
  database.exec('BEGIN');
  const principal = database.prepare(`INSERT INTO principals VALUES (?, 'client', '', '[]', 1, NULL, 1)`);
  const key = database.prepare(`INSERT INTO api_keys VALUES (?, ?, ?, NULL, '[]', ?, NULL, NULL, NULL, 1)`);
  const keys: string[] = [];
  for (let i = 0; i < size.callers; i++) {
    const made = createApiKey(`client-${i}`);
    keys.push(made.key);
    principal.run(`client-${i}`);
    key.run(`client-${i}`, `client-${i}`, createHash('sha256').update(made.key).digest('hex'), Date.now());
  }
  const ban = database.prepare('INSERT OR IGNORE INTO bans VALUES (?, ?, ?, ?, ?, 1)');
  const untilMs = Date.now() + 3_600_000;
  for (let i = 0; i < size.bans; i++)
    ban.run(
      `${230 + (i % 20)}.${(i >> 4) & 255}.${(i >> 12) & 255}.${i & 255}/32`,
      'bench',
      'bench',
      Date.now(),
      untilMs,
    );
  database.exec('UPDATE revision SET value = 1');
  database.exec('COMMIT');
  database.close();
  writeFileSync(join(folder, `${size.port}.keys`), `${keys.join('\n')}\n`);
  const script = join(folder, `${size.port}.lua`);
  writeFileSync(
    script,
    `local keys = {}
for line in io.lines("${folder}/${size.port}.keys") do keys[#keys + 1] = line end
local n = 0
request = function()
  n = (n * 1103515245 + 12345) % 2147483648
  local from = string.format("10.%d.%d.%d", math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
  return wrk.format("GET", nil, { ["x-api-key"] = keys[n % #keys + 1], ["x-forwarded-for"] = from })
end
`,
  );
  const config = join(folder, `${size.port}.yaml`);
  writeFileSync(
    config,
    `listeners: { public: { port: ${size.port}, host: 127.0.0.1, trusted-proxies: [ 127.0.0.1 ] } }
upstreams: { service: { targets: [ http://127.0.0.1:${ports.upstream} ] } }
http: { max-requests: 1000000000 }
workers: 1
state: { sqlite: ${file} }
address-lists: { list: { file: ./${size.port}.txt, required: true } }
telemetry: { listen: false, access-log: { to: { file: ./${size.port}.log } } }
apis:
  bench:
    contract: ./openapi.json
    upstream: service
    authenticate: [ { api-key: {} } ]
    authorize: { scopes: none }
    addresses: { deny-lists: [ list ] }
    limits: [ { per: address, rate: 100000/s }, { per: consumer, rate: 900000/s } ]
`,
  );
  return { config, script };
}

/** Memory of a process and its descendants, MB. */
async function memoryOf(pid: number): Promise<number> {
  const kilobytes = (await tree(pid)).map((id) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, value) => sum + value, 0) / 1000;
}

export async function benchLimits(rounds: number, seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
  writeFileSync(
    join(folder, 'openapi.json'),
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Bench', version: '1' },
      paths: { '/orders': { get: { operationId: 'get', responses: {} } } },
    }),
  );
  const bin = fileURLToPath(new URL('../bin/gatewright.js', import.meta.url));
  const upstream = startPinned(LOAD_CPU, 'nginx', ['-c', writeUpstream(folder)]);
  const contenders = await Promise.all(
    sizes.map(async (size) => {
      const { config, script } = await write(folder, size);
      // What it says of itself goes nowhere: standard error is inherited.
      const command = `exec "${process.execPath}" "${bin}" start --no-watch --config "${config}" 2>"${config}.err"`;
      const gate = startPinned(GATE_CPU, 'sh', ['-c', command]);
      return { ...size, script, gate, samples: [] as Sample[] };
    }),
  );
  try {
    await waitForPort(ports.upstream);
    for (const { port } of contenders) await waitForPort(port);
    const loadOf = (port: number, script: string, duration: number): Load => ({
      tool: 'wrk',
      url: `http://127.0.0.1:${port}/orders`,
      seconds: duration,
      connections: CONNECTIONS,
      streams: 1,
      cpu: LOAD_CPU,
      script,
      headers: [],
    });
    for (const { gate, port, script } of contenders)
      await measure(gate.pid!, loadOf(port, script, WARM_UP_SECONDS));
    for (let round = 0; round < rounds; round++)
      for (const { gate, port, script, samples } of contenders)
        samples.push(await measure(gate.pid!, loadOf(port, script, seconds)));
    const [small, large] = contenders as [(typeof contenders)[number], (typeof contenders)[number]];
    for (const { name, gate, samples } of contenders) {
      const cpu = samples.map(({ cpuUs }) => cpuUs);
      process.stdout.write(
        `${name}: ${median(cpu).toFixed(1)} µs CPU a request (${Math.min(...cpu).toFixed(1)}–${Math.max(...cpu).toFixed(1)}), ${(await memoryOf(gate.pid!)).toFixed(0)} MB\n`,
      );
    }
    const ratios = large.samples.map(({ cpuUs }, round) => cpuUs / small.samples[round]!.cpuUs);
    process.stdout.write(`ratio of the same round: ${median(ratios).toFixed(3)}; the goal is 1.15\n`);
  } finally {
    for (const { gate } of contenders) gate.kill('SIGTERM');
    upstream.kill('SIGTERM');
    await Promise.all(
      [...contenders.map(({ gate }) => gate), upstream].map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) resolve();
            else child.once('close', () => resolve());
          }),
      ),
    );
    rmSync(folder, { recursive: true, force: true });
  }
}
