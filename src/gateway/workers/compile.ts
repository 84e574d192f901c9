// From the validated configuration to what a data-plane thread serves: routers with compiled pipelines at their
// entries. Upstreams and limit counters outlive the snapshot, so that a reload forgets nothing.
import { randomBytes } from 'node:crypto';
import { BanTable, createBanTable } from '../../admission/index.ts';
import type {
  ApiConfig,
  GateConfig,
  ListenerConfig,
  OperationConfig,
  UpstreamConfig,
} from '../../config/index.ts';
import { compileForwardCall } from '../../control/index.ts';
import { type Clock, systemClock } from '../../core/index.ts';
import { createReplayTable, ReplayTable, type RevocationTable } from '../../credentials/index.ts';
import type { Guard, GuardName, Operation } from '../../exchange/index.ts';
import { createLastPlaces, type Geography, LastPlaces } from '../../geography/index.ts';
import { AddressLists, compileAdmit } from '../../guards/admit/index.ts';
import {
  ApiKeyTable,
  CertificateTable,
  compileAuthenticate,
  compileForwardCertificate,
  compileForwardIdentity,
  compileKeepCookies,
  compileLoginStep,
  type ForwardConfig,
  IdentitySigner,
  type Issuer,
  type LoginReplica,
  Possession,
  SignatureKeyTable,
  StoredCallers,
  StoredKeys,
  singleMethods,
} from '../../guards/authenticate/index.ts';
import {
  type AuthorizeContext,
  closedDesk,
  compileApiPolicies,
  compileAuthorize,
  compileAuthorizeBody,
  compileMethodOverride,
  compileRules,
  createWatch,
  Principals,
  Relation,
  type RelationDesk,
  Risk,
} from '../../guards/authorize/index.ts';
import { compileGateGuesses, compileLoginGuesses, type GuessContext } from '../../guards/guess/index.ts';
import { compileHarden, type HardenConfig } from '../../guards/harden/index.ts';
import { compileInspect, InspectionRules } from '../../guards/inspect/index.ts';
import { compileLimit, countsCallers, type LimitContext, Membership } from '../../guards/limit/index.ts';
import { compileMaskGuard } from '../../guards/mask/index.ts';
import { compileRetire } from '../../guards/retire/index.ts';
import { compilePlanPriority, compileShed, Pressure } from '../../guards/shed/index.ts';
import { compileGrpc, compileValidate, compileValidateAnswers } from '../../guards/validate/index.ts';
import {
  ConcurrencyTable,
  createConcurrencyTable,
  createLeaseTable,
  LeaseDesk,
  LeaseTable,
  type LimitTable,
} from '../../limits/index.ts';
import { AddressSet } from '../../net/index.ts';
import {
  compileUpstreamTls,
  type GateIdentity,
  noGateIdentity,
  type UpstreamTls,
} from '../../net/tls/index.ts';
import { SchemaSet } from '../../openapi/index.ts';
import { compilePipeline } from '../../pipeline/index.ts';
import {
  ConnectionPool,
  Front,
  type ListenerSnapshot,
  type RouteEntry,
  type UpstreamEntry,
} from '../relay/index.ts';
import { compileRouter, type Route } from '../router/index.ts';
import { Upstream } from '../upstream/index.ts';

