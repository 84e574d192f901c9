// Who asks, as policies and rules see them: an entity with the roles and groups it is in and the claims that the
// configuration lets them know. Made once for a consumer, who stays the same object as long as the token is cached.
import type { Consumer } from '../../exchange/index.ts';
import {
  ancestorsOf,
  type CedarRecord,
  CedarSet,
  EntityRef,
  emptyRecord,
  entityKey,
  FixedRecord,
  type Value,
} from '../../policy/index.ts';
import type { ClaimConfig, IdentityConfig, IssuerClaims } from './contract.ts';

/** Names that a token may list; more are ignored, so that a token can not make the gate work for it. */
const MAX_NAMES = 20_000;

export const principalTypes = {
  jwt: 'User',
  'api-key': 'Client',
  mtls: 'Service',
  signature: 'Client',
} as const;

export const roleKey = (name: string): string => entityKey('Role', name);
export const groupKey = (name: string): string => entityKey('Group', name);

export class Principals {
  readonly #config: IdentityConfig;
  /** Names of roles that a consumer id is in by the configuration. */
  readonly #ofMember = new Map<string, string[]>();
  readonly #ofGroup = new Map<string, string[]>();
  /** Keys of a role and of all that it includes, by its name: a token may list thousands. */
  readonly #closures = new Map<string, readonly string[]>();
  readonly #issuers: ReadonlyMap<string, IssuerClaims>;
  // INVARIANT: goes with the snapshot, so that a change of roles is a change of all principals.
  readonly #known = new WeakMap<Consumer, EntityRef>();

  constructor(config: IdentityConfig) {
    this.#config = config;
    this.#issuers = new Map(config.issuers.map((entry) => [entry.issuer, entry]));
    const parents = new Map(config.roles.map((role) => [roleKey(role.name), role.includes.map(roleKey)]));
    for (const role of config.roles) {
      const key = roleKey(role.name);
      this.#closures.set(role.name, [key, ...ancestorsOf(key, parents)]);
      for (const member of role.members) add(this.#ofMember, member, role.name);
      for (const group of role.groups) add(this.#ofGroup, group, role.name);
    }
  }

  of(consumer: Consumer): EntityRef {
    let principal = this.#known.get(consumer);
    if (principal === undefined) {
      principal = this.#create(consumer);
      this.#known.set(consumer, principal);
    }
    return principal;
  }

  #create(consumer: Consumer): EntityRef {
    const { id, claims, method } = consumer;
    const bar = method === 'jwt' ? id.indexOf('|') : -1;
    const issuer = bar === -1 ? '' : id.slice(0, bar);
    const ancestors = new Set<string>();
    const addRole = (name: string): void => {
      const keys = this.#closures.get(name);
      if (keys === undefined) return;
      for (let i = 0; i < keys.length; i++) ancestors.add(keys[i]!);
    };
    for (const name of this.#ofMember.get(id) ?? []) addRole(name);
    // What a token says counts only where the configuration gives its issuer a say.
    const says = this.#issuers.get(issuer);
    if (says !== undefined) {
      for (const name of namesAt(claims, says.groupsClaim)) {
        const group = `${issuer}|${name}`;
        ancestors.add(groupKey(group));
        for (const role of this.#ofGroup.get(group) ?? []) addRole(role);
      }
      for (const name of namesAt(claims, says.rolesClaim)) addRole(name);
    }
    const attributes = new Map<string, Value>([
      ['id', bar === -1 ? id : id.slice(bar + 1)],
      ['issuer', issuer],
      ['scopes', new CedarSet(consumer.scopes)],
      ['claims', this.#claims(claims)],
    ]);
    return new EntityRef(principalTypes[method], id, {
      attributes: new FixedRecord(attributes),
      ancestors,
      tags: emptyRecord,
    });
  }

  #claims(claims: Consumer['claims']): CedarRecord {
    const members = new Map<string, Value>();
    for (const claim of this.#config.claims) {
      const value = claimValue(claim, claimAt(claims, claim.path));
      if (value !== undefined) members.set(claim.name, value);
    }
    return new FixedRecord(members);
  }
}

function add(map: Map<string, string[]>, name: string, key: string): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [key]);
  else list.push(key);
}

/** The member at the path; undefined when there is none. Members that objects inherit do not count. */
export function claimAt(claims: unknown, path: readonly string[]): unknown {
  let value = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function namesAt(claims: unknown, path: readonly string[]): readonly string[] {
  if (path.length === 0) return [];
  const value = claimAt(claims, path);
  const list = typeof value === 'string' ? [value] : Array.isArray(value) ? value.slice(0, MAX_NAMES) : [];
  return list.filter((entry) => typeof entry === 'string');
}

/** A claim of another type than the configuration says is as good as missing. */
function claimValue({ type }: ClaimConfig, value: unknown): Value | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'number':
      return Number.isSafeInteger(value) ? (value as number) + 0 : undefined;
    case 'strings':
      return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
        ? new CedarSet(value)
        : undefined;
  }
}
