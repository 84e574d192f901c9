// The vault as its clients see it: who calls, whether it may, what it gets, who is told. Everything that is not allowed in so
// many words is denied.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/index.ts';
import { addressAllowed } from '../access/addresses.ts';
import { AppRoles } from '../access/approle.ts';
import type { Capability } from '../access/policies.ts';
import { PolicyStore } from '../access/policy-store.ts';
import { TokenStore } from '../access/tokens.ts';
import { Wrapping } from '../access/wrapping.ts';
import type { Barrier } from '../barrier.ts';
import { type AuditSink, VaultError, type VaultFault, type VaultUse } from '../contract.ts';
import { Leases } from '../leases/leases.ts';
import { findMount, type Mount, Mounts } from '../mounts.ts';
import { KvMount } from '../secrets/kv.ts';
import { Transit } from '../transit/transit.ts';
import type { Unsealing } from '../unsealing.ts';
import { handleAppRole } from './approle-api.ts';
import type { Json, Operation, VaultCall, VaultReply, VaultRequest } from './contract.ts';
import { handleCubbyhole } from './cubbyhole-api.ts';
import { handleKv, kvExists } from './kv-api.ts';
import { readText } from './read-body.ts';
import { handleSys, handleUnsealed } from './sys-api.ts';
import { authOf, handleToken } from './token-api.ts';
import { handleTransit, transitExists } from './transit-api.ts';

/** An engine that the vault does not bring itself, such as databases. */
export interface MountedEngine {
  handle(call: VaultCall, mount: Mount): Promise<VaultReply>;
  /** Whether `rest` is there, for policies that allow `create` alone. */
  exists?(mount: Mount, rest: string): Promise<boolean>;
  /** Forgets everything of a mount that is taken away. */
  clear(mount: Mount): Promise<void>;
  /** Does what is due. */
  tidy(mount: Mount, path: string): Promise<void>;
}

export interface VaultParts {
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly audit: AuditSink;
  readonly unsealing: Unsealing;
  /** By type of mount. */
  readonly engines?: ReadonlyMap<string, (service: VaultService) => MountedEngine>;
}

export interface HttpReply {
  readonly status: number;
  /** Null for an answer without a body. */
  readonly body: Json | null;
}

const statusOf: Readonly<Record<VaultFault, number>> = {
  sealed: 503,
  'not-initialized': 400,
  denied: 403,
  'not-found': 404,
  invalid: 400,
  conflict: 400,
  unsupported: 405,
  upstream: 502,
  corrupt: 500,
};

const denied = (): VaultError => new VaultError('denied', 'permission denied');
/** Paths that need `sudo` besides. */
const sudoPaths = [
  /^auth\/token\/(?:accessors|revoke-orphan)/,
  /^sys\/(?:auth\/.+|audit.*|leases\/(?:lookup\/|revoke-prefix\/|revoke-force\/).*|revoke-prefix\/.*|rotate.*|seal|rekey.*|gatewright\/.*)$/,
];

export class VaultService {
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
  readonly wrapping: Wrapping;
  readonly leases: Leases;
  readonly mounts: Mounts;
  readonly unsealing: Unsealing;
  readonly #audit: AuditSink;
  readonly #engines = new Map<string, MountedEngine>();

  constructor({ barrier, clock, audit, unsealing, engines }: VaultParts) {
    this.barrier = barrier;
    this.clock = clock;
    this.unsealing = unsealing;
    this.#audit = audit;
    this.tokens = new TokenStore(barrier, clock);
    this.policies = new PolicyStore(barrier);
    this.wrapping = new Wrapping(barrier, clock, this.tokens);
    this.leases = new Leases(barrier, clock);
    this.mounts = new Mounts(barrier, clock);
    this.tokens.onRevoke = (session, hash) => this.leases.endThoseOf(session, hash);
    for (const [type, make] of engines ?? []) this.#engines.set(type, make(this));
  }

  engine(type: string): MountedEngine | null {
    return this.#engines.get(type) ?? null;
  }

  kvOf(mount: Mount): KvMount {
    return new KvMount(this.barrier, this.clock, mount.id, () => mount.kv);
  }

  transitOf(mount: Mount): Transit {
    return new Transit(this.barrier, this.clock, mount.id);
  }

  rolesOf(mount: Mount): AppRoles {
    return new AppRoles(this.barrier, this.clock, this.tokens, mount.id);
  }

