// Service identities as the gate runs them, on the main thread: the authority follows the state, sockets serve it, federated bundles are
// fetched, and threads are told whom to trust, who the gate is, and which names stand for callers of the state.
import type { AuditEvent } from '../audit/index.ts';
import type { GateConfig } from '../config/index.ts';
import type { ServiceHandler } from '../control/index.ts';
import { systemClock } from '../core/index.ts';
import {
  ClusterWitness,
  Federation,
  IdentityError,
  IdentityRegistry,
  issuingDue,
  reportShared,
  rotateIssuingIfDue,
  ServiceAuthority,
  type ServiceEvent,
  ServiceSource,
  type ServicesConfig,
  type StoredCallerRecord,
  SvidHolder,
  serviceIdentityHandler,
  x509AuthoritiesOf,
} from '../identity/index.ts';
import { type GateIdentity, noGateIdentity, type TrustAnchors } from '../net/tls/index.ts';
import type { State } from '../stores/index.ts';
import type { GateLog, MetricsRegistry } from '../telemetry/index.ts';
import { WorkloadSocket } from '../workload/index.ts';
import { SharedWatch } from './shared-watch.ts';

/** Changes are told by the store; this often they are looked for anyway, ms. */
const LOOK_MS = 900;
/** How often times are looked at (ends, rotations) when nothing has changed, ms. */
const TIDY_MS = 30_000;
/** Ended SVIDs, used tokens and sightings are kept this long, ms. */
const KEPT_MS = 30 * 86_400_000;
/** What was shared within this time is counted, ms. */
const SHARED_MS = 86_400_000;

export interface ServicesPlaneParts {
  readonly log: GateLog;
  /** Authorities of trust domains have changed. */
  readonly onTrust: () => void;
  readonly onIdentity: (identity: GateIdentity) => void;
  readonly onAudit: (event: AuditEvent) => void;
  readonly onCallers: (callers: readonly StoredCallerRecord[]) => void;
}

interface Running {
  readonly settings: string;
  readonly config: ServicesConfig;
  readonly authority: ServiceAuthority;
  readonly federation: Federation;
  readonly clusters: ReadonlyMap<string, ClusterWitness>;
  readonly sources: readonly ServiceSource[];
  readonly sockets: readonly WorkloadSocket[];
  /** Null where no upstream is shown it. */
  readonly gate: SvidHolder | null;
}

export class ServicesPlane {
  readonly #parts: ServicesPlaneParts;
  #state: State | null = null;
  #running: Running | null = null;
  #callers: readonly StoredCallerRecord[] = [];
  #callersText = '[]';
  #identity: GateIdentity = noGateIdentity;
  #revision = -1;
  #tidiedMs = 0;
  #looking: Promise<void> | null = null;
  #again = false;
  #unsubscribe: () => void = () => {};
  #timer: NodeJS.Timeout | null = null;
  #problem = '';
  /** Sees finished exchanges; it is subscribed where there are service identities. */
  readonly watch = new SharedWatch(systemClock.epochMs);
  #shared = 0;

  constructor(parts: ServicesPlaneParts) {
    this.#parts = parts;
  }

  /** Takes a configuration; sockets that it does not change go on. Rejects when a socket can not be opened. */
  async configure(config: GateConfig, state: State | null): Promise<void> {
    if (this.#state === null && state !== null) {
      this.#state = state;
      this.#unsubscribe = state.services.onChange(() => void this.look());
      this.#timer = setInterval(() => void this.look(), LOOK_MS);
      this.#timer.unref();
    }
    const { services } = config;
    const showsSvid = config.upstreams.some(({ tls }) => tls.svid);
    const settings = JSON.stringify([services, showsSvid]);
    if (this.#running?.settings !== settings) {
      await this.#stopRunning();
      if (services !== null && state !== null) await this.#start(services, showsSvid, settings, state);
      // What is due has waited for there being somebody to do it.
      this.#tidiedMs = 0;
    }
    this.#revision = -1;
    await this.look();
  }

