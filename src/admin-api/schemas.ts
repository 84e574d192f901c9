// What the administrative API takes and gives, as schemas: the contract, the types of console and command line, and the checks
// of handlers all come from here. Times are milliseconds since the epoch unless they are called otherwise.
import { z } from 'zod';
import { permissions, roles } from './permissions.ts';

/** Schemas with a name in the contract. */
export const named: Map<string, z.ZodType> = new Map();
const name = <T extends z.ZodType>(id: string, schema: T): T => {
  named.set(id, schema);
  return schema;
};

const ms = () => z.number().describe('Milliseconds since the epoch.');
const count = () => z.number().min(0);
export const shortText = (max = 200) => z.string().min(1).max(max);
const scope = () => z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/);
const scopes = () => z.array(scope()).max(100);
const secret = () => z.string().min(1).max(256);

export const problem = name(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    instance: z.string().optional(),
    detail: z.string().optional(),
  }),
);

// Signing in.

export const session = name(
  'Session',
  z.strictObject({
    user: z.string(),
    kind: z.enum(['session', 'key', 'gate']).describe('How the caller is known.'),
    roles: z.array(z.enum(roles)),
    permissions: z.array(z.enum(permissions)),
    untilMs: ms().nullable(),
  }),
);
export const passwordStep = name('PasswordStep', z.strictObject({ user: shortText(), password: secret() }));
export const codeStep = name(
  'CodeStep',
  z.strictObject({
    code: z
      .string()
      .regex(/^[0-9A-Za-z -]{6,40}$/)
      .describe('Six digits, or a recovery code.'),
  }),
);
export const passkeyStep = name(
  'PasskeyStep',
  z.strictObject({ response: z.looseObject({ id: z.string().max(1024) }) }),
);
export const passkeyAdded = name(
  'PasskeyAdded',
  z.strictObject({ response: z.looseObject({ id: z.string().max(1024) }), label: z.string().max(60) }),
);
export const passkeyOptions = name('PasskeyOptions', z.looseObject({ challenge: z.string() }));
export const signInResult = name(
  'SignInResult',
  z.strictObject({
    next: z.enum(['done', 'second-factor']),
    factors: z.array(z.enum(['totp', 'passkey', 'recovery'])),
  }),
);
export const invitationToken = name(
  'InvitationToken',
  z.strictObject({ token: z.string().min(20).max(100) }),
);
export const invitation = name(
  'Invitation',
  z.strictObject({ user: z.string(), role: z.enum(roles), untilMs: ms() }),
);
export const enrolment = name(
  'Enrolment',
  z.strictObject({ token: z.string().min(20).max(100), password: secret() }),
);
export const account = name(
  'Account',
  z.strictObject({
    user: z.string(),
    credentials: z.array(
      z.strictObject({
        id: z.string(),
        kind: z.enum(['password', 'totp', 'passkey', 'recovery']),
        label: z.string(),
        createdMs: ms(),
        usedMs: ms().nullable(),
      }),
    ),
  }),
);
export const totpStart = name('TotpStart', z.strictObject({ secret: z.string(), uri: z.string() }));
export const totpAdded = name(
  'TotpAdded',
  z.strictObject({ secret: z.string().regex(/^[A-Z2-7]{16,64}$/), code: z.string().regex(/^[0-9]{6}$/) }),
);

// Traffic.

const decisions = {
  allowed: count(),
  refused: count(),
  failed: count(),
  answered: count(),
};
export const bucket = name(
  'Bucket',
  z.strictObject({
    atMs: ms(),
    ...decisions,
    p50: z.number().nullable().describe('Milliseconds.'),
    p95: z.number().nullable().describe('Milliseconds.'),
    p99: z.number().nullable().describe('Milliseconds.'),
  }),
);
const talker = z.strictObject({ name: z.string(), requests: count(), refused: count() });
export const now = name(
  'Now',
  z.strictObject({
    atMs: ms(),
    windowS: z.int(),
    sinceMs: ms().describe('Since when requests are counted.'),
    stepS: z.int(),
    totals: z.strictObject({
      ...decisions,
      p50: z.number().nullable(),
      p95: z.number().nullable(),
      p99: z.number().nullable(),
    }),
    before: z.strictObject(decisions).describe('The same window before this one.'),
    series: z.array(bucket),
    addresses: z.array(talker),
    consumers: z.array(talker),
    operations: z.array(talker),
    codes: z.array(talker),
    rules: z.array(
      z.strictObject({ name: z.string(), requests: count(), refused: count(), message: z.string() }),
    ),
  }),
);
export const status = name(
  'Status',
  z.strictObject({
    version: z.string(),
    startedMs: ms(),
    generation: z.int(),
    workers: z.int(),
    apis: z.int(),
    operations: z.int(),
    stateUp: z.boolean(),
    audit: z.boolean().describe('Whether an audit trail is kept.'),
    archive: z.boolean().describe('Whether requests are searched beyond memory.'),
    auditEntries: z.int(),
    lost: count().describe('Records that this view had no room for.'),
    listeners: z.array(
      z.strictObject({
        name: z.string(),
        address: z.string(),
        exposure: z.enum(['public', 'internal']),
        serves: z.string(),
        clients: z.string(),
      }),
    ),
    upstreams: z.array(z.strictObject({ name: z.string(), endpoints: z.int(), healthy: z.int() })),
  }),
);