/** What stays when a snapshot goes. */
export interface LastingState {
  readonly limits: LimitTable;
  /** Limits whose tokens come from a store. */
  readonly leases: LeaseDesk;
  /** Where callers were seen last. */
  readonly places: LastPlaces;
  /** Requests under way. */
  readonly concurrency: ConcurrencyTable;
  /** Lists that come from elsewhere, and bans. */
  readonly lists: AddressLists;
  readonly bans: BanTable;
  /** How hard the thread is pressed. */
  readonly pressure: Pressure;
  readonly clock: Clock;
  /** Open ACME challenges over HTTP, key authorizations by token. */
  readonly challenges: Map<string, string>;
  /** Null where nothing can be withdrawn (tests). */
  readonly revocations: RevocationTable | null;
  readonly storedKeys: StoredKeys;
  readonly signer: IdentitySigner;
  readonly replays: ReplayTable;
  readonly nonceKey: Uint8Array;
  /** Questions about objects to their services. */
  readonly relations: RelationDesk;
  /** Proves to the control plane's services that a request came through this gate. */
  readonly controlSecret: string;
  /** Who the gate is among services, for upstreams. */
  gateIdentity: GateIdentity;
  /** Callers of the state by names in their certificates. */
  readonly storedCallers: StoredCallers;
  /** Compiled inspection rules of the snapshot being served. */
  rules: InspectionRules | null;
  /** By name; an upstream whose settings did not change keeps its connections and counters. */
  upstreams: ReadonlyMap<string, KeptUpstream>;
}

export interface KeptUpstream {
  readonly settings: string;
  readonly tls: UpstreamTls;
  readonly entry: UpstreamEntry;
}

export const createLastingState = (
  limits: LimitTable,
  revocations: RevocationTable | null = null,
  replays: ReplayTable = new ReplayTable(createReplayTable(1024)),
  nonceKey: Uint8Array = randomBytes(32),
  relations: RelationDesk = closedDesk,
  controlSecret = '',
  leases: LeaseDesk = new LeaseDesk({ table: new LeaseTable(createLeaseTable(8)), send: () => {} }),
  places: LastPlaces = new LastPlaces(createLastPlaces(64)),
  concurrency: ConcurrencyTable = new ConcurrencyTable(createConcurrencyTable(1, 8), 0),
  bans: BanTable = new BanTable(createBanTable(8)),
): LastingState => ({
  limits,
  leases,
  places,
  concurrency,
  lists: new AddressLists(),
  bans,
  pressure: new Pressure(),
  clock: systemClock,
  challenges: new Map(),
  revocations,
  storedKeys: new StoredKeys(revocations),
  signer: new IdentitySigner(),
  replays,
  nonceKey,
  relations,
  controlSecret,
  gateIdentity: noGateIdentity,
  storedCallers: new StoredCallers(),
  rules: null,
  upstreams: new Map(),
});

export interface CompiledSnapshot {
  readonly listeners: ReadonlyMap<string, ListenerSnapshot>;
  readonly upstreams: ReadonlyMap<string, KeptUpstream>;
  readonly rules: InspectionRules;
  /** Of the APIs' contracts. */
  readonly schemas: readonly SchemaSet[];
}

/** Answers outside of any operation carry the same security fields. */
const fallbackHarden: HardenConfig = { securityFields: true, hstsSeconds: 0, removeFields: [], cors: null };

