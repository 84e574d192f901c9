// A vault of its own for one test, on SQLite, and its API on a port of loopback.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { StateConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import type { VaultUse } from '../../src/vault/contract.ts';
import { serveVault, TokenStore, Unsealing, type VaultParts, VaultService } from '../../src/vault/index.ts';
import { startTestGate, type TestGate } from './gate.ts';

export interface TestVault {
  readonly state: State;
  readonly service: VaultService;
  readonly address: string;
  readonly rootToken: string;
  readonly uses: VaultUse[];
  readonly config: StateConfig;
  /** One call of the API. */
  call(
    method: string,
    path: string,
    body?: unknown,
    token?: string,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, whatever their shape.
  readonly body: any;
}

export interface TestVaultOptions {
  readonly config?: StateConfig;
  readonly engines?: VaultParts['engines'];
}

export async function startTestVault(t: TestContext, options: TestVaultOptions = {}): Promise<TestVault> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-vault-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config: StateConfig = options.config ?? {
    kind: 'sqlite',
    file: join(folder, 'state.db'),
    sealKey: 'a seal key of more than thirty-two characters',
  };
  const state = await openState(config);
  t.after(() => state.close());
  const uses: VaultUse[] = [];
  const service = new VaultService({
    barrier: state.vault,
    clock: systemClock,
    audit: (use) => void uses.push(use),
    unsealing: new Unsealing(state.vault, config.root?.kind === 'shares'),
    ...(options.engines === undefined ? {} : { engines: options.engines }),
  });
  const address = await serve(t, service);
  let rootToken = '';
  if (!state.vault.sealed) {
    await service.mounts.table();
    rootToken = (
      await state.vault.transaction((session) =>
        service.tokens.issue(session, { policies: ['root'], ttlMs: 0, path: 'auth/token/root' }),
      )
    ).id;
  }
  const call: TestVault['call'] = async (method, path, body, token = rootToken, headers = {}) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { ...(token === '' ? {} : { 'x-vault-token': token }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };
  return { state, service, address, rootToken, uses, config, call };
}

async function serve(t: TestContext, service: VaultService): Promise<string> {
  const server = createServer((request, response) => {
    serveVault(service, request, response, { target: request.url ?? '/', address: '127.0.0.1' }).catch(
      (error: unknown) => {
        process.stderr.write(`${String((error as Error).stack)}\n`);
        response.destroy();
      },
    );
  });
  // Clients come back to connections after any time; none is closed under them.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface VaultGate extends TestGate {
  readonly address: string;
  /** Empty while the vault is sealed. */
  readonly rootToken: string;
}

export interface VaultGateOptions {
  /** The `vault:` section and whatever else, each key at column 0. */
  readonly extra?: string;
  readonly state?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** A whole gate whose vault is served on its listener. */
export async function startVaultGate(t: TestContext, options: VaultGateOptions = {}): Promise<VaultGate> {
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: {}
state: ${options.state ?? '{ sqlite: ./state.db }'}
apis:
  vault: { service: vault, limits: [] }
telemetry: { listen: { port: 0 }, access-log: { to: { file: ./access.log } } }
${options.extra ?? ''}
`,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.files === undefined ? {} : { files: options.files }),
  });
  const rootToken =
    options.extra?.includes('shares') === true ? '' : await rootTokenOf(gate.gate.config.state!);
  return { ...gate, address: `http://127.0.0.1:${gate.port}`, rootToken };
}

/** A root token, made beside the running gate as the command line makes it. */
export async function rootTokenOf(config: StateConfig): Promise<string> {
  const state = await openState(config);
  try {
    const tokens = new TokenStore(state.vault, systemClock);
    const made = await state.vault.transaction((session) =>
      tokens.issue(session, { policies: ['root'], ttlMs: 0, path: 'auth/token/root' }),
    );
    return made.id;
  } finally {
    await state.close();
  }
}
