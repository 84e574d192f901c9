// Pebble, the ACME server that Let's Encrypt tests clients with, and its DNS server, for one test.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Authority, freePort } from './authority.ts';
import { hasCommand } from './tool.ts';
import { until } from './until.ts';

export const hasPebble = hasCommand('pebble') && hasCommand('pebble-challtestsrv');

export interface Pebble {
  readonly directory: string;
  readonly output: () => string;
  stop(): Promise<void>;
}

export interface PebbleOptions {
  /** Where challenges are looked for on 127.0.0.1, whatever the name. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Lifetime of certificates, s. */
  readonly lifetime?: number;
  /** Names that are not to be certified. */
  readonly blocked?: readonly string[];
}

function run(t: TestContext, name: string, args: readonly string[], env: Record<string, string>) {
  const child = spawn(name, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, ended] = ['', false];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  child.on('close', () => {
    ended = true;
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await until(() => ended, `the end of ${name}`);
  };
  t.after(stop);
  return { output: () => output, stop };
}

/** Starts pebble with a certificate of `authority` for its own port. */
export async function startPebble(
  t: TestContext,
  authority: Authority,
  options: PebbleOptions,
): Promise<Pebble> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-pebble-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const own = authority.issue({ name: 'pebble', san: 'IP:127.0.0.1', usage: 'serverAuth' });
  const [port, management, dns, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: own.certificateFile,
        privateKey: own.keyFile,
        httpPort: options.httpPort,
        tlsPort: options.tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
        domainBlocklist: options.blocked ?? [],
        certificateValidityPeriod: options.lifetime ?? 7_776_000,
      },
    }),
  );
  run(
    t,
    'pebble-challtestsrv',
    [
      ...[
        '-dns01',
        `127.0.0.1:${dns}`,
        '-management',
        `127.0.0.1:${dnsManagement}`,
        '-defaultIPv4',
        '127.0.0.1',
      ],
      ...['-defaultIPv6', '', '-http01', '', '-https01', '', '-tlsalpn01', ''],
    ],
    {},
  );
  const server = run(
    t,
    'pebble',
    ['-config', join(folder, 'config.json'), '-dnsserver', `127.0.0.1:${dns}`],
    { PEBBLE_VA_NOSLEEP: '1' },
  );
  await until(() => /Listening on|ACME directory available/.test(server.output()), 'pebble');
  return { directory: `https://127.0.0.1:${port}/dir`, ...server };
}
