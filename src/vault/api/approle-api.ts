// auth/approle over HTTP: roles, their ids and secret ids, and logging in.
import type { AppRole, AppRoles, SecretId } from '../access/approle.ts';
import { parseTtl } from '../access/tokens.ts';
import { VaultError } from '../contract.ts';
import {
  type Json,
  listReply,
  noContent,
  notFound,
  seconds,
  timeText,
  type VaultCall,
  type VaultReply,
} from './contract.ts';
import { readBoolean, readCount, readText, readTextMap, readTexts } from './read-body.ts';

export async function handleAppRole(call: VaultCall, roles: AppRoles): Promise<VaultReply> {
  const [kind = '', name = '', what = '', action = ''] = call.rest.split('/');
  if (kind !== 'role') return notFound;
  if (name === '') return call.operation === 'list' ? listReply(await roles.names()) : notFound;
  switch (what) {
    case '':
      return role(call, roles, name);
    case 'role-id': {
      if (call.operation === 'read') {
        const found = await roles.role(name);
        return found === null ? notFound : { status: 200, data: { role_id: found.roleId } };
      }
      if ((await roles.role(name)) === null) return notFound;
      await roles.put(name, { roleId: readText(call.body, 'role_id') });
      return noContent;
    }
    case 'secret-id':
      return secretId(call, roles, name, action);
    case 'custom-secret-id':
      return addSecretId(call, roles, name, readText(call.body, 'secret_id'));
    case 'secret-id-accessor':
      return byAccessor(call, roles, name, action);
    default:
      return member(call, roles, name, what);
  }
}

const fields: Readonly<Record<string, readonly [keyof AppRole, 'texts' | 'ttl' | 'count' | 'boolean']>> = {
  bind_secret_id: ['bindSecretId', 'boolean'],
  token_policies: ['policies', 'texts'],
  policies: ['policies', 'texts'],
  token_no_default_policy: ['noDefaultPolicy', 'boolean'],
  secret_id_bound_cidrs: ['secretIdAddresses', 'texts'],
  secret_id_num_uses: ['secretIdUses', 'count'],
  secret_id_ttl: ['secretIdTtlMs', 'ttl'],
  token_ttl: ['tokenTtlMs', 'ttl'],
  token_max_ttl: ['tokenMaxTtlMs', 'ttl'],
  period: ['tokenPeriodMs', 'ttl'],
  token_period: ['tokenPeriodMs', 'ttl'],
  token_num_uses: ['tokenUses', 'count'],
  token_bound_cidrs: ['tokenAddresses', 'texts'],
};

function changeOf(body: Json): Partial<AppRole> {
  const out = new Map<string, unknown>();
  for (const [name, [key, kind]] of Object.entries(fields)) {
    if (!Object.hasOwn(body, name)) continue;
    if (kind === 'texts') out.set(key, readTexts(body, name) ?? []);
    else if (kind === 'ttl') out.set(key, parseTtl(body[name], name));
    else if (kind === 'count') out.set(key, readCount(body, name, 0));
    else out.set(key, readBoolean(body, name, false));
  }
  return Object.fromEntries(out) as Partial<AppRole>;
}

function describe(found: AppRole): Json {
  return {
    bind_secret_id: found.bindSecretId,
    local_secret_ids: false,
    secret_id_bound_cidrs: found.secretIdAddresses,
    secret_id_num_uses: found.secretIdUses,
    secret_id_ttl: seconds(found.secretIdTtlMs),
    token_bound_cidrs: found.tokenAddresses,
    token_explicit_max_ttl: 0,
    token_max_ttl: seconds(found.tokenMaxTtlMs),
    token_no_default_policy: found.noDefaultPolicy,
    token_num_uses: found.tokenUses,
    token_period: seconds(found.tokenPeriodMs),
    token_policies: found.policies,
    token_ttl: seconds(found.tokenTtlMs),
    token_type: 'service',
  };
}

async function role(call: VaultCall, roles: AppRoles, name: string): Promise<VaultReply> {
  switch (call.operation) {
    case 'read': {
      const found = await roles.role(name);
      return found === null ? notFound : { status: 200, data: describe(found) };
    }
    case 'update': {
      const change = changeOf(call.body);
      const roleId = readText(call.body, 'role_id', '');
      await roles.put(name, { ...change, ...(roleId === '' ? {} : { roleId }) });
      return noContent;
    }
    case 'delete':
      await roles.remove(name);
      return noContent;
    default:
      return notFound;
  }
}

/** One member of a role at a path of its own, for instance `…/token-ttl`. */
async function member(call: VaultCall, roles: AppRoles, name: string, what: string): Promise<VaultReply> {
  const field = what.replaceAll('-', '_');
  if (!Object.hasOwn(fields, field)) return notFound;
  const found = await roles.role(name);
  if (found === null) return notFound;
  if (call.operation === 'read') return { status: 200, data: { [field]: describe(found)[field] } };
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  await roles.put(name, changeOf(call.body));
  return noContent;
}

async function secretId(call: VaultCall, roles: AppRoles, name: string, action: string): Promise<VaultReply> {
  if (action === '') {
    if (call.operation === 'list') return listReply(await roles.accessors(name));
    return call.operation === 'update' ? addSecretId(call, roles, name) : notFound;
  }
  const value = readText(call.body, 'secret_id');
  if (action === 'lookup') return secretReply(await roles.secretId(name, { value }));
  if (action !== 'destroy') return notFound;
  await roles.destroySecretId(name, { value });
  return noContent;
}

async function byAccessor(
  call: VaultCall,
  roles: AppRoles,
  name: string,
  action: string,
): Promise<VaultReply> {
  const accessor = readText(call.body, 'secret_id_accessor');
  if (action === 'lookup') {
    const found = await roles.secretId(name, { accessor });
    if (found === null) throw new VaultError('not-found', 'failed to find accessor entry');
    return secretReply(found);
  }
  if (action !== 'destroy') return notFound;
  await roles.destroySecretId(name, { accessor });
  return noContent;
}

async function addSecretId(
  call: VaultCall,
  roles: AppRoles,
  name: string,
  value?: string,
): Promise<VaultReply> {
  if (call.operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  const { body } = call;
  const made = await roles.addSecretId(name, {
    ...(value === undefined ? {} : { value }),
    meta: readTextMap(body, 'metadata'),
    addresses: readTexts(body, 'cidr_list') ?? [],
    ttlMs: parseTtl(body['ttl']),
    uses: readCount(body, 'num_uses', 0),
  });
  return {
    status: 200,
    data: {
      secret_id: made.value,
      secret_id_accessor: made.secret.accessor,
      secret_id_num_uses: made.secret.usesLeft,
      secret_id_ttl: seconds(made.secret.ttlMs),
    },
  };
}

function secretReply(found: SecretId | null): VaultReply {
  if (found === null) return noContent;
  return {
    status: 200,
    data: {
      cidr_list: found.addresses,
      creation_time: timeText(found.createdMs),
      expiration_time: found.expiresMs === null ? '0001-01-01T00:00:00Z' : timeText(found.expiresMs),
      last_updated_time: timeText(found.createdMs),
      metadata: found.meta ?? {},
      secret_id_accessor: found.accessor,
      secret_id_num_uses: found.usesLeft,
      secret_id_ttl: seconds(found.ttlMs),
      token_bound_cidrs: [],
    },
  };
}
