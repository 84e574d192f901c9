// The authorization server: its keys, its provider, its pages, behind one handler. It lives on the main thread and answers
// what the gate passes on; whoever calls, from where, is the gate's word, never the request's.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Clock } from '../core/index.ts';
import { type RevocationMemory, RevocationTable, TextSeal } from '../credentials/index.ts';
import { type IdentityStore, type RotationReport, SigningKeyRing } from '../identity/index.ts';
import { AccountService } from './account-service.ts';
import { Accounts } from './accounts.ts';
import { ArtifactMac } from './artifact-mac.ts';
import { ClientCertificates, type ShownCertificate } from './client-certificates.ts';
import { type AuthorizationServerConfig, keysOfServer, type OAuthStore } from './contract.ts';
import { Federation } from './federation.ts';
import type { LoginEvent } from './interaction.ts';
import { Interactions } from './interactions.ts';
import { type LoginAttempt, LoginThrottle } from './login-throttle.ts';
import { OwnTokens } from './own-tokens.ts';
import { assets } from './pages/assets.ts';
import type { PageFrame } from './pages/layout.ts';
import { messagePage } from './pages/login-pages.ts';
import { ProviderPages } from './pages/provider-pages.ts';
import { PasswordHasher } from './passwords/password-hasher.ts';
import { createProvider } from './provider.ts';
import { Artifacts } from './unit-of-work.ts';
import { RequestError, sendPage } from './web.ts';

export interface AuthorizationServerOptions {
  readonly config: AuthorizationServerConfig;
  readonly identity: IdentityStore;
  readonly store: OAuthStore;
  readonly revocations: RevocationMemory;
  readonly clock: Clock;
  /** Awaited after a withdrawal was written, before its answer goes out. */
  readonly onRevoked: () => Promise<void>;
  /** Hears of new keys. */
  readonly onKeys: () => void;
  readonly onEvent: (event: LoginEvent) => void;
  readonly onProblem: (problem: string) => void;
  /** Hears of keys that this node made. */
  readonly onRotated?: (report: RotationReport) => void;
}

/** How often what has ended is removed, ms. */
const PRUNE_MS = 600_000;
/** Where a request keeps the address it came from. */
const caller = Symbol('address');
const shown = Symbol('certificate');

type Called = IncomingMessage & {
  [caller]?: string;
  [shown]?: ShownCertificate | null;
  originalUrl?: string;
};

