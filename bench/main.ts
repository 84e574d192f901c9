// `npm run bench -- plain | secured | tls | h2 | waf [--post]`: CPU microseconds a request of the gate beside nginx and
// HAProxy, or nginx with ModSecurity, all in one run, in turns. The method stands in bench/README.md.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createCertificate } from '../test/support/certificate.ts';
import { benchLimits } from './limits.ts';
import { type Load, measure, median, type Sample, startPinned, waitForPort } from './measure.ts';
import {
  orderBody,
  ports,
  type Transport,
  writeCertificate,
  writeGate,
  writeHaproxy,
  writeNginx,
  writeUpstream,
} from './setup.ts';
import { wafMissing, writeInspectingGate, writeModSecurity, writeWafScript } from './waf.ts';

const GATE_CPU = 0;
const LOAD_CPU = 1;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string' },
    streams: { type: 'string', default: '8' },
    post: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    crs: { type: 'string' },
  },
});
const mode = positionals[0];
if (mode === 'limits') {
  await benchLimits(Number(values.rounds), Number(values.seconds));
  process.exit(0);
}
if (mode !== 'plain' && mode !== 'secured' && mode !== 'tls' && mode !== 'h2' && mode !== 'waf') {
  process.stderr.write(
    'usage: npm run bench -- plain | secured | tls | h2 | waf | limits [--post] [--connections 64] [--streams 8] [--rounds 5] [--seconds 5] [--crs folder] [--json]\n',
  );
  process.exit(2);
}
if (availableParallelism() < 2)
  fail('a benchmark needs two processors: one for what is measured, one for the load');

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}

const crs = resolve(
  values.crs ?? process.env['CRS'] ?? fileURLToPath(new URL('../../shared/crs', import.meta.url)),
);
if (mode === 'waf') {
  const missing = wafMissing(crs);
  if (missing !== null) fail(missing);
}
// Not more requests at once than the peers keep connections to the upstream: 128.
const connections = Number(values.connections ?? (mode === 'h2' ? 16 : 64));
const streams = Number(values.streams);
const transport: Transport = mode === 'tls' || mode === 'h2' ? mode : 'plain';
const loader = mode === 'h2' ? 'h2load' : 'wrk';
for (const tool of mode === 'waf' ? ['nginx', 'wrk', 'taskset'] : ['nginx', 'haproxy', loader, 'taskset']) {
  try {
    execFileSync('which', [tool]);
  } catch {
    fail(
      `${tool} is not installed; on Debian: apt-get install nginx-light haproxy wrk nghttp2-client util-linux`,
    );
  }
}

const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
if (transport !== 'plain') {
  const certificate = createCertificate();
  if (certificate === null) fail('openssl is not installed');
  writeCertificate(folder, certificate);
}
const gate = writeGate(folder, transport);
const script = join(folder, 'post.lua');
writeFileSync(
  script,
  `wrk.method = "POST"\nwrk.body = [[${orderBody}]]\nwrk.headers["Content-Type"] = "application/json"\n`,
);
const isPost = (mode === 'secured' || mode === 'waf') && values.post;
const path = isPost
  ? '/orders'
  : mode === 'secured'
    ? '/orders/ord_000042?expand=true'
    : '/orders/ord_000042';
const headers = mode === 'secured' ? [`Authorization: Bearer ${gate.token}`] : [];
const bin = fileURLToPath(new URL('../bin/gatewright.js', import.meta.url));

const gateFile =
  mode === 'waf' ? writeInspectingGate(folder, crs) : mode === 'secured' ? gate.secured : gate.plain;
const peer =
  mode === 'waf'
    ? {
        name: 'nginx, ModSecurity',
        port: ports.modsecurity,
        process: startPinned(GATE_CPU, 'nginx', ['-c', writeModSecurity(folder, crs)]),
      }
    : {
        name: 'haproxy',
        port: ports.haproxy,
        process: startPinned(GATE_CPU, 'haproxy', ['-f', writeHaproxy(folder, transport), '-q']),
      };
const loadScript = mode === 'waf' ? writeWafScript(folder, isPost) : isPost ? script : '';

const upstream = startPinned(LOAD_CPU, 'nginx', ['-c', writeUpstream(folder)]);
const contenders = [
  {
    name: 'nginx',
    port: ports.nginx,
    process: startPinned(GATE_CPU, 'nginx', ['-c', writeNginx(folder, transport)]),
  },
  peer,
  {
    name: `gatewright ${mode}`,
    port: ports.gate,
    process: startPinned(GATE_CPU, process.execPath, [bin, 'start', '--no-watch', '--config', gateFile]),
  },
];
const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));

try {
  await Promise.all([waitForPort(ports.upstream), ...contenders.map(({ port }) => waitForPort(port))]);
  const load = (port: number, seconds: number): Load => ({
    tool: loader,
    url: `${transport === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}${path}`,
    seconds,
    connections,
    streams,
    cpu: LOAD_CPU,
    script: loadScript,
    headers,
  });
  for (const { port, process: child } of contenders) await measure(child.pid!, load(port, 3));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, port, process: child } of contenders) {
      samples.get(name)!.push(await measure(child.pid!, load(port, Number(values.seconds))));
    }
  }
} finally {
  for (const { process: child } of contenders) child.kill('SIGTERM');
  upstream.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 500));
  rmSync(folder, { recursive: true, force: true });
}

const base = samples.get('nginx')!;
const peers = samples.get(peer.name)!;
const rows = contenders.map(({ name }) => {
  const list = samples.get(name)!;
  const cpu = list.map((sample) => sample.cpuUs);
  const ratios = list.map((sample, i) => sample.cpuUs / base[i]!.cpuUs);
  return {
    name,
    cpuUs: median(cpu),
    cpuUsMin: Math.min(...cpu),
    cpuUsMax: Math.max(...cpu),
    ratioToNginx: median(ratios),
    /** How many times less than the peer. */
    peerRatio: median(list.map((sample, i) => peers[i]!.cpuUs / sample.cpuUs)),
    requestsPerSecond: median(list.map((sample) => sample.requestsPerSecond)),
  };
});
if (values.json) process.stdout.write(`${JSON.stringify({ mode, post: isPost, rows }, null, 2)}\n`);
else {
  const what = isPost ? 'POST of 290 B JSON' : 'GET';
  process.stdout.write(
    `${mode}, ${what}, ${connections} keep-alive connections${mode === 'h2' ? ` of ${streams} streams` : ''}, 304 B answer, ${values.rounds} rounds of ${values.seconds} s\n\n`,
  );
  process.stdout.write(
    `${'what'.padEnd(22)}${'µs CPU/request'.padStart(16)}${'min–max'.padStart(16)}${'× nginx'.padStart(10)}${'requests/s'.padStart(13)}${mode === 'waf' ? 'ModSecurity ÷'.padStart(15) : ''}\n`,
  );
  for (const row of rows) {
    process.stdout.write(
      `${row.name.padEnd(22)}${row.cpuUs.toFixed(1).padStart(16)}${`${row.cpuUsMin.toFixed(1)}–${row.cpuUsMax.toFixed(1)}`.padStart(16)}${row.ratioToNginx.toFixed(2).padStart(10)}${row.requestsPerSecond.toFixed(0).padStart(13)}${mode === 'waf' ? row.peerRatio.toFixed(1).padStart(15) : ''}\n`,
    );
  }
}
