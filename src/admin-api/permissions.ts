// Who may do what in the control plane. A role is a set of permissions; both are scopes of principals and keys, so that
// `gatewright users`, `keys` and the console speak of the same thing.

/** What an operation asks for. `open`: anybody who reaches the listener; `signed-in`: any role. */
export const permissions = [
  'traffic:read',
  'requests:read',
  'incidents:read',
  'incidents:write',
  'apis:read',
  'policies:read',
  'waf:read',
  'waf:write',
  'limits:read',
  'bans:write',
  'identities:read',
  'identities:write',
  'keys:read',
  'keys:revoke',
  'keys:write',
  'audit:read',
  'settings:read',
  'settings:write',
  'members:read',
  'members:write',
] as const;
export type Permission = (typeof permissions)[number];

export const roles = ['viewer', 'responder', 'operator', 'administrator', 'auditor'] as const;
export type Role = (typeof roles)[number];

const viewer: readonly Permission[] = [
  'traffic:read',
  'requests:read',
  'incidents:read',
  'apis:read',
  'policies:read',
  'waf:read',
  'limits:read',
];
const responder: readonly Permission[] = [
  ...viewer,
  'incidents:write',
  'bans:write',
  'identities:read',
  'keys:read',
  'keys:revoke',
];
const operator: readonly Permission[] = [
  ...responder,
  'identities:write',
  'keys:write',
  'waf:write',
  'settings:read',
  'settings:write',
];

export const permissionsOfRole: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  viewer: new Set(viewer),
  responder: new Set(responder),
  operator: new Set(operator),
  administrator: new Set(permissions),
  auditor: new Set<Permission>([
    ...viewer,
    'identities:read',
    'keys:read',
    'audit:read',
    'settings:read',
    'members:read',
  ]),
};

/** Scopes of the control plane begin with it; only administrators hand them out. */
export const SCOPE_PREFIX = 'gatewright:';

export const scopeOfRole = (role: Role): string => SCOPE_PREFIX + role;

/** Whether a scope opens anything of the control plane. */
export const isControlScope = (scope: string): boolean => scope.startsWith(SCOPE_PREFIX);

/** The roles among scopes, and everything that the scopes permit together. */
export function permissionsOf(scopes: readonly string[]): {
  readonly roles: readonly Role[];
  readonly permissions: ReadonlySet<Permission>;
} {
  const own: Role[] = [];
  const all = new Set<Permission>();
  for (const scope of scopes) {
    if (!isControlScope(scope)) continue;
    const name = scope.slice(SCOPE_PREFIX.length);
    const role = roles.find((known) => known === name);
    const permission = permissions.find((known) => known === name);
    if (role !== undefined) {
      own.push(role);
      for (const one of permissionsOfRole[role]) all.add(one);
    } else if (permission !== undefined) all.add(permission);
  }
  return { roles: own, permissions: all };
}
