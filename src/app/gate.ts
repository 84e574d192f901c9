// The composition root: loads the configuration, starts monitors, key sources and data-plane threads, swaps
// snapshots, drains. A reload that fails anywhere leaves everything as it was.
import { type FSWatcher, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { BanKeeper } from '../admission/index.ts';
import type { GateConfig } from '../config/load.ts';
import { type Diagnostic, formatDiagnostic, systemClock } from '../core/index.ts';
import { createDecisionsHandler } from '../decisions/index.ts';
import { type SnapshotMessage, UpstreamMonitor, WorkerSupervisor } from '../gateway/index.ts';
import { createLastPlaces } from '../geography/index.ts';
import type { CertificateManager } from '../identity/certificates/index.ts';
import { keySetHandler } from '../identity/index.ts';
import { canSharePorts } from '../net/index.ts';
import {
  createMetrics,
  type GateLog,
  type MetricsMemory,
  MetricsRegistry,
  startTelemetryServer,
  type TelemetryServer,
} from '../telemetry/index.ts';
import { AdminPlane, consoleUrl } from './admin-plane.ts';
import { AdmissionPlane } from './admission-plane.ts';
import { AuditPlane, segmentEvent } from './audit-plane.ts';
import { addCertificateGauges, createCertificates } from './certificates.ts';
import { changeOf, configDigest, sectionsForRestart } from './config-change.ts';
import { ControlPlane } from './control-plane.ts';
import { DetectPlane } from './detect-plane.ts';
import { EnumerationReports, namesObjects } from './enumeration-watch.ts';
import { ExportPlane } from './export-plane.ts';
import { GeographyPlane } from './geography-plane.ts';
import { IdentityPlane } from './identity-plane.ts';
import { IntelPlane } from './intel-plane.ts';
import { LimitPlane } from './limit-plane.ts';
import { loadConfig } from './load-config.ts';
import { OtlpPlane, tracingOf } from './otlp-plane.ts';
import { RecordPlane } from './record-plane.ts';
import { RelationPlane } from './relation-plane.ts';
import { RotationPlane } from './rotation-plane.ts';
import { ServicesPlane } from './services-plane.ts';
import { VaultPlane } from './vault-plane.ts';
import { version } from './version.ts';

export interface GateOptions {
  /** Configuration file or folder. */
  readonly file: string;
  /** Overrides the number of data-plane threads. */
  readonly workers?: number;
  readonly log: GateLog;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Reloads by itself when a file of the configuration changes. */
  readonly watch?: boolean;
}

export interface ReloadResult {
  readonly ok: boolean;
  readonly diagnostics: readonly Diagnostic[];
  /** Empty, or why a valid configuration could not be served. */
  readonly problem: string;
}

/** The configuration can not be loaded. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'));
    this.diagnostics = diagnostics;
  }
}

export interface GateConsole {
  /** With the base of its API, without a slash at the end. */
  readonly url: string;
  /** A one-time link for the first administrator; null when there is one, or somebody else is being asked in. */
  firstLink(): Promise<string | null>;
}

export interface RunningGate {
  readonly config: GateConfig;
  readonly listeners: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly tls: boolean;
  }[];
  readonly telemetry: { readonly host: string; readonly port: number } | null;
  readonly warnings: readonly Diagnostic[];
  /** Where people reach the console; null where none is served. */
  readonly console: GateConsole | null;
  reload(): Promise<ReloadResult>;
  /** Ends one data-plane thread as a crash would; it is replaced. For tests. */
  killWorker(workerId: number): Promise<void>;
  /** Addresses that are refused for a while: detection and hands set them here. */
  readonly bans: Pick<BanKeeper, 'add' | 'remove' | 'list'>;
  /** Replaces the keys of session tickets before their time. */
  rotateTicketKeys(): void;
  reopenLogs(): void;
  /** Drains and ends. */
  close(): Promise<void>;
}

/** Changes of files that come together cause one reload, ms. */
const WATCH_SETTLE_MS = 150;

/** Starts the gate. Throws ConfigError, or Error when a port can not be opened. */
export async function startGate(options: GateOptions): Promise<RunningGate> {
  const loaded = await loadConfig(options.file, options.env ?? process.env);
  if (loaded.config === null) throw new ConfigError(loaded.diagnostics);
  const gate = new Gate(options, loaded.config, loaded.diagnostics);
  await gate.start();
  return gate;
}

