// The control plane's half of the authorization server: it lives while the configuration has one, and its code is loaded
// only then. A change makes a new one beside the old, which answers until the new one can.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { type ServiceCall, sendProblem } from '../control/index.ts';
import { systemClock } from '../core/index.ts';
import type { RevocationMemory } from '../credentials/index.ts';
import type { IssuerKeys } from '../gateway/index.ts';
import type { Introspection } from '../identity/index.ts';
import { BUILT_IN_ISSUER } from '../oauth/contract.ts';
import { leaveOutLibraryNotices } from '../oauth/index.ts';
import type { AuthorizationServer } from '../oauth/server.ts';
import type { State } from '../stores/index.ts';
import type { GateLog } from '../telemetry/index.ts';
import { rotationHooks } from './rotation-plane.ts';

export interface OAuthPlaneParts {
  readonly log: GateLog;
  readonly audit: (event: AuditEvent) => void;
  readonly revocations: RevocationMemory;
  /** Has the threads know of withdrawals that were written. */
  readonly refresh: () => Promise<void>;
  readonly onKeys: (keys: IssuerKeys) => void;
}

export class OAuthPlane {
  readonly #parts: OAuthPlaneParts;
  #running: { readonly settings: string; readonly server: AuthorizationServer } | null = null;
  #version = 0;

  constructor(parts: OAuthPlaneParts) {
    this.#parts = parts;
  }

  /** Starts, changes or ends the server. Rejects when the state can not be used. */
  async configure({ authorizationServer: config }: GateConfig, state: State | null): Promise<void> {
    const settings = JSON.stringify(config);
    const before = this.#running;
    if (before?.settings === settings) return;
    if (config === null) {
      this.#running = null;
      await before?.server.close();
      return;
    }
    if (state === null)
      throw new Error('the authorization server needs the state, which begins with a restart');
    const { log, audit, revocations, refresh, onKeys } = this.#parts;
    leaveOutLibraryNotices();
    const { AuthorizationServer } = await import('../oauth/server.ts');
    const server = new AuthorizationServer({
      config,
      identity: state.identity,
      store: state.oauth,
      revocations,
      clock: systemClock,
      onRevoked: refresh,
      onKeys: () => {
        this.#version++;
        if (this.#running?.server === server) onKeys(this.keys()!);
      },
      onEvent: ({ action, actor, target, outcome, reason, address }) => {
        log.write(outcome === 'success' ? 'info' : 'warning', 'identity', {
          action,
          actor,
          target,
          outcome,
          reason,
          address,
        });
        audit({
          action: 'identity.event',
          outcome: outcome === 'success' ? 'success' : 'failure',
          actor: { kind: 'user', id: actor },
          target: target === '' ? null : { kind: 'client', id: target },
          address,
          reason,
          details: { event: action },
        });
      },
      onProblem: (problem) => log.write('error', 'authorization-server', { problem }),
      onRotated: rotationHooks(log, audit).onRotated,
    });
    await server.start();
    this.#running = { settings, server };
    onKeys(this.keys()!);
    await before?.server.close();
  }

  /** What threads verify its tokens with; null without a server. */
  keys(): IssuerKeys | null {
    if (this.#running === null) return null;
    return { issuer: BUILT_IN_ISSUER, document: this.#running.server.jwks(), version: this.#version };
  }

  async introspect(token: string): Promise<Introspection> {
    if (this.#running === null) return { kind: 'unavailable' };
    const claims = await this.#running.server.introspect(token);
    if (claims === null) return { kind: 'inactive' };
    return { kind: 'active', claims, untilMs: Number(claims['exp']) * 1000 };
  }

  /** Answers what the gate passes on. */
  async handle(request: IncomingMessage, response: ServerResponse, call: ServiceCall): Promise<void> {
    const server = this.#running?.server;
    if (server === undefined) return sendProblem(response, 'service-unavailable', call.exchangeId);
    request.url = `${call.base}${request.url ?? '/'}`;
    const { shown, certificate } = call;
    await server.handle(
      request,
      response,
      call.clientAddress,
      shown === null ? null : { ...shown, identities: certificate?.identities ?? [] },
    );
  }

  async close(): Promise<void> {
    await this.#running?.server.close();
  }
}
