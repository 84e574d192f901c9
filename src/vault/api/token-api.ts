// auth/token over HTTP: making, looking up, renewing and revoking tokens, and roles for making them.

import { withDefault } from '../access/approle.ts';
import type { PolicyStore } from '../access/policy-store.ts';
import { type IssuedToken, parseTtl, SYSTEM, type Token, type TokenStore } from '../access/tokens.ts';
import type { Barrier } from '../barrier.ts';
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

interface TokenRole {
  readonly allowedPolicies: readonly string[];
  readonly disallowedPolicies: readonly string[];
  readonly orphan: boolean;
  readonly renewable: boolean;
  readonly periodMs: number;
  readonly maxTtlMs: number;
}

export interface TokenParts {
  readonly barrier: Barrier;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
}

const denied = (): VaultError => new VaultError('denied', 'permission denied');

export async function handleToken(call: VaultCall, parts: TokenParts): Promise<VaultReply> {
  const { tokens } = parts;
  const { body, operation } = call;
  const [action = '', name] = call.rest.split('/');
  switch (action) {
    case 'lookup-self':
      return { status: 200, data: describe(call.tokenId, call.token) };
    case 'renew-self':
      return renewed(call.tokenId, await tokens.renew(call.hash, parseTtl(body['increment'], 'increment')));
    case 'revoke-self':
      await tokens.revoke(call.hash);
      return noContent;
    case 'accessors':
      return operation === 'list' ? listReply(await tokens.accessors()) : notFound;
    case 'roles':
      return roles(call, parts, name ?? '');
    default:
  }
  if (action === 'lookup') {
    const id = readText(body, 'token', call.query.get('token') ?? name ?? call.tokenId);
    const found = await tokens.lookup(id);
    if (found === null) throw denied();
    return { status: 200, data: describe(id, found.token) };
  }
  if (operation !== 'update') throw new VaultError('unsupported', 'unsupported operation');
  switch (action) {
    case 'create':
    case 'create-orphan':
      return create(call, parts, action === 'create-orphan', name ?? readText(body, 'role_name', ''));
    case 'lookup-accessor': {
      const found = await tokens.lookupAccessor(readText(body, 'accessor', name));
      if (found === null) throw new VaultError('not-found', 'invalid accessor');
      return { status: 200, data: describe('', found.token) };
    }
    case 'renew': {
      const id = readText(body, 'token', name);
      const found = await tokens.lookup(id);
      if (found === null) throw denied();
      return renewed(id, await tokens.renew(found.hash, parseTtl(body['increment'], 'increment')));
    }
    case 'renew-accessor': {
      const found = await tokens.lookupAccessor(readText(body, 'accessor', name));
      if (found === null) throw new VaultError('not-found', 'invalid accessor');
      return renewed('', await tokens.renew(found.hash, parseTtl(body['increment'], 'increment')));
    }
    case 'revoke':
    case 'revoke-orphan': {
      const found = await tokens.lookup(readText(body, 'token', name));
      if (found !== null)
        await (action === 'revoke' ? tokens.revoke(found.hash) : tokens.revokeOrphan(found.hash));
      return noContent;
    }
    case 'revoke-accessor': {
      const found = await tokens.lookupAccessor(readText(body, 'accessor', name));
      if (found === null) throw new VaultError('invalid', 'invalid accessor');
      await tokens.revoke(found.hash);
      return noContent;
    }
    default:
      return notFound;
  }
}

