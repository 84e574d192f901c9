// What is done to the trail from time to time beside writing it: witnesses cosign its checkpoints, and entries whose time is over
// are pruned. Neither holds up the writer; what goes wrong is said once, until it is well again.
import { Cosigning, type FileTrail, Pruner, type WitnessResult } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { type NoteVerifier, parseVerifier } from '../merkle/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';

/** How often it is looked for what is over, ms. */
const PRUNE_MS = 3_600_000;

type AuditConfig = NonNullable<GateConfig['audit']>;

export class AuditUpkeep {
  readonly #config: AuditConfig;
  readonly #log: GateLog;
  readonly #trail: FileTrail;
  readonly #pruner: Pruner;
  readonly #cosigning: Cosigning;
  readonly #timers: NodeJS.Timeout[] = [];
  /** The last problem of each witness; empty while it is well. */
  readonly #problems = new Map<string, string>();
  #work: Promise<void> = Promise.resolve();
  #isBusy = false;
  #pruned = 0;
  #failures = 0;

  constructor(trail: FileTrail, config: AuditConfig, log: GateLog) {
    this.#config = config;
    this.#log = log;
    this.#trail = trail;
    this.#pruner = new Pruner(trail, new Map(Object.entries(config.keepMs)));
    this.#cosigning = new Cosigning({
      folder: config.folder,
      origin: config.origin,
      secret: config.secret,
      witnesses: config.witnesses.map((witness) => ({
        ...witness,
        keys: witness.keys.map(parseVerifier).filter((key): key is NoteVerifier => key !== null),
      })),
    });
  }

  start(): void {
    const { keepMs, witnesses, witnessEveryMs } = this.#config;
    const every = (ms: number, work: () => Promise<void>): void => {
      const timer = setInterval(() => this.#do(work), ms);
      timer.unref();
      this.#timers.push(timer);
    };
    if (witnesses.length > 0) every(witnessEveryMs, () => this.#cosign());
    if (Object.keys(keepMs).length === 0) return;
    every(PRUNE_MS, () => this.#prune());
    this.#do(() => this.#prune());
  }

  /** One thing at a time; what comes while something is done is left for the next time. */
  #do(work: () => Promise<void>): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#work = work()
      .catch((error: unknown) => this.#tell('upkeep', error instanceof Error ? error.message : String(error)))
      .finally(() => {
        this.#isBusy = false;
      });
  }

  async #cosign(): Promise<void> {
    for (const result of await this.#cosigning.run()) this.#note(result);
    this.#tell('upkeep', '');
  }

  #note({ witness, problem, isContradiction }: WitnessResult): void {
    if (problem !== '') this.#failures++;
    if (this.#problems.get(witness) === problem) return;
    if (isContradiction) {
      this.#problems.set(witness, problem);
      this.#log.write('error', 'witness-contradicts', { witness, problem });
      return;
    }
    this.#tell(witness, problem);
  }

  #tell(who: string, problem: string): void {
    const before = this.#problems.get(who) ?? '';
    if (problem === before) return;
    this.#problems.set(who, problem);
    const details = who === 'upkeep' ? { problem } : { witness: who, problem };
    if (problem !== '')
      this.#log.write('warning', who === 'upkeep' ? 'audit-upkeep-failed' : 'witness-failed', details);
    else if (who !== 'upkeep') this.#log.write('info', 'witness-recovered', { witness: who });
  }

  async #prune(): Promise<void> {
    const count = await this.#pruner.run();
    this.#pruned += count;
    if (count > 0) this.#log.write('info', 'audit-pruned', { count });
    this.#tell('upkeep', '');
  }

  addGauges(registry: MetricsRegistry): void {
    registry.gauge({
      name: 'gatewright_audit_cosigned_entries',
      type: 'gauge',
      help: 'Entries of the newest checkpoint that a witness has cosigned.',
      samples: () =>
        this.#config.witnesses.map(({ name }) => ({
          labels: { witness: name },
          value: this.#cosigning.cosigned(name),
        })),
    });
    const add = (name: string, help: string, value: () => number): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type: 'counter',
        help,
        samples: () => [{ labels: {}, value: value() }],
      });
    add('audit_witness_failures_total', 'Times that a witness did not cosign.', () => this.#failures);
    add('audit_pruned_total', 'Entries of the trail whose time was over.', () => this.#pruned);
  }

  /** A last round, so that what the gate has written until now is cosigned. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#work;
    if (this.#config.witnesses.length === 0) return;
    await this.#trail.checkpoint().catch(() => '');
    this.#do(() => this.#cosign());
    await this.#work;
  }
}
