// The engine `database`: accounts that are made for one caller and end with the lease, and accounts whose passwords change.
import { randomBytes } from 'node:crypto';
import { parseTtl, SYSTEM } from '../access/tokens.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  seconds,
  timeText,
  type VaultCall,
  type VaultReply,
} from '../api/contract.ts';
import { readBoolean, readText, readTexts } from '../api/read-body.ts';
import type { MountedEngine, VaultService } from '../api/service.ts';
import { VaultError } from '../contract.ts';
import type { Mount } from '../mounts.ts';
import { accountPattern, type DatabaseConnection, type DatabaseDriver } from './contract.ts';
import { postgresDriver } from './postgres-driver.ts';
import { redisDriver } from './redis-driver.ts';
import { newPassword, type StaticRole, StaticRotation, type StaticTarget } from './static-role.ts';

interface Database extends DatabaseConnection {
  readonly plugin: string;
  /** Roles that may use it; `*` for all. */
  readonly allowedRoles: readonly string[];
  /** A new password of the account itself that is being brought in. */
  readonly pendingPassword: string;
}

interface DynamicRole {
  readonly database: string;
  readonly creationStatements: readonly string[];
  readonly revocationStatements: readonly string[];
  readonly renewStatements: readonly string[];
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}

interface LeaseData extends Json {
  readonly mount: string;
  readonly database: string;
  readonly username: string;
  readonly revocationStatements: readonly string[];
  readonly renewStatements: readonly string[];
}

const drivers: ReadonlyMap<string, DatabaseDriver> = new Map([
  ['postgresql-database-plugin', postgresDriver],
  ['redis-database-plugin', redisDriver],
]);
const DAY_MS = 86_400_000;
/** A change of an account's own password that was begun is ended by `tidy` after this, ms. */
const UNFINISHED_MS = 10_000;

const checkName = (name: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new VaultError('invalid', 'a name has letters, digits, ".", "-" and "_"');
  return name;
};

export class DatabaseEngine implements MountedEngine {
  readonly #service: VaultService;

  constructor(service: VaultService) {
    this.#service = service;
    service.leases.register('database', {
      revoke: async (data) => {
        const { mount, database, username, revocationStatements } = data as LeaseData;
        const { driver, connection } = await this.#target(mount, database);
        await driver.revoke(connection, username, revocationStatements);
      },
      renew: async (data, expiresMs) => {
        const { mount, database, username, renewStatements } = data as LeaseData;
        const { driver, connection } = await this.#target(mount, database);
        await driver.renew(connection, username, expiresMs, renewStatements);
      },
    });
  }