export class AuthorizationServer {
  readonly #options: AuthorizationServerOptions;
  readonly #frame: PageFrame;
  readonly #pages: ProviderPages;
  readonly #ring: SigningKeyRing;
  readonly #cookieRing: SigningKeyRing;
  readonly #artifacts: Artifacts;
  readonly #tokens: OwnTokens;
  readonly #hasher: PasswordHasher;
  readonly #throttle: LoginThrottle;
  readonly #interactions: Interactions;
  readonly #account: AccountService;
  readonly #certificates: ClientCertificates;
  #provider: Provider | null = null;
  #seal = new TextSeal([], '');
  #mac = new ArtifactMac({ keys: [], currentId: '' });
  #handle: ReturnType<Provider['callback']> = () => Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: AuthorizationServerOptions) {
    this.#options = options;
    const { config, identity, store, clock, revocations, onProblem } = options;
    const [signing, cookies] = keysOfServer(config);
    const hooks = { onChange: () => this.#renew(), onProblem, onRotated: options.onRotated ?? (() => {}) };
    this.#ring = new SigningKeyRing(identity, signing, clock, hooks);
    this.#cookieRing = new SigningKeyRing(identity, cookies, clock, hooks);
    this.#frame = { title: config.title, base: new URL(config.issuer).pathname.replace(/\/$/, '') };
    this.#pages = new ProviderPages(this.#frame);
    this.#artifacts = new Artifacts(
      store,
      () => this.#mac,
      options.onRevoked,
      (place) => onProblem(`${place} was not written by this server, or was changed: it is not taken`),
    );
    this.#tokens = new OwnTokens(config, this.#ring, revocations, clock);
    this.#certificates = new ClientCertificates(
      new RevocationTable(revocations),
      (ctx) => (ctx.req as Called)[shown] ?? null,
      () => clock.epochMs(),
    );
    this.#hasher = new PasswordHasher(config.passwords);
    this.#throttle = new LoginThrottle(store);
    const accounts = new Accounts(store, this.#hasher, config, clock);
    const common = {
      config,
      accounts,
      throttle: this.#throttle,
      frame: this.#frame,
      clock,
      onEvent: options.onEvent,
    };
    const federation = new Federation(
      config.federation,
      store,
      (name) => `${config.issuer.replace(/\/$/, '')}/federated/${encodeURIComponent(name)}`,
      clock,
    );
    this.#interactions = new Interactions({ ...common, federation });
    this.#account = new AccountService({ ...common, artifacts: this.#artifacts });
  }

  /** Makes sure that there are keys. Rejects when the state can not be used. */
  async start(): Promise<void> {
    await this.#cookieRing.start();
    await this.#ring.start();
    this.#renew();
    this.#timer = setInterval(() => {
      this.#options.store
        .pruneArtifacts(this.#options.clock.epochMs())
        .catch((error: Error) => this.#options.onProblem(error.message));
    }, PRUNE_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#ring.stop();
    this.#cookieRing.stop();
    await this.#hasher.close();
  }

  /** Public keys of its tokens, JSON text. */
  jwks(): string {
    return this.#ring.jwks();
  }

  /** Claims of a token of this server that is good now; null for any other. */
  async introspect(token: string): Promise<Readonly<Record<string, unknown>> | null> {
    if (this.#provider === null) return null;
    const found = await this.#tokens.read(this.#provider, token);
    return found?.claims ?? null;
  }

  /** Looks at the keys now, as the timer does. For commands and tests. */
  async rotate(force: boolean): Promise<void> {
    await this.#cookieRing.rotate(false);
    await this.#ring.rotate(force);
  }

  #renew(): void {
    const current = this.#cookieRing.current;
    if (current === null || this.#ring.current === null) return;
    const keys = this.#cookieRing.all.map(({ id, jwk }) => ({
      id,
      key: (JSON.parse(jwk) as { k: string }).k,
    }));
    this.#seal = new TextSeal(keys, current.id);
    this.#mac = new ArtifactMac({ keys, currentId: current.id });
    const { config, store, clock, onEvent } = this.#options;
    // The key that signs first; oidc-provider signs cookies with that and takes any.
    const cookieKeys = [...keys]
      .sort((a, b) => Number(b.id === current.id) - Number(a.id === current.id))
      .map(({ key }) => key);
    this.#provider = createProvider({
      config,
      store,
      artifacts: this.#artifacts,
      tokens: this.#tokens,
      ring: this.#ring,
      cookieKeys,
      pages: this.#pages,
      clock,
      addressOf,
      certificates: this.#certificates,
      onEvent: (action, ctx, reason) => onEvent(protocolEvent(action, ctx, reason)),
    });
    this.#handle = this.#provider.callback();
    this.#options.onKeys();
  }

  /**
   * Answers one request that came from `address`, on a connection that has shown `certificate` (null for none); its path is
   * the whole one, as clients sent it.
   */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    address: string,
    certificate: ShownCertificate | null = null,
  ): Promise<void> {
    const called = request as Called;
    called[shown] = certificate;
    const path = this.#localPath(called, address);
    try {
      if (path === null) throw new RequestError(404, 'There is no such page.');
      if (await this.#ownPage(called, response, path, address)) return;
      const guess = await this.#deviceGuess(called, path, address);
      await this.#handle(called, response);
      if (guess !== null && !this.#pages.hadWrongCode(called)) await this.#throttle.takeBack(guess);
    } catch (error) {
      if (!(error instanceof RequestError) || response.headersSent) throw error;
      sendPage(response, messagePage(this.#frame, 'This does not work', error.message), error.status);
    }
  }

  /**
   * Path below the issuer, after the request was made to say what the gate and the configuration say: one host, one
   * scheme, one address. Null for a path elsewhere.
   */
  #localPath(request: Called, address: string): string | null {
    const { host, protocol } = new URL(this.#options.config.issuer);
    for (const name of Object.keys(request.headers))
      if (name.startsWith('x-forwarded-') || name === 'forwarded') delete request.headers[name];
    request.headers.host = host;
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    request[caller] = address;
    const url = request.url ?? '/';
    const { base } = this.#frame;
    if (base !== '' && url !== base && !url.startsWith(`${base}/`)) return null;
    request.originalUrl = url;
    request.url = url.slice(base.length) || '/';
    const path = request.url.split('?')[0]!;
    if (path === '/.well-known/oauth-authorization-server')
      request.url = `/.well-known/openid-configuration${request.url.slice(path.length)}`;
    return path;
  }

  /** Whether it was one of the pages that oidc-provider has no part in. */
  async #ownPage(request: Called, response: ServerResponse, path: string, address: string): Promise<boolean> {
    const provider = this.#provider;
    if (provider === null) throw new Error('the authorization server has not started');
    const call = { provider, seal: this.#seal, request, response, address };
    const [, area = '', first = '', ...rest] = path.split('/');
    switch (area) {
      case 'assets':
        sendAsset(request, response, first);
        return true;
      case 'interaction':
        await this.#interactions.answer(call, first, rest.join('/'));
        return true;
      case 'federated':
        await this.#interactions.federated(
          call,
          decodeURIComponent(first),
          new URL(request.url!, 'http://x').search,
        );
        return true;
      case 'account':
        await this.#account.answer(call, [first, ...rest].filter((part) => part !== '').join('/'));
        return true;
      default:
        return false;
    }
  }

  /** Codes of devices are short: an address may try a few. Counts one; null where nothing is tried. */
  async #deviceGuess(request: Called, path: string, address: string): Promise<LoginAttempt | null> {
    if (path !== '/device' || request.method !== 'POST') return null;
    const nowMs = this.#options.clock.epochMs();
    const verdict = await this.#throttle.begin('device', address, address, '', nowMs);
    if (verdict.kind === 'go') return verdict.attempt;
    throw new RequestError(429, 'Too many codes were tried. Please wait a few minutes.');
  }
}

const addressOf = (ctx: KoaContextWithOIDC): string => (ctx.req as Called)[caller] ?? '';

function sendAsset(request: IncomingMessage, response: ServerResponse, name: string): void {
  const found = assets.get(name);
  if (found === undefined) throw new RequestError(404, 'There is no such page.');
  const fields = {
    'content-type': found.type,
    'cache-control': 'public, max-age=3600',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    etag: found.etag,
  };
  if (request.headers['if-none-match'] === found.etag) {
    response.writeHead(304, fields);
    response.end();
    return;
  }
  response.writeHead(200, { ...fields, 'content-length': Buffer.byteLength(found.body) });
  response.end(found.body);
}

function protocolEvent(action: string, ctx: KoaContextWithOIDC, reason: string): LoginEvent {
  const { oidc } = ctx;
  const client = oidc?.client?.clientId ?? '';
  const grantType = oidc?.params?.['grant_type'];
  return {
    action,
    actor: client,
    target: oidc?.entities.Account?.accountId ?? oidc?.session?.accountId ?? client,
    outcome: reason === '' ? 'success' : 'failure',
    reason: reason === '' && typeof grantType === 'string' ? grantType : reason,
    address: addressOf(ctx),
  };
}
