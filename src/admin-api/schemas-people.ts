// Identities, keys, the trail, settings and members.
import { z } from 'zod';
import { roles } from './permissions.ts';
import { ms, name, scopes, shortText } from './schema-parts.ts';

// Identities and keys.

export const principalKinds = ['user', 'client', 'service'] as const;
export const identity = name(
  'Identity',
  z.strictObject({
    id: z.string(),
    kind: z.enum(principalKinds),
    note: z.string(),
    scopes: z.array(z.string()),
    createdMs: ms(),
    disabledMs: ms().nullable(),
    source: z.enum(['state', 'configuration']),
    keys: z.int(),
    lastUsedMs: ms().nullable(),
  }),
);
export const identityPage = name(
  'IdentityPage',
  z.strictObject({ items: z.array(identity), next: z.string().nullable() }),
);
export const newIdentity = name(
  'NewIdentity',
  z.strictObject({
    id: z.string().min(1).max(200),
    kind: z.enum(principalKinds),
    note: z.string().max(200).optional(),
    scopes: scopes().optional(),
  }),
);
export const identityChange = name(
  'IdentityChange',
  z
    .strictObject({
      scopes: scopes().optional(),
      disabled: z.boolean().optional(),
    })
    .describe('What is absent stays as it is.'),
);
export const keyStatuses = ['active', 'expired', 'revoked'] as const;
export const keyView = name(
  'Key',
  z.strictObject({
    id: z.string(),
    owner: z.string(),
    status: z.enum(keyStatuses),
    scopes: z.array(z.string()).nullable().describe('Null: those of its owner.'),
    addresses: z.array(z.string()),
    createdMs: ms(),
    expiresMs: ms().nullable(),
    revokedMs: ms().nullable(),
    lastUsedMs: ms().nullable(),
    rotatedFrom: z.string(),
    ageDays: z.number(),
    advice: z.string(),
  }),
);
export const keyPage = name(
  'KeyPage',
  z.strictObject({ items: z.array(keyView), next: z.string().nullable() }),
);
export const newKey = name(
  'NewKey',
  z.strictObject({
    owner: shortText(),
    scopes: scopes().optional(),
    addresses: z.array(z.string().min(2).max(50)).max(50).optional(),
    lifetimeMs: z
      .number()
      .int()
      .min(60_000)
      .max(3_650 * 86_400_000)
      .optional(),
  }),
);
export const keyRotation = name(
  'KeyRotation',
  z.strictObject({
    overlapMs: z
      .number()
      .int()
      .min(0)
      .max(90 * 86_400_000)
      .optional(),
    lifetimeMs: z
      .number()
      .int()
      .min(60_000)
      .max(3_650 * 86_400_000)
      .optional(),
  }),
);
export const issuedKey = name(
  'IssuedKey',
  z.strictObject({ key: z.string().describe('The key itself, shown this once.'), record: keyView }),
);

// Audit.

const party = z.strictObject({ kind: z.string(), id: z.string() });
export const auditEntry = name(
  'AuditEntry',
  z.strictObject({
    index: z.int(),
    at: z.string(),
    action: z.string(),
    outcome: z.enum(['success', 'failure', 'refused']),
    shredded: z.boolean().describe('Its key is gone: nobody can read who and what.'),
    actor: party.nullable(),
    target: party.nullable(),
    address: z.string(),
    reason: z.string(),
    requestId: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
);
export const auditPage = name(
  'AuditPage',
  z.strictObject({ items: z.array(auditEntry), next: z.string().nullable(), size: z.int() }),
);
export const auditProof = name(
  'AuditProof',
  z.strictObject({
    entry: auditEntry,
    index: z.int(),
    bytes: z.string().describe('Base64 of the entry as it is in the tree.'),
    proof: z.array(z.string()).describe('Base64, from the leaf to the root (RFC 9162).'),
    checkpoint: z.string().describe('Signed note with size and root.'),
    verifier: z.string().describe('Public key of the log, as name+id+key.'),
  }),
);

// Settings and members.

export const settingsView = name(
  'Settings',
  z.strictObject({
    file: z.string(),
    generation: z.int(),
    mayEdit: z.boolean(),
    sections: z.array(
      z.strictObject({
        name: z.string(),
        rows: z.array(z.strictObject({ name: z.string(), value: z.string() })),
      }),
    ),
    diagnostics: z.array(
      z.strictObject({
        severity: z.string(),
        id: z.string(),
        at: z.string(),
        message: z.string(),
        suggestion: z.string(),
      }),
    ),
  }),
);
export const member = name(
  'Member',
  z.strictObject({
    user: z.string(),
    roles: z.array(z.enum(roles)),
    scopes: z.array(z.string()),
    note: z.string(),
    disabledMs: ms().nullable(),
    enrolled: z.boolean(),
    secondFactor: z.boolean(),
  }),
);
export const memberList = name('MemberList', z.strictObject({ items: z.array(member) }));
export const newMember = name(
  'NewMember',
  z.strictObject({ user: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/), role: z.enum(roles) }),
);
export const memberChange = name(
  'MemberChange',
  z.strictObject({ role: z.enum(roles).optional(), disabled: z.boolean().optional() }),
);
export const invitationLink = name(
  'InvitationLink',
  z.strictObject({ user: z.string(), role: z.enum(roles), path: z.string(), untilMs: ms() }),
);
