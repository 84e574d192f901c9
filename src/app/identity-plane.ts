// The control plane's half of identity: the state, what it says about keys and withdrawals, and the key sets of issuers.
// All of it lives on the main thread and outlasts a reload that does not change it; threads get copies and shared
// memory.
import { randomBytes } from 'node:crypto';
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import {
  type ApiKeyUse,
  createReplayTable,
  createRevocationTable,
  RevocationWriter,
} from '../credentials/index.ts';
import type {
  CredentialsStart,
  IssuerKeys,
  LoginData,
  LoginRequest,
  LoginResult,
  ToWorker,
} from '../gateway/index.ts';
import {
  CredentialFeed,
  type Introspection,
  Introspector,
  JwksSource,
  SigningKeyRing,
} from '../identity/index.ts';
import { BUILT_IN_ISSUER } from '../oauth/contract.ts';
import { openState, type State } from '../stores/index.ts';
import type { GateLog } from '../telemetry/index.ts';
import { LoginPlane } from './login-plane.ts';
import { OAuthPlane } from './oauth-plane.ts';
import { rotationHooks } from './rotation-plane.ts';

export class IdentityPlane {
  readonly #log: GateLog;
  readonly #broadcast: (message: ToWorker) => void;
  readonly #audit: (event: AuditEvent) => void;
  readonly #revocationMemory = createRevocationTable();
  readonly #replayMemory = createReplayTable();
  readonly #revocations = new RevocationWriter(this.#revocationMemory);
  #state: State | null = null;
  #feed: CredentialFeed | null = null;
  #stateUp = true;
  readonly #logins: LoginPlane;
  /** The gate's own authorization server. */
  readonly oauth: OAuthPlane;
  #ring: { settings: string; ring: SigningKeyRing } | null = null;
  readonly #nonceKey = new Uint8Array(randomBytes(32));
  #sources = new Map<string, { settings: string; source: JwksSource }>();
  #introspectors = new Map<string, { settings: string; introspector: Introspector }>();

