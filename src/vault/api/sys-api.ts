// sys over HTTP: health and seal, mounts, policies, leases, capabilities, rotation.
import { parseTtl } from '../access/tokens.ts';
import { VaultError } from '../contract.ts';
import { engineTypes, keyOfMount, type MountType } from '../mounts.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  seconds,
  timeText,
  type VaultCall,
  type VaultReply,
  type VaultRequest,
} from './contract.ts';
import { readBoolean, readCount, readText, readTexts } from './read-body.ts';
import type { VaultService } from './service.ts';
import { handleMounts } from './sys-mounts-api.ts';

/** What clients expect a Vault to call itself: they look at it before they use newer calls. */
const VERSION = '1.15.0';
const CLUSTER = 'gatewright';

/** Answers what needs no token and works on a sealed vault; null for everything else. */
export async function handleUnsealed(
  request: VaultRequest,
  service: VaultService,
): Promise<VaultReply | null> {
  switch (request.path) {
    case 'sys/health':
      return request.operation === 'read' ? health(request, service) : null;
    case 'sys/seal-status':
      return request.operation === 'read' ? { status: 200, raw: await sealStatus(service) } : null;
    case 'sys/leader':
      return {
        status: 200,
        raw: {
          ha_enabled: false,
          is_self: true,
          leader_address: '',
          leader_cluster_address: '',
          performance_standby: false,
        },
      };
    case 'sys/init':
      if (request.operation === 'read')
        return { status: 200, raw: { initialized: (await service.unsealing.status()).initialized } };
      return guarded(() => initialize(request, service));
    case 'sys/unseal':
      if (request.operation !== 'update') return null;
      return guarded(async () => {
        if (readBoolean(request.body, 'reset', false)) service.unsealing.reset();
        else await service.unsealing.give(readText(request.body, 'key'));
        return { status: 200, raw: await sealStatus(service) };
      });
    default:
      return null;
  }
}

/** A refusal as an answer: these calls have no token that an audit could name. */
async function guarded(work: () => Promise<VaultReply>): Promise<VaultReply> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VaultError) return { status: 400, raw: { errors: [error.message] } };
    throw error;
  }
}

async function health({ query }: VaultRequest, service: VaultService): Promise<VaultReply> {
  const { initialized, sealed } = await service.unsealing.status();
  const code = (name: string, fallback: number): number => {
    const wanted = Number(query.get(name) ?? fallback);
    return Number.isInteger(wanted) && wanted >= 200 && wanted < 600 ? wanted : fallback;
  };
  const status = !initialized
    ? code('uninitcode', 501)
    : sealed
      ? code('sealedcode', 503)
      : code('activecode', 200);
  return {
    status,
    raw: {
      initialized,
      sealed,
      standby: false,
      performance_standby: false,
      replication_performance_mode: 'disabled',
      replication_dr_mode: 'disabled',
      server_time_utc: Math.floor(service.clock.epochMs() / 1000),
      version: VERSION,
      cluster_name: CLUSTER,
      cluster_id: CLUSTER,
    },
  };
}

async function sealStatus(service: VaultService): Promise<Json> {
  const { initialized, sealed, kind, threshold, count, progress } = await service.unsealing.status();
  return {
    type: kind === 'shares' || kind === '' ? 'shamir' : kind,
    initialized,
    sealed,
    t: threshold,
    n: count,
    progress,
    nonce: '',
    version: VERSION,
    build_date: '',
    migration: false,
    cluster_name: CLUSTER,
    cluster_id: CLUSTER,
    recovery_seal: kind !== 'shares' && kind !== '',
    storage_type: 'sql',
  };
}

async function initialize({ body, operation }: VaultRequest, service: VaultService): Promise<VaultReply> {
  if (operation !== 'update') return notFound;
  const shares = await service.unsealing.initialize(
    readCount(body, 'secret_shares', 5),
    readCount(body, 'secret_threshold', 3),
  );
  await service.mounts.table();
  const root = await service.barrier.transaction((session) =>
    service.tokens.issue(session, {
      policies: ['root'],
      ttlMs: 0,
      path: 'auth/token/root',
      displayName: 'root',
    }),
  );
  // As with every Vault, the one that was set up begins sealed.
  service.barrier.seal();
  return {
    status: 200,
    raw: {
      keys: shares,
      keys_base64: shares,
      recovery_keys: null,
      recovery_keys_base64: null,
      root_token: root.id,
    },
  };
}

export async function handleSys(call: VaultCall, service: VaultService): Promise<VaultReply> {
  const [head = '', ...rest] = call.rest.split('/');
  const name = rest.join('/');
  switch (head) {
    case 'mounts':
    case 'auth':
    case 'internal':
    case 'remount':
      return handleMounts(call, service, head, rest);
    case 'policy':
      return policy(call, service, name, 'rules');
    case 'policies':
      return rest[0] === 'acl' ? policy(call, service, rest.slice(1).join('/'), 'policy') : notFound;
    case 'capabilities':
    case 'capabilities-self':
    case 'capabilities-accessor':
      return capabilities(call, service, head);
    case 'leases':
      return leases(call, service, rest);
    case 'renew':
      return leases(call, service, ['renew', ...rest]);
    case 'revoke':
      return leases(call, service, ['revoke', ...rest]);
    case 'revoke-prefix':
      return leases(call, service, ['revoke-prefix', ...rest]);
    case 'wrapping':
      return name === 'wrap' ? wrap(call) : notFound;
    case 'seal':
      if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
      service.barrier.seal();
      return noContent;
    case 'rotate':
      return rotate(call, service, name);
    case 'key-status': {
      const key = (await service.barrier.keyStatus()).find((entry) => entry.name === 'system');
      return {
        status: 200,
        data: { term: key?.current ?? 0, install_time: timeText(key?.createdMs ?? 0), encryptions: 0 },
      };
    }
    case 'audit':
      return call.operation === 'read'
        ? {
            status: 200,
            data: {
              'gatewright/': {
                type: 'gatewright',
                path: 'gatewright/',
                description: 'audit log of the gate',
                options: {},
                local: false,
              },
            },
          }
        : notFound;
    default:
      return notFound;
  }
}

