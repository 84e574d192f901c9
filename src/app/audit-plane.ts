// The audit trail as the gate keeps it: what the control plane does, what its capabilities tell, and what guards refused.
import { type AuditEvent, CredentialUseLog, FileTrail, RefusalLog } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import type { GateLog, MetricsRegistry, RecordStream } from '../telemetry/index.ts';
import { AuditUpkeep } from './audit-upkeep.ts';

/** Lines of the access log that may wait for the trail; then rings are not read until it has caught up. */
const MAX_PENDING_BYTES = 16 * 1_048_576;
/** How often counted refusals are told, ms. */
const FLUSH_MS = 60_000;

export class AuditPlane {
  readonly #log: GateLog;
  #trail: FileTrail | null = null;
  #refusals: RefusalLog | null = null;
  #uses: CredentialUseLog | null = null;
  #upkeep: AuditUpkeep | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(log: GateLog) {
    this.#log = log;
  }

  /** Opens the trail that the configuration names. Throws AuditError: a gate that must keep a trail does not run without it. */
  start(config: GateConfig, records: RecordStream): void {
    const { audit } = config;
    if (audit === null) return;
    this.#trail = FileTrail.open({
      folder: audit.folder,
      origin: audit.origin,
      secret: audit.secret,
      mldsa: audit.mldsa,
      onProblem: (problem) => {
        if (problem === null) this.#log.write('info', 'audit-recovered');
        else this.#log.write('error', 'audit-failed', { problem });
      },
    });
    if (audit.refusals || audit.credentialUsesMs > 0) {
      const refusals = audit.refusals ? new RefusalLog((event) => this.note(event)) : null;
      const uses =
        audit.credentialUsesMs > 0
          ? new CredentialUseLog((event) => this.note(event), audit.credentialUsesMs)
          : null;
      this.#refusals = refusals;
      this.#uses = uses;
      records.subscribe({
        name: 'audit',
        maxPendingBytes: MAX_PENDING_BYTES,
        whenFull: 'wait',
        take: (batch) => {
          const nowMs = systemClock.epochMs();
          for (const record of batch.records) {
            if (record.decision === 'refused') refusals?.take(record, nowMs);
            uses?.take(record, nowMs);
          }
        },
      });
      this.#timer = setInterval(() => refusals?.flush(systemClock.epochMs()), FLUSH_MS);
      this.#timer.unref();
    }
    this.#upkeep = new AuditUpkeep(this.#trail, audit, this.#log);
    this.#upkeep.start();
    this.act('gate.start', { workers: config.workers, apis: config.apis.length });
  }

  /** Something that the gate itself did. */
  act(
    action: AuditEvent['action'],
    details: Readonly<Record<string, unknown>>,
    outcome: AuditEvent['outcome'] = 'success',
    change: Pick<AuditEvent, 'before' | 'after'> = {},
  ): void {
    this.note({ action, outcome, actor: { kind: 'system', id: 'gate' }, target: null, ...change, details });
  }

  /** Without a trail nothing is kept. */
  note(event: AuditEvent): void {
    this.#trail?.note(event);
  }

  /** Entries that are kept; 0 without a trail. */
  get size(): number {
    return this.#trail?.size ?? 0;
  }

  /** Resolves when the entry is durable, at once where there is no trail. Rejects with AuditError when it can not be kept. */
  async append(event: AuditEvent): Promise<void> {
    await this.#trail?.append(event);
  }

  addGauges(registry: MetricsRegistry): void {
    const add = (name: string, type: 'gauge' | 'counter', help: string, value: () => number): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () => [{ labels: {}, value: value() }],
      });
    add('audit_entries', 'gauge', 'Entries of the audit trail.', () => this.#trail?.size ?? 0);
    add(
      'audit_lost_total',
      'counter',
      'Entries that the audit trail had no room for.',
      () => this.#trail?.lost ?? 0,
    );
    this.#upkeep?.addGauges(registry);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#refusals?.flush(systemClock.epochMs());
    this.#uses?.flush(systemClock.epochMs());
    if (this.#trail === null) return;
    this.act('gate.stop', {});
    await this.#upkeep?.close();
    await this.#trail.close();
  }
}

/** A link of the access log's chain of segments, by its hash: the trail proves that the log is the one that was written. */
export const segmentEvent = (kind: string, sha256: string): AuditEvent => ({
  action: 'log.segment',
  outcome: 'success',
  actor: { kind: 'system', id: 'gate' },
  target: { kind: 'link', id: sha256 },
  details: { event: kind },
});