// Requests.

export const requestRow = name(
  'Request',
  z.looseObject({
    time: z.string(),
    id: z.string(),
    status: z.int(),
    decision: z.enum(['allowed', 'refused', 'failed', 'answered']),
  }),
);
export const requestPage = name(
  'RequestPage',
  z.strictObject({
    items: z.array(requestRow),
    next: z.string().nullable().describe('Cursor of the next page.'),
    source: z.enum(['memory', 'archive']),
    scanned: count(),
  }),
);
export const explainedStep = z.strictObject({
  guard: z.string(),
  outcome: z.enum(['passed', 'refused', 'not-reached', 'not-configured', 'answered', 'failed']),
  text: z.string(),
  details: z.array(z.string()),
});
export const explanation = name(
  'Explanation',
  z.strictObject({
    request: requestRow,
    summary: z.string(),
    told: z.string().describe('What the caller was told.'),
    advice: z.string().describe('What to do about it; empty where nothing is to be done.'),
    steps: z.array(explainedStep),
    related: z.array(requestRow).describe('Others of the same caller or address, newest first.'),
  }),
);

// APIs.

const finding = z.strictObject({ id: z.string(), text: z.string(), points: z.int() });
export const apiView = name(
  'Api',
  z.strictObject({
    name: z.string(),
    title: z.string(),
    hosts: z.array(z.string()),
    base: z.string(),
    listeners: z.array(z.string()),
    upstream: z.string(),
    service: z.string().nullable(),
    operations: z.int(),
    requests: count(),
    refused: count(),
    silent: z.int().describe('Operations without a request since the gate began to count.'),
    score: z.int().min(0).max(100),
    findings: z.array(finding).describe('What would raise the score.'),
  }),
);
export const operationView = name(
  'Operation',
  z.strictObject({
    api: z.string(),
    operation: z.string(),
    method: z.string(),
    path: z.string(),
    summary: z.string(),
    exposure: z.enum(['public', 'internal', 'both']),
    deprecated: z.boolean(),
    callers: z.array(z.string()),
    scopes: z.array(z.string()),
    rules: z.array(z.string()),
    limits: z.array(z.string()),
    inspected: z.string(),
    validated: z.boolean(),
    requests: count(),
    refused: count(),
    lastMs: ms().nullable(),
  }),
);
const undocumented = z.strictObject({
  method: z.string(),
  path: z.string(),
  requests: count(),
  clients: count(),
  lastMs: ms(),
});
export const apiList = name(
  'ApiList',
  z.strictObject({ sinceMs: ms(), items: z.array(apiView), undocumented: z.array(undocumented) }),
);
export const apiDetail = name(
  'ApiDetail',
  z.strictObject({ api: apiView, operations: z.array(operationView) }),
);

// Policies.

export const policyView = name(
  'Policies',
  z.strictObject({
    operations: z.array(operationView),
    callers: z.array(
      z.strictObject({
        id: z.string(),
        kind: z.string(),
        source: z.enum(['configuration', 'state']),
        scopes: z.array(z.string()),
        roles: z.array(z.string()),
        may: z
          .array(z.string())
          .describe('api/operation whose scopes and roles it meets; rules and policies may still refuse.'),
      }),
    ),
    files: z.array(z.strictObject({ api: z.string(), file: z.string(), text: z.string() })),
  }),
);
export const simulation = name(
  'Simulation',
  z.strictObject({
    operation: shortText(),
    api: shortText().optional(),
    as: z.strictObject({
      user: shortText().optional(),
      client: shortText().optional(),
      service: shortText().optional(),
      scopes: scopes().optional(),
      claims: z.record(z.string(), z.unknown()).optional(),
    }),
    parameters: z.record(z.string(), z.string().max(2048)).optional(),
    body: z.unknown().optional(),
  }),
);
export const simulationResult = name(
  'SimulationResult',
  z.strictObject({
    allowed: z.boolean(),
    public: z.boolean(),
    code: z.string(),
    policy: z.string(),
    rules: z.array(
      z.strictObject({
        text: z.string(),
        passes: z.boolean(),
        code: z.string(),
        reason: z.string(),
        policies: z.array(
          z.strictObject({ id: z.string(), effect: z.string(), outcome: z.string(), place: z.string() }),
        ),
      }),
    ),
  }),
);

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

// Inspection.