/** Where threads can not share a port there is one, whatever was asked for. */
function withWorkers(config: GateConfig, wanted: number = config.workers): GateConfig {
  const workers = canSharePorts ? wanted : 1;
  return workers === config.workers ? config : { ...config, workers };
}

class Gate implements RunningGate {
  config: GateConfig;
  warnings: readonly Diagnostic[];
  readonly #options: GateOptions;
  readonly #log: GateLog;
  readonly #registry: MetricsRegistry;
  readonly #limits: LimitPlane;
  readonly #admission: AdmissionPlane;
  readonly #places = createLastPlaces();
  readonly #records: RecordPlane;
  readonly #exports = new ExportPlane();
  readonly #intel: IntelPlane;
  readonly #otlp: OtlpPlane;
  readonly #workers: number;
  /** What the file said at start, whatever the command line made of it. */
  readonly #configuredWorkers: number;
  readonly #supervisor: WorkerSupervisor;
  readonly #certificates: CertificateManager;
  readonly #identity: IdentityPlane;
  readonly #relations = new RelationPlane();
  readonly #geography = new GeographyPlane();
  readonly #control: ControlPlane;
  readonly #vault: VaultPlane;
  readonly #audit: AuditPlane;
  readonly #services: ServicesPlane;
  readonly #rotation: RotationPlane;
  readonly #admin: AdminPlane;
  readonly #detect: DetectPlane;
  #generation = 1;
  #metrics = new Map<number, MetricsMemory>();
  #monitors = new Map<string, { settings: string; monitor: UpstreamMonitor }>();
  #server: TelemetryServer | null = null;
  #draining = false;
  #reloading: Promise<ReloadResult> | null = null;
  #watchers: FSWatcher[] = [];
  readonly #reloads = { success: 0, failure: 0 };
  #deaths = 0;

