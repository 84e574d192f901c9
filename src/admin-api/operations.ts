// Every operation of the administrative API in one table: the contract, the permissions, the handlers' types and the tests
// are made from it.
import { z } from 'zod';
import type { Permission } from './permissions.ts';
import * as s from './schemas.ts';

export interface AdminOperation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** `open`: anybody who reaches the listener; `signed-in`: whoever has any role. */
  readonly permission: Permission | 'open' | 'signed-in';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Status and schema of success; null for no body. */
  readonly success: readonly [status: number, schema: z.ZodType | null | 'events'];
  /** Reads and writes of one resource carry its version; a change must name it in If-Match. */
  readonly versioned?: true;
  /** What else may be answered, beside 400, 401, 403, 429, 503 and what its parameters and body imply. */
  readonly also?: readonly number[];
}

const page = {
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
};
const id = (max = 200) => z.string().min(1).max(max);
const windowS = z.coerce.number().int().min(60).max(3600).default(300);

const requestQuery = {
  decision: z.enum(['allowed', 'refused', 'failed', 'answered']).optional(),
  status: z
    .string()
    .regex(/^[1-5](?:xx|[0-9]{2})$/)
    .optional(),
  consumer: id(256).optional(),
  address: id(64).optional(),
  api: id(100).optional(),
  operation: id(200).optional(),
  guard: id(40).optional(),
  code: id(60).optional(),
  rule: z.coerce.number().int().min(1).optional(),
  text: z.string().max(200).optional().describe('Part of path, query, user agent, caller or reason.'),
};

type More = Partial<AdminOperation>;
/** Nothing more. */
type None = Record<never, never>;

// What is given keeps its own type: clients know from it what an operation takes and answers.
const get = <S extends z.ZodType, const M extends More = None>(
  tag: string,
  path: string,
  permission: AdminOperation['permission'],
  summary: string,
  success: S,
  more?: M,
) => ({
  method: 'GET' as const,
  path,
  tag,
  summary,
  permission,
  success: [200, success] as const,
  ...(more as M),
});

const act = <const A extends AdminOperation['success'], const M extends More = None>(
  method: 'POST' | 'PATCH' | 'DELETE',
  tag: string,
  path: string,
  permission: AdminOperation['permission'],
  summary: string,
  success: A,
  more?: M,
) => ({ method, path, tag, summary, permission, success, ...(more as M) });

