// A data-plane thread: sockets and pipelines, nothing else. It does what the main thread tells it and asks for keys
// when a token names one that it does not know.
import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { BanTable } from '../../admission/index.ts';
import type { HttpConfig, ListenerConfig } from '../../config/index.ts';
import { systemClock } from '../../core/index.ts';
import { ReplayTable, RevocationKind, RevocationTable } from '../../credentials/index.ts';
import { Geography, LastPlaces } from '../../geography/index.ts';
import { IssuerReplica, LoginReplica } from '../../guards/authenticate/index.ts';
import { RelationDesk } from '../../guards/authorize/index.ts';
import type { ChallengeAnswers } from '../../identity/certificates/index.ts';
import { ConcurrencyTable, LeaseDesk, LeaseTable, LimitTable } from '../../limits/index.ts';
import { AddressSet, canSharePorts } from '../../net/index.ts';
import type { TlsMaterial } from '../../net/tls/index.ts';
import { WorkerTelemetry } from '../../telemetry/index.ts';
import { type ListenerTls, type RelayContext, RelayListener } from '../relay/index.ts';
import { type CompiledSnapshot, compileSnapshot, createLastingState, identifyUpstreams } from './compile.ts';
import type { FromWorker, SnapshotMessage, ToWorker, WorkerStart } from './protocol.ts';
import { warmUp } from './warm-up.ts';

/** How often idle upstream connections are looked through, ms. */
const POOL_SWEEP_MS = 500;
/** How often the main thread is told which keys were used, ms. */
const USES_MS = 1000;
/** Certificates are withdrawn whole, whenever they were issued. */
const UNDATED = Number.MAX_VALUE;

interface Prepared {
  readonly message: SnapshotMessage;
  readonly compiled: CompiledSnapshot;
  readonly issuers: ReadonlyMap<string, IssuerReplica>;
  readonly logins: ReadonlyMap<string, LoginReplica>;
  /** By listener; what comes newer than the snapshot replaces its own. */
  readonly materials: Map<string, TlsMaterial>;
  challenges: ChallengeAnswers;
}

