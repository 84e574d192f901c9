// Services ask the gate's policies by the AuthZEN API: the answers are those that the gate itself would give.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../src/credentials/index.ts';
import { startTestGate } from '../support/gate.ts';
import { ISSUER, TestIssuer } from '../support/issuer.ts';
import { exchange, request } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

const contract = `openapi: 3.1.0
info: { title: Notes, version: '1' }
paths:
  /notes/{noteId}:
    parameters: [ { name: noteId, in: path, required: true, schema: { type: string } } ]
    get: { operationId: readNote, responses: {} }
    delete: { operationId: deleteNote, responses: {} }
  /notes:
    post:
      operationId: createNote
      requestBody:
        content: { application/json: { schema: { type: object, properties: { text: { type: string }, pinned: { type: boolean } } } } }
      responses: {}
`;

const policies = `@id("editors")
permit (principal in Role::"editor", action, resource);
@id("no-night-deletes")
forbid (principal, action == Action::"deleteNote", resource) when { context.risk >= 50 };
`;

const own = `@id("owner")
permit (principal is User, action == Action::"share", resource is Document)
when { resource.owner == principal.id };
@id("guests")
permit (principal is Guest, action == Action::"view", resource is Document)
when { principal.invited.contains(resource.owner) };
@id("overflow")
forbid (principal, action == Action::"share", resource is Document)
when { context has count && context.count * 9223372036854775807 > 1 };
`;

const asking = createApiKey('orders-1');
const unentitled = createApiKey('other-1');

