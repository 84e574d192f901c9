// The vault as the gate runs it: its API behind the guards, its clock (ends, rotations, retries), and its audit.
import type { GateConfig } from '../config/index.ts';
import { type ServiceHandler, sendProblem } from '../control/index.ts';
import { systemClock } from '../core/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog } from '../telemetry/index.ts';
import {
  DatabaseEngine,
  GateEngine,
  type MountedEngine,
  readReference,
  rotateVaultKeys,
  serveVault,
  Unsealing,
  VaultService,
  type VaultUse,
} from '../vault/index.ts';
import type { AuditPlane } from './audit-plane.ts';
import { gateKeys } from './gate-keys.ts';

/** Changes that come together are looked at once, ms. */
const SETTLE_MS = 100;
/** How often what is due is looked for, ms. */
const TIDY_MS = 2000;

export class VaultPlane {
  readonly #log: GateLog;
  readonly #trail: AuditPlane;
  #service: VaultService | null = null;
  #timer: NodeJS.Timeout | null = null;
  #tidying: Promise<void> = Promise.resolve();
  #problem = '';
  #rotateMs = 0;
  #references: GateConfig['vault']['references'] = [];
  readonly #reload: () => Promise<unknown>;
  #stopWatching: (() => void) | null = null;
  #settling: NodeJS.Timeout | null = null;

  /** `reload` is called when a secret has changed that the configuration refers to. */
  constructor(log: GateLog, audit: AuditPlane, reload: () => Promise<unknown>) {
    this.#log = log;
    this.#trail = audit;
    this.#reload = reload;
  }

  /** Takes the state into use; null where there is none. */
  start(config: GateConfig, state: State | null): void {
    this.configure(config);
    if (state === null) return;
    this.#service = new VaultService({
      barrier: state.vault,
      clock: systemClock,
      audit: (use) => this.#audit(use),
      unsealing: new Unsealing(state.vault, config.state?.root?.kind === 'shares'),
      engines: new Map<string, (service: VaultService) => MountedEngine>([
        ['database', (service) => new DatabaseEngine(service)],
        ['gatewright', (service) => new GateEngine(service, gateKeys(state.identity))],
      ]),
    });
    this.#stopWatching = state.vault.onChange(() => this.#changed());
    this.#timer = setInterval(() => {
      this.#tidying = this.#tidying.then(() => this.#tidy());
    }, TIDY_MS);
    this.#timer.unref();
  }

  configure(config: GateConfig): void {
    this.#rotateMs = config.vault.rotateMs;
    this.#references = config.vault.references;
  }

  readonly handler: ServiceHandler = (request, response, call) => {
    if (this.#service === null) return sendProblem(response, 'service-unavailable', call.exchangeId);
    return serveVault(this.#service, request, response, {
      target: request.url ?? '/',
      address: call.clientAddress,
      // LIST came as GET: Node's parser does not know it.
      ...(call.operation === 'vaultList' ? { method: 'LIST' } : {}),
    });
  };

  /** A use that can not be written down does not happen. */
  #audit({ actor, action, path, outcome, address, details }: VaultUse): Promise<void> {
    this.#log.write(outcome === 'allowed' ? 'info' : 'warning', 'vault-used', {
      actor,
      action,
      path,
      outcome,
      address,
      ...details,
    });
    return this.#trail.append({
      action: 'vault.use',
      outcome: outcome === 'allowed' ? 'success' : outcome === 'denied' ? 'refused' : 'failure',
      actor: { kind: 'vault-token', id: actor },
      target: { kind: 'path', id: path },
      address,
      details: { event: action, ...details },
    });
  }

  #changed(): void {
    if (this.#references.length === 0 || this.#settling !== null) return;
    this.#settling = setTimeout(() => {
      this.#settling = null;
      this.#tidying = this.#tidying.then(() => this.#follow());
    }, SETTLE_MS);
    this.#settling.unref();
  }

  /** Reloads when one of the references stands for another version than the configuration was made with. */
  async #follow(): Promise<void> {
    const barrier = this.#service?.barrier;
    if (barrier === undefined || barrier.sealed) return;
    try {
      for (const { name, version } of this.#references) {
        const found = await readReference(barrier, name);
        if (found.kind === 'missing')
          this.#log.write('error', 'vault-reference-missing', { name, problem: found.problem });
        else if (found.version !== version) {
          this.#log.write('info', 'vault-reference-changed', { name });
          // Not waited for: a reload must not hold up what ends and rotates.
          void this.#reload();
          return;
        }
      }
    } catch (error) {
      this.#log.write('error', 'vault-tidy-failed', { problem: (error as Error).message });
    }
  }

  async #tidy(): Promise<void> {
    const service = this.#service;
    if (service === null || service.barrier.sealed) return;
    try {
      await service.tidy();
      await this.#rotateKeys(service);
      this.#problem = '';
    } catch (error) {
      // The same trouble every two seconds is said once.
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) this.#log.write('error', 'vault-tidy-failed', { problem });
      this.#problem = problem;
    }
  }

  async #rotateKeys({ barrier }: VaultService): Promise<void> {
    for (const report of await rotateVaultKeys(barrier, this.#rotateMs, systemClock.epochMs()))
      if (report.rotated || report.records > 0)
        this.#log.write('info', 'vault-key-rotated', { key: report.key, records: report.records });
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#timer = null;
    this.#stopWatching?.();
    await this.#tidying;
  }
}