  constructor(log: GateLog, broadcast: (message: ToWorker) => void, audit: (event: AuditEvent) => void) {
    this.#log = log;
    this.#broadcast = broadcast;
    this.#audit = audit;
    this.oauth = new OAuthPlane({
      log,
      audit,
      revocations: this.#revocationMemory,
      refresh: async () => this.#feed?.refresh(),
      onKeys: (keys) => broadcast({ kind: 'keys', keys }),
    });
    this.#logins = new LoginPlane(
      log,
      audit,
      broadcast,
      (issuer) => this.#sources.get(issuer)?.source ?? null,
    );
  }

  /** Opens the state and reads what callers are known. Rejects with StateError: without it nothing is withdrawn. */
  async start(config: GateConfig): Promise<void> {
    if (config.state !== null) {
      this.#state = await openState(config.state);
      this.#feed = new CredentialFeed({
        store: this.#state.identity,
        revocations: this.#revocations,
        clock: systemClock,
        onUpdate: (update) => this.#broadcast({ kind: 'api-keys', update }),
        onProblem: (problem) => {
          this.#stateUp = problem === null;
          if (problem === null) this.#log.write('info', 'state-available');
          else this.#log.write('error', 'state-unavailable', { problem });
        },
      });
      await this.#feed.start();
    }
    await this.configure(config);
  }

  /** What a thread that starts now must know. */
  startData(): Omit<CredentialsStart, 'callers' | 'gateIdentity'> {
    return {
      revocations: this.#revocationMemory,
      replays: this.#replayMemory,
      nonceKey: this.#nonceKey,
      signingKey: this.#ring?.ring.current ?? null,
      keys: this.#feed?.rows() ?? [],
    };
  }

  keySets(): IssuerKeys[] {
    const own = this.oauth.keys();
    const others = [...this.#sources].map(([issuer, { source }]) => ({
      issuer,
      document: source.document,
      version: source.version,
    }));
    return own === null ? others : [...others, own];
  }

  /** Open until `close`; null without one. */
  get state(): State | null {
    return this.#state;
  }

  /** Whether the state answered when it was last asked; true without one. */
  get stateUp(): boolean {
    return this.#stateUp;
  }

  get storedKeys(): number {
    return this.#feed?.size ?? 0;
  }

  get revocations(): number {
    return this.#revocations.size;
  }

  /** Has the threads know at once of what was written to the state. */
  async refresh(): Promise<void> {
    await this.#feed?.refresh();
  }

  noteUses(uses: readonly ApiKeyUse[]): void {
    this.#feed?.noteUses(uses);
  }

  /** Starts what `config` needs and stops what it does not. */
  async configure(config: GateConfig): Promise<void> {
    const started: Promise<void>[] = [];
    const next = new Map<string, { settings: string; source: JwksSource }>();
    this.#configureIntrospection(config);
    started.push(this.#configureSigning(config), this.oauth.configure(config, this.#state));
    for (const issuer of config.issuers) {
      const { keys } = issuer;
      if (keys.kind === 'none' || keys.kind === 'built-in') continue;
      const settings = JSON.stringify([
        issuer.issuer,
        keys,
        issuer.fetch,
        issuer.refreshMs,
        issuer.refetchMinMs,
        issuer.maxStaleMs,
      ]);
      const kept = this.#sources.get(issuer.name);
      if (kept !== undefined && kept.settings === settings) {
        next.set(issuer.name, kept);
        // A file may have changed; its change is why the reload came.
        if (keys.kind === 'file') started.push(kept.source.start());
        continue;
      }
      const source = new JwksSource({ ...issuer, keys }, systemClock, ({ document, version }) => {
        if (this.#sources.get(issuer.name)?.source !== source) return;
        this.#broadcast({ kind: 'keys', keys: { issuer: issuer.name, document, version } });
        this.#logins.announce();
      });
      next.set(issuer.name, { settings, source });
      started.push(source.start());
    }
    for (const [name, kept] of this.#sources) if (next.get(name) !== kept) kept.source.stop();
    this.#sources = next;
    await Promise.all(started);
    await this.#logins.configure(config, this.#state?.identity ?? null);
  }

  #configureIntrospection(config: GateConfig): void {
    const next = new Map<string, { settings: string; introspector: Introspector }>();
    for (const { name, issuer, introspection, fetch } of config.issuers) {
      if (introspection === null || name === BUILT_IN_ISSUER) continue;
      const settings = JSON.stringify([issuer, introspection, fetch]);
      const kept = this.#introspectors.get(name);
      const introspector =
        kept?.settings === settings
          ? kept.introspector
          : new Introspector(
              { ...introspection, issuer, fetch },
              () => this.#sources.get(name)?.source.metadata ?? null,
              systemClock,
            );
      next.set(name, { settings, introspector });
    }
    this.#introspectors = next;
  }

  async #configureSigning({ forward }: GateConfig): Promise<void> {
    const settings = JSON.stringify([forward?.algorithm, forward?.rotateMs, forward?.keepMs]);
    if (forward !== null && this.#ring?.settings === settings) return;
    this.#ring?.ring.stop();
    this.#ring = null;
    if (forward === null) return;
    if (this.#state === null)
      throw new Error('identity.forward needs the state, which begins with a restart');
    const ring = new SigningKeyRing(this.#state.identity, { purpose: 'forward', ...forward }, systemClock, {
      ...rotationHooks(this.#log, this.#audit),
      onChange: (key) => this.#broadcast({ kind: 'signing-key', key }),
    });
    await ring.start();
    this.#ring = { settings, ring };
  }

  /** Public keys of what the gate signs, JSON text. */
  signingKeySet(): string {
    return this.#ring?.ring.jwks() ?? '{"keys":[]}';
  }

  loginData(): LoginData[] {
    return this.#logins.data();
  }

  async login(name: string, request: LoginRequest): Promise<LoginResult> {
    const result = await this.#logins.answer(name, request);
    // Whoever is told that a session has ended must find it so.
    if (result.kind === 'done') await this.#feed?.refresh();
    return result;
  }

  introspect(issuer: string, token: string): Promise<Introspection> {
    if (issuer === BUILT_IN_ISSUER) return this.oauth.introspect(token);
    const found = this.#introspectors.get(issuer)?.introspector;
    return found === undefined ? Promise.resolve({ kind: 'unavailable' }) : found.introspect(token);
  }

  async refreshKeys(issuer: string): Promise<void> {
    const source = this.#sources.get(issuer)?.source;
    if (source !== undefined) {
      await source.requestRefresh();
      const { document, version } = source;
      this.#broadcast({ kind: 'keys', keys: { issuer, document, version } });
    }
    const own = issuer === BUILT_IN_ISSUER ? this.oauth.keys() : null;
    if (own !== null) this.#broadcast({ kind: 'keys', keys: own });
    this.#broadcast({ kind: 'refreshed', issuer });
  }

  async close(): Promise<void> {
    for (const { source } of this.#sources.values()) source.stop();
    this.#ring?.ring.stop();
    this.#logins.stop();
    await this.oauth.close();
    await this.#feed?.stop();
    await this.#state?.close();
  }
}