/** Compiles everything; throws when a part of the configuration can not be compiled, and changes nothing before. */
export function compileSnapshot(
  config: GateConfig,
  issuers: ReadonlyMap<string, Issuer>,
  state: LastingState,
  logins: ReadonlyMap<string, LoginReplica> = new Map(),
  geography: Geography | null = null,
): CompiledSnapshot {
  const upstreams = new Map<string, KeptUpstream>();
  for (const upstream of config.upstreams) upstreams.set(upstream.name, keepUpstream(upstream, state));
  const keys = new ApiKeyTable(config.consumers, state.storedKeys);
  const certificates = new CertificateTable(config.consumers, state.storedCallers);
  const signatureKeys = new SignatureKeyTable(config.consumers);
  const possession = new Possession(config.dpop, state.replays, state.nonceKey, state.clock);
  const rules = new InspectionRules(config.ruleSets, state.rules);
  const routes = new Map<string, Route<RouteEntry>[]>(
    config.listeners.map((listener) => [listener.name, []]),
  );
  const schemaSets: SchemaSet[] = [];
  let index = 0;
  const shared = new SharedGuards();
  const principals = new Principals(config.identity);
  const relations = new Map(
    config.relations.map(({ name, cacheMs }) => [name, new Relation(name, cacheMs, state.relations)]),
  );
  const risk = config.risk === null ? null : new Risk(config.risk, state);
  const methodOverride = compileMethodOverride();
  const membership = new Membership(config.membership);
  const planPriority = compilePlanPriority(config.planPriorities, ({ consumer }) =>
    membership.planOf(consumer),
  );
  const guessing: GuessContext = { table: state.limits, clock: state.clock, pepper: state.nonceKey };
  const gateGuesses = compileGateGuesses(config.failures, guessing);
  const limiting: LimitContext = {
    table: state.limits,
    desk: state.leases,
    concurrency: state.concurrency,
    clock: state.clock,
    membership,
    random: Math.random,
    nodes: config.cluster === null ? 'alone' : config.cluster.whenAway,
  };
  for (const api of config.apis) {
    const schemas = new SchemaSet(api.contractDocument, { checked: true });
    schemaSets.push(schemas);
    const upstream = upstreams.get(api.upstream);
    if (upstream === undefined) throw new RangeError(`unknown upstream ${api.upstream}`);
    const authorize: AuthorizeContext = {
      principals,
      policies:
        api.authorize.policies === null
          ? null
          : compileApiPolicies(api.name, api.authorize.policies, state.limits, state.clock),
      watch: createWatch(api.name, api.authorize, state.limits, state.clock),
      relations,
      risk,
      schemas,
      document: api.contractDocument,
    };
    for (const operation of api.operations) {
      const entry = compileEntry(api, operation, index++, schemas, upstream.entry, {
        issuers,
        keys,
        certificates,
        possession,
        signatureKeys,
        logins,
        keepCookies: compileKeepCookies(logins.values()),
        forward: config.forward,
        rules,
        state,
        shared,
        authorize,
        methodOverride,
        limiting,
        planPriority,
        guessing,
        gateGuesses,
      });
      const route = {
        hosts: api.hosts,
        method: operation.method,
        template: operation.template,
        value: entry,
      };
      for (const name of operation.listeners) routes.get(name)?.push(route);
    }
  }
  rules.settle();
  const listeners = new Map<string, ListenerSnapshot>();
  for (const listener of config.listeners) {
    listeners.set(listener.name, {
      name: listener.name,
      secure: listener.tls !== null,
      router: compileRouter(routes.get(listener.name)!),
      trustedProxies: listener.trustedProxies.length === 0 ? null : new AddressSet(listener.trustedProxies),
      geography,
      limits: config.http,
      front: frontOf(listener, config, state),
      fallback: compilePipeline([
        compileHarden({ ...fallbackHarden, hstsSeconds: hstsOf(listener, config) }),
      ]),
    });
  }
  return { listeners, upstreams, rules, schemas: schemaSets };
}

/**
 * Guards that are the same for many operations exist once: with ten thousand operations, what a request touches would
 * otherwise never be in the processor's cache.
 */
class SharedGuards {
  readonly #bySettings = new Map<string, Guard | null>();
  readonly #texts = new Map<object, string>();

  /** The guard `name` for `settings`, which must hold all that `compile` depends on. */
  get(name: GuardName, settings: object, compile: () => Guard | null): Guard | null {
    const key = `${name}\n${this.#textOf(settings)}`;
    let guard = this.#bySettings.get(key);
    if (guard === undefined) {
      guard = compile();
      this.#bySettings.set(key, guard);
    }
    return guard;
  }

  /** Address lists are long and the same object for all operations of an API. */
  #textOf(settings: object): string {
    let text = this.#texts.get(settings);
    if (text === undefined) {
      text = JSON.stringify(settings);
      if (!Array.isArray(settings)) this.#texts.set(settings, text);
    }
    return text;
  }
}