  #place(mount: string, kind: string, name: string): string {
    return `db/${mount}/${kind}/${checkName(name)}`;
  }

  async #database(mount: string, name: string): Promise<Database> {
    const found = await this.#service.barrier.read<Database>(this.#place(mount, 'config', name));
    if (found === null)
      throw new VaultError('invalid', `failed to find entry for connection with name: "${name}"`);
    return found;
  }

  async #target(mount: string, name: string): Promise<StaticTarget> {
    const connection = await this.#database(mount, name);
    return { driver: driverOf(connection.plugin), connection };
  }

  #rotation(mount: Mount): StaticRotation {
    const { barrier, clock } = this.#service;
    return new StaticRotation(barrier, clock, (database) => this.#target(mount.id, database));
  }

  async handle(call: VaultCall, mount: Mount): Promise<VaultReply> {
    const [kind = '', name = ''] = call.rest.split('/');
    if (name === '') {
      const folder = (
        { config: 'config', roles: 'role', 'static-roles': 'static' } as Record<string, string>
      )[kind];
      if (call.operation !== 'list' || folder === undefined) return notFound;
      const prefix = `db/${mount.id}/${folder}/`;
      return listReply((await this.#service.barrier.list(prefix)).map((place) => place.slice(prefix.length)));
    }
    switch (kind) {
      case 'config':
        return this.#config(call, mount, name);
      case 'roles':
        return this.#role(call, mount, name);
      case 'creds':
        return call.operation === 'read' ? this.#credentials(call, mount, name) : notFound;
      case 'static-roles':
        return this.#staticRole(call, mount, name);
      case 'static-creds':
        return call.operation === 'read' ? this.#staticCredentials(mount, name) : notFound;
      case 'rotate-role':
        if (call.operation !== 'update') return notFound;
        await this.#rotation(mount).rotate(this.#place(mount.id, 'static', name));
        return noContent;
      case 'rotate-root':
        if (call.operation !== 'update') return notFound;
        await this.#rotateRoot(mount.id, name);
        return noContent;
      default:
        return notFound;
    }
  }

  async #config(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const { barrier } = this.#service;
    const place = this.#place(mount.id, 'config', name);
    switch (call.operation) {
      case 'read': {
        const found = await barrier.read<Database>(place);
        if (found === null) return notFound;
        // Never the password, nor a URL that may hold one.
        const { username, plugin, allowedRoles } = found;
        return {
          status: 200,
          data: { plugin_name: plugin, allowed_roles: allowedRoles, connection_details: { username } },
        };
      }
      case 'update': {
        const { body } = call;
        const old = await barrier.read<Database>(place);
        const host = readText(body, 'host', '');
        const scheme = readBoolean(body, 'tls', false) ? 'rediss' : 'redis';
        const url =
          host === ''
            ? readText(body, 'connection_url', old?.url)
            : `${scheme}://${host}:${String(body['port'] ?? 6379)}`;
        const next: Database = {
          plugin: readText(body, 'plugin_name', old?.plugin),
          url,
          username: readText(body, 'username', old?.username ?? ''),
          password: readText(body, 'password', old?.password ?? ''),
          allowedRoles: readTexts(body, 'allowed_roles') ?? old?.allowedRoles ?? [],
          pendingPassword: '',
        };
        const driver = driverOf(next.plugin);
        if (readBoolean(body, 'verify_connection', true))
          await driver.check(next, next.username, next.password, '');
        await barrier.transaction((session) => session.put(place, SYSTEM, next));
        return noContent;
      }
      case 'delete':
        await barrier.transaction((session) => session.remove(place));
        return noContent;
      default:
        return notFound;
    }
  }

  async #role(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const { barrier } = this.#service;
    const place = this.#place(mount.id, 'role', name);
    switch (call.operation) {
      case 'read': {
        const role = await barrier.read<DynamicRole>(place);
        if (role === null) return notFound;
        return {
          status: 200,
          data: {
            db_name: role.database,
            creation_statements: role.creationStatements,
            revocation_statements: role.revocationStatements,
            renew_statements: role.renewStatements,
            rollback_statements: [],
            default_ttl: seconds(role.defaultTtlMs),
            max_ttl: seconds(role.maxTtlMs),
          },
        };
      }
      case 'update': {
        const { body } = call;
        const role: DynamicRole = {
          database: readText(body, 'db_name'),
          creationStatements: statementsOf(body, 'creation_statements'),
          revocationStatements: statementsOf(body, 'revocation_statements'),
          renewStatements: statementsOf(body, 'renew_statements'),
          defaultTtlMs: parseTtl(body['default_ttl'], 'default_ttl'),
          maxTtlMs: parseTtl(body['max_ttl'], 'max_ttl'),
        };
        await barrier.transaction((session) => session.put(place, SYSTEM, role));
        return noContent;
      }
      case 'delete':
        await barrier.transaction((session) => session.remove(place));
        return noContent;
      default:
        return notFound;
    }
  }

  async #credentials(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const { barrier, leases } = this.#service;
    const role = await barrier.read<DynamicRole>(this.#place(mount.id, 'role', name));
    if (role === null) throw new VaultError('invalid', `unknown role: ${name}`);
    const database = await this.#database(mount.id, role.database);
    if (!allows(database, name)) throw new VaultError('denied', `"${name}" is not an allowed role`);
    const username = `v-${name.slice(0, 24)}-${randomBytes(10).toString('hex')}`;
    const password = newPassword();
    const data: LeaseData = {
      mount: mount.id,
      database: role.database,
      username,
      revocationStatements: role.revocationStatements,
      renewStatements: role.renewStatements,
    };
    const { id, lease } = await leases.create(
      {
        kind: 'database',
        path: call.path,
        token: call.hash,
        tokenExpiresMs: call.token.expiresMs,
        ttlMs: role.defaultTtlMs,
        maxTtlMs: role.maxTtlMs,
        renewable: true,
        data,
      },
      (expiresMs) =>
        driverOf(database.plugin).create(database, {
          username,
          password,
          expiresMs,
          statements: role.creationStatements,
        }),
    );
    return {
      status: 200,
      data: { username, password },
      lease: { id, durationMs: lease.ttlMs, renewable: true },
    };
  }

  async #staticRole(call: VaultCall, mount: Mount, name: string): Promise<VaultReply> {
    const { barrier } = this.#service;
    const place = this.#place(mount.id, 'static', name);
    switch (call.operation) {
      case 'read': {
        const role = await barrier.read<StaticRole>(place);
        return role === null ? notFound : { status: 200, data: describeStatic(role) };
      }
      case 'update': {
        const { body } = call;
        const old = await barrier.read<StaticRole>(place);
        const usernames = readTexts(body, 'usernames') ?? [readText(body, 'username', old?.usernames[0])];
        if (
          usernames.length > 2 ||
          new Set(usernames).size !== usernames.length ||
          !usernames.every((user) => accountPattern.test(user))
        )
          throw new VaultError('invalid', 'one account is needed, or two that take turns');
        const databaseName = readText(body, 'db_name', old?.database);
        if (!allows(await this.#database(mount.id, databaseName), name))
          throw new VaultError('denied', `"${name}" is not an allowed role`);
        const isNew = old === null || JSON.stringify(old.usernames) !== JSON.stringify(usernames);
        const role: StaticRole = {
          ...(isNew ? blank : old),
          database: databaseName,
          usernames,
          periodMs: parseTtl(body['rotation_period'], 'rotation_period') || old?.periodMs || DAY_MS,
          checkStatement: readText(body, 'check_statement', old?.checkStatement ?? ''),
        };
        const dueMs = (role.rotatedMs ?? this.#service.clock.epochMs()) + role.periodMs;
        await barrier.transaction((session) => session.put(place, SYSTEM, role, dueMs));
        // The vault must know a password before it can give one out.
        if (isNew) {
          try {
            await this.#rotation(mount).rotate(place);
          } catch (error) {
            await barrier.transaction(async (session) => {
              if (old === null) await session.remove(place);
              else await session.put(place, SYSTEM, old, (old.rotatedMs ?? 0) + old.periodMs);
            });
            throw error;
          }
        }
        return noContent;
      }
      case 'delete':
        await barrier.transaction((session) => session.remove(place));
        return noContent;
      default:
        return notFound;
    }
  }

  async #staticCredentials(mount: Mount, name: string): Promise<VaultReply> {
    const role = await this.#service.barrier.read<StaticRole>(this.#place(mount.id, 'static', name));
    if (role === null || role.password === '') throw new VaultError('invalid', `unknown role: ${name}`);
    const dueMs = (role.rotatedMs ?? 0) + role.periodMs;
    return {
      status: 200,
      data: {
        username: role.usernames[role.active],
        password: role.password,
        last_vault_rotation: timeText(role.rotatedMs),
        rotation_period: seconds(role.periodMs),
        ttl: seconds(dueMs - this.#service.clock.epochMs()),
      },
    };
  }

  /** Written down, done, looked at, put into use; what was begun and not ended is tried both ways the next time. */
  async #rotateRoot(mount: string, name: string): Promise<void> {
    const { barrier } = this.#service;
    const place = this.#place(mount, 'config', name);
    const begun = await barrier.transaction(async (session) => {
      const found = await session.get<Database>(place);
      if (found === null) throw new VaultError('invalid', 'there is no such connection');
      if (found.username === '' || found.password === '')
        throw new VaultError('invalid', 'the connection has no username and password of its own');
      const next = { ...found, pendingPassword: found.pendingPassword || newPassword() };
      await session.put(place, SYSTEM, next, this.#service.clock.epochMs() + UNFINISHED_MS);
      return next;
    });
    const driver = driverOf(begun.plugin);
    const isDone = await driver.check(begun, begun.username, begun.pendingPassword, '').then(
      () => true,
      () => false,
    );
    if (!isDone) {
      await driver.setPassword(begun, begun.username, begun.pendingPassword);
      await driver.check(begun, begun.username, begun.pendingPassword, '');
    }
    await barrier.transaction((session) =>
      session.put(place, SYSTEM, { ...begun, password: begun.pendingPassword, pendingPassword: '' }),
    );
  }

  async clear(mount: Mount): Promise<void> {
    await this.#service.barrier.transaction(async (session) => {
      for (const place of await session.list(`db/${mount.id}/`)) await session.remove(place);
    });
  }

  /** Rotates what is due and ends what was begun. A role whose rotation fails does not stop the others. */
  async tidy(mount: Mount): Promise<void> {
    const { barrier, clock } = this.#service;
    const configs = `db/${mount.id}/config/`;
    for (const place of await barrier.due(configs, clock.epochMs(), 100)) {
      try {
        await this.#rotateRoot(mount.id, place.slice(configs.length));
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
      }
    }
    for (const place of await barrier.due(`db/${mount.id}/static/`, clock.epochMs(), 100)) {
      try {
        await this.#rotation(mount).rotate(place);
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
      }
    }
  }

  /** What the rotation report says of this mount. */
  async report(mount: Mount, path: string): Promise<readonly Json[]> {
    const prefix = `db/${mount.id}/static/`;
    const out: Json[] = [];
    for (const place of await this.#service.barrier.list(prefix)) {
      const role = await this.#service.barrier.read<StaticRole>(place);
      if (role !== null)
        out.push({ name: `${path}static-roles/${place.slice(prefix.length)}`, ...describeStatic(role) });
    }
    return out;
  }
}

