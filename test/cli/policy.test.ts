// `gatewright policy`: explanations, tests of policies, what a change would flip, what is wrong, who can call what.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root, run } from '../support/command.ts';
import { startTestGate } from '../support/gate.ts';
import { exchange, request } from '../support/raw-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-policy-'));
after(() => rmSync(folder, { recursive: true, force: true }));
cpSync(join(root, 'examples/policies'), folder, { recursive: true });
const change = (name: string, from: string, edit: (text: string) => string): void =>
  writeFileSync(join(folder, name), edit(readFileSync(join(folder, from), 'utf8')));
const policy = (args: readonly string[]) => run(['policy', ...args], { cwd: folder });

interface Explained {
  readonly allowed: boolean;
  readonly code: string;
  readonly policy: string;
  readonly rules: readonly {
    readonly kind: string;
    readonly passes: boolean;
    readonly policies: readonly { readonly id: string; readonly outcome: string }[];
  }[];
}

test('explain says what every rule and policy makes of a request', async () => {
  const tom = ['-u', 'corp|tom', '--claims', '{"groups":["editors"],"notes":["n1"],"auth_time":1767600000}'];
  const time = ['--time', '2026-01-05T08:05:00Z'];
  const good = await policy(['explain', 'deleteNote', ...tom, ...time, '-p', 'noteId=n1', '--json']);
  assert.equal(good.code, 0, good.err);
  const explained = JSON.parse(good.out) as Explained;
  assert.deepEqual([explained.allowed, explained.code, explained.policy], [true, '', 'editors-write']);
  assert.deepEqual(
    explained.rules.at(-1)!.policies.map(({ id, outcome }) => `${id} ${outcome}`),
    ['editors-write holds', 'office-hours does-not-hold', 'fresh-login does-not-hold'],
  );
  const foreign = await policy(['explain', 'deleteNote', ...tom, ...time, '-p', 'noteId=n2']);
  assert.equal(foreign.code, 1);
  assert.match(
    foreign.out,
    /^refused: object-denied\n {2}refuse {2}noteId is in the claim notes, unless role moderator/,
  );
  assert.match(foreign.out, /permit "editors-write" \(\.\/notes\.cedar:\d+\) holds/);
});

test('explain refuses what can not be asked', async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['explain', 'delteNote', '--client', 'reader'], /did you mean "deleteNote"/],
    [['explain', 'deleteNote', '--client', 'reader'], /needs the parameter "noteId"/],
    [['explain', 'listNotes'], /one of user \(issuer\|subject\), client and service/],
    [['explain', 'listNotes', '-u', 'tom'], /write issuer\|subject/],
    [['explain', 'listNotes', '-u', 'corp|tom', '--claims', '{'], /--claims is not JSON/],
    [['explain', 'listNotes', '-u', 'corp|tom', '--risk', '101'], /0 to 100/],
    [['explain', 'listNotes', '-u', 'corp|tom', '-p', 'x'], /name=value/],
  ];
  for (const [args, message] of wrong) {
    const { code, err } = await policy(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, message);
  }
});

test('tests of policies pass, fail with an explanation, and are checked themselves', async () => {
  const good = await policy(['test']);
  assert.equal(good.code, 0, good.out + good.err);
  assert.match(good.out, /^11 passed, 0 failed$/m);
  change('wrong.yaml', 'notes.test.yaml', (text) => text.replace('expect: allow', 'expect: refuse'));
  const failed = await policy(['test', 'wrong.yaml']);
  assert.equal(failed.code, 1);
  assert.match(
    failed.out,
    /FAILED wrong\.yaml:2: a key reads\n {2}refuse was expected\nallowed by policy "readers"/,
  );
  change('broken.yaml', 'notes.test.yaml', (text) => text.replace('operation:', 'operaton:'));
  const broken = await policy(['test', 'broken.yaml']);
  assert.equal(broken.code, 3);
  assert.match(broken.err, /broken\.yaml:2:\d+: error\[policy-test\]/);
});

