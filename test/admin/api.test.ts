// The administrative API over the wire: roles, versions, idempotency, the trail, and every answer held to the contract.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import {
  adminContract,
  operationEntries,
  permissionsOfRole,
  roles,
  statusesOf,
} from '../../src/admin-api/index.ts';
import type { Incident } from '../../src/detect/index.ts';
import { type AdminAnswer, type AdminGate, startAdminGate } from '../support/admin-gate.ts';
import { until } from '../support/until.ts';

const contract = adminContract() as {
  components: { schemas: Record<string, object> };
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
};
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: 'contract', ...contract });

/** Fails unless the contract has this answer of this operation. */
function holdToContract(method: string, template: string, answer: AdminAnswer): void {
  const place = `${method} ${template} ${answer.status}`;
  const operation = contract.paths[`/api/v1${template}`]?.[method.toLowerCase()];
  assert.ok(operation !== undefined, place);
  const documented = operation.responses[String(answer.status)];
  assert.ok(documented !== undefined, `${place} is not documented: ${answer.text}`);
  assert.ok(answer.status < 500, `${place}: ${answer.text}`);
  const type = (answer.headers.get('content-type') ?? '').split(';')[0]!;
  if (documented.content === undefined) return assert.equal(answer.text, '', place);
  const schema = documented.content[type]?.schema;
  assert.ok(schema !== undefined, `${place} came as ${type}`);
  if (!type.includes('json')) return;
  const { $ref } = schema as { $ref: string };
  const validate = ajv.getSchema(`contract${$ref}`)!;
  assert.ok(
    validate(answer.json),
    `${place}: ${JSON.stringify(validate.errors)} in ${answer.text.slice(0, 500)}`,
  );
}

const anIncident: Incident = {
  id: 'inc-1',
  title: 'Somebody guesses keys',
  status: 'open',
  priority: 'high',
  score: 71,
  openedMs: 1,
  updatedMs: 2,
  entities: [{ kind: 'address', id: '203.0.113.66' }],
  alerts: [
    {
      detector: 'brute-force',
      atMs: 1,
      lastMs: 2,
      count: 3,
      entity: { kind: 'address', id: '203.0.113.66' },
      p: 1e-9,
      reason: 'many wrong keys',
      evidence: { failures: 40, operations: ['things/listThings'] },
    },
  ],
  addresses: ['203.0.113.66'],
  consumers: [],
  operations: ['things/listThings'],
  attack: ['T1110'],
  owasp: ['API2'],
  context: [],
  assignee: '',
  verdict: null,
  notes: [],
  actions: [],
};

/** Values for path parameters that lead to something. */
const samples: Readonly<Record<string, string>> = {
  request: '0'.repeat(32),
  api: 'things',
  identity: 'shop',
  key: 'shop-key',
  index: '0',
  incident: 'inc-1',
  user: 'nobody',
  credential: 'password-x',
};

const fill = (path: string): string => path.replace(/\{(\w+)\}/g, (_, name: string) => samples[name] ?? 'x');

/** Queries without which there is no answer. */
const queries: Readonly<Record<string, string>> = { removeBan: '?block=203.0.113.200' };

const bodies: Readonly<Record<string, unknown>> = {
  simulate: { operation: 'deleteThing', as: { client: 'shop', scopes: [] } },
  createIdentity: { id: 'made', kind: 'client' },
  changeIdentity: { scopes: ['a:b'] },
  issueKey: { owner: 'shop' },
  rotateKey: {},
  addExclusion: { api: 'things', operation: 'createThing', rule: 1, target: 'ARGS:x', reason: 'not there' },
  addBan: { block: '203.0.113.9', reason: 'tries keys', forMs: 60_000 },
  changeIncident: { status: 'acknowledged' },
  noteIncident: { text: 'looked at' },
  banFromIncident: { address: '203.0.113.66', forMs: 60_000 },
  undoIncidentAction: { action: 'act-1' },
  invite: { user: 'nora', role: 'viewer' },
  changeMember: { disabled: false },
  addPasskey: { response: { id: 'x' }, label: '' },
  addTotp: { secret: 'JBSWY3DPEHPK3PXP', code: '000000' },
};

