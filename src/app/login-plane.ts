// The control plane's half of logins: the keys of their cookies, what threads must know of the issuers, and answers to
// what threads ask.
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import type { LoginData, LoginRequest, LoginResult, ToWorker } from '../gateway/index.ts';
import {
  type IdentityStore,
  type JwksSource,
  LoginService,
  SigningKeyRing,
  signingKeysOfLogin,
} from '../identity/index.ts';
import type { GateLog } from '../telemetry/index.ts';
import { rotationHooks } from './rotation-plane.ts';

interface Login {
  readonly settings: string;
  readonly issuer: string;
  readonly ring: SigningKeyRing;
  readonly service: LoginService;
}

export class LoginPlane {
  readonly #log: GateLog;
  readonly #audit: (event: AuditEvent) => void;
  readonly #broadcast: (message: ToWorker) => void;
  readonly #source: (issuer: string) => JwksSource | null;
  readonly #logins = new Map<string, Login>();

  constructor(
    log: GateLog,
    audit: (event: AuditEvent) => void,
    broadcast: (message: ToWorker) => void,
    source: (issuer: string) => JwksSource | null,
  ) {
    this.#log = log;
    this.#audit = audit;
    this.#broadcast = broadcast;
    this.#source = source;
  }

  /** Starts what `config` needs and stops what it does not. Rejects when the state can not be used. */
  async configure(config: GateConfig, store: IdentityStore | null): Promise<void> {
    for (const [name, login] of this.#logins) {
      if (config.logins.some((entry) => entry.name === name)) continue;
      login.ring.stop();
      this.#logins.delete(name);
    }
    for (const entry of config.logins) {
      const issuer = config.issuers.find(({ name }) => name === entry.issuer)!;
      const settings = JSON.stringify([entry, issuer]);
      const kept = this.#logins.get(entry.name);
      if (kept?.settings === settings) continue;
      if (store === null) throw new Error('a login needs the state, which begins with a restart');
      const ring = new SigningKeyRing(store, signingKeysOfLogin(entry), systemClock, {
        ...rotationHooks(this.#log, this.#audit),
        onChange: () => this.announce(),
      });
      await ring.start();
      kept?.ring.stop();
      const service = new LoginService(
        {
          ...entry,
          issuerUrl: issuer.issuer,
          algorithms: issuer.algorithms,
          clockSkewMs: issuer.clockSkewMs,
          fetch: issuer.fetch,
        },
        () => this.#source(entry.issuer),
        store,
        systemClock,
      );
      this.#logins.set(entry.name, { settings, issuer: entry.issuer, ring, service });
    }
  }

  /** What threads must know at the moment. */
  data(): LoginData[] {
    return [...this.#logins].map(([name, { issuer, ring }]) => {
      const metadata = this.#source(issuer)?.metadata ?? null;
      return {
        name,
        ...sealKeys(ring),
        issuer: metadata?.issuer ?? '',
        authorizationEndpoint: metadata?.authorizationEndpoint ?? '',
        endSessionEndpoint: metadata?.endSessionEndpoint ?? '',
      };
    });
  }

  /** Tells all threads: keys or issuers have changed. */
  announce(): void {
    if (this.#logins.size > 0) this.#broadcast({ kind: 'logins', logins: this.data() });
  }

  async answer(name: string, request: LoginRequest): Promise<LoginResult> {
    const login = this.#logins.get(name);
    if (login === undefined) return { kind: 'unavailable' };
    switch (request.kind) {
      case 'code':
        return login.service.exchangeCode(
          request.code,
          request.verifier,
          request.nonce,
          request.stepUp,
          sealKeys(login.ring),
        );
      case 'back-channel':
        return login.service.backChannel(request.token);
      case 'logout':
        return login.service.endSession(request.session);
    }
  }

  stop(): void {
    for (const { ring } of this.#logins.values()) ring.stop();
  }
}

function sealKeys(ring: SigningKeyRing): Pick<LoginData, 'keys' | 'currentId'> {
  return {
    keys: ring.all.map(({ id, jwk }) => ({ id, key: (JSON.parse(jwk) as { k: string }).k })),
    currentId: ring.current?.id ?? '',
  };
}