let lines = 0;
const line = (values: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    id: String(++lines),
    status: 200,
    time: '2026-01-05T08:05:00.000Z',
    client_address: '127.0.0.1',
    api: 'notes',
    method_of_authentication: 'jwt',
    decision: 'allowed',
    ...values,
  });

test('simulate says what a change would flip, for whom, and why', async () => {
  const log = join(folder, 'access.log');
  writeFileSync(
    log,
    [
      line({
        operation: 'listNotes',
        path: '/notes',
        consumer: 'reader',
        method_of_authentication: 'api-key',
      }),
      line({
        operation: 'listNotes',
        path: '/notes',
        consumer: 'reader',
        method_of_authentication: 'api-key',
      }),
      line({ operation: 'deleteNote', path: '/notes/n1', consumer: 'corp|tom' }),
      line({ operation: 'deleteNote', path: '/notes/n9', consumer: 'corp|tom' }),
      line({ operation: 'gone', path: '/x', consumer: 'corp|tom' }),
      line({ path: '/nothing' }),
      'not JSON',
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(folder, 'people.yaml'),
    "'corp|tom': { claims: { groups: [ editors ], notes: [ n1 ], auth_time: 1767600000 } }\n",
  );
  change('proposed.cedar', 'notes.cedar', (text) =>
    text
      .replace(
        'permit (principal is Client, action == Action::"listNotes"',
        'permit (principal is Service, action',
      )
      .replace(
        'deleteNote", resource)\nunless {\n  principal in Role::"moderator" ||\n',
        'deleteNote", resource)\nunless {\n  principal in Role::"moderator" && \n',
      ),
  );
  change('proposed.yaml', 'gatewright.yaml', (text) => text.replace('notes.cedar', 'proposed.cedar'));
  const args = ['simulate', 'access.log', '--against', 'proposed.yaml', '--principals', 'people.yaml'];
  const { code, out, err } = await policy([...args, '--json']);
  assert.equal(code, 0, out + err);
  const report = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual(
    [report['requests'], report['judged'], report['flipped'], report['skipped']],
    [7, 4, 3, 3],
  );
  assert.deepEqual(
    (report['flips'] as Record<string, unknown>[]).map((flip) =>
      [
        flip['count'],
        flip['from'],
        flip['operation'],
        flip['consumer'],
        flip['policy'],
        (flip['examples'] as { path: string }[]).map(({ path }) => path).join(','),
      ].join(' '),
    ),
    ['2 allowed listNotes reader  /notes,/notes', '1 allowed deleteNote corp|tom office-hours /notes/n1'],
  );
  assert.equal((await policy([...args, '--fail'])).code, 1);
  assert.equal((await policy(['simulate', 'access.log', '--against', 'gatewright.yaml', '--fail'])).code, 0);
});

test('simulate judges bodies that are given, and says what it could not judge', async () => {
  const made = { operation: 'createNote', path: '/notes', consumer: 'corp|tom' };
  const log = [
    line({ ...made, id: 'plain' }),
    line({ ...made, id: 'pinned' }),
    line({ ...made, id: 'unseen', query: 'team=*' }),
    line({ ...made, id: 'old', time: '2025-01-05T08:05:00.000Z' }),
  ];
  writeFileSync(join(folder, 'bodies.log'), `${log.join('\n')}\n`);
  writeFileSync(
    join(folder, 'bodies.jsonl'),
    '{"id":"plain","body":{"text":"hello"}}\n{"id":"pinned","body":{"text":"hello","pinned":true}}\n',
  );
  change('closed.yaml', 'gatewright.yaml', (text) =>
    text.replace('writable: { /pinned: [ moderator ] }', 'writable: { /text: [ moderator ] }'),
  );
  const args = ['simulate', 'bodies.log', '--against', 'closed.yaml', '--principals', 'people.yaml'];
  const whole = await policy([...args, '--bodies', 'bodies.jsonl', '--since', '2026-01-01', '--json']);
  const report = JSON.parse(whole.out) as Record<string, unknown>;
  assert.deepEqual(
    ['requests', 'judged', 'flipped', 'withoutBody', 'withoutQuery', 'unlikeRecorded'].map(
      (name) => report[name],
    ),
    [3, 3, 1, 1, 1, 1],
  );
  assert.deepEqual(
    (report['flips'] as Record<string, unknown>[]).map((flip) => [
      flip['code'],
      flip['policy'],
      flip['examples'],
    ]),
    [['field-denied', '', [{ id: 'plain', time: '2026-01-05T08:05:00.000Z', path: '/notes' }]]],
  );
  const without = await policy(args);
  assert.match(
    without.out,
    /^4 of 4 requests judged, 0 would be decided differently\.\n4 without the rules about their bodies/m,
  );
  writeFileSync(join(folder, 'bad.jsonl'), '{"id":"x","body":1}\n{"id":2}\n');
  assert.match((await policy([...args, '--bodies', 'bad.jsonl'])).err, /bad\.jsonl:2 is no/);
});

test('simulate leaves out what only a service could tell, and says so', async () => {
  const made = { operation: 'deleteNote', path: '/notes/n1', consumer: 'corp|tom' };
  writeFileSync(join(folder, 'owned.log'), `${line(made)}\n`);
  change('owned.yaml', 'gatewright.yaml', (text) =>
    text
      .replace('claim: notes,', 'relation: note-owner,')
      .concat('relations: { note-owner: { url: "http://127.0.0.1:9/notes/{id}/owner" } }\n'),
  );
  change('owned-proposed.yaml', 'owned.yaml', (text) => text.replace('notes.cedar', 'proposed.cedar'));
  const { out, err } = await policy([
    ...['simulate', 'owned.log', '-c', 'owned.yaml', '--against', 'owned-proposed.yaml'],
    ...['--principals', 'people.yaml'],
  ]);
  assert.match(out, /1 {2}allowed → refused {2}notes deleteNote {2}corp\|tom {2}\(policy-denied/, err);
  assert.match(out, /^1 without rules that ask a service whose an object is\.$/m);
});

test('review and check say from a log who did what, and which rights nobody used', async () => {
  const log = [
    line({ operation: 'listNotes', path: '/notes', consumer: 'reader', method_of_authentication: 'api-key' }),
    line({ operation: 'deleteNote', path: '/notes/n1', consumer: 'corp|tom' }),
    line({
      operation: 'deleteNote',
      path: '/notes/n9',
      consumer: 'corp|tom',
      decision: 'refused',
      guard: 'authorize',
    }),
    line({ operation: 'createNote', path: '/notes', consumer: '=cmd|mia' }),
  ];
  writeFileSync(join(folder, 'used.log'), `${log.join('\n')}\n`);
  const args = ['--log', 'used.log', '--principals', 'people.yaml', '--since', '2026-01-01'];
  const table = await policy(['review', ...args, '--csv']);
  assert.deepEqual(
    table.out
      .split('\n')
      .filter((row) => /,(?:reader|corp\|tom|'=cmd\|mia|role editor),/.test(row))
      .map((row) => row.replace('2026-01-05T08:05:00.000Z', 'then')),
    [
      'notes,listNotes,role editor,conditional,,own-team,,0,0,',
      "notes,listNotes,'=cmd|mia,conditional,,own-team,,0,0,",
      'notes,listNotes,reader,yes,,readers,,1,0,then',
      'notes,createNote,role editor,conditional,,editors-write,,0,0,',
      "notes,createNote,'=cmd|mia,unknown,,,,1,0,then",
      'notes,createNote,corp|tom,conditional,,editors-write,,0,0,',
      'notes,deleteNote,role editor,conditional,,editors-write,office-hours fresh-login,1,1,then',
      'notes,deleteNote,corp|tom,conditional,,editors-write,office-hours fresh-login,1,1,then',
    ],
  );
  const told = await policy(['review', ...args]);
  assert.match(
    told.out,
    /role editor {2}by editors-write {2}unless [^\n]+ {2}once, last 2026-01-05T08:05:00\.000Z, refused once/,
  );
  assert.match(told.out, /^4 requests of 3 callers/m);

  const checked = await policy(['check', ...args, '--json']);
  const { roles, diagnostics } = JSON.parse(checked.out) as {
    readonly roles: readonly Record<string, unknown>[];
    readonly diagnostics: readonly { readonly id: string; readonly message: string }[];
  };
  assert.deepEqual(
    roles.map(({ role, callers, unused, uncertain }) => [role, callers, unused, uncertain]),
    [
      ['editor', 1, ['notes createNote'], true],
      ['moderator', 0, ['notes createNote', 'notes deleteNote'], false],
    ],
  );
  const messages = diagnostics.filter(({ id }) => id === 'policy-unused').map(({ message }) => message);
  assert.match(
    messages[0]!,
    /"editor" opens 2 operations, of which 1 were not used since 2026-01-05: notes createNote\. But/,
  );
  assert.match(messages[1]!, /^Nobody used what the role "moderator" opens/);
  assert.equal((await policy(['check', ...args, '--strict'])).code, 1);
  const late = await policy(['check', '--log', 'used.log', '--since', '1h']);
  assert.match(late.err, /no requests were recorded/);
});

test("the gate's own segments are the log where none is named", async (t) => {
  const gate = await startTestGate(t, {
    contract: readFileSync(join(folder, 'openapi.yaml'), 'utf8'),
    config: readFileSync(join(folder, 'gatewright.yaml'), 'utf8')
      .replace('port: 8080', 'port: 0')
      .concat(
        'telemetry: { listen: false, access-log: { to: { segments: ./logs } } }\nstate: { sqlite: ./state.db }\n',
      ),
    files: {
      'jwks.json': readFileSync(join(folder, 'jwks.json'), 'utf8'),
      'notes.cedar': readFileSync(join(folder, 'notes.cedar'), 'utf8'),
    },
  });
  const key = `gwk_example_${'A'.repeat(43)}`;
  const answer = await exchange(gate.port, request('GET', '/notes', { 'x-api-key': key }), 'GET');
  assert.equal(answer.status, 502);
  await gate.gate.close();
  const config = ['-c', join(gate.folder, 'gatewright.yaml')];
  // A program that the state knows and nobody has seen.
  assert.equal((await run(['clients', 'add', 'forgotten', ...config])).code, 0);
  const reviewed = await run(['policy', 'review', '--log', ...config]);
  assert.match(reviewed.out, /may {9}forgotten {2}by readers {2}never/, reviewed.err);
  assert.match(reviewed.out, /may {9}reader {2}by readers {2}once, last 20/, reviewed.err);
  const simulated = await run(
    ['policy', 'simulate', '--against', 'proposed.yaml', '-c', join(gate.folder, 'gatewright.yaml')],
    { cwd: folder },
  );
  assert.match(simulated.out, /1 {2}allowed → refused {2}notes listNotes {2}reader/, simulated.err);
});

test('check finds policies that decide nothing, operations that are closed, roles without use', async () => {
  assert.deepEqual([(await policy(['check', '--strict'])).code], [0]);
  change('suspect.cedar', 'notes.cedar', (text) =>
    text
      .replace(
        '@id("readers")',
        '@id("everything") permit (principal in Role::"moderator", action, resource);\n@id("readers")',
      )
      .concat(
        '@id("again") permit (principal in Role::"editor", action == Action::"createNote", resource) when { context.risk < 5 };\n',
      )
      .concat('@id("never") forbid (principal, action == Action::"listNotes", resource);\n'),
  );
  change('suspect.yaml', 'gatewright.yaml', (text) =>
    text
      .replace('notes.cedar', 'suspect.cedar')
      .replace('  consumers:', '    spare: { }\n  consumers:')
      .replace('      createNote: {', '      createNote: { #'),
  );
  change('suspect.yaml', 'suspect.yaml', (text) =>
    text.replace('createNote: { # writable: { /pinned: [ moderator ] } }', 'createNote: { }'),
  );
  const { code, err } = await policy(['check', '--strict', '-c', 'suspect.yaml']);
  assert.equal(code, 1, err);
  for (const message of [
    /suspect\.cedar:\d+:\d+: warning\[policy-shadowed\]: Whatever the policy "again" permits, "editors-write" permits already/,
    /warning\[policy-shadowed\]: The policy "readers" never permits: "never" forbids all of it/,
    /suspect\.yaml:\d+:\d+: warning\[policy-role\]: Nothing asks for the role "spare"/,
  ])
    assert.match(err, message);
});

test('review shows who can call what', async () => {
  const { out, code } = await policy(['review', '--json']);
  assert.equal(code, 0);
  const rows = (JSON.parse(out) as { readonly access: readonly Record<string, unknown>[] }).access;
  assert.deepEqual(
    rows
      .filter((row) => row['access'] !== 'no')
      .map((row) => `${row['operation']} ${row['who']} ${row['access']}`),
    [
      'listNotes any user conditional',
      'listNotes any client yes',
      'listNotes role editor conditional',
      'listNotes role moderator conditional',
      'createNote role editor conditional',
      'createNote role moderator conditional',
      'deleteNote role editor conditional',
      'deleteNote role moderator conditional',
    ],
  );
});

test('schema is what the reference reads', async () => {
  const { schemaToJson } = await import('@cedar-policy/cedar-wasm/nodejs');
  const { out, code } = await policy(['schema']);
  assert.equal(code, 0);
  assert.equal(schemaToJson(out).type, 'success');
  assert.match(out, /action "deleteNote" in \["writes"\] appliesTo/);
});

test('the scopes of callers that the state knows count, and what claims decided is not judged without them', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'gatewright-policy-'));
  t.after(() => rmSync(own, { recursive: true, force: true }));
  cpSync(join(root, 'examples/policies'), own, { recursive: true });
  const edit = (name: string, from: string, by: (text: string) => string): void =>
    writeFileSync(join(own, name), by(readFileSync(join(own, from), 'utf8')));
  edit('openapi.yaml', 'openapi.yaml', (text) =>
    text
      .replace(
        'operationId: listNotes\n',
        'operationId: listNotes\n      security: [ { login: [ notes:read ] } ]\n',
      )
      .concat(
        'components: { securitySchemes: { login: { type: oauth2, flows: { clientCredentials: { tokenUrl: https://login.example.com/token, scopes: { notes:read: Read } } } } } }\n',
      ),
  );
  edit('gatewright.yaml', 'gatewright.yaml', (text) => `${text}state: { sqlite: ./state.db }\n`);
  edit(
    'proposed.cedar',
    'notes.cedar',
    (text) => `${text}\n@id("closed") forbid (principal, action, resource);\n`,
  );
  edit('proposed.yaml', 'gatewright.yaml', (text) => text.replace('notes.cedar', 'proposed.cedar'));
  const gatewright = (...args: string[]) => run(args, { cwd: own });
  for (const [name, ...scope] of [['may', '-s', 'notes:read'], ['may-not']]) {
    const added = await gatewright('clients', 'add', name!, ...scope);
    assert.equal(added.code, 0, added.err);
  }
  const seen = { operation: 'listNotes', path: '/notes' };
  const log = [
    line({ ...seen, consumer: 'may', method_of_authentication: 'api-key' }),
    // Allowed by scopes that only its token told.
    line({ ...seen, consumer: 'corp|tom' }),
  ];
  writeFileSync(join(own, 'access.log'), `${log.join('\n')}\n`);
  const reviewed = await gatewright('policy', 'review', '--log', 'access.log', '--json');
  const { access } = JSON.parse(reviewed.out) as { readonly access: readonly Record<string, unknown>[] };
  const accessOf = (who: string) =>
    access.find((row) => row['who'] === who && row['operation'] === 'listNotes')?.['access'];
  assert.deepEqual([accessOf('may'), accessOf('may-not')], ['yes', 'no']);
  const simulated = await gatewright(
    'policy',
    'simulate',
    'access.log',
    '--against',
    'proposed.yaml',
    '--json',
  );
  const report = JSON.parse(simulated.out) as Record<string, unknown>;
  assert.deepEqual(
    ['requests', 'judged', 'flipped', 'unknownClaims', 'unlikeRecorded'].map((name) => report[name]),
    [2, 1, 1, 1, 0],
    simulated.err,
  );
});