async function prepare({ registry, call, things, state }: AdminGate): Promise<void> {
  if ((await state.identity.principal('shop')) !== null) return;
  await registry.add('client', 'shop', ['things:read'], 'The shop', { id: 'shop-key' });
  await call('GET', '/status', { as: 'viewer' });
  await things('/things');
  await things('/nowhere');
}

/** Anything that JSON can be, and now and then what a field wants. */
const anyBody = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.record({ user: fc.string(), password: fc.string() }),
  fc.record({ token: fc.string({ minLength: 20, maxLength: 60 }), password: fc.string({ maxLength: 30 }) }),
  fc.record({
    owner: fc.constantFrom('shop', 'nobody', ''),
    scopes: fc.array(fc.string(), { maxLength: 3 }),
  }),
  fc.record({ id: fc.string({ maxLength: 20 }), kind: fc.constantFrom('client', 'user', 'robot') }),
  fc.record({ scopes: fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }) }),
  fc.record({ operation: fc.string(), as: fc.record({ client: fc.string() }) }),
);
const anyQuery = fc.dictionary(
  fc.constantFrom(
    'limit',
    'cursor',
    'status',
    'fromMs',
    'untilMs',
    'text',
    'kind',
    'window',
    'decision',
    'who',
    'odd',
    'rule',
  ),
  fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer().map(String),
    fc.constantFrom('4xx', '60', 'client', 'refused'),
  ),
  { maxKeys: 3 },
);
const anyName = fc.oneof(
  fc.constantFrom(...Object.values(samples)),
  fc.string({ minLength: 1, maxLength: 20 }),
);