class DataPlaneThread {
  readonly #start: WorkerStart;
  readonly #state: ReturnType<typeof createLastingState>;
  readonly #telemetry: WorkerTelemetry;
  #issuers: ReadonlyMap<string, IssuerReplica> = new Map();
  #logins: ReadonlyMap<string, LoginReplica> = new Map();
  #prepared: Prepared | null = null;
  #drainMs = 0;
  readonly #connections: ConcurrencyTable;
  readonly #listeners = new Map<string, { readonly listener: RelayListener; readonly settings: string }>();

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#state = createLastingState(
      new LimitTable(start.limits),
      new RevocationTable(start.credentials.revocations),
      new ReplayTable(start.credentials.replays),
      start.credentials.nonceKey,
      new RelationDesk((relation, id, object) => this.#send({ kind: 'relate', relation, id, object })),
      start.control.secret,
      new LeaseDesk({
        table: new LeaseTable(start.leases),
        send: (asks) => this.#send({ kind: 'lease-asks', asks }),
      }),
      new LastPlaces(start.places),
      new ConcurrencyTable(start.concurrency, start.workerId),
      new BanTable(start.bans),
    );
    this.#connections = new ConcurrencyTable(start.connections, start.workerId);
    this.#state.pressure.start();
    this.#state.signer.update(start.credentials.signingKey);
    this.#state.storedKeys.update({ rows: start.credentials.keys, removed: [] });
    this.#state.storedCallers.update(start.credentials.callers);
    this.#state.gateIdentity = start.credentials.gateIdentity;
    this.#telemetry = new WorkerTelemetry(start.snapshot.metrics, start.accessLog, start.tracing);
    // A thread that ends by a mistake has said what it served.
    process.once('exit', this.#telemetry.flush);
    setInterval(() => this.#sweep(), POOL_SWEEP_MS).unref();
    setInterval(() => this.#tellUses(), USES_MS).unref();
  }

  async run(): Promise<void> {
    try {
      this.#prepared = this.#prepare(this.#start.snapshot);
    } catch (error) {
      this.#send({
        kind: 'prepare-failed',
        generation: this.#start.snapshot.generation,
        message: messageOf(error),
      });
      return;
    }
    try {
      const ports = await this.#activate(this.#start.ports);
      this.#send({ kind: 'ready', ports });
    } catch (error) {
      this.#send({
        kind: 'activate-failed',
        generation: this.#start.snapshot.generation,
        message: messageOf(error),
      });
    }
  }

  async onMessage(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'prepare': {
        const { generation } = message.snapshot;
        try {
          this.#prepared = this.#prepare(message.snapshot);
          this.#send({ kind: 'prepared', generation });
        } catch (error) {
          this.#send({ kind: 'prepare-failed', generation, message: messageOf(error) });
        }
        return;
      }
      case 'activate':
        try {
          const ports = await this.#activate(message.ports);
          this.#send({ kind: 'activated', generation: message.generation, ports });
        } catch (error) {
          this.#send({ kind: 'activate-failed', generation: message.generation, message: messageOf(error) });
        }
        return;
      case 'discard':
        this.#prepared = null;
        return;
      case 'keys':
        this.#issuers.get(message.keys.issuer)?.update(message.keys.document, message.keys.version);
        this.#prepared?.issuers.get(message.keys.issuer)?.update(message.keys.document, message.keys.version);
        return;
      case 'refreshed':
        this.#issuers.get(message.issuer)?.refreshed();
        return;
      case 'endpoints':
        this.#state.upstreams.get(message.update.upstream)?.entry.balancer.update(message.update.endpoints);
        this.#prepared?.compiled.upstreams
          .get(message.update.upstream)
          ?.entry.balancer.update(message.update.endpoints);
        return;
      case 'tls':
        this.#takeMaterial(message.material);
        return;
      case 'challenges':
        this.#takeChallenges(message.challenges);
        this.#send({ kind: 'challenges-set' });
        return;
      case 'logins':
        for (const data of message.logins) {
          this.#logins.get(data.name)?.update(data);
          this.#prepared?.logins.get(data.name)?.update(data);
        }
        return;
      case 'login-answered':
        this.#logins.get(message.login)?.answered(message.id, message.result);
        return;
      case 'signing-key':
        this.#state.signer.update(message.key);
        return;
      case 'introspected':
        this.#issuers.get(message.issuer)?.introspected(message.id, message.answer);
        return;
      case 'related':
        this.#state.relations.answered(message.id, message.answer);
        return;
      case 'api-keys':
        this.#state.storedKeys.update(message.update);
        return;
      case 'callers':
        this.#state.storedCallers.update(message.callers);
        return;
      case 'gate-identity':
        this.#state.gateIdentity = message.identity;
        identifyUpstreams(this.#state.upstreams, message.identity);
        if (this.#prepared !== null) identifyUpstreams(this.#prepared.compiled.upstreams, message.identity);
        return;
      case 'address-list':
        this.#state.lists.update(message.list);
        return;
      case 'leases':
        this.#state.leases.answered(message.ids);
        return;
      case 'drain':
        await this.#drain(message.deadlineMs);
    }
  }

  #prepare(message: SnapshotMessage): Prepared {
    for (const list of message.lists) this.#state.lists.update(list);
    const issuers = new Map<string, IssuerReplica>();
    for (const config of message.config.issuers) {
      const known = this.#issuers.get(config.name);
      // The same issuer keeps its keys, its verdicts and the requests that wait for newer keys.
      const replica =
        known !== undefined && JSON.stringify(known.config) === JSON.stringify(config)
          ? known
          : new IssuerReplica(
              config,
              (issuer) => this.#send({ kind: 'refresh-keys', issuer }),
              (issuer, id, token) => this.#send({ kind: 'introspect', issuer, id, token }),
            );
      const keys = message.keys.find((entry) => entry.issuer === config.name);
      if (keys !== undefined) replica.update(keys.document, keys.version);
      issuers.set(config.name, replica);
    }
    const logins = this.#prepareLogins(message);
    const compiled = compileSnapshot(
      message.config,
      issuers,
      this.#state,
      logins,
      message.geography.length === 0 ? null : new Geography(message.geography),
    );
    for (const { upstream, endpoints } of message.endpoints) {
      compiled.upstreams.get(upstream)?.entry.balancer.update(endpoints);
    }
    return {
      message,
      compiled,
      issuers,
      logins,
      materials: new Map(message.tls.map((material) => [material.listener, material])),
      challenges: message.challenges,
    };
  }

  #prepareLogins(message: SnapshotMessage): ReadonlyMap<string, LoginReplica> {
    const logins = new Map<string, LoginReplica>();
    for (const config of message.config.logins) {
      const known = this.#logins.get(config.name);
      // The same login keeps the requests that wait for an answer.
      const replica =
        known !== undefined && JSON.stringify(known.config) === JSON.stringify(config)
          ? known
          : new LoginReplica(config, (login, id, request) =>
              this.#send({ kind: 'login', login, id, request }),
            );
      const data = message.logins.find(({ name }) => name === config.name);
      if (data !== undefined) replica.update(data);
      logins.set(config.name, replica);
    }
    return logins;
  }

  /** Serves the prepared snapshot; new listeners are opened first, so that a port that is taken changes nothing. */
  async #activate(ports: Readonly<Record<string, number>>): Promise<Record<string, number>> {
    const prepared = this.#prepared;
    if (prepared === null) throw new Error('nothing was prepared');
    const { config } = prepared.message;
    this.#drainMs = config.drainMs;
    this.#state.pressure.configure(config.overload);
    if (config.cluster !== null) this.#state.leases.waitMs = config.cluster.waitMs;
    const opened: Record<string, number> = {};
    const fresh: string[] = [];
    try {
      for (const listener of config.listeners) {
        const settings = listenerSettings(listener, config.http);
        const known = this.#listeners.get(listener.name);
        if (known !== undefined && known.settings === settings) continue;
        const port = listener.port === 0 ? (ports[listener.name] ?? 0) : listener.port;
        const context: RelayContext = {
          snapshot: prepared.compiled.listeners.get(listener.name)!,
          draining: false,
          telemetry: this.#telemetry,
          clock: systemClock,
        };
        const relay = new RelayListener(context, {
          host: listener.host,
          port,
          tls: tlsOf(listener, prepared.materials),
          http2: listener.http2,
          proxyProtocolFrom:
            listener.proxyProtocolFrom.length === 0 ? null : new AddressSet(listener.proxyProtocolFrom),
          maxConnections: config.http.maxConnections,
          maxPerAddress: config.http.maxConnectionsPerAddress,
          connectionsByAddress: this.#connections,
          proxies: proxiesOf(listener),
          isBanned: (address) =>
            this.#state.bans.size > 0 && this.#state.bans.until(address, Date.now() / 1000) !== 0,
          isWithdrawn: (fingerprint) =>
            this.#state.revocations?.isRevoked(RevocationKind.key, fingerprint, UNDATED) === true,
          reusePort: canSharePorts,
        });
        opened[listener.name] = await relay.listen();
        if (known !== undefined) void known.listener.drain(config.drainMs);
        this.#listeners.set(listener.name, { listener: relay, settings });
        fresh.push(listener.name);
      }
    } catch (error) {
      for (const name of fresh) {
        void this.#listeners.get(name)!.listener.drain(0);
        this.#listeners.delete(name);
      }
      throw error;
    }
    for (const [name, { listener }] of this.#listeners) {
      const snapshot = prepared.compiled.listeners.get(name);
      if (snapshot === undefined) {
        this.#listeners.delete(name);
        void listener.drain(config.drainMs);
        continue;
      }
      listener.context.snapshot = snapshot;
      const entry = config.listeners.find((candidate) => candidate.name === name);
      const tls = entry === undefined ? null : tlsOf(entry, prepared.materials);
      if (tls !== null) listener.updateTls(tls, config.drainMs);
    }
    for (const [name, kept] of this.#state.upstreams) {
      if (prepared.compiled.upstreams.get(name)?.entry !== kept.entry) kept.entry.pool.closeIdle();
    }
    this.#state.upstreams = prepared.compiled.upstreams;
    this.#state.rules = prepared.compiled.rules;
    for (const [name, replica] of this.#issuers) {
      if (prepared.issuers.get(name) !== replica) replica.refreshed();
    }
    warmUp(prepared.compiled.schemas, () => this.#state.rules === prepared.compiled.rules);
    this.#issuers = prepared.issuers;
    this.#logins = prepared.logins;
    this.#setHttpChallenges(prepared.challenges);
    this.#telemetry.swap(prepared.message.metrics);
    this.#prepared = null;
    return opened;
  }

  // Certificates may change without a reload, also while one is under way.

  #takeMaterial(material: TlsMaterial): void {
    this.#prepared?.materials.set(material.listener, material);
    const listener = this.#listeners.get(material.listener)?.listener;
    listener?.updateMaterial(material, this.#drainMs);
  }

  #takeChallenges(challenges: ChallengeAnswers): void {
    if (this.#prepared !== null) this.#prepared.challenges = challenges;
    this.#setHttpChallenges(challenges);
    for (const { listener } of this.#listeners.values()) listener.updateChallenges(challenges.alpn);
  }

  #setHttpChallenges({ http }: ChallengeAnswers): void {
    this.#state.challenges.clear();
    for (const { token, authorization } of http) this.#state.challenges.set(token, authorization);
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const { entry } of this.#state.upstreams.values()) entry.pool.sweep(nowMs);
  }

  #tellUses(): void {
    const uses = this.#state.storedKeys.takeUses();
    if (uses.length > 0) this.#send({ kind: 'api-key-uses', uses });
  }

  async #drain(deadlineMs: number): Promise<void> {
    await Promise.all([...this.#listeners.values()].map(({ listener }) => listener.drain(deadlineMs)));
    for (const { entry } of this.#state.upstreams.values()) entry.pool.closeIdle();
    this.#tellUses();
    this.#state.leases.flush();
    this.#telemetry.flush();
    this.#send({ kind: 'drained' });
    parentPort!.close();
    // Sockets of upstreams that were being closed must not keep the thread.
    setImmediate(() => process.exit(0));
  }

  #send(message: FromWorker): void {
    parentPort!.postMessage(message);
  }
}

