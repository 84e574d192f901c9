// The gate's own authorization server on a plain HTTP server, over either database, with users and clients; and a browser
// without a screen that goes through its pages.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as client from 'openid-client';
import type { StateConfig } from '../../src/config/index.ts';
import { type Clock, systemClock } from '../../src/core/index.ts';
import { createRevocationTable, RevocationTable, RevocationWriter } from '../../src/credentials/index.ts';
import { CredentialFeed, IdentityRegistry } from '../../src/identity/index.ts';
import {
  type AuthorizationServerConfig,
  type ClientSettings,
  defaultSettings,
  hashPassword,
  leaveOutLibraryNotices,
  newPassword,
  registerClient,
} from '../../src/oauth/index.ts';
import type { LoginEvent } from '../../src/oauth/interaction.ts';
import type { AuthorizationServer } from '../../src/oauth/server.ts';
import { openState, type State } from '../../src/stores/index.ts';

export const ORDERS = 'https://orders.example';
export const LEDGER = 'https://ledger.example';
export const OPAQUE = 'https://opaque.example';
export const PASSWORD = 'correct horse battery';
export const CALLBACK = 'https://app.example/callback';

/** Cheap hashes: their cost is the subject of one test only. */
const cheap = { memoryKib: 64, passes: 1, lanes: 1, concurrency: 1, queue: 16 };

export const testConfig = (issuer: string): AuthorizationServerConfig => ({
  issuer,
  title: 'Example Accounts',
  resources: [
    { uri: ORDERS, scopes: ['orders:read', 'orders:write'], format: 'jwt', lifetimeMs: 300_000 },
    { uri: LEDGER, scopes: ['orders:read', 'ledger:read'], format: 'jwt', lifetimeMs: 120_000 },
    { uri: OPAQUE, scopes: ['orders:read'], format: 'opaque', lifetimeMs: 300_000 },
  ],
  defaultResource: '',
  algorithm: 'ES256',
  rotateMs: 30 * 86_400_000,
  codeMs: 60_000,
  idTokenMs: 300_000,
  refreshMs: 86_400_000,
  sessionMs: 3_600_000,
  deviceMs: 600_000,
  scopeTexts: { 'orders:read': 'See your orders' },
  federation: [],
  requirePar: false,
  privateClients: false,
  registration: 'off',
  mtlsOrigin: '',
  secondFactor: 'offered',
  passwords: cheap,
});

export interface TestAuthServer {
  readonly issuer: string;
  /** Where requests come from, as the gate would say. */
  address: string;
  readonly server: AuthorizationServer;
  readonly state: State;
  readonly registry: IdentityRegistry;
  readonly events: LoginEvent[];
  /** What the server said of itself. */
  readonly problems: string[];
  /** What the data-plane threads would read. */
  readonly revocations: RevocationTable;
  addUser(id: string, scopes: readonly string[], password?: string): Promise<void>;
  /** Its secret, empty for none. */
  addClient(id: string, scopes: readonly string[], settings: Partial<ClientSettings>): Promise<string>;
  /** openid-client for one of the clients. */
  discover(id: string, auth: client.ClientAuth): Promise<client.Configuration>;
}

export async function startAuthServer(
  t: TestContext,
  options: {
    readonly state?: StateConfig;
    readonly clock?: Clock;
    /** Serves over TLS with this certificate for `localhost`. */
    readonly tls?: { readonly cert: string; readonly key: string };
    readonly config?:
      | Partial<AuthorizationServerConfig>
      | ((issuer: string) => Partial<AuthorizationServerConfig>);
  } = {},
): Promise<TestAuthServer> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewright-oauth-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const clock = options.clock ?? systemClock;
  const state = await openState(
    options.state ?? { kind: 'sqlite', file: join(folder, 'state.db'), sealKey: 'x'.repeat(40) },
  );
  const events: LoginEvent[] = [];
  const problems: string[] = [];
  const memory = createRevocationTable(1024);
  const feed = new CredentialFeed({
    store: state.identity,
    revocations: new RevocationWriter(memory),
    clock,
    onUpdate: () => {},
    onProblem: () => {},
  });
  await feed.start();
  let handle: AuthorizationServer['handle'] = () => Promise.resolve();
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response, running.address).catch((error: unknown) => {
      process.stderr.write(`${String((error as Error).stack)}\n`);
      response.writeHead(500).end();
    });
  };
  const http = options.tls === undefined ? createServer(answer) : createTlsServer(options.tls, answer);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  // Passkeys belong to a domain: "localhost" is one, an address is none.
  const issuer = `${options.tls === undefined ? 'http' : 'https'}://localhost:${(http.address() as AddressInfo).port}`;
  leaveOutLibraryNotices();
  const { AuthorizationServer: Server } = await import('../../src/oauth/server.ts');
  const server = new Server({
    config: {
      ...testConfig(issuer),
      ...(typeof options.config === 'function' ? options.config(issuer) : options.config),
    },
    identity: state.identity,
    store: state.oauth,
    revocations: memory,
    clock,
    onRevoked: () => feed.refresh(),
    onKeys: () => {},
    onEvent: (event) => void events.push(event),
    onProblem: (problem) => void problems.push(problem),
  });
  await server.start();
  handle = (request, response, address) => server.handle(request, response, address);
  t.after(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await server.close();
    await feed.stop();
    await state.close();
  });
  const registry = new IdentityRegistry(state.identity, clock);
  const running: TestAuthServer = {
    issuer,
    address: '192.0.2.7',
    server,
    state,
    registry,
    events,
    problems,
    revocations: new RevocationTable(memory),
    addUser: async (id, scopes, password = PASSWORD) => {
      await registry.add('user', id, scopes, '', null);
      await state.oauth.setCredential(newPassword(hashPassword(password, cheap), id, clock.epochMs()));
    },
    addClient: async (id, scopes, settings) => {
      await registry.add('client', id, scopes, '', null);
      return (await registerClient(state.oauth, id, { ...defaultSettings, ...settings })) ?? '';
    },
    discover: (id, auth) =>
      client.discovery(new URL(issuer), id, undefined, auth, { execute: [client.allowInsecureRequests] }),
  };
  return running;
}

