// Detection as the gate runs it, on the main thread: records go to the engine, alerts to the desk, incidents to the state, to people and
// to runbooks. What people do to an incident, on the command line or on another node, comes back through the state.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import type { BanKeeper } from '../admission/index.ts';
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import { systemClock } from '../core/index.ts';
import {
  type BanPort,
  DetectEngine,
  type Incident,
  IncidentDesk,
  type ModelState,
  Notifier,
  operationFacts,
  Responder,
  type RevokePort,
  SigmaMatcher,
  withAction,
  withDecisions,
} from '../detect/index.ts';
import type { DetectConfig } from '../detect/settings.ts';
import { IdentityRegistry } from '../identity/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog, MetricsRegistry, RecordBatch, RecordStream } from '../telemetry/index.ts';

const MAX_PENDING_BYTES = 32 << 20;
const TICK_MS = 1000;
/** How often models are kept, ms. */
const KEEP_MS = 900_000;
/** Incidents that are taken up again after a start. */
const MAX_RESUMED = 500;
/** Incidents that are looked at when the state has changed. */
const MAX_FOLLOWED = 2000;
/** Changes of the configuration are context of incidents for so long, ms. */
const CHANGE_MS = 3_600_000;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface DetectPlaneParts {
  readonly log: GateLog;
  readonly audit: (event: AuditEvent) => Promise<void>;
  readonly bans: () => BanKeeper;
}

