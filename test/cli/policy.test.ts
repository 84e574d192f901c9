// `gatewright policy`: explanations, tests of policies, what a change would flip, what is wrong, who can call what.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root, run } from '../support/command.ts';

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

const line = (values: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
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
        flip['example'],
      ].join(' '),
    ),
    ['2 allowed listNotes reader  /notes', '1 allowed deleteNote corp|tom office-hours /notes/n1'],
  );
  assert.equal((await policy([...args, '--fail'])).code, 1);
  assert.equal((await policy(['simulate', 'access.log', '--against', 'gatewright.yaml', '--fail'])).code, 0);
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