  async #start(config: ServicesConfig, showsSvid: boolean, settings: string, state: State): Promise<void> {
    const { log } = this.#parts;
    const authority = new ServiceAuthority(state.services, state.identity, config, systemClock, (event) =>
      this.#note(event),
    );
    await authority.load();
    const federation = new Federation(config.federation, {
      store: state.services,
      clock: systemClock,
      onChange: () => this.#trustChanged(),
      onProblem: (trustDomain, problem) =>
        log.write('warning', 'bundle-not-fetched', { trustDomain, problem }),
    });
    const sources = config.sockets.map(
      ({ service }) =>
        new ServiceSource({
          authority,
          service,
          clock: systemClock,
          federated: () => federation.bundles,
          onProblem: (problem) => log.write('warning', 'svid-not-issued', { service, problem }),
          random: Math.random,
        }),
    );
    const sockets = config.sockets.map(
      (socket, index) =>
        new WorkloadSocket(socket, sources[index]!, (names, problem) =>
          log.write('warning', 'secrets-refused', {
            service: socket.service,
            names: names.join(' '),
            problem,
          }),
        ),
    );
    if (showsSvid) await this.#addGate(state, config.gate);
    const gate = showsSvid
      ? new SvidHolder({
          authority,
          service: config.gate,
          attestation: 'gate',
          clock: systemClock,
          onChange: () => this.#identityChanged(),
          onProblem: (problem) => log.write('error', 'svid-not-issued', { service: config.gate, problem }),
          random: Math.random,
        })
      : null;
    const clusters = new Map(
      config.clusters.map((entry) => [entry.name, new ClusterWitness(entry, systemClock)]),
    );
    this.#running = { settings, config, authority, federation, clusters, sources, sockets, gate };
    if (authority.issuing === null)
      log.write('warning', 'no-authority', {
        trustDomain: config.trustDomain,
        problem: 'run "gatewright ca init"',
      });
    // Endpoints that do not answer must not hold up the gate.
    void federation.start().then(() => this.#trustChanged());
    await Promise.all([...sources, ...(gate === null ? [] : [gate])].map((source) => source.check()));
    for (const socket of sockets) await socket.start();
  }

