// The vault as the gate runs it: its API behind the guards, its clock (ends, rotations, retries), and its audit.
import type { GateConfig } from '../config/index.ts';
import { type ServiceHandler, sendProblem } from '../control/index.ts';
import { systemClock } from '../core/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog } from '../telemetry/index.ts';
import { serveVault, Unsealing, VaultService, type VaultUse } from '../vault/index.ts';
import type { AuditPlane } from './audit-plane.ts';

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

  constructor(log: GateLog, audit: AuditPlane) {
    this.#log = log;
    this.#trail = audit;
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
    });
    this.#timer = setInterval(() => {
      this.#tidying = this.#tidying.then(() => this.#tidy());
    }, TIDY_MS);
    this.#timer.unref();
  }

  configure(config: GateConfig): void {
    this.#rotateMs = config.vault.rotateMs;
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

  /** Gives keys that are old a new version, and ends what a crash has left half moved. */
  async #rotateKeys({ barrier }: VaultService): Promise<void> {
    const beforeMs = systemClock.epochMs() - this.#rotateMs;
    for (const { name, createdMs, older } of await barrier.keyStatus()) {
      const isOld = this.#rotateMs > 0 && createdMs <= beforeMs;
      if (isOld) await barrier.rotate(name);
      if (!isOld && older.length === 0) continue;
      const records = await barrier.rewrap(name);
      this.#log.write('info', 'vault-key-rotated', { key: name, records });
    }
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#tidying;
  }
}