export const operations = {
  // signing in
  signInPassword: act(
    'POST',
    'sign-in',
    '/sign-in/password',
    'open',
    'Name and password.',
    [200, s.signInResult],
    { body: s.passwordStep },
  ),
  signInCode: act(
    'POST',
    'sign-in',
    '/sign-in/code',
    'open',
    'Code of an authenticator app, after the password.',
    [200, s.signInResult],
    { body: s.codeStep },
  ),
  signInPasskeyOptions: act(
    'POST',
    'sign-in',
    '/sign-in/passkey/options',
    'open',
    'Challenge for a passkey.',
    [200, s.passkeyOptions],
  ),
  signInPasskey: act(
    'POST',
    'sign-in',
    '/sign-in/passkey',
    'open',
    'Answer of a passkey.',
    [200, s.signInResult],
    { body: s.passkeyStep },
  ),
  readInvitation: act(
    'POST',
    'sign-in',
    '/sign-in/invitation',
    'open',
    'Whom a one-time link is for.',
    [200, s.invitation],
    { body: s.invitationToken, also: [404] },
  ),
  enrol: act(
    'POST',
    'sign-in',
    '/sign-in/enrol',
    'open',
    'Uses a one-time link: sets a password and signs in.',
    [200, s.signInResult],
    { body: s.enrolment, also: [404] },
  ),
  getSession: get('sign-in', '/session', 'signed-in', 'Who is signed in and what they may do.', s.session),
  endSession: act('DELETE', 'sign-in', '/session', 'signed-in', 'Signs out.', [204, null]),
  getAccount: get('sign-in', '/account', 'signed-in', 'How the signed-in user signs in.', s.account, {
    also: [404],
  }),
  addPasskeyOptions: act(
    'POST',
    'sign-in',
    '/account/passkeys/options',
    'signed-in',
    'Challenge for a new passkey.',
    [200, s.passkeyOptions],
    { also: [404] },
  ),
  addPasskey: act('POST', 'sign-in', '/account/passkeys', 'signed-in', 'Adds a passkey.', [204, null], {
    body: s.passkeyAdded,
    also: [404],
  }),
  beginTotp: act(
    'POST',
    'sign-in',
    '/account/totp/options',
    'signed-in',
    'A secret for an authenticator app.',
    [200, s.totpStart],
    { also: [404] },
  ),
  addTotp: act('POST', 'sign-in', '/account/totp', 'signed-in', 'Adds the authenticator app.', [204, null], {
    body: s.totpAdded,
    also: [404],
  }),
  removeCredential: act(
    'DELETE',
    'sign-in',
    '/account/credentials/{credential}',
    'signed-in',
    'Removes a way to sign in; the last one stays.',
    [204, null],
    { params: z.object({ credential: id(1100) }), also: [409] },
  ),
  // traffic
  getStatus: get('traffic', '/status', 'traffic:read', 'The gate itself.', s.status),
  getNow: get(
    'traffic',
    '/now',
    'traffic:read',
    'Traffic of the last minutes: verdicts, latency, who and what.',
    s.now,
    { query: z.object({ window: windowS }) },
  ),
  live: {
    method: 'GET',
    path: '/live',
    tag: 'traffic',
    permission: 'traffic:read',
    success: [200, 'events'],
    summary:
      'Server-sent events: `tick` with a bucket each second, `request` with each request that matches.',
    query: z.object({ ...requestQuery, requests: z.enum(['all', 'none']).default('all') }),
  },
  // requests
  listRequests: get('requests', '/requests', 'requests:read', 'Requests, newest first.', s.requestPage, {
    query: z.object({
      ...requestQuery,
      fromMs: z.coerce.number().min(0).optional(),
      untilMs: z.coerce.number().min(0).optional(),
      ...page,
    }),
  }),
  explainRequest: get(
    'requests',
    '/requests/{request}',
    'requests:read',
    'One request, guard by guard.',
    s.explanation,
    { params: z.object({ request: z.string().regex(/^[0-9a-f]{32}$/) }) },
  ),
  // incidents
  listIncidents: get(
    'incidents',
    '/incidents',
    'incidents:read',
    'Incidents, newest first.',
    s.incidentList,
    {
      query: z.object({
        status: z.enum(s.incidentStatuses).optional(),
        limit: z.coerce.number().int().min(1).max(500).default(100),
      }),
    },
  ),
  getIncident: get(
    'incidents',
    '/incidents/{incident}',
    'incidents:read',
    'One incident with its evidence.',
    s.incident,
    { params: z.object({ incident: id(64) }), versioned: true },
  ),
  changeIncident: act(
    'PATCH',
    'incidents',
    '/incidents/{incident}',
    'incidents:write',
    'Acknowledges, assigns, or closes with a verdict.',
    [200, s.incident],
    { params: z.object({ incident: id(64) }), body: s.incidentChange, versioned: true },
  ),
  noteIncident: act(
    'POST',
    'incidents',
    '/incidents/{incident}/notes',
    'incidents:write',
    'Adds a note.',
    [201, s.incident],
    { params: z.object({ incident: id(64) }), body: s.newNote },
  ),
  banFromIncident: act(
    'POST',
    'incidents',
    '/incidents/{incident}/bans',
    'bans:write',
    'Bans one of its addresses, and writes it down.',
    [201, s.incident],
    { params: z.object({ incident: id(64) }), body: s.incidentBan },
  ),
  undoIncidentAction: act(
    'POST',
    'incidents',
    '/incidents/{incident}/undo',
    'bans:write',
    'Takes back what was done.',
    [200, s.incident],
    { params: z.object({ incident: id(64) }), body: s.actionUndo },
  ),
  // APIs and policies
  listApis: get(
    'apis',
    '/apis',
    'apis:read',
    'APIs with their use and posture, and paths that no contract knows.',
    s.apiList,
  ),
  getApi: get('apis', '/apis/{api}', 'apis:read', 'One API with its operations.', s.apiDetail, {
    params: z.object({ api: id(100) }),
  }),
  getPolicies: get('policies', '/policies', 'policies:read', 'Who may call what.', s.policyView),
  simulate: act(
    'POST',
    'policies',
    '/policies/simulations',
    'policies:read',
    'What rules and policies would say of a request.',
    [200, s.simulationResult],
    { body: s.simulation },
  ),
  // identities and keys
  listIdentities: get(
    'identities',
    '/identities',
    'identities:read',
    'Users, clients and services.',
    s.identityPage,
    {
      query: z.object({
        kind: z.enum(s.principalKinds).optional(),
        text: z.string().max(200).optional(),
        ...page,
      }),
    },
  ),
  createIdentity: act(
    'POST',
    'identities',
    '/identities',
    'identities:write',
    'Adds one.',
    [201, s.identity],
    { body: s.newIdentity, also: [409] },
  ),
  getIdentity: get('identities', '/identities/{identity}', 'identities:read', 'One of them.', s.identity, {
    params: z.object({ identity: id() }),
    versioned: true,
  }),
  changeIdentity: act(
    'PATCH',
    'identities',
    '/identities/{identity}',
    'identities:write',
    'Scopes; disables or enables.',
    [200, s.identity],
    { params: z.object({ identity: id() }), body: s.identityChange, versioned: true },
  ),
  listKeys: get('keys', '/keys', 'keys:read', 'API keys with age and last use.', s.keyPage, {
    query: z.object({
      owner: id().optional(),
      status: z.enum(s.keyStatuses).optional(),
      text: z.string().max(200).optional(),
      ...page,
    }),
  }),
  issueKey: act(
    'POST',
    'keys',
    '/keys',
    'keys:write',
    'Issues a key; it is shown once.',
    [201, s.issuedKey],
    { body: s.newKey, also: [404, 409] },
  ),
  getKey: get('keys', '/keys/{key}', 'keys:read', 'One key, without its secret.', s.keyView, {
    params: z.object({ key: id(64) }),
    versioned: true,
  }),
  rotateKey: act(
    'POST',
    'keys',
    '/keys/{key}/rotations',
    'keys:write',
    'Issues the next key; the old one stays good for a while.',
    [201, s.issuedKey],
    { params: z.object({ key: id(64) }), body: s.keyRotation, also: [409] },
  ),
  revokeKey: act(
    'DELETE',
    'keys',
    '/keys/{key}',
    'keys:revoke',
    'Refuses a key from now on.',
    [200, s.keyView],
    { params: z.object({ key: id(64) }), versioned: true },
  ),
  // inspection and limits
  getWaf: get(
    'waf',
    '/waf',
    'waf:read',
    'Rules that matched, and exclusions that would quiet false alarms.',
    s.wafView,
    {
      query: z.object({
        minMatches: z.coerce.number().int().min(1).default(3),
        minClients: z.coerce.number().int().min(1).default(1),
      }),
    },
  ),
  addExclusion: act(
    'POST',
    'waf',
    '/waf/exclusions',
    'waf:write',
    'Writes an exclusion into the configuration and reloads.',
    [200, s.reloadResult],
    { body: s.exclusion, also: [404, 409] },
  ),
  getLimits: get(
    'limits',
    '/limits',
    'limits:read',
    'Rate limits, address lists, and who met them.',
    s.limitsView,
  ),
  listBans: get('limits', '/bans', 'limits:read', 'Addresses that are refused for a while.', s.banList),
  addBan: act(
    'POST',
    'limits',
    '/bans',
    'bans:write',
    'Refuses an address or block for a while, on all gates.',
    [201, s.ban],
    { body: s.newBan },
  ),
  removeBan: act('DELETE', 'limits', '/bans', 'bans:write', 'Admits it again.', [204, null], {
    query: z.object({ block: id(50) }),
    also: [404],
  }),
  // audit
  searchAudit: get('audit', '/audit', 'audit:read', 'Entries of the trail, newest first.', s.auditPage, {
    query: z.object({
      action: id(60).optional(),
      outcome: z.enum(['success', 'failure', 'refused']).optional(),
      who: id(256).optional(),
      requestId: id(64).optional(),
      fromMs: z.coerce.number().min(0).optional(),
      untilMs: z.coerce.number().min(0).optional(),
      ...page,
    }),
    also: [404],
  }),
  proveEntry: get(
    'audit',
    '/audit/{index}',
    'audit:read',
    'One entry with the proof that it is in the signed tree.',
    s.auditProof,
    { params: z.object({ index: z.coerce.number().int().min(0) }) },
  ),
  // settings
  getSettings: get(
    'settings',
    '/settings',
    'settings:read',
    'What the configuration says, in short.',
    s.settingsView,
  ),
  reload: act('POST', 'settings', '/settings/reload', 'settings:write', 'Loads the configuration again.', [
    200,
    s.reloadResult,
  ]),
  listMembers: get('settings', '/members', 'members:read', 'Who may use the console.', s.memberList),
  invite: act(
    'POST',
    'settings',
    '/members',
    'members:write',
    'Makes a one-time link for somebody new, or for somebody who lost the password.',
    [201, s.invitationLink],
    { body: s.newMember, also: [409] },
  ),
  changeMember: act(
    'PATCH',
    'settings',
    '/members/{user}',
    'members:write',
    'Role; disables or enables.',
    [200, s.member],
    { params: z.object({ user: id(100) }), body: s.memberChange, also: [409] },
  ),
  endMemberSessions: act(
    'DELETE',
    'settings',
    '/members/{user}/sessions',
    'members:write',
    'Signs somebody out everywhere.',
    [204, null],
    { params: z.object({ user: id(100) }) },
  ),
} as const satisfies Record<string, AdminOperation>;

export type AdminOperationId = keyof typeof operations;

export const operationEntries = Object.entries(operations) as readonly [AdminOperationId, AdminOperation][];