/** A browser as far as the server's pages need one: cookies by path, forms, no redirects to other origins. */
export class PageBrowser {
  readonly #origin: string;
  readonly #fetch: (url: URL, init: RequestInit) => Promise<Response>;
  readonly cookies = new Map<string, { value: string; path: string; line: string }>();
  /** Of what was shown last. */
  text = '';
  status = 0;
  url = '';
  headers = new Headers();

  constructor(issuer: string, fetchLike: (url: URL, init: RequestInit) => Promise<Response> = fetch) {
    this.#origin = new URL(issuer).origin;
    this.#fetch = fetchLike;
  }

  #cookiesFor(path: string): string {
    return [...this.cookies.values()]
      .filter((cookie) => path.startsWith(cookie.path))
      .map(({ value }) => value)
      .join('; ');
  }

  async send(url: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const target = new URL(url, this.url === '' ? this.#origin : this.url);
    const answer = await this.#fetch(target, {
      redirect: 'manual',
      ...init,
      headers: { accept: 'text/html', cookie: this.#cookiesFor(target.pathname), ...init.headers },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = ''] = pair.split('=');
      const path = /; *path=([^;]*)/i.exec(line)?.[1] ?? '/';
      const key = `${name}|${path}`;
      if (/max-age=0|1970/i.test(line)) this.cookies.delete(key);
      else this.cookies.set(key, { value: pair, path, line });
    }
    this.url = target.href;
    this.status = answer.status;
    this.headers = answer.headers;
    return answer;
  }

  /** Follows redirects within the origin; answers the first address elsewhere, or null at a page. */
  async go(
    url: string,
    init: RequestInit & { headers?: Record<string, string> } = {},
  ): Promise<string | null> {
    let answer = await this.send(url, init);
    for (let step = 0; step < 10; step++) {
      const location = answer.headers.get('location');
      if (location === null || answer.status < 300 || answer.status >= 400) {
        this.text = await answer.text();
        return null;
      }
      const next = new URL(location, this.url);
      if (next.origin !== this.#origin) return next.href;
      answer = await this.send(next.href);
    }
    throw new Error('the pages go in circles');
  }

  /** Sends the form whose action ends with `action`, with what it holds and `fields`. */
  submit(action: string, fields: Readonly<Record<string, string>> = {}): Promise<string | null> {
    const forms = [...this.text.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)];
    const form = forms.find(
      ([, target, inner]) =>
        target!.endsWith(action) && (fields['confirm'] === undefined || inner!.includes('name="confirm"')),
    );
    if (form === undefined) throw new Error(`no form ${action} in ${this.status} ${this.text}`);
    const body = new URLSearchParams();
    for (const [input] of form[2]!.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      if (name !== undefined) body.set(name, unescapeHtml(/value="([^"]*)"/.exec(input)?.[1] ?? ''));
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.go(form[1]!, {
      method: 'POST',
      body: body.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: this.#origin },
    });
  }

  /** Signs in and allows what is asked, wherever the pages lead; answers where the application gets its answer. */
  async through(url: string, user: string, password = PASSWORD): Promise<string> {
    let out = await this.go(url);
    for (let step = 0; out === null && step < 4; step++) {
      if (this.text.includes('name="password"')) out = await this.submit('/login', { user, password });
      else if (this.text.includes('/consent"')) out = await this.submit('/consent');
      else throw new Error(`stopped at ${this.status} ${this.text}`);
    }
    if (out === null) throw new Error(`stopped at ${this.status} ${this.text}`);
    return out;
  }
}

const unescapeHtml = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');