  /** Answers a request; rejects only for faults of the program. */
  async handle(request: VaultRequest): Promise<HttpReply> {
    const open = await handleUnsealed(request, this);
    if (open !== null) return this.#audited(request, '', async () => open);
    if (this.barrier.sealed) return errorReply(new VaultError('sealed', 'Vault is sealed'));
    const login = await this.#login(request);
    if (login !== null) return login;
    let found: Awaited<ReturnType<TokenStore['lookup']>>;
    try {
      found = request.tokenId === '' ? null : await this.tokens.lookup(request.tokenId);
    } catch (error) {
      if (error instanceof VaultError) return errorReply(error);
      throw error;
    }
    if (
      found === null ||
      found.token.kind !== 'service' ||
      !addressAllowed(request.address, found.token.addresses)
    )
      return this.#audited(request, '', () => Promise.reject(denied()));
    const { hash, token } = found;
    return this.#audited(request, token.accessor, async () => {
      if (token.usesLeft > 0 && !(await this.tokens.use(hash))) throw denied();
      return this.#route({ ...request, hash, token, rest: request.path, mount: '' });
    });
  }

  /** What needs no token: logging in, and what a wrapping token alone opens. */
  async #login(request: VaultRequest): Promise<HttpReply | null> {
    const { path, operation, body } = request;
    if (path.startsWith('auth/') && path.endsWith('/login') && operation === 'update') {
      const found = findMount((await this.mounts.table()).auths, path.slice('auth/'.length));
      if (found === null || found.mount.type !== 'approle' || found.rest !== 'login') return null;
      return this.#audited(request, '', async () => {
        const issued = await this.rolesOf(found.mount).login(
          readText(body, 'role_id'),
          readText(body, 'secret_id', ''),
          request.address,
          found.path,
        );
        return { status: 200, auth: authOf(issued) };
      });
    }
    if (!path.startsWith('sys/wrapping/') || path === 'sys/wrapping/wrap') return null;
    if (operation !== 'update' && !(path === 'sys/wrapping/lookup' && operation === 'read')) return null;
    const id = readText(body, 'token', request.tokenId);
    switch (path) {
      case 'sys/wrapping/unwrap':
        return this.#audited(request, '', async () => ({
          status: 200,
          raw: (await this.wrapping.unwrap(id)).body as Json,
        }));
      case 'sys/wrapping/lookup':
        return this.#audited(request, '', async () => {
          const { path: creation, createdMs, ttlMs } = await this.wrapping.lookup(id);
          return {
            status: 200,
            data: {
              creation_path: creation,
              creation_time: new Date(createdMs).toISOString(),
              creation_ttl: ttlMs / 1000,
            },
          };
        });
      case 'sys/wrapping/rewrap':
        return this.#audited({ ...request, wrapTtlMs: 0 }, '', async () => {
          const { body: inner, path: creation, ttlMs } = await this.wrapping.unwrap(id);
          return wrapReply(await this.wrapping.wrap(inner, creation, ttlMs));
        });
      default:
        return null;
    }
  }

  /** Runs `work`, writes the use down, and only then answers. */
  async #audited(request: VaultRequest, actor: string, work: () => Promise<VaultReply>): Promise<HttpReply> {
    const use = (outcome: VaultUse['outcome'], details: VaultUse['details'] = {}): VaultUse => ({
      atMs: this.clock.epochMs(),
      actor,
      action: request.operation,
      path: request.path.slice(0, 1024),
      outcome,
      address: request.address,
      details,
    });
    let reply: VaultReply;
    try {
      reply = await work();
    } catch (error) {
      if (error instanceof VaultError) {
        await this.#audit(use(error.fault === 'denied' ? 'denied' : 'failed', { fault: error.fault }));
        return errorReply(error);
      }
      await this.#audit(use('failed', { fault: 'internal' }));
      throw error;
    }
    await this.#audit(use('allowed', { status: reply.status, wrapped: request.wrapTtlMs > 0 }));
    return this.#finish(request, reply);
  }

  async #finish(request: VaultRequest, reply: VaultReply): Promise<HttpReply> {
    if (reply.status >= 400) return { status: reply.status, body: reply.raw ?? fullBody(reply) };
    const isBare = reply.data === undefined && reply.auth === undefined && reply.raw === undefined;
    if (request.wrapTtlMs > 0 && !isBare && reply.raw === undefined)
      return {
        status: 200,
        body: fullBody(wrapReply(await this.wrapping.wrap(fullBody(reply), request.path, request.wrapTtlMs))),
      };
    if (isBare) return { status: reply.status, body: null };
    return {
      status: reply.status,
      body: reply.raw !== undefined && reply.data === undefined ? reply.raw : fullBody(reply),
    };
  }

  /** Whether the token may use `path` so. Rejects with VaultError. */
  async #permit(call: VaultCall, exists: () => Promise<boolean>): Promise<void> {
    const allowed = await this.policies.capabilities(call.token, call.path);
    const needed: Readonly<Record<Exclude<Operation, 'update'>, Capability>> = {
      read: 'read',
      list: 'list',
      patch: 'patch',
      delete: 'delete',
    };
    const may =
      call.operation === 'update'
        ? allowed.has('update')
          ? allowed.has('create') || (await exists())
          : allowed.has('create') && !(await exists())
        : allowed.has(needed[call.operation]);
    if (!may) throw denied();
    if (sudoPaths.some((pattern) => pattern.test(call.path)) && !allowed.has('sudo')) throw denied();
  }

  async #route(call: VaultCall): Promise<VaultReply> {
    const always = async (): Promise<boolean> => true;
    if (call.path.startsWith('sys/')) {
      await this.#permit(call, always);
      return handleSys({ ...call, rest: call.path.slice('sys/'.length) }, this);
    }
    if (call.path.startsWith('cubbyhole/')) {
      await this.#permit(call, always);
      return handleCubbyhole({ ...call, rest: call.path.slice('cubbyhole/'.length) }, this.barrier);
    }
    const table = await this.mounts.table();
    if (call.path.startsWith('auth/')) {
      await this.#permit(call, always);
      const found = findMount(table.auths, call.path.slice('auth/'.length));
      if (found === null) throw new VaultError('not-found', `no handler for route "${call.path}"`);
      const inner = { ...call, rest: found.rest, mount: found.path };
      return found.mount.type === 'token'
        ? handleToken(inner, this)
        : handleAppRole(inner, this.rolesOf(found.mount));
    }
    const found = findMount(table.engines, call.path);
    if (found === null) {
      // Who may not use a path is not told whether something is there.
      await this.#permit(call, always);
      throw new VaultError('not-found', `no handler for route "${call.path}"`);
    }
    const { mount } = found;
    const inner = { ...call, rest: found.rest, mount: found.path };
    if (mount.type === 'kv') {
      const kv = this.kvOf(mount);
      await this.#permit(inner, () => kvExists(kv, found.rest));
      return handleKv(inner, kv, this.mounts);
    }
    if (mount.type === 'transit') {
      const transit = this.transitOf(mount);
      await this.#permit(inner, () => transitExists(transit, found.rest));
      return handleTransit(inner, transit);
    }
    const engine = this.#engines.get(mount.type);
    await this.#permit(inner, () => engine?.exists?.(mount, found.rest) ?? always());
    if (engine === undefined)
      throw new VaultError('unsupported', `there is no engine for ${mount.type} here`);
    return engine.handle(inner, mount);
  }

  /** Ends what is over, rotates what is due, unmakes what must go. Safe to run on several nodes. */
  async tidy(): Promise<void> {
    if (this.barrier.sealed) return;
    while ((await this.tokens.tidy()) > 0);
    while ((await this.leases.tidy()) > 0);
    const table = await this.mounts.table();
    for (const mount of Object.values(table.auths)) {
      if (mount.type === 'approle') while ((await this.rolesOf(mount).tidy()) > 0);
    }
    for (const [path, mount] of Object.entries(table.engines)) {
      if (mount.type === 'transit') await this.transitOf(mount).tidy();
      else await this.#engines.get(mount.type)?.tidy(mount, path);
    }
  }
}

const wrapReply = (info: Json | object): VaultReply => ({
  status: 200,
  data: null,
  raw: { wrap_info: info },
});

function fullBody(reply: VaultReply): Json {
  return {
    request_id: randomUUID(),
    lease_id: reply.lease?.id ?? '',
    renewable: reply.lease?.renewable ?? false,
    lease_duration: reply.lease === undefined ? 0 : Math.round(reply.lease.durationMs / 1000),
    data: reply.data ?? null,
    wrap_info: null,
    warnings: reply.warnings ?? null,
    auth: reply.auth ?? null,
    ...(reply.raw ?? {}),
  };
}

const errorReply = (error: VaultError): HttpReply => ({
  status: statusOf[error.fault],
  body: { errors: [error.message] },
});