async function policy(
  call: VaultCall,
  { policies }: VaultService,
  name: string,
  member: string,
): Promise<VaultReply> {
  if (name === '') {
    const names = await policies.names();
    if (call.operation === 'list') return listReply(names);
    return call.operation === 'read'
      ? { status: 200, data: { keys: names, policies: names }, raw: { policies: names } }
      : notFound;
  }
  switch (call.operation) {
    case 'read': {
      const text = name === 'root' ? '' : await policies.text(name);
      if (text === null) return notFound;
      const data = { name, [member]: text };
      return { status: 200, data, ...(member === 'rules' ? { raw: data } : {}) };
    }
    case 'update':
      await policies.put(name, readText(call.body, 'policy', readText(call.body, 'rules', '')));
      return noContent;
    case 'delete':
      await policies.remove(name);
      return noContent;
    default:
      return notFound;
  }
}

async function capabilities(call: VaultCall, service: VaultService, kind: string): Promise<VaultReply> {
  const { body } = call;
  let { token } = call;
  if (kind !== 'capabilities-self') {
    const found =
      kind === 'capabilities'
        ? await service.tokens.lookup(readText(body, 'token'))
        : await service.tokens.lookupAccessor(readText(body, 'accessor'));
    if (found === null) throw new VaultError('invalid', 'invalid token');
    token = found.token;
  }
  const paths = readTexts(body, 'paths') ?? readTexts(body, 'path') ?? [];
  const entries: [string, string[]][] = [];
  for (const path of paths) {
    const may = token.policies.includes('root')
      ? new Set(['root'])
      : await service.policies.capabilities(token, path);
    entries.push([path, may.size === 0 ? ['deny'] : [...may]]);
  }
  const all = entries[0]?.[1] ?? [];
  return {
    status: 200,
    data: { ...Object.fromEntries(entries), capabilities: all },
    raw: { capabilities: all },
  };
}

async function leases(call: VaultCall, service: VaultService, parts: readonly string[]): Promise<VaultReply> {
  const [action = '', ...rest] = parts;
  const { body } = call;
  const id = readText(body, 'lease_id', rest.join('/'));
  if (action === 'lookup' && call.operation === 'list') {
    const prefix = rest.join('/').replace(/\/$/, '');
    const names = (await service.leases.list(prefix)).map((lease) => {
      const [head, ...more] = lease.slice(prefix === '' ? 0 : prefix.length + 1).split('/');
      return more.length === 0 ? head! : `${head}/`;
    });
    return listReply([...new Set(names)]);
  }
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  switch (action) {
    case 'lookup': {
      const lease = await service.leases.lookup(id);
      if (lease === null) throw new VaultError('invalid', 'invalid lease');
      return {
        status: 200,
        data: {
          id,
          issue_time: timeText(lease.issuedMs),
          expire_time: timeText(lease.expiresMs),
          last_renewal: null,
          renewable: lease.renewable,
          ttl: seconds(lease.expiresMs - service.clock.epochMs()),
        },
      };
    }
    case 'renew': {
      const lease = await service.leases.renew(id, parseTtl(body['increment'], 'increment'));
      const durationMs = lease.expiresMs - service.clock.epochMs();
      return { status: 200, data: null, lease: { id, durationMs, renewable: lease.renewable } };
    }
    case 'revoke': {
      const { problem } = await service.leases.revoke(id);
      return problem === ''
        ? noContent
        : {
            status: 200,
            data: null,
            warnings: ['what was leased could not be unmade yet; it is tried again'],
          };
    }
    case 'revoke-prefix':
    case 'revoke-force': {
      for (const lease of await service.leases.list(rest.join('/').replace(/\/$/, '')))
        await service.leases.revoke(lease);
      return noContent;
    }
    default:
      return notFound;
  }
}

/** `sys/wrapping/wrap`: the answer is what was sent, so that wrapping it wraps that. */
function wrap(call: VaultCall): VaultReply {
  if (call.wrapTtlMs === 0) throw new VaultError('invalid', 'endpoint requires response wrapping to be used');
  return { status: 200, data: call.body };
}

/** New versions of all keys, or of the one named; records are moved at once. */
async function rotate(call: VaultCall, { barrier, mounts }: VaultService, name: string): Promise<VaultReply> {
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  const keys = (await barrier.keyStatus()).map((key) => key.name);
  const table = name === '' ? null : await mounts.table();
  const mount = table?.engines[`${name}/`];
  const wanted = name === '' ? keys : [mount === undefined ? name : (keyOfMount(mount) ?? name)];
  for (const key of wanted) await barrier.rotate(key);
  for (const key of wanted) await barrier.rewrap(key);
  return noContent;
}

export const isMountType = (type: string): type is MountType =>
  type === 'approle' || type === 'token' || engineTypes.some((engine) => engine === type);