/** Answers in front of all operations, where the listener can have any. */
function frontOf(listener: ListenerConfig, config: GateConfig, state: LastingState): Front | null {
  const takesChallenges = listener.tls === null && config.acme.some((entry) => entry.challenge === 'http-01');
  return takesChallenges || listener.redirect !== null
    ? new Front(state.challenges, listener.redirect)
    : null;
}

/** What answers outside of any operation say of HSTS: the least that the APIs of the listener say. */
function hstsOf(listener: ListenerConfig, config: GateConfig): number {
  const apis = config.apis.filter((api) => api.listeners.includes(listener.name));
  return apis.length === 0 ? 0 : Math.min(...apis.map((api) => api.harden.hstsSeconds));
}

function compileEntry(
  api: ApiConfig,
  config: OperationConfig,
  index: number,
  schemas: SchemaSet,
  upstream: UpstreamEntry,
  context: {
    issuers: ReadonlyMap<string, Issuer>;
    keys: ApiKeyTable;
    certificates: CertificateTable;
    possession: Possession;
    signatureKeys: SignatureKeyTable;
    logins: ReadonlyMap<string, LoginReplica>;
    keepCookies: Guard | null;
    forward: ForwardConfig | null;
    rules: InspectionRules;
    state: LastingState;
    shared: SharedGuards;
    authorize: AuthorizeContext;
    methodOverride: Guard;
    limiting: LimitContext;
    planPriority: Guard | null;
    guessing: GuessContext;
    gateGuesses: Guard | null;
  },
): RouteEntry {
  const { state, shared } = context;
  const operation: Operation = {
    index,
    api: api.name,
    id: config.id,
    method: config.method,
    template: config.template,
    paramNames: [...config.template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!),
    public: config.publicReason !== null,
  };
  const names = { api: api.name, operation: config.id };
  const limit = (afterAuthentication: boolean) => {
    const limits = config.limits.filter((entry) => countsCallers(entry) === afterAuthentication);
    const where = limits.every(({ scope }) => scope === 'api') ? { ...names, operation: '' } : names;
    return shared.get('limit', [limits, where, config.cost], () =>
      compileLimit(limits, names, config.cost, context.limiting),
    );
  };
  const validate =
    config.grpc !== null
      ? compileGrpc()
      : config.validate === null
        ? null
        : compileValidate(config.contract, schemas, config.validate);
  const rules = compileRules(
    { operation, contract: config.contract, scopes: config.scopes, authorize: config.authorize },
    context.authorize,
  );
  const { risk } = context.authorize;
  // Rules that stand for more than scopes are an operation's own.
  const onlyScopes = rules.every(({ kind }) => kind === 'scopes');
  const authorize = onlyScopes
    ? shared.get('authorize', [config.scopes, operation.public], () => compileAuthorize(rules, risk))
    : compileAuthorize(rules, risk);
  // Limits that need to know no caller come before authentication: guessing credentials must cost as much as using them.
  const guards = [
    shared.get('admit', api.admit, () => compileAdmit(api.admit, state)),
    compileRetire(config.retire, state.clock),
    shared.get('gate', [config.priority], () => compileShed(config.priority, state.pressure, Math.random)),
    context.methodOverride,
    risk?.watch ?? null,
    limit(false),
    config.authenticate.length === 0 ? null : context.gateGuesses,
    compileLoginGuesses(`${api.name}\n${config.id}`, config.guesses, context.guessing),
    shared.get('authenticate', [config.authenticate, operation.public], () =>
      compileAuthenticate(config.authenticate, operation.public, {
        issuers: context.issuers,
        keys: context.keys,
        certificates: context.certificates,
        revocations: state.revocations,
        possession: context.possession,
        signatureKeys: context.signatureKeys,
        replays: state.replays,
        logins: context.logins,
        clock: state.clock,
      }),
    ),
    config.login === null
      ? context.keepCookies
      : compileLoginStep(
          config.login.step,
          context.logins.get(config.login.name)!,
          state.replays,
          state.clock,
        ),
    context.planPriority,
    limit(true),
    authorize,
    validate,
    compileAuthorizeBody(rules),
    config.grpc !== null || config.validate === null
      ? null
      : compileValidateAnswers(config.contract, schemas, api.contractDocument, config.validate),
    compileForwardCertificate(upstream.clientCertificate),
    api.service === null
      ? shared.get('authenticate', ['forward', api.upstream], () =>
          compileForwardIdentity(context.forward, api.upstream, state.signer, state.clock),
        )
      : shared.get('authenticate', ['forward-call', api.service, api.name, api.base], () =>
          compileForwardCall(api.service!, api.name, api.base, state.controlSecret),
        ),
    config.mask === null ? null : compileMaskGuard(config.mask, context.authorize.principals),
    config.inspect === null
      ? null
      : shared.get('inspect', config.inspect, () => compileInspect(config.inspect!, context.rules)),
    shared.get('harden', api.harden, () => compileHarden(api.harden)),
  ];
  // INVARIANT: what has to see the body gets it; a guard that never did would let everything pass.
  if (
    config.grpc !== null &&
    singleMethods(config.authenticate).some(({ kind }) => kind === 'webhook' || kind === 'signature')
  )
    throw new RangeError(`${config.id} is a gRPC call, whose body no signature can cover`);
  return {
    operation,
    pipeline: compilePipeline(guards),
    // The body of a gRPC call is a stream of messages that may never end: it is not collected.
    buffersBody: config.grpc === null && guards.some((guard) => guard !== null && guard.onBody !== null),
    maxBodyBytes: maxBodyOf(config),
    websocket: config.websocket,
    grpc: config.grpc,
    stripLength: api.stripBase ? api.base.length : 0,
    upstream,
    harden: api.harden,
  };
}