async function create(
  call: VaultCall,
  parts: TokenParts,
  asOrphan: boolean,
  roleName: string,
): Promise<VaultReply> {
  const { body, token: parent } = call;
  if (Object.hasOwn(body, 'id')) throw new VaultError('invalid', 'tokens can not choose their ids');
  const type = readText(body, 'type', 'service');
  if (type !== 'service' && type !== 'default')
    throw new VaultError('unsupported', 'only service tokens are supported');
  const role = roleName === '' ? null : await parts.barrier.read<TokenRole>(rolePlace(roleName));
  if (roleName !== '' && role === null) throw new VaultError('invalid', `unknown role ${roleName}`);
  // Only who may use sudo here gets rights that are not its own, or children that outlive it.
  const mayMore = (await parts.policies.capabilities(parent, call.path)).has('sudo');
  const asked = readTexts(body, 'policies') ?? role?.allowedPolicies ?? parent.policies;
  if (role !== null) {
    const refused = asked.find(
      (name) =>
        role.disallowedPolicies.includes(name) ||
        (role.allowedPolicies.length > 0 && !role.allowedPolicies.includes(name) && name !== 'default'),
    );
    if (refused !== undefined)
      throw new VaultError(
        'invalid',
        `token policies (${refused}) must be subset of the role's allowed policies`,
      );
  } else if (
    !mayMore &&
    !parent.policies.includes('root') &&
    asked.some((name) => name !== 'default' && !parent.policies.includes(name))
  )
    throw new VaultError('invalid', 'child policies must be subset of parent');
  if (asked.includes('root') && !parent.policies.includes('root'))
    throw new VaultError('invalid', 'root tokens may not be created without parent token being root');
  const isOrphan = asOrphan || role?.orphan === true || readBoolean(body, 'no_parent', false);
  if (isOrphan && role?.orphan !== true && !asOrphan && !mayMore)
    throw new VaultError('invalid', 'root or sudo privileges required to create orphan token');
  const periodMs = role?.periodMs || parseTtl(body['period'], 'period');
  if (periodMs > 0 && role === null && !mayMore)
    throw new VaultError('invalid', 'root or sudo privileges required to create periodic token');
  const isRoot = asked.includes('root');
  const wanted = {
    policies: isRoot ? ['root'] : withDefault(asked, readBoolean(body, 'no_default_policy', false)),
    ttlMs: parseTtl(body['ttl']) || parseTtl(body['lease'], 'lease'),
    maxTtlMs: role?.maxTtlMs || parseTtl(body['explicit_max_ttl'], 'explicit_max_ttl'),
    periodMs,
    uses: readCount(body, 'num_uses', 0),
    renewable: readBoolean(body, 'renewable', true) && role?.renewable !== false,
    displayName: `token${Object.hasOwn(body, 'display_name') ? `-${readText(body, 'display_name').slice(0, 100)}` : ''}`,
    meta: readTextMap(body, 'meta') ?? readTextMap(body, 'metadata'),
    path: call.path,
    parent: isOrphan ? '' : call.hash,
  };
  const issued = await parts.barrier.transaction(async (session) => {
    // Its parent may have been revoked since it was looked at; a child would stay behind.
    if (wanted.parent !== '' && (await session.get(`token/${wanted.parent}`)) === null) throw denied();
    return parts.tokens.issue(session, wanted);
  });
  return { status: 200, auth: authOf(issued) };
}

const rolePlace = (name: string): string => {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(name))
    throw new VaultError('invalid', 'the name of a role has letters, digits, ".", "-" and "_"');
  return `tokenrole/${name}`;
};

async function roles(call: VaultCall, { barrier }: TokenParts, name: string): Promise<VaultReply> {
  if (name === '')
    return call.operation === 'list'
      ? listReply((await barrier.list('tokenrole/')).map((place) => place.slice('tokenrole/'.length)))
      : notFound;
  const place = rolePlace(name);
  switch (call.operation) {
    case 'read': {
      const role = await barrier.read<TokenRole>(place);
      if (role === null) return notFound;
      return {
        status: 200,
        data: {
          name,
          allowed_policies: role.allowedPolicies,
          disallowed_policies: role.disallowedPolicies,
          orphan: role.orphan,
          renewable: role.renewable,
          token_period: seconds(role.periodMs),
          token_explicit_max_ttl: seconds(role.maxTtlMs),
          token_type: 'service',
        },
      };
    }
    case 'update': {
      const { body } = call;
      const role: TokenRole = {
        allowedPolicies: readTexts(body, 'allowed_policies') ?? [],
        disallowedPolicies: readTexts(body, 'disallowed_policies') ?? [],
        orphan: readBoolean(body, 'orphan', false),
        renewable: readBoolean(body, 'renewable', true),
        periodMs: parseTtl(body['token_period'] ?? body['period'], 'token_period'),
        maxTtlMs: parseTtl(
          body['token_explicit_max_ttl'] ?? body['explicit_max_ttl'],
          'token_explicit_max_ttl',
        ),
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

/** The `auth` block of an answer that gives a token out. */
export function authOf({ id, token }: Pick<IssuedToken, 'id' | 'token'>): Json {
  return {
    client_token: id,
    accessor: token.accessor,
    policies: token.policies,
    token_policies: token.policies,
    metadata: token.meta,
    lease_duration: token.expiresMs === null ? 0 : seconds(token.ttlMs),
    renewable: token.renewable && token.expiresMs !== null,
    entity_id: '',
    token_type: 'service',
    orphan: token.parent === '',
    mfa_requirement: null,
    num_uses: token.usesLeft,
  };
}

function renewed(id: string, token: Token): VaultReply {
  const leftMs = (token.expiresMs ?? 0) - Date.now();
  return { status: 200, auth: { ...authOf({ id, token }), lease_duration: seconds(leftMs) } };
}

function describe(id: string, token: Token): Json {
  return {
    id,
    accessor: token.accessor,
    creation_time: Math.floor(token.createdMs / 1000),
    creation_ttl: seconds(token.ttlMs),
    display_name: token.displayName,
    entity_id: '',
    expire_time: token.expiresMs === null ? null : timeText(token.expiresMs),
    explicit_max_ttl: seconds(token.maxTtlMs),
    issue_time: timeText(token.createdMs),
    meta: token.meta,
    num_uses: token.usesLeft,
    orphan: token.parent === '',
    path: token.path,
    policies: token.policies,
    ...(token.periodMs > 0 ? { period: seconds(token.periodMs) } : {}),
    renewable: token.renewable && token.expiresMs !== null,
    ttl: token.expiresMs === null ? 0 : seconds(token.expiresMs - Date.now()),
    type: 'service',
  };
}
