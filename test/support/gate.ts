// Starts a real gate in the test's own process from configuration text, in a folder that goes when the test ends.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type RunningGate, startGate } from '../../src/app/index.ts';
import type { GateLog } from '../../src/telemetry/index.ts';
import { until } from './until.ts';

/** An API whose operations need no credentials and have no limits; `routes` adds paths. */
export const openContract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  /things:
    get: { operationId: listThings, responses: { '200': { description: ok } } }
    head: { operationId: headThings, responses: { '200': { description: ok } } }
    post:
      operationId: createThing
      requestBody: { content: { application/octet-stream: {}, application/json: {}, text/plain: {} } }
      responses: { '200': { description: ok } }
    put:
      operationId: replaceThings
      requestBody: { content: { application/octet-stream: {}, text/plain: {} } }
      responses: { '200': { description: ok } }
  /things/{id}:
    parameters: [ { name: id, in: path, required: true, schema: { type: string } } ]
    get: { operationId: getThing, responses: { '200': { description: ok } } }
    delete: { operationId: deleteThing, responses: { '204': { description: gone } } }
  /socket:
    get: { operationId: openSocket, responses: { '101': { description: switched } } }
`;

/** Settings that open every operation of openContract. */
export const openOperations = `operations:
      listThings: { public: true, reason: test }
      headThings: { public: true, reason: test }
      createThing: { public: true, reason: test }
      replaceThings: { public: true, reason: test }
      getThing: { public: true, reason: test }
      deleteThing: { public: true, reason: test }
      openSocket: { public: true, reason: test, websocket: true }
`;

export interface OpenConfig {
  readonly upstreamPort: number;
  /** Whole blocks of YAML, each key at column 0: `http:`, `workers:` … */
  readonly extra?: string;
  /** Lines of the upstream's mapping, four spaces deep. */
  readonly upstream?: string;
  /** Lines of the API's mapping, four spaces deep. */
  readonly api?: string;
  /** Entries of the listener's mapping after the port, such as `, trusted-proxies: [ 127.0.0.1 ]`. */
  readonly listener?: string;
}

/** A configuration with one listener `public`, one upstream and the open API. */
export function openConfig(config: OpenConfig): string {
  return `listeners:
  public: { port: 0, host: 127.0.0.1${config.listener ?? ''} }
upstreams:
  things:
    targets: [ http://127.0.0.1:${config.upstreamPort} ]
${config.upstream ?? ''}
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: []
    validate: false
${config.api ?? ''}
    ${openOperations}
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
${config.extra ?? ''}
`;
}

export interface TestGateOptions {
  readonly config: string;
  /** Text of openapi.yaml; openContract by default. */
  readonly contract?: string;
  /** More files of the folder, by name. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Data-plane threads; 1 by default. */
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly watch?: boolean;
}

export interface LogEntry {
  readonly level: string;
  readonly event: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

export interface TestGate {
  readonly gate: RunningGate;
  readonly folder: string;
  /** Port of the listener `public`. */
  readonly port: number;
  /** What the gate said of itself. */
  readonly log: readonly LogEntry[];
  portOf(listener: string): number;
  /** Overwrites a file of the configuration; does not reload. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Waits until the access log holds at least `count` lines and answers all of them. */
  accessLines(count: number): Promise<Record<string, unknown>[]>;
}

/** Starts a gate; the test's end closes it and removes its folder. */
export async function startTestGate(t: TestContext, options: TestGateOptions): Promise<TestGate> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-test-'));
  let gate: RunningGate | null = null;
  // One hook: what a gate still writes while it closes must have a folder to be in.
  t.after(async () => {
    await gate?.close();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, 'openapi.yaml'), options.contract ?? openContract);
  await writeFile(join(folder, 'gatewright.yaml'), options.config);
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, name), text);
  const entries: LogEntry[] = [];
  const log: GateLog = {
    write: (level, event, details = {}) => void entries.push({ level, event, details }),
  };
  const started = await startGate({
    file: join(folder, 'gatewright.yaml'),
    workers: options.workers ?? 1,
    log,
    env: options.env ?? {},
    watch: options.watch ?? false,
  });
  gate = started;
  const portOf = (name: string): number => {
    const listener = started.listeners.find((candidate) => candidate.name === name);
    if (listener === undefined) throw new Error(`no listener ${name}`);
    return listener.port;
  };
  return {
    gate: started,
    folder,
    port: portOf(started.listeners[0]!.name),
    log: entries,
    portOf,
    write: (name, content) => writeFile(join(folder, name), content),
    accessLines: (count) =>
      until(async () => {
        const text = await readFile(join(folder, 'access.log'), 'utf8').catch(() => '');
        const lines = text.split('\n').slice(0, -1);
        return lines.length >= count
          ? lines.map((line) => JSON.parse(line) as Record<string, unknown>)
          : undefined;
      }, `${count} lines in the access log`),
  };
}