async function setUp(t: TestContext) {
  const owners = createServer((incoming, response) => {
    const id = incoming.url?.split('/').at(-1);
    if (id === 'broken') return response.writeHead(500).end();
    response.end(JSON.stringify({ owner: id === 'n1' ? 'tom' : 'else' }));
  });
  await new Promise<void>((resolve) => owners.listen(0, '127.0.0.1', resolve));
  t.after(() => owners.close());
  const upstream = await startRawUpstream(t);
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { notes: { targets: [ http://127.0.0.1:${upstream.port} ] } }
identity:
  issuers: { corp: { issuer: ${ISSUER}, algorithms: [ ES256 ], jwks: { file: ./jwks.json }, groups-claim: groups } }
  roles: { editor: { groups: [ corp|editors ], members: [ corp|tom ] }, admin: {} }
  consumers:
    orders: { scopes: [ 'decisions:evaluate' ], keys: [ { id: orders-1, sha256: ${asking.sha256} } ] }
    other: { keys: [ { id: other-1, sha256: ${unentitled.sha256} } ] }
relations:
  note-owner: { url: "http://127.0.0.1:${(owners.address() as AddressInfo).port}/{id}", member: owner, cache: 1s }
decisions: { policy: ./own.cedar }
apis:
  notes:
    contract: ./openapi.yaml
    upstream: notes
    authenticate: [ { jwt: { issuer: corp, audience: notes } } ]
    authorize: { policy: ./notes.cedar }
    operations:
      deleteNote: { own: [ { parameter: noteId, relation: note-owner } ] }
      createNote: { writable: { /pinned: [ admin ] } }
  decisions:
    service: decisions
    base: /pdp
    authenticate: [ { api-key: {} } ]
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract,
    files: { 'notes.cedar': policies, 'own.cedar': own, 'jwks.json': new TestIssuer().jwks() },
  });
  const ask = async (
    path: string,
    body: unknown,
    fields: Record<string, string> = { 'x-api-key': asking.key },
  ) => {
    const text = JSON.stringify(body);
    const sent = { 'content-type': 'application/json', ...fields };
    return exchange(gate.port, request('POST', `/pdp/access/v1/${path}`, sent, text));
  };
  const evaluate = async (body: unknown) => (await ask('evaluation', body)).json();
  return { gate, ask, evaluate };
}

const tom = { type: 'user', id: 'corp|tom' };
const notes = { type: 'api', id: 'notes' };

test('an operation of the gate is decided by all of its rules', async (t) => {
  const { evaluate } = await setUp(t);
  const of = (subject: object, name: string, context: object = {}) =>
    evaluate({ subject, action: { name }, resource: notes, context });
  const read = { parameters: { noteId: 'n1' } };
  assert.deepEqual(await of(tom, 'readNote', read), { decision: true, context: { policy: 'editors' } });
  const eve = { type: 'user', id: 'corp|eve' };
  assert.deepEqual(await of(eve, 'readNote', read), {
    decision: false,
    context: { reason: 'policy-denied' },
  });
  const group = { ...eve, properties: { claims: { groups: ['editors'] } } };
  assert.equal((await of(group, 'readNote', read))['decision'], true);
  // A relation asks the owning service; what it can not say is a no.
  assert.equal((await of(tom, 'deleteNote', read))['decision'], true);
  assert.deepEqual(await of(tom, 'deleteNote', { parameters: { noteId: 'n2' } }), {
    decision: false,
    context: { reason: 'object-denied' },
  });
  assert.deepEqual(await of(tom, 'deleteNote', { parameters: { noteId: 'broken' } }), {
    decision: false,
    context: { reason: 'owner-unavailable' },
  });
  assert.deepEqual(await of(tom, 'deleteNote', { ...read, risk: 60 }), {
    decision: false,
    context: { reason: 'policy-denied', policy: 'no-night-deletes' },
  });
  assert.equal((await of(tom, 'createNote', { body: { text: 'x' } }))['decision'], true);
  assert.deepEqual((await of(tom, 'createNote', { body: { text: 'x', pinned: true } }))['context'], {
    reason: 'field-denied',
  });
});

test('what has no meaning is a no, with the reason', async (t) => {
  const { evaluate } = await setUp(t);
  const base = { subject: tom, action: { name: 'readNote' }, resource: notes };
  const reason = async (change: object) => {
    const answer = await evaluate({ ...base, ...change });
    assert.equal(answer['decision'], false);
    return (answer['context'] as { reason: string }).reason;
  };
  assert.equal(await reason({}), 'question-invalid');
  assert.equal(await reason({ action: { name: 'readNotes' } }), 'question-invalid');
  assert.equal(await reason({ resource: { type: 'api', id: 'nobody' } }), 'question-invalid');
  assert.equal(await reason({ subject: { type: 'martian', id: 'x' } }), 'subject-unknown');
  assert.equal(await reason({ subject: { type: 'user', id: 'tom' } }), 'question-invalid');
  assert.equal(await reason({ resource: { type: '__proto__', id: 'constructor' } }), 'policy-denied');
});

test('objects of services are decided by policies of their own', async (t) => {
  const { evaluate } = await setUp(t);
  const share = (owner: unknown, context: object = {}) =>
    evaluate({
      subject: tom,
      action: { name: 'share' },
      resource: { type: 'Document', id: 'd1', properties: { owner } },
      context,
    });
  assert.deepEqual(await share('tom'), { decision: true, context: { policy: 'owner' } });
  assert.equal((await share('eve'))['decision'], false);
  assert.equal((await share(1.5))['decision'], false);
  // A forbid without a value refuses, although the permit holds.
  assert.deepEqual(await share('tom', { count: 2 }), {
    decision: false,
    context: { reason: 'policy-denied', policy: 'overflow' },
  });
  const view = (invited: string[]) =>
    evaluate({
      subject: { type: 'Guest', id: 'g', properties: { invited } },
      action: { name: 'view' },
      resource: { type: 'Document', id: 'd1', properties: { owner: 'tom' } },
    });
  assert.equal((await view(['tom']))['decision'], true);
  assert.equal((await view([]))['decision'], false);
});

test('many questions: defaults, order, and where to stop', async (t) => {
  const { ask } = await setUp(t);
  const many = async (evaluations_semantic: string) => {
    const answer = await ask('evaluations', {
      subject: tom,
      resource: notes,
      context: { parameters: { noteId: 'n2' } },
      evaluations: [
        { action: { name: 'readNote' } },
        { action: { name: 'deleteNote' } },
        {},
        { action: { name: 'deleteNote' }, context: { parameters: { noteId: 'n1' } } },
      ],
      options: { evaluations_semantic },
    });
    return (answer.json()['evaluations'] as { decision: boolean }[]).map(({ decision }) => decision);
  };
  assert.deepEqual(await many('execute_all'), [true, false, false, true]);
  assert.deepEqual(await many('deny_on_first_deny'), [true, false]);
  assert.deepEqual(await many('permit_on_first_permit'), [true]);
  const single = await ask('evaluations', {
    subject: tom,
    action: { name: 'readNote' },
    resource: notes,
    context: { parameters: { noteId: 'n1' } },
  });
  assert.equal(single.json()['decision'], true);
  assert.equal((await ask('evaluations', { subject: tom })).status, 400);
  const flood = { evaluations: Array.from({ length: 101 }, () => ({})) };
  assert.equal((await ask('evaluations', flood)).status, 400);
  const found = await ask('search/action', {
    subject: tom,
    resource: notes,
    context: { parameters: { noteId: 'n2' } },
  });
  assert.deepEqual(found.json()['results'], [{ name: 'readNote' }, { name: 'createNote' }]);
});

test('only a service with the scope may ask; the request id comes back; the metadata is public', async (t) => {
  const { gate, ask } = await setUp(t);
  const question = { subject: tom, action: { name: 'createNote' }, resource: notes };
  assert.equal((await ask('evaluation', question, {})).status, 401);
  const without = await ask('evaluation', question, { 'x-api-key': unentitled.key });
  assert.deepEqual(
    [without.status, without.json()['type']],
    [403, 'urn:gatewright:problem:scope-insufficient'],
  );
  const answer = await ask('evaluation', question, { 'x-api-key': asking.key, 'x-request-id': 'r-17' });
  assert.equal(answer.fields.get('x-request-id'), 'r-17');
  assert.equal((await ask('evaluation', { ...question, more: 1 })).status, 400);
  const metadata = (
    await exchange(
      gate.port,
      request('GET', '/pdp/.well-known/authzen-configuration', { host: 'pdp.example' }),
    )
  ).json();
  assert.equal(metadata['access_evaluation_endpoint'], 'http://pdp.example/pdp/access/v1/evaluation');
});

test('a reload changes the answers', async (t) => {
  const { gate, evaluate } = await setUp(t);
  const question = { subject: tom, action: { name: 'createNote' }, resource: notes };
  assert.equal((await evaluate(question))['decision'], true);
  await gate.write('notes.cedar', 'forbid (principal, action, resource);');
  assert.equal((await gate.gate.reload()).ok, true);
  assert.equal((await evaluate(question))['decision'], false);
});