export class DetectPlane {
  readonly #parts: DetectPlaneParts;
  readonly #node: string;
  #config: DetectConfig | null = null;
  #engine: DetectEngine | null = null;
  #sigma: SigmaMatcher | null = null;
  #desk: IncidentDesk | null = null;
  #notifier: Notifier | null = null;
  #responder: Responder | null = null;
  #state: State | null = null;
  #begun: () => void = () => {};
  readonly #ready = new Promise<void>((resolve) => {
    this.#begun = resolve;
  });
  #timer: NodeJS.Timeout | null = null;
  #unwatch: () => void = () => {};
  #keptMs = 0;
  #keeping: Promise<void> = Promise.resolve();
  /** Writes of incidents, one after the other. */
  #writing: Promise<void> = Promise.resolve();
  #changed = false;
  #changes: { readonly atMs: number; readonly text: string }[] = [];
  readonly #opened = new Map<string, number>();
  readonly #alerts = new Map<string, number>();
  #problem = '';

  constructor(parts: DetectPlaneParts) {
    this.#parts = parts;
    this.#node = hostname();
  }

  /** Subscribes where the configuration wants detection; before the record stream begins. */
  start(config: GateConfig, stream: RecordStream): void {
    if (config.detect === null) return;
    stream.subscribe({
      name: 'detect',
      maxPendingBytes: MAX_PENDING_BYTES,
      whenFull: 'drop',
      take: async (batch) => {
        await this.#ready;
        this.#take(batch);
      },
    });
  }

  /** The state is open and bans have begun. */
  async begin(config: GateConfig, state: State | null): Promise<void> {
    const { detect } = config;
    if (detect !== null && state !== null) await this.#begin(config, detect, state);
    this.#begun();
  }

  async #begin(config: GateConfig, detect: DetectConfig, state: State): Promise<void> {
    const { log } = this.#parts;
    const seed = randomBytes(8);
    this.#config = detect;
    this.#state = state;
    this.#sigma = new SigmaMatcher(detect.sigma, (file, problem) =>
      log.write('error', 'sigma-rule-refused', { file, problem }),
    );
    this.#engine = new DetectEngine({
      settings: detect.settings,
      operations: operationFacts(config.apis, detect),
      seed: [seed.readInt32LE(0), seed.readInt32LE(4)],
      onAlert: (alert) => {
        this.#alerts.set(alert.detector, (this.#alerts.get(alert.detector) ?? 0) + 1);
        this.#desk!.take(alert);
      },
    });
    await this.#loadModels();
    const engine = this.#engine;
    this.#desk = new IncidentDesk({
      newId: () => `inc-${randomBytes(6).toString('hex')}`,
      factsOf: (key) => engine.factsOf(key),
      historyOf: (consumer) => engine.historyOf(consumer),
      changesBefore: (atMs) =>
        this.#changes.filter((change) => atMs - change.atMs < CHANGE_MS).map(({ text }) => text),
      onIncident: (incident, { isNew }) => this.#onIncident(incident, isNew),
    });
    await this.#startNotifier(detect.channels);
    this.#responder = new Responder(detect.runbooks, {
      bans: banPort(this.#parts.bans),
      revocations: revokePort(state),
      audit: this.#parts.audit,
      isKnownGood: (address) => engine.isKnownGood(address),
      nowMs: () => Date.now(),
      newId: () => `act-${randomBytes(5).toString('hex')}`,
      onAction: async (incident, action) => {
        log.write(action.state === 'failed' ? 'error' : 'warning', 'response', {
          incident: incident.id,
          runbook: action.runbook,
          action: action.kind,
          target: action.target,
          state: action.state,
          problem: action.problem,
        });
        const changed = await state.incidents.change(incident.id, (stored) => withAction(stored, action));
        this.#desk!.adopt(changed ?? withAction(incident, action));
      },
    });
    this.#desk.load(
      [
        ...(await state.incidents.list({ status: 'open', limit: MAX_RESUMED })),
        ...(await state.incidents.list({ status: 'acknowledged', limit: MAX_RESUMED })),
      ],
      await state.incidents.suppressions(Date.now()),
    );
    this.#unwatch = state.incidents.onChange(() => {
      this.#changed = true;
    });
    this.#keptMs = Date.now();
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  async #startNotifier(channels: DetectConfig['channels']): Promise<void> {
    const { log } = this.#parts;
    const before = this.#notifier;
    this.#notifier = await Notifier.start(channels, {
      nowMs: () => Date.now(),
      current: (id) => this.#desk!.get(id),
      onProblem: (channel, problem) => log.write('error', 'notification-failed', { channel, problem }),
      onSent: (channel, { key }) => log.write('info', 'notification-sent', { channel, key }),
    });
    await before?.close();
  }

  /** A configuration has taken over. */
  configure(config: GateConfig): void {
    if (this.#engine === null || config.detect === null) return;
    const before = this.#config!;
    this.#config = config.detect;
    const { settings, sigma, channels } = config.detect;
    if (JSON.stringify([before.settings, before.sigma]) !== JSON.stringify([settings, sigma]))
      this.#parts.log.write('warning', 'restart-needed', { changed: 'detect' });
    if (JSON.stringify(before.channels) !== JSON.stringify(channels)) void this.#startNotifier(channels);
    this.#engine.configure(operationFacts(config.apis, config.detect));
    this.#responder?.configure(config.detect.runbooks);
    const atMs = Date.now();
    this.#changes.push({ atMs, text: `The configuration was reloaded at ${new Date(atMs).toISOString()}.` });
    this.#changes = this.#changes.filter((change) => atMs - change.atMs < CHANGE_MS).slice(-20);
  }

  #take(batch: RecordBatch): void {
    const engine = this.#engine;
    if (engine === null) return;
    const sigma = this.#sigma!;
    for (const record of batch.records) {
      engine.take(record);
      if (sigma.size === 0) continue;
      for (const alert of sigma.take(record)) {
        this.#alerts.set(alert.detector, (this.#alerts.get(alert.detector) ?? 0) + 1);
        this.#desk!.take(alert);
      }
    }
  }

  #onIncident(incident: Incident, isNew: boolean): void {
    const { log } = this.#parts;
    if (isNew) {
      this.#opened.set(incident.priority, (this.#opened.get(incident.priority) ?? 0) + 1);
      log.write('warning', 'incident-opened', {
        incident: incident.id,
        title: incident.title,
        priority: incident.priority,
        reason: incident.alerts[0]?.reason ?? '',
      });
    }
    // One after the other, and each in its newest form: bursts of alerts are one write.
    this.#writing = this.#writing
      .then(() => this.#keep(incident.id, isNew))
      .catch((error: unknown) => this.#tell(error));
  }

  async #keep(id: string, isNew: boolean): Promise<void> {
    const incident = this.#desk!.get(id);
    if (incident === null) return;
    const { incidents } = this.#state!;
    const kept = await incidents.change(id, (stored) => withDecisions(incident, stored));
    if (kept === null) await incidents.put(incident);
    else this.#desk!.adopt(kept);
    if (isNew)
      await this.#parts.audit({
        action: 'detect.incident',
        outcome: 'success',
        actor: { kind: 'system', id: 'detection' },
        target: { kind: 'incident', id },
        reason: incident.title.slice(0, 200),
        details: { event: 'opened', priority: incident.priority, score: incident.score },
      });
    await this.#responder!.respond(this.#desk!.get(id) ?? incident);
    const current = this.#desk!.get(id);
    if (current !== null) this.#notifier!.tell(current);
  }

  async #tick(): Promise<void> {
    try {
      this.#engine!.tick(Date.now());
      if (this.#changed) {
        this.#changed = false;
        await this.#follow();
      }
      await this.#notifier!.tick();
      if (Date.now() - this.#keptMs >= KEEP_MS) {
        this.#keptMs = Date.now();
        await this.#keepModels();
        await this.#state!.incidents.prune(Date.now() - this.#config!.keepMs);
      }
      this.#problem = '';
    } catch (error) {
      this.#tell(error);
    }
  }

  /** What people, or other nodes, have changed. */
  async #follow(): Promise<void> {
    const { incidents } = this.#state!;
    this.#desk!.suppressions = await incidents.suppressions(Date.now());
    const { open } = this.#desk!;
    const [oldest] = open;
    if (oldest === undefined) return;
    const all = await incidents.list({
      sinceMs: open.reduce((least, { openedMs }) => Math.min(least, openedMs), oldest.openedMs),
      limit: MAX_FOLLOWED,
    });
    for (const stored of all) {
      if (this.#desk!.get(stored.id) === null) continue;
      this.#desk!.adopt(stored);
      if (stored.status !== 'closed') continue;
      if (stored.verdict === 'false-positive')
        for (const { detector, entity } of stored.alerts)
          this.#engine!.forgive(detector, `${entity.kind}:${entity.id}`);
      this.#notifier!.tell(stored);
    }
  }

  /** The same trouble is said once. */
  #tell(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#problem) this.#parts.log.write('error', 'detection-failed', { problem });
    this.#problem = problem;
  }

  async #loadModels(): Promise<void> {
    try {
      const text = await this.#state!.incidents.models(this.#node);
      if (text === null) return;
      const json = await decompress(Buffer.from(text, 'base64'));
      if (!this.#engine!.restore(JSON.parse(json.toString()) as ModelState))
        this.#parts.log.write('warning', 'models-not-restored', {
          problem: 'another version has written them',
        });
    } catch (error) {
      // Nothing is lost but what was learned: detection begins anew rather than not at all.
      this.#parts.log.write('error', 'models-not-restored', { problem: (error as Error).message });
    }
  }

  #keepModels(): Promise<void> {
    this.#keeping = this.#keeping.then(async () => {
      const pieces: Buffer[] = [];
      for (const piece of this.#engine!.pieces()) {
        pieces.push(Buffer.from(piece));
        await setImmediate();
      }
      const packed = await compress(Buffer.concat(pieces));
      await this.#state!.incidents.putModels(this.#node, packed.toString('base64'), Date.now());
    });
    return this.#keeping;
  }

  addGauges(registry: MetricsRegistry): void {
    const add = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      samples: () => { labels: Record<string, string>; value: number }[],
    ): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type,
        help,
        samples: () => (this.#engine === null ? [] : samples()),
      });
    const each = (counts: ReadonlyMap<string, number>, label: string) => () =>
      [...counts].map(([key, value]) => ({ labels: { [label]: key }, value }));
    add('alerts_total', 'counter', 'Alerts of detectors.', each(this.#alerts, 'detector'));
    add('incidents_opened_total', 'counter', 'Incidents that were opened.', each(this.#opened, 'priority'));
    add('incidents_open', 'gauge', 'Incidents that are not closed.', () => [
      { labels: {}, value: this.#desk!.open.length },
    ]);
    add('detect_callers', 'gauge', 'Callers that detection knows.', () => [
      { labels: {}, value: this.#engine!.sizes.callers },
    ]);
    add('notifications_sent_total', 'counter', 'Notifications that a channel has taken.', () =>
      this.#notifier!.counts().map(({ name, sent }) => ({ labels: { channel: name }, value: sent })),
    );
    add('notifications_lost_total', 'counter', 'Notifications that were given up.', () =>
      this.#notifier!.counts().map(({ name, lost }) => ({ labels: { channel: name }, value: lost })),
    );
  }

  /** Records that wait for a start that is not to come are let go. */
  release(): void {
    this.#begun();
  }

  /** After the record stream has ended, before the state is closed. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#unwatch();
    if (this.#engine === null || this.#desk === null) return;
    await this.#writing;
    await this.#notifier?.close();
    await this.#keepModels().catch((error: unknown) => this.#tell(error));
  }
}

const banPort = (bans: () => BanKeeper): BanPort => ({
  async ban(address, untilMs, reason) {
    const forMs = untilMs - systemClock.epochMs();
    await bans().add({ block: address, reason: reason.slice(0, 200), by: 'detection', forMs });
  },
  async lift(address) {
    await bans().remove(address);
  },
});

const revokePort = (state: State): RevokePort => {
  const registry = new IdentityRegistry(state.identity, systemClock);
  return {
    async revoke(subject, forMs, reason, isWhole) {
      const known = await registry.revocations();
      if (known.some(({ kind, value }) => kind === 'subject' && value === subject))
        throw new Error('what it holds is withdrawn already');
      await registry.revoke({
        kind: 'subject',
        value: subject,
        ...(isWhole ? {} : { issuedBeforeMs: systemClock.epochMs() }),
        forMs,
        reason: reason.slice(0, 200),
      });
    },
    async restore(subject) {
      await registry.restore('subject', subject);
    },
  };
};