function tlsOf(listener: ListenerConfig, materials: ReadonlyMap<string, TlsMaterial>): ListenerTls | null {
  if (listener.tls === null) return null;
  const material = materials.get(listener.name);
  if (material === undefined) throw new Error(`no certificates for listener ${listener.name}`);
  return { settings: listener.tls.settings, material };
}

/** What can not be changed while a port is open; certificates and routes can. */
function listenerSettings(listener: ListenerConfig, http: HttpConfig): string {
  const { host, port, tls, http2, proxyProtocolFrom, trustedProxies } = listener;
  const { maxConnections, maxConnectionsPerAddress } = http;
  // Whom connections are not counted of matters only where they are counted.
  const proxies = maxConnectionsPerAddress === 0 ? [] : trustedProxies;
  const asks = tls === null ? null : (tls.settings.clients?.mode ?? 'none');
  return JSON.stringify([
    host,
    port,
    asks,
    http2,
    proxyProtocolFrom,
    maxConnections,
    maxConnectionsPerAddress,
    proxies,
  ]);
}

/** Peers that bring the connections of many clients. */
function proxiesOf({ trustedProxies }: ListenerConfig): AddressSet | null {
  return trustedProxies.length === 0 ? null : new AddressSet(trustedProxies);
}

// Expressions of rules, contracts and routes meet values of clients: one that backtracks too much goes on in V8's engine
// that needs linear time. Those with look-around or back-references can not, and are the reason for work budgets.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const thread = new DataPlaneThread(workerData as WorkerStart);
parentPort!.on('message', (message: ToWorker) => void thread.onMessage(message));
void thread.run();