export const wafView = name(
  'Waf',
  z.strictObject({
    sinceMs: ms(),
    inspected: z.array(z.strictObject({ api: z.string(), operation: z.string(), how: z.string() })),
    rules: z.array(
      z.strictObject({
        rule: z.int(),
        message: z.string(),
        matches: count(),
        refused: count(),
        clients: count(),
        lastMs: ms(),
        operations: z.array(z.string()),
        example: z.string().describe('Id of the last request that it matched.'),
      }),
    ),
    proposals: z.array(
      z.strictObject({
        id: z.string(),
        api: z.string(),
        operation: z.string(),
        rule: z.int(),
        target: z.string(),
        message: z.string(),
        matches: count(),
        clients: count(),
        first: z.string(),
        last: z.string(),
        yaml: z.string(),
      }),
    ),
    mayApply: z.boolean().describe('Whether exclusions can be written into the configuration from here.'),
  }),
);
export const exclusion = name(
  'Exclusion',
  z.strictObject({
    api: shortText(),
    operation: shortText(),
    rule: z.int().min(1),
    target: shortText(500),
    reason: z.string().min(3).max(200),
  }),
);
export const reloadResult = name(
  'ReloadResult',
  z.strictObject({
    ok: z.boolean(),
    generation: z.int(),
    problem: z.string(),
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

// Limits.

export const limitsView = name(
  'Limits',
  z.strictObject({
    limits: z.array(
      z.strictObject({
        api: z.string(),
        operation: z.string(),
        name: z.string(),
        per: z.string(),
        scope: z.string(),
        count: z.int(),
        periodMs: z.int(),
        burst: z.int(),
        kind: z.enum(['rate', 'quota', 'concurrent']),
        unit: z.enum(['requests', 'bytes']),
        /** Of the calendar, for a quota. */
        period: z.enum(['hour', 'day', 'week', 'month']).nullable(),
        plans: z.array(
          z.strictObject({ plan: z.string(), count: z.int(), periodMs: z.int(), burst: z.int() }),
        ),
      }),
    ),
    refusals: z.array(talker).describe('Operations by requests that were too many, last hour.'),
    callers: z.array(talker).describe('Callers by requests that were too many, last hour.'),
    lists: z.array(
      z.strictObject({ api: z.string(), allow: z.array(z.string()), deny: z.array(z.string()) }),
    ),
  }),
);

export const ban = name(
  'Ban',
  z.strictObject({
    block: z.string(),
    reason: z.string(),
    by: z.string(),
    createdMs: ms(),
    untilMs: ms(),
  }),
);
export const banList = name('BanList', z.strictObject({ items: z.array(ban) }));
export const newBan = name(
  'NewBan',
  z.strictObject({
    block: z.string().min(2).max(50).describe('An address, or a block such as 192.0.2.0/24.'),
    reason: z.string().max(200),
    forMs: z
      .number()
      .int()
      .min(1000)
      .max(366 * 86_400_000),
  }),
);

// Incidents.

const entity = z.strictObject({ kind: z.enum(['address', 'consumer', 'operation', 'gate']), id: z.string() });
const evidence = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]));
export const incidentStatuses = ['open', 'acknowledged', 'closed'] as const;
export const verdicts = ['true-positive', 'false-positive', 'benign'] as const;
export const incident = name(
  'Incident',
  z.strictObject({
    id: z.string(),
    title: z.string(),
    status: z.enum(incidentStatuses),
    priority: z.enum(['low', 'medium', 'high', 'critical']),
    score: z.number(),
    openedMs: ms(),
    updatedMs: ms(),
    entities: z.array(entity),
    alerts: z.array(
      z.strictObject({
        detector: z.string(),
        atMs: ms(),
        entity,
        p: z.number().describe('Probability of something as odd when all is well.'),
        reason: z.string(),
        evidence,
        count: count(),
        lastMs: ms(),
      }),
    ),
    addresses: z.array(z.string()),
    consumers: z.array(z.string()),
    operations: z.array(z.string()),
    attack: z.array(z.string()).describe('MITRE ATT&CK techniques.'),
    owasp: z.array(z.string()).describe('OWASP API Security Top 10 (2023).'),
    context: z.array(z.string()),
    assignee: z.string(),
    verdict: z.enum(verdicts).nullable(),
    notes: z.array(z.strictObject({ atMs: ms(), by: z.string(), text: z.string() })),
    actions: z.array(
      z.strictObject({
        id: z.string(),
        atMs: ms(),
        runbook: z.string(),
        kind: z.enum(['ban-address', 'revoke-sessions', 'webhook']),
        target: z.string(),
        untilMs: ms().nullable(),
        state: z.enum(['done', 'dry-run', 'refused', 'failed', 'undone']),
        problem: z.string(),
      }),
    ),
  }),
);
export const incidentList = name(
  'IncidentList',
  z.strictObject({ isOn: z.boolean().describe('Whether the gate detects.'), items: z.array(incident) }),
);
export const incidentChange = name(
  'IncidentChange',
  z
    .strictObject({
      status: z.enum(['open', 'acknowledged']).optional(),
      assignee: z.string().max(200).optional(),
      verdict: z.enum(verdicts).optional(),
    })
    .describe('What is absent stays as it is; a verdict closes.'),
);
export const newNote = name('NewNote', z.strictObject({ text: z.string().min(1).max(2000) }));
export const incidentBan = name(
  'IncidentBan',
  z.strictObject({
    address: z.string().min(2).max(50),
    forMs: z
      .number()
      .int()
      .min(1000)
      .max(366 * 86_400_000),
  }),
);
export const actionUndo = name('ActionUndo', z.strictObject({ action: z.string().min(1).max(64) }));

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
