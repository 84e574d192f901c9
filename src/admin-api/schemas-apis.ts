// APIs, policies, inspection and limits.
import { z } from 'zod';
import { count, ms, name, scopes, shortText } from './schema-parts.ts';
import { talker } from './schemas-traffic.ts';

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
