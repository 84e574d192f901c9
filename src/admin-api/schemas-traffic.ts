// Traffic, requests and incidents.
import { z } from 'zod';
import { count, ms, name } from './schema-parts.ts';

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
export const talker = z.strictObject({ name: z.string(), requests: count(), refused: count() });
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