test('the administrative API', async (t) => {
  const admin = await startAdminGate(t);

  await t.test('traffic, requests and what is explained of them', async () => {
    const { call, things } = admin;
    await call('GET', '/status', { as: 'viewer' });
    await things('/things?q=fine');
    await things('/.env');
    const attack = await things("/things?q=x'%20OR%20'1'='1");
    assert.equal(attack.status, 403);
    const page = await until(async () => {
      const found = await call('GET', '/requests', { as: 'viewer' });
      return found.json.items.length >= 3 ? found : undefined;
    }, 'three requests');
    assert.ok(
      page.json.items.every((item: { api?: string }) => item.api !== 'control'),
      'the console sees itself',
    );
    const [newest] = page.json.items;
    assert.equal(newest.code, 'request-blocked');
    for (const [query, count] of [
      ['decision=refused', 2],
      ['status=4xx', 2],
      ['code=operation-unknown', 1],
      ['text=fine', 1],
      ['text=nothing-like-it', 0],
      ['address=127.0.0.1', 3],
      [`rule=${newest.rules[0]}`, 1],
    ] as const)
      assert.equal(
        (await call('GET', `/requests?${query}`, { as: 'viewer' })).json.items.length,
        count,
        query,
      );
    const explained = await call('GET', `/requests/${newest.id}`, { as: 'viewer' });
    assert.deepEqual(
      explained.json.steps
        .map((step: { guard: string; outcome: string }) => `${step.guard} ${step.outcome}`)
        .slice(-3),
      ['validate not-configured', 'inspect refused', 'upstream not-reached'],
    );
    const now = await call('GET', '/now?window=60', { as: 'viewer' });
    assert.equal(now.json.totals.refused, 2);
    assert.equal(now.json.totals.allowed, 1);
    assert.ok(now.json.totals.p50 > 0);
    const apis = await call('GET', '/apis', { as: 'viewer' });
    assert.equal(apis.json.undocumented[0].path, '/.env');
    const waf = await call('GET', '/waf?minMatches=1', { as: 'viewer' });
    const [proposal] = waf.json.proposals;
    assert.equal(proposal.operation, 'listThings');

    // One click: into the file, comments and all, and in force at once.
    const { api, operation, target } = proposal;
    for (const { rule, target: place } of waf.json.proposals) {
      const done = await call('POST', '/waf/exclusions', {
        as: 'operator',
        body: { api, operation, rule, target: place, reason: 'q is prose' },
      });
      assert.equal(done.json.ok, true, done.text);
    }
    assert.ok(target !== '');
    assert.equal((await things("/things?q=x'%20OR%20'1'='1")).status, 200);
  });

  await t.test(
    'keys and identities: versions, idempotency, what operators may not, and the trail',
    async () => {
      await prepare(admin);
      const { call } = admin;

      const headers = { 'idempotency-key': 'issue-1-of-test' };
      const first = await call('POST', '/keys', { as: 'operator', body: { owner: 'shop' }, headers });
      assert.equal(first.status, 201);
      assert.match(first.json.key, /^gwk_shop-/);
      const again = await call('POST', '/keys', { as: 'operator', body: { owner: 'shop' }, headers });
      assert.equal(again.text, first.text);
      const other = await call('POST', '/keys', {
        as: 'operator',
        body: { owner: 'shop', scopes: ['x'] },
        headers,
      });
      assert.equal(other.status, 409);

      const id = first.json.record.id as string;
      const used = await until(async () => {
        const answer = await admin.things('/things/1', {
          method: 'DELETE',
          headers: { 'x-api-key': first.json.key },
        });
        return answer.status === 200 ? answer : undefined;
      }, 'the key is known');
      assert.equal(used.status, 200);

      const read = await call('GET', `/keys/${id}`, { as: 'responder' });
      const etag = read.headers.get('etag')!;
      assert.equal(
        (await call('GET', `/keys/${id}`, { as: 'responder', headers: { 'if-none-match': etag } })).status,
        304,
      );
      assert.equal((await call('DELETE', `/keys/${id}`, { as: 'responder' })).status, 428);
      assert.equal(
        (await call('DELETE', `/keys/${id}`, { as: 'responder', headers: { 'if-match': '"old"' } })).status,
        412,
      );
      const revoked = await call('DELETE', `/keys/${id}`, { as: 'responder', headers: { 'if-match': etag } });
      assert.equal(revoked.json.status, 'revoked');
      const refused = await admin.things('/things/1', {
        method: 'DELETE',
        headers: { 'x-api-key': first.json.key },
      });
      assert.equal(refused.status, 401);

      // Nobody climbs: what opens the control plane is for administrators.
      for (const [method, path, body] of [
        ['POST', '/identities', { id: 'trojan', kind: 'client', scopes: ['gatewright:administrator'] }],
        ['POST', '/keys', { owner: 'administrator-program' }],
        ['POST', '/keys', { owner: 'shop', scopes: ['gatewright:members:write'] }],
        ['POST', '/members', { user: 'trojan', role: 'administrator' }],
      ] as const)
        assert.equal((await call(method, path, { as: 'operator', body })).status, 403, path);
      const keys = await call('GET', '/keys?owner=administrator-program', { as: 'operator' });
      const own = keys.json.items[0].id as string;
      assert.equal((await call('POST', `/keys/${own}/rotations`, { as: 'operator', body: {} })).status, 403);
      const held = await call('GET', `/keys/${own}`, { as: 'operator' });
      const version = { 'if-match': held.headers.get('etag')! };
      assert.equal((await call('DELETE', `/keys/${own}`, { as: 'operator', headers: version })).status, 403);
      const shop = await call('GET', '/identities/shop', { as: 'operator' });
      const change = { as: 'operator', headers: { 'if-match': shop.headers.get('etag')! } } as const;
      assert.equal(
        (await call('PATCH', '/identities/shop', { ...change, body: { scopes: ['gatewright:operator'] } }))
          .status,
        403,
      );
      assert.equal(
        (
          await call('PATCH', '/identities/shop', {
            ...change,
            body: { scopes: ['things:read', 'things:write'] },
          })
        ).status,
        200,
      );
      assert.equal(
        (await call('PATCH', '/identities/shop', { ...change, body: { disabled: true } })).status,
        412,
      );

      // Lists go on behind what was shown.
      const seen: string[] = [];
      let cursor = '';
      do {
        const page = await call('GET', `/identities?limit=2${cursor}`, { as: 'auditor' });
        seen.push(...page.json.items.map((item: { id: string }) => item.id));
        cursor = page.json.next === null ? '' : `&cursor=${page.json.next}`;
      } while (cursor !== '');
      assert.deepEqual(seen, [...new Set(seen)].sort());
      assert.ok(seen.includes('shop') && seen.includes('none-program'));

      // Everything that was changed can be proved.
      const trail = await until(async () => {
        const page = await call('GET', '/audit?action=admin.change', { as: 'auditor' });
        return page.json?.items?.[0]?.details.operation === 'changeIdentity' ? page : undefined;
      }, 'the changes in the trail');
      assert.deepEqual(
        trail.json.items
          .slice(0, 3)
          .map((entry: { details: { operation: string } }) => entry.details.operation),
        ['changeIdentity', 'revokeKey', 'issueKey'],
      );
      assert.ok(!trail.text.includes(first.json.key), 'a secret in the trail');
      const proof = await call('GET', `/audit/${trail.json.items[1].index}`, { as: 'auditor' });
      assert.equal(proof.json.entry.target.id, id);
      assert.match(proof.json.checkpoint, /^gatewright\n/);
    },
  );

  await t.test('incidents: followed, noted, answered with a ban that is taken back, closed', async () => {
    const { call } = admin;
    await admin.state.incidents.put(anIncident);
    const list = await call('GET', '/incidents?status=open', { as: 'viewer' });
    holdToContract('GET', '/incidents', list);
    assert.deepEqual([list.json.isOn, list.json.items.length], [false, 1]);
    const read = await call('GET', '/incidents/inc-1', { as: 'responder' });
    const headers = { 'if-match': read.headers.get('etag')! };
    const acknowledge = { as: 'responder', headers, body: { status: 'acknowledged' } } as const;
    const taken = await call('PATCH', '/incidents/inc-1', acknowledge);
    assert.deepEqual([taken.json.status, taken.json.assignee], ['acknowledged', 'responder-program']);
    assert.equal((await call('PATCH', '/incidents/inc-1', acknowledge)).status, 412);
    const body = { address: '203.0.113.66', forMs: 60_000 };
    assert.equal((await call('POST', '/incidents/inc-1/bans', { as: 'viewer', body })).status, 403);
    const own = await call('POST', '/incidents/inc-1/bans', {
      as: 'responder',
      body: { ...body, address: '127.0.0.0/8' },
    });
    assert.equal(own.status, 409);
    const banned = await call('POST', '/incidents/inc-1/bans', { as: 'responder', body });
    holdToContract('POST', '/incidents/{incident}/bans', banned);
    assert.equal((await call('GET', '/bans', { as: 'viewer' })).json.items[0].reason, 'incident inc-1');
    const action = banned.json.actions[0].id as string;
    const undone = await call('POST', '/incidents/inc-1/undo', { as: 'responder', body: { action } });
    assert.equal(undone.json.actions[0].state, 'undone');
    assert.equal((await call('GET', '/bans', { as: 'viewer' })).json.items.length, 0);
    assert.equal(
      (await call('POST', '/incidents/inc-1/undo', { as: 'responder', body: { action } })).status,
      409,
    );
    const noted = await call('POST', '/incidents/inc-1/notes', { as: 'responder', body: { text: 'a test' } });
    assert.deepEqual(
      noted.json.notes.map(({ text }: { text: string }) => text),
      ['banned 203.0.113.66', 'undone: ban-address 203.0.113.66', 'a test'],
    );
    const now = await call('GET', '/incidents/inc-1', { as: 'responder' });
    const closed = await call('PATCH', '/incidents/inc-1', {
      as: 'responder',
      headers: { 'if-match': now.headers.get('etag')! },
      body: { verdict: 'true-positive' },
    });
    assert.deepEqual([closed.json.status, closed.json.verdict], ['closed', 'true-positive']);
  });

  await t.test('live: buckets and requests as they come', async () => {
    const stop = new AbortController();
    const response = await fetch(`${admin.origin}/api/v1/live?decision=refused`, {
      headers: { authorization: `Bearer ${admin.keys.viewer}` },
      signal: stop.signal,
    });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    await admin.things('/things');
    await admin.things('/wp-login.php');
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('wp-login')) break;
    }
    stop.abort();
    assert.match(text, /^event: tick\ndata: \{"atMs":\d+,"allowed"/m);
    const { items } = JSON.parse(/event: requests\ndata: (.*)\n/.exec(text)![1]!) as {
      items: { path: string }[];
    };
    assert.deepEqual(
      items.map(({ path }) => path),
      ['/wp-login.php'],
    );
  });

  await t.test('every operation × every role, from the contract', async () => {
    await prepare(admin);
    let judged = 0;
    for (const [id, operation] of operationEntries) {
      if (operation.permission === 'open' || id === 'live') continue;
      for (const role of [...roles, 'none', undefined] as const) {
        const answer = await admin.call(operation.method, fill(operation.path) + (queries[id] ?? ''), {
          ...(role === undefined ? {} : { as: role }),
          ...(operation.body === undefined ? {} : { body: bodies[id] }),
        });
        const place: string = `${id} as ${role ?? 'nobody'}: ${answer.status} ${answer.text.slice(0, 200)}`;
        holdToContract(operation.method, operation.path, answer);
        const { permission } = operation;
        const may =
          role !== undefined &&
          role !== 'none' &&
          (permission === 'signed-in' || permissionsOfRole[role].has(permission));
        if (role === undefined) assert.equal(answer.status, 401, place);
        else if (may) assert.ok(answer.status !== 401 && answer.status !== 403, place);
        else assert.equal(answer.status, 403, place);
        judged++;
      }
    }
    assert.equal(
      judged,
      operationEntries.filter(([id, { permission }]) => permission !== 'open' && id !== 'live').length * 7,
    );
    // What was refused is in the trail, with who and what.
    const page = await until(async () => {
      const found = await admin.call('GET', '/audit?action=admin.refuse&limit=500', { as: 'auditor' });
      return found.json.items.length > 0 ? found : undefined;
    }, 'refusals in the trail');
    const refusal = page.json.items[0];
    assert.equal(refusal.outcome, 'refused');
    assert.match(refusal.actor.id, /-program$/);
  });

  await t.test('no 5xx and no undocumented answer, whatever is sent', async () => {
    await prepare(admin);
    const known = operationEntries.filter(
      ([id]) => id !== 'live' && id !== 'reload' && id !== 'signInPassword',
    );
    let judged = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...known),
        anyName,
        anyQuery,
        anyBody,
        fc.boolean(),
        async ([, operation], name, query, body, asPage) => {
          const path = operation.path.replace(/\{\w+\}/g, () => encodeURIComponent(name));
          const search = operation.query === undefined ? '' : `?${new URLSearchParams(query)}`;
          const answer = await admin.call(operation.method, path + search, {
            as: 'administrator',
            ...(operation.body === undefined ? {} : { body }),
            headers: asPage ? { 'sec-fetch-site': 'same-origin', origin: admin.origin } : {},
          });
          judged++;
          // What the gate can not even route is its own to refuse: encoded slashes and the like.
          if (
            answer.json?.type === 'urn:gatewright:problem:request-path-ambiguous' ||
            answer.json?.type === 'urn:gatewright:problem:operation-unknown' ||
            answer.json?.type === 'urn:gatewright:problem:method-not-allowed'
          )
            return;
          holdToContract(operation.method, operation.path, answer);
        },
      ),
      { numRuns: 400 },
    );
    assert.ok(judged >= 400);
  });

  await t.test('the contract itself is served, and says which answers there are', async () => {
    const { call } = admin;
    const served = await call('GET', '/openapi.json');
    assert.deepEqual(served.json, JSON.parse(JSON.stringify(contract)));
    for (const [, operation] of operationEntries)
      assert.ok(statusesOf(operation).includes(operation.success[0]));
  });
});