  async #addGate(state: State, name: string): Promise<void> {
    const registry = new IdentityRegistry(state.identity, systemClock);
    const kind = 'service';
    try {
      await registry.add(kind, name, [], 'this gate', null);
    } catch (error) {
      if (!(error instanceof IdentityError) || error.code !== 'exists') throw error;
    }
  }

  #note(event: ServiceEvent): void {
    const { kind, subject, details } = event;
    const isRefused = kind === 'attestation-refused';
    this.#parts.log.write(isRefused ? 'warning' : 'info', kind, { subject, ...details });
    this.#parts.onAudit({
      action: 'service.event',
      outcome: isRefused ? 'refused' : 'success',
      actor: { kind: 'system', id: 'gate' },
      target: { kind: 'service', id: subject },
      address: String(details['address'] ?? ''),
      details: { event: kind, ...details },
    });
  }

  /** Looks at the state; resolves when what has changed there has its effect. Never rejects. */
  look(): Promise<void> {
    if (this.#looking !== null) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookAll().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookAll(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#lookOnce();
        this.#problem = '';
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== this.#problem) this.#parts.log.write('error', 'services-not-read', { problem });
        this.#problem = problem;
      }
    } while (this.#again);
  }

  async #lookOnce(): Promise<void> {
    const state = this.#state;
    if (state === null) return;
    const nowMs = systemClock.epochMs();
    const isTime = nowMs - this.#tidiedMs >= TIDY_MS;
    const revision = await state.identity.revision();
    if (revision === this.#revision && !isTime) return;
    const running = this.#running;
    if (isTime) {
      this.#tidiedMs = nowMs;
      if (running !== null) {
        const { trustDomain } = running.config;
        const made = await rotateIssuingIfDue(state.services, trustDomain, systemClock);
        if (made !== null) this.#note({ kind: 'authority-created', subject: made, details: { trustDomain } });
      }
      await state.services.pruneServices(nowMs - KEPT_MS);
      await this.watch.flush(state.services);
      this.#shared = reportShared([
        ...(await state.services.sightings(nowMs - SHARED_MS)),
        ...(await state.services.sharedKeys(nowMs)),
      ]).length;
    }
    this.#callersChanged(await state.services.callers(running?.config.trustDomain ?? null));
    if (running !== null) {
      const changed = await running.authority.load();
      await Promise.all(running.sources.map((source) => source.check()));
      await running.gate?.check();
      if (changed) this.#trustChanged();
    }
    this.#revision = revision;
  }

  #callersChanged(callers: readonly StoredCallerRecord[]): void {
    const text = JSON.stringify(callers);
    if (text === this.#callersText) return;
    [this.#callers, this.#callersText] = [callers, text];
    this.#parts.onCallers(callers);
  }

  #trustChanged(): void {
    for (const source of this.#running?.sources ?? []) source.changed();
    this.#identityChanged();
    this.#parts.onTrust();
  }

  #identityChanged(): void {
    const running = this.#running;
    const svid = running?.gate?.current ?? null;
    this.#identity = {
      chain: svid?.chain ?? '',
      key: svid?.key ?? '',
      anchors:
        running === null ? [] : [...this.#domains(running)].flatMap((domain) => this.anchorsOf(domain)),
    };
    this.#parts.onIdentity(this.#identity);
  }

  #domains({ config }: Running): readonly string[] {
    return [config.trustDomain, ...config.federation.map(({ trustDomain }) => trustDomain)];
  }

  /** Authorities that speak for a trust domain now; none for one that is not known. */
  anchorsOf(trustDomain: string): readonly TrustAnchors[] {
    const running = this.#running;
    if (running === null) return [];
    const bundle = [running.authority.bundle, ...running.federation.bundles].find(
      (entry) => entry.trustDomain === trustDomain,
    );
    return bundle === undefined || bundle.x509Authorities.length === 0
      ? []
      : [{ pem: x509AuthoritiesOf(bundle), trustDomain }];
  }

  get identity(): GateIdentity {
    return this.#identity;
  }

  get callers(): readonly StoredCallerRecord[] {
    return this.#callers;
  }

  readonly handler: ServiceHandler = serviceIdentityHandler(() =>
    this.#running === null
      ? null
      : {
          authority: this.#running.authority,
          clusters: this.#running.clusters,
          nowMs: systemClock.epochMs,
          onEvent: (event) => this.#note(event),
        },
  );

  addGauges(registry: MetricsRegistry): void {
    const add = (name: string, help: string, value: () => number): void =>
      registry.gauge({
        name: `gatewright_${name}`,
        type: 'gauge',
        help,
        samples: () => (this.#state === null ? [] : [{ labels: {}, value: value() }]),
      });
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    add(
      'issuing_authority_expiry_timestamp_seconds',
      'When the authority that issues to services ends, seconds since the epoch; 0 without one.',
      () => seconds(this.#ends.issuingMs),
    );
    add(
      'issuing_authority_rotation_due_timestamp_seconds',
      'When it should be replaced, seconds since the epoch; 0 without one.',
      () => seconds(this.#ends.dueMs),
    );
    add(
      'svid_expiry_timestamp_seconds',
      "When the gate's own SVID ends, seconds since the epoch; 0 without one.",
      () => seconds(this.#ends.gateMs),
    );
    add(
      'shared_credentials',
      'Credentials that several callers used, or that came from several addresses, in the last day.',
      () => this.#shared,
    );
  }

  get #ends(): { readonly issuingMs: number; readonly dueMs: number; readonly gateMs: number } {
    const running = this.#running;
    return {
      issuingMs: running?.authority.issuing?.untilMs ?? 0,
      dueMs:
        running === null ? 0 : (issuingDue(running.authority.authorities, systemClock.epochMs()).dueMs ?? 0),
      gateMs: running?.gate?.current?.notAfterMs ?? 0,
    };
  }

  async #stopRunning(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    running.federation.stop();
    running.gate?.stop();
    running.authority.stop();
    for (const source of running.sources) source.stop();
    await Promise.all(running.sockets.map((socket) => socket.stop()));
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
    if (this.#state !== null) await this.watch.flush(this.#state.services).catch(() => {});
    await this.#stopRunning();
  }
}