const blank: Pick<
  StaticRole,
  'active' | 'password' | 'rotatedMs' | 'pending' | 'problem' | 'failures' | 'rotations'
> = {
  active: 0,
  password: '',
  rotatedMs: null,
  pending: null,
  problem: '',
  failures: 0,
  rotations: 0,
};

const describeStatic = (role: StaticRole): Json => ({
  db_name: role.database,
  username: role.usernames[role.active],
  usernames: role.usernames,
  rotation_period: seconds(role.periodMs),
  rotation_statements: [],
  last_vault_rotation: timeText(role.rotatedMs),
  next_rotation: role.rotatedMs === null ? '' : timeText(role.rotatedMs + role.periodMs),
  rotations: role.rotations,
  pending: role.pending !== null,
  problem: role.problem,
});

function driverOf(plugin: string): DatabaseDriver {
  const driver = drivers.get(plugin);
  if (driver === undefined)
    throw new VaultError(
      'invalid',
      `there is no plugin "${plugin}": use ${[...drivers.keys()].join(' or ')}`,
    );
  return driver;
}

const allows = ({ allowedRoles }: Database, role: string): boolean =>
  allowedRoles.some((allowed) => allowed === '*' || allowed === role);

/** A list of statements, or one text, which commas do not divide. */
function statementsOf(body: Json, name: string): readonly string[] {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  if (typeof value === 'string') return value.trim() === '' ? [] : [value];
  return readTexts(body, name) ?? [];
}