  constructor(options: GateOptions, config: GateConfig, diagnostics: readonly Diagnostic[]) {
    this.#options = options;
    this.#otlp = new OtlpPlane(options.log);
    this.#log = this.#otlp.log;
    this.#registry = new MetricsRegistry(config.telemetry.maxSeries);
    this.#records = new RecordPlane(this.#log, ({ kind }, sha256) =>
      this.#audit.append(segmentEvent(kind, sha256)),
    );
    this.config = withWorkers(config, options.workers);
    this.warnings = diagnostics;
    this.#configuredWorkers = config.workers;
    this.#workers = this.config.workers;
    this.#identity = new IdentityPlane(
      this.#log,
      (message) => this.#supervisor.broadcast(message),
      (event) => this.#audit.note(event),
    );
    this.#audit = new AuditPlane(this.#log);
    this.#limits = new LimitPlane(this.#log, this.#workers, (ids) =>
      this.#supervisor.broadcast({ kind: 'leases', ids }),
    );
    this.#rotation = new RotationPlane(this.#log);
    this.#intel = new IntelPlane(this.#log, (event) => this.#audit.note(event));
    this.#admission = new AdmissionPlane({
      log: this.#log,
      onAudit: (event) => this.#audit.note(event),
      feed: (name) => this.#intel.addressesOf(name),
      onList: (list) => this.#supervisor.broadcast({ kind: 'address-list', list }),
    });
    this.#intel.onRead = () => void this.#admission.feedsRead();
    this.#vault = new VaultPlane(this.#log, this.#audit, () => this.reload());
    this.#certificates = createCertificates(
      this.#log,
      () => this.#supervisor,
      (domain) => this.#services.anchorsOf(domain),
    );
    this.#services = new ServicesPlane({
      log: this.#log,
      onTrust: () => this.#certificates.trustChanged(),
      onIdentity: (identity) => {
        for (const { monitor } of this.#monitors.values()) monitor.identify(identity);
        this.#supervisor.broadcast({ kind: 'gate-identity', identity });
      },
      onAudit: (event) => this.#audit.note(event),
      onCallers: (callers) => this.#supervisor.broadcast({ kind: 'callers', callers }),
    });
    this.#admin = new AdminPlane({
      log: this.#log,
      config: () => this.config,
      state: () => this.#identity.state,
      facts: () => ({
        generation: this.#generation,
        workers: this.#supervisor.readyWorkers,
        stateUp: this.#identity.stateUp,
        auditEntries: this.#audit.size,
        lost: this.#records.stream.counts().find(({ name }) => name === 'console')?.lost ?? 0,
        ports: this.#supervisor.ports,
        upstreams: [...this.#monitors].map(
          ([
            name,
            {
              monitor: { endpoints },
            },
          ]) => ({
            name,
            endpoints: endpoints.length,
            healthy: endpoints.filter(({ healthy }) => healthy).length,
          }),
        ),
        warnings: this.warnings,
      }),
      reload: () => this.reload(),
      refresh: () => this.#identity.refresh(),
      audit: (event) => this.#audit.append(event),
      note: (event) => this.#audit.note(event),
      bans: () => this.#admission.keeper,
    });
    this.#detect = new DetectPlane({
      log: this.#log,
      audit: (event) => this.#audit.append(event),
      bans: () => this.#admission.keeper,
    });
    this.#control = new ControlPlane(this.#log, {
      admin: this.#admin.handler,
      vault: this.#vault.handler,
      'authorization-server': (request, response, call) =>
        this.#identity.oauth.handle(request, response, call),
      'service-identity': this.#services.handler,
      'key-set': keySetHandler(() => this.#identity.signingKeySet()),
      decisions: createDecisionsHandler(() =>
        this.#relations.decisionPoint(this.config, this.#geography.placesOf(this.config)),
      ),
    });
    const tracing = tracingOf(config);
    this.#supervisor = new WorkerSupervisor({
      workers: this.#workers,
      startData: (workerId) => ({
        limits: this.#limits.rates,
        leases: this.#limits.leases,
        places: this.#places,
        concurrency: this.#limits.concurrency,
        bans: this.#admission.bans,
        connections: this.#limits.connections,
        accessLog: this.#records.memoryOf(workerId),
        tracing,
        credentials: {
          ...this.#identity.startData(),
          callers: this.#services.callers,
          gateIdentity: this.#services.identity,
        },
        control: this.#control.address,
        snapshot: this.#snapshotFor(workerId, this.config, this.#generation),
      }),
      onRefreshKeys: (issuer) => void this.#identity.refreshKeys(issuer),
      onIntrospect: (issuer, token) => this.#identity.introspect(issuer, token),
      onLogin: (login, request) => this.#identity.login(login, request),
      onRelate: (relation, object) => this.#relations.owners(this.config, relation, object),
      onApiKeyUses: (uses) => this.#identity.noteUses(uses),
      onLeaseAsks: (asks) => this.#limits.ask(asks),
      onWorkerStarted: () => {},
      onWorkerDied: (workerId, code) => {
        this.#deaths++;
        this.#log.write('error', 'worker-died', { worker: workerId, code });
        // Its counters stay; the replacement gets memory of its own, and a ring that no dead thread has half written.
        this.#registry.retireOthers(workerId, null);
        this.#metrics.delete(workerId);
        this.#records.retire(workerId);
        this.#limits.forget(workerId);
      },
    });
  }

  async start(): Promise<void> {
    try {
      await this.#startAll();
    } catch (error) {
      await this.close();
      throw error;
    }
    if (this.#options.watch === true) this.#watchFiles();
    this.#log.write('info', 'started', { workers: this.#workers, operations: countOperations(this.config) });
  }

  async #startAll(): Promise<void> {
    const { telemetry } = this.config;
    this.#audit.start(this.config, this.#records.stream);
    await this.#intel.start(this.config, this.#records.stream);
    await this.#exports.start(this.config, this.#records.stream, this.#log, this.#intel.tag);
    await this.#otlp.start(this.config, this.#records.stream, this.#registry);
    if (this.config.services !== null) this.#records.stream.subscribe(this.#services.watch);
    if (namesObjects(this.config))
      this.#records.stream.subscribe(
        new EnumerationReports(this.#log, (event) => this.#audit.note(event), systemClock.epochMs),
      );
    this.#admin.start(this.config, this.#records.stream);
    this.#detect.start(this.config, this.#records.stream);
    this.#records.start(telemetry.accessLog);
    this.#addGauges();
    await this.#startParts(this.config, true);
    this.#vault.start(this.config, this.#identity.state);
    await this.#limits.start(this.config, this.#identity.state);
    await this.#admission.start(this.config, this.#limits.banStore);
    await this.#detect.begin(this.config, this.#identity.state);
    await this.#supervisor.start();
    this.#tellRoutes();
    this.#certificates.serve();
    if (telemetry.listen !== null) {
      this.#server = await startTelemetryServer({
        ...telemetry.listen,
        registry: this.#registry,
        readiness: () => this.#readiness(),
        keySet: () => this.#identity.signingKeySet(),
      });
    }
  }

  #tellRoutes(): void {
    this.#otlp.configure(this.config, (listener) => this.#supervisor.ports[listener] ?? null);
  }

  get bans(): BanKeeper {
    return this.#admission.keeper;
  }

  get listeners(): RunningGate['listeners'] {
    return this.config.listeners.map(({ name, host, port, tls }) => ({
      name,
      host,
      port: this.#supervisor.ports[name] ?? port,
      tls: tls !== null,
    }));
  }

  get telemetry(): RunningGate['telemetry'] {
    return this.#server === null ? null : { host: this.#server.host, port: this.#server.port };
  }

  get console(): GateConsole | null {
    const url = consoleUrl(this.config, this.listeners);
    return url === null ? null : { url, firstLink: () => this.#admin.firstLink(url) };
  }

  #readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = [];
    if (this.#draining) reasons.push('draining');
    if (this.#supervisor.readyWorkers === 0) reasons.push('no data-plane thread is ready');
    return { ready: reasons.length === 0, reasons };
  }

  #snapshotFor(workerId: number, config: GateConfig, generation: number): SnapshotMessage {
    const rows = config.apis.flatMap((api) => api.operations.map((op) => [api.name, op.id] as const));
    let metrics = generation === this.#generation ? this.#metrics.get(workerId) : undefined;
    if (metrics === undefined) {
      metrics = createMetrics(rows, ruleIdsOf(config));
      this.#metrics.set(workerId, metrics);
      this.#registry.attach(workerId, generation, metrics);
    }
    return {
      generation,
      config: {
        ...config,
        export: null,
        detect: null,
        intel: null,
        audit: null,
        telemetry: { ...config.telemetry, otlp: null },
      },
      metrics,
      keys: this.#identity.keySets(),
      logins: this.#identity.loginData(),
      endpoints: [
        ...[...this.#monitors].map(([upstream, { monitor }]) => ({ upstream, endpoints: monitor.endpoints })),
        ...this.#control.endpoints(config),
      ],
      tls: this.#certificates.materials,
      challenges: this.#certificates.challenges,
      lists: this.#admission.lists,
      geography: this.#geography.memoryOf(config),
    };
  }

  // Monitors, key sources and certificates live on the main thread and outlast a reload that does not change them.

  async #startParts(config: GateConfig, first = false): Promise<void> {
    // What can not be loaded must leave all else as it was.
    await this.#geography.load(config);
    await this.#admission.configure(config);
    await Promise.all([
      ...this.#startMonitors(config),
      first ? this.#identity.start(config) : this.#identity.configure(config),
      this.#certificates.configure(config.listeners, config.acme),
      this.#control.configure(config),
    ]);
    await this.#services.configure(config, this.#identity.state);
    this.#rotation.configure(config, this.#identity.state);
  }

  #startMonitors(config: GateConfig): Promise<void>[] {
    const started: Promise<void>[] = [];
    const next = new Map<string, { settings: string; monitor: UpstreamMonitor }>();
    for (const upstream of config.upstreams) {
      if (upstream.isControl) continue;
      const settings = JSON.stringify([upstream.targets, upstream.health, upstream.resolveMs, upstream.tls]);
      const kept = this.#monitors.get(upstream.name);
      if (kept !== undefined && kept.settings === settings) {
        next.set(upstream.name, kept);
        continue;
      }
      const monitor = new UpstreamMonitor(upstream, (endpoints) => {
        if (this.#monitors.get(upstream.name)?.monitor !== monitor) return;
        this.#supervisor.broadcast({ kind: 'endpoints', update: { upstream: upstream.name, endpoints } });
        const unhealthy = endpoints.filter((endpoint) => !endpoint.healthy).length;
        this.#log.write(unhealthy > 0 ? 'warning' : 'info', 'upstream-changed', {
          upstream: upstream.name,
          endpoints: endpoints.length,
          unhealthy,
        });
      });
      monitor.identify(this.#services.identity);
      next.set(upstream.name, { settings, monitor });
      started.push(monitor.start());
    }
    for (const [name, kept] of this.#monitors) if (next.get(name) !== kept) kept.monitor.stop();
    this.#monitors = next;
    return started;
  }

  // Reload.

  reload(): Promise<ReloadResult> {
    // One after the other: a reload that was asked for while another runs must see the newest files.
    const before = this.#reloading ?? Promise.resolve(null);
    const run = before.then(() => this.#reloadOnce());
    this.#reloading = run;
    return run;
  }

  async #reloadOnce(): Promise<ReloadResult> {
    if (this.#draining) return { ok: false, diagnostics: [], problem: 'the gate is shutting down' };
    const loaded = await loadConfig(this.#options.file, this.#options.env ?? process.env);
    if (loaded.config === null) {
      this.#reloads.failure++;
      this.#audit.act('config.reload', { problems: loaded.diagnostics.length }, 'failure');
      this.#log.write('error', 'reload-refused', { problems: loaded.diagnostics.length });
      for (const { severity, id, file, line, column, message, suggestion } of loaded.diagnostics)
        this.#log.write(severity, 'diagnostic', { id, at: `${file}:${line}:${column}`, message, suggestion });
      return { ok: false, diagnostics: loaded.diagnostics, problem: '' };
    }
    const config = withWorkers(loaded.config, this.#workers);
    const previous = { config: this.config, generation: this.#generation, metrics: this.#metrics };
    const monitors = this.#monitors;
    const generation = previous.generation + 1;
    try {
      await this.#startParts(config);
      this.#metrics = new Map();
      this.#generation = generation;
      this.config = config;
      await this.#supervisor.swap((workerId) => this.#snapshotFor(workerId, config, generation));
    } catch (error) {
      for (const workerId of this.#metrics.keys()) this.#registry.retire(workerId, generation);
      this.config = previous.config;
      this.#generation = previous.generation;
      this.#metrics = previous.metrics;
      if (monitors !== this.#monitors) await this.#startParts(previous.config);
      this.#certificates.serve();
      this.#reloads.failure++;
      const problem = error instanceof Error ? error.message : String(error);
      this.#log.write('error', 'reload-failed', { problem });
      return { ok: false, diagnostics: loaded.diagnostics, problem };
    }
    this.#certificates.serve();
    this.#tellRoutes();
    for (const workerId of this.#metrics.keys()) this.#registry.retireOthers(workerId, generation);
    this.#reloads.success++;
    this.#vault.configure(config);
    this.#detect.configure(config);
    this.warnings = loaded.diagnostics;
    for (const changed of sectionsForRestart(previous.config, config))
      this.#log.write('warning', 'restart-needed', { changed });
    if (loaded.config.workers !== this.#configuredWorkers)
      this.#log.write('warning', 'restart-needed', { changed: 'workers' });
    if (this.#options.watch === true) this.#watchFiles();
    this.#audit.act(
      'config.reload',
      { generation, config: configDigest(config) },
      'success',
      changeOf(previous.config, config),
    );
    this.#log.write('info', 'reloaded', { generation, operations: countOperations(config) });
    return { ok: true, diagnostics: loaded.diagnostics, problem: '' };
  }

  /** Watches folders, because editors replace files; reloads when a file of the configuration changed. */
  #watchFiles(): void {
    for (const watcher of this.#watchers) watcher.close();
    const files = new Set(this.config.watchedFiles.map((file) => resolve(file)));
    let timer: NodeJS.Timeout | null = null;
    const onChange = (folder: string, name: string | null): void => {
      if (name !== null && !files.has(resolve(folder, name))) return;
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(() => void this.reload(), WATCH_SETTLE_MS);
      timer.unref();
    };
    this.#watchers = [...new Set([...files].map((file) => dirname(file)))].map((folder) => {
      const watcher = watch(folder, { persistent: false }, (_event, name) => onChange(folder, name));
      watcher.on('error', () => watcher.close());
      return watcher;
    });
  }

  #addGauges(): void {
    this.#records.addGauges(this.#registry);
    this.#audit.addGauges(this.#registry);
    this.#detect.addGauges(this.#registry);
    this.#exports.addGauges(this.#registry);
    this.#intel.addGauges(this.#registry);
    this.#otlp.addGauges(this.#registry);
    this.#services.addGauges(this.#registry);
    this.#rotation.addGauges(this.#registry);
    this.#limits.addGauges(this.#registry);
    this.#admission.addGauges(this.#registry);
    addCertificateGauges(this.#registry, this.#certificates, () => this.config.listeners);
    const single = (value: number) => [{ labels: {}, value }];
    const add = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      samples: () => { labels: Record<string, string>; value: number }[],
    ): void => this.#registry.gauge({ name: `gatewright_${name}`, type, help, samples });
    add('build_info', 'gauge', 'Version of the gate.', () => [{ labels: { version }, value: 1 }]);
    add('config_generation', 'gauge', 'Generation of the configuration being served.', () =>
      single(this.#generation),
    );
    add('config_reloads_total', 'counter', 'Reloads by result.', () => [
      { labels: { result: 'success' }, value: this.#reloads.success },
      { labels: { result: 'failure' }, value: this.#reloads.failure },
    ]);
    add('workers', 'gauge', 'Data-plane threads that are serving.', () =>
      single(this.#supervisor.readyWorkers),
    );
    add('worker_deaths_total', 'counter', 'Data-plane threads that ended unasked.', () =>
      single(this.#deaths),
    );
    add('stored_api_keys', 'gauge', 'API keys of the state that are good.', () =>
      single(this.#identity.storedKeys),
    );
    add('state_up', 'gauge', 'Whether the state answered when it was last asked.', () =>
      single(this.#identity.stateUp ? 1 : 0),
    );
    add('revocations', 'gauge', 'Withdrawals of tokens, subjects, issuers and keys in force.', () =>
      single(this.#identity.revocations),
    );
    add('geography_built_seconds', 'gauge', 'When each database of places was made, Unix time.', () =>
      this.#geography
        .ages(this.config)
        .map(({ name, builtMs }) => ({ labels: { database: name }, value: builtMs / 1000 })),
    );
    add('upstream_endpoint_healthy', 'gauge', 'Result of active health checks, by endpoint.', () =>
      [...this.#monitors].flatMap(([upstream, { monitor }]) =>
        monitor.endpoints.map((e) => ({
          labels: { upstream, endpoint: `${e.address}:${e.port}` },
          value: e.healthy ? 1 : 0,
        })),
      ),
    );
    add('process_cpu_seconds_total', 'counter', 'CPU time of the process.', () => {
      const { user, system } = process.cpuUsage();
      return single((user + system) / 1e6);
    });
    add('process_resident_memory_bytes', 'gauge', 'Resident memory of the process.', () =>
      single(process.memoryUsage.rss()),
    );
  }

  async killWorker(workerId: number): Promise<void> {
    await this.#supervisor.terminate(workerId);
  }

  rotateTicketKeys(): void {
    this.#certificates.rotateTicketKeys();
  }

  reopenLogs(): void {
    this.#records.reopen();
  }

  async close(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (const watcher of this.#watchers) watcher.close();
    await this.#supervisor.stop(this.config.drainMs);
    for (const { monitor } of this.#monitors.values()) monitor.stop();
    this.#certificates.stop();
    await this.#control.close();
    await this.#admin.close();
    await this.#services.close();
    this.#rotation.close();
    await this.#vault.close();
    this.#detect.release();
    await this.#records.close();
    await this.#detect.close();
    this.#admission.close();
    await this.#limits.close();
    await this.#identity.close();
    await this.#intel.close();
    await this.#audit.close();
    await this.#exports.close();
    await this.#otlp.close();
    await this.#server?.close();
    this.#log.write('info', 'stopped');
  }
}

/** Ids of the rules of all rule sets, ascending. */
function ruleIdsOf(config: GateConfig): number[] {
  return [...new Set(config.ruleSets.flatMap((set) => set.ruleIds))].sort((a, b) => a - b);
}

const countOperations = (config: GateConfig): number =>
  config.apis.reduce((sum, api) => sum + api.operations.length, 0);
