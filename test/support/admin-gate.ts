// A gate with the control plane's API on an internal listener, and callers of every role.
import type { TestContext } from 'node:test';
import { type Role, roles, scopeOfRole } from '../../src/admin-api/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { IdentityRegistry } from '../../src/identity/index.ts';
import { openState, type State } from '../../src/stores/index.ts';
import { openContract, startTestGate, type TestGate } from './gate.ts';
import { startRawUpstream } from './raw-upstream.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, judged by assertions
  readonly json: any;
}

export interface AdminGate {
  readonly gate: TestGate;
  /** Of the console's listener. */
  readonly origin: string;
  readonly state: State;
  readonly registry: IdentityRegistry;
  /** Key of a client with this role. */
  readonly keys: Readonly<Record<Role | 'none', string>>;
  call(method: string, path: string, options?: AdminCall): Promise<AdminAnswer>;
  /** A call of the API that is protected. */
  things(path: string, init?: RequestInit): Promise<Response>;
}

export interface AdminCall {
  readonly as?: Role | 'none';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const config = (upstreamPort: number, more: string): string => `listeners:
  public: { port: 0, host: 127.0.0.1 }
  console: { port: 0, host: 127.0.0.1, exposure: internal }
state: { sqlite: ./state.db }
audit: { folder: ./audit }
upstreams:
  things: { targets: [ http://127.0.0.1:${upstreamPort} ] }
identity:
  roles: { keeper: { members: [ shop ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    limits: [ { per: address, rate: 10000/s } ]
    validate: false
    authenticate: [ { api-key: {} } ]
    inspect: { rules: [ builtin ] }
    operations:
      listThings: { public: true, reason: test }
      createThing: { public: true, reason: test }
      getThing: { public: true, reason: test, scopes: [ 'things:read' ] }
  control:
    service: admin
    exposure: internal
    limits: []
telemetry: { listen: { port: 0 }, access-log: { to: { segments: ./logs }, query-values: keep, match-values: keep } }
${more}`;

/** Starts it; the test's end takes it away. */
export async function startAdminGate(t: TestContext, more = ''): Promise<AdminGate> {
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: config(upstream.port, more).replace(", scopes: [ 'things:read' ]", ''),
    contract: openContract,
  });
  const state = await openState({ kind: 'sqlite', file: `${gate.folder}/state.db`, sealKey: null });
  t.after(() => state.close());
  const registry = new IdentityRegistry(state.identity, systemClock);
  const keys: Record<string, string> = {};
  for (const role of [...roles, 'none'] as const) {
    const scopes = role === 'none' ? ['things:read'] : [scopeOfRole(role)];
    keys[role] = (await registry.add('client', `${role}-program`, scopes, '', {}))!.key;
  }
  const origin = `http://localhost:${gate.portOf('console')}`;
  return {
    gate,
    origin,
    state,
    registry,
    keys: keys as AdminGate['keys'],
    things: (path, init = {}) => fetch(`http://127.0.0.1:${gate.port}${path}`, init),
    call: async (method, path, { as, body, headers = {} } = {}) => {
      const response = await fetch(`${origin}/api/v1${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(as === undefined ? {} : { authorization: `Bearer ${keys[as]}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson ? JSON.parse(text) : null,
      };
    },
  };
}