/** A body that inspection would refuse for its length is not collected first. */
function maxBodyOf({ maxBodyBytes, inspect }: OperationConfig): number {
  return inspect?.mode === 'block' && inspect.requestBody.beyond === 'refuse'
    ? Math.min(maxBodyBytes, inspect.requestBody.limitBytes)
    : maxBodyBytes;
}

function keepUpstream(config: UpstreamConfig, state: LastingState): KeptUpstream {
  const settings = JSON.stringify(config);
  const kept = state.upstreams.get(config.name);
  if (kept !== undefined && kept.settings === settings) return kept;
  const balancer = new Upstream(config, state.clock, Math.random);
  const pool = new ConnectionPool(
    config.maxIdle,
    config.protocol,
    compileUpstreamTls(config.tls, state.gateIdentity),
  );
  balancer.onRemoved = (endpoint) => pool.drop(endpoint);
  const hashOn =
    config.balance !== 'hash' ? 'none' : config.hashOn.startsWith('header:') ? 'header' : config.hashOn;
  const entry: UpstreamEntry = {
    name: config.name,
    balancer,
    pool,
    retryStatuses: new Set(config.retries.statuses),
    maxAttempts: 1 + config.retries.attempts,
    connectTimeoutMs: config.timeouts.connectMs,
    firstByteTimeoutMs: config.timeouts.firstByteMs,
    idleTimeoutMs: config.timeouts.idleMs,
    totalTimeoutMs: config.timeouts.totalMs,
    sendsClientHost: config.host === 'client',
    clientCertificate: config.clientCertificate,
    hashOn: hashOn as UpstreamEntry['hashOn'],
    hashHeader: config.hashOn.startsWith('header:') ? config.hashOn.slice('header:'.length) : '',
  };
  return { settings, tls: config.tls, entry };
}

/** Gives upstreams that show it another identity. */
export function identifyUpstreams(
  upstreams: ReadonlyMap<string, KeptUpstream>,
  identity: GateIdentity,
): void {
  for (const { tls, entry } of upstreams.values()) {
    if (tls.svid || tls.domains.length > 0) entry.pool.secure(compileUpstreamTls(tls, identity));
  }
}
