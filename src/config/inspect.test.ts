// Where rules come from and what becomes of `inspect` sections: folders of the Core Rule Set as releases and distributions
// have them, order, precedence over setup files, and mistakes with their places.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { formatDiagnostic } from '../core/index.ts';
import { InspectionRules } from '../guards/inspect/index.ts';
import { loadConfig } from './load.ts';
import { loadRules } from './load-rules.ts';
import { findRuleFiles } from './rule-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-rules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const names = (found: ReturnType<typeof findRuleFiles>) => {
  assert.ok(typeof found !== 'string', String(found));
  return [found.setup.map((file) => basename(file)), found.rules.map((file) => basename(file))];
};

test('a release: setup, plugins around the rules, rules by name', () => {
  write({
    'crs/crs-setup.conf.example': '',
    'crs/rules/REQUEST-901-INITIALIZATION.conf': '',
    'crs/rules/REQUEST-949-BLOCKING-EVALUATION.conf': '',
    'crs/rules/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf.example': '',
    'crs/rules/words.data': '',
    'crs/plugins/a-config.conf': '',
    'crs/plugins/a-before.conf': '',
    'crs/plugins/a-after.conf': '',
  });
  assert.deepEqual(names(findRuleFiles('./crs', folder)), [
    ['crs-setup.conf.example', 'a-config.conf'],
    [
      'a-before.conf',
      'REQUEST-901-INITIALIZATION.conf',
      'REQUEST-949-BLOCKING-EVALUATION.conf',
      'a-after.conf',
    ],
  ]);
  write({ 'crs/crs-setup.conf': '' });
  assert.deepEqual(names(findRuleFiles('./crs', folder))[0], ['crs-setup.conf', 'a-config.conf']);
});

test("a distribution's folder: what its list names, setup elsewhere", () => {
  write({
    'etc/crs-setup.conf': '',
    'etc/REQUEST-900.conf': '',
    'share/owasp-crs.load': `# list
Include ${join(folder, 'etc/crs-setup.conf')}
IncludeOptional ${join(folder, 'etc/REQUEST-900.conf')}
Include rules/*.conf
IncludeOptional ${join(folder, 'etc/RESPONSE-999.conf')}
`,
    'share/rules/REQUEST-901.conf': '',
  });
  assert.deepEqual(names(findRuleFiles('share', folder)), [
    ['crs-setup.conf'],
    ['REQUEST-900.conf', 'REQUEST-901.conf'],
  ]);
});

test('files, plain folders, and what is not there', () => {
  write({ 'own/b.conf': '', 'own/a.conf': '', 'empty/readme.txt': '', 'bare/rules/REQUEST-901-X.conf': '' });
  assert.deepEqual(names(findRuleFiles('own', folder)), [[], ['a.conf', 'b.conf']]);
  assert.deepEqual(names(findRuleFiles('own/b.conf', folder)), [[], ['b.conf']]);
  assert.match(String(findRuleFiles('nothing', folder)), /does not exist/);
  assert.match(String(findRuleFiles('empty', folder)), /no \*\.conf files/);
  assert.match(String(findRuleFiles('bare', folder)), /no crs-setup\.conf/);
  assert.ok(names(findRuleFiles('builtin', folder))[1]!.length > 8);
});

test('what the configuration says wins over setup files', () => {
  write({
    'set/crs-setup.conf': `SecAction "id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1,setvar:'tx.max_num_args=255'"
# SecAction "id:2,phase:1,pass,nolog,setvar:tx.early_blocking=0"
`,
    'set/rules/a.conf': `SecRule TX:blocking_paranoia_level "@eq 3" "id:3,phase:1,pass,log"
SecRule TX:max_num_args "@eq 255" "id:4,phase:1,pass,log"
SecRule TX:early_blocking "@eq 1" "id:5,phase:1,pass,log"
`,
  });
  const judge = (settings: Parameters<typeof loadRules>[0]): number[] => {
    const { inspect, ruleSets, diagnostics } = loadRules({ rules: ['./set'], ...settings }, folder);
    assert.deepEqual(diagnostics.map(formatDiagnostic), []);
    const rules = new InspectionRules(ruleSets);
    const transaction = rules.begin(rules.profile(inspect!));
    transaction.requestLine('GET', '/', 'HTTP/1.1');
    transaction.runRequestHeaders();
    return transaction.matches.map(({ ruleId }) => ruleId);
  };
  assert.deepEqual(judge({}), [4, 5]);
  assert.deepEqual(judge({ paranoia: 3 }), [3, 4, 5]);
  assert.deepEqual(judge({ paranoia: 3, variables: { max_num_args: 9 } }), [3, 5]);
});

const contract = `openapi: 3.1.0
info: { title: Things, version: '1' }
paths:
  /things:
    get: { operationId: list, responses: {} }
    put: { operationId: replace, requestBody: { content: { application/merge-patch+json: {} } }, responses: {} }
`;

async function load(inspect: string, operations = '') {
  write({
    'openapi.yaml': contract,
    'gatewright.yaml': `listeners: { public: { port: 0 } }
upstreams: { things: { targets: [ http://127.0.0.1:1 ] } }
apis:
  things:
    contract: ./openapi.yaml
    upstream: things
    authenticate: [ { api-key: {} } ]
    inspect: ${inspect}
    operations: { ${operations} }
`,
  });
  const { config, diagnostics } = await loadConfig(join(folder, 'gatewright.yaml'), {});
  return { config, said: diagnostics.map(formatDiagnostic) };
}

test('operations add to what their API says', async () => {
  const { config, said } = await load(
    `
      mode: detect
      paranoia: 2
      thresholds: { request: 10 }
      exclude:
        - { rule: [ 8101010, 8101020 ], target: "ARGS:a", reason: for all }
        - { tag: attack-xss, operations: [ replace ], reason: for one }`,
    'replace: { inspect: { mode: block, thresholds: { response: 8 }, exclude: [ { rule: 8102010, reason: own } ] } }',
  );
  assert.deepEqual(said, []);
  const [list, replace] = config!.apis[0]!.operations.map(({ inspect }) => inspect!);
  assert.deepEqual([list!.mode, replace!.mode], ['detect', 'block']);
  assert.deepEqual(list!.exclusions.length, 2);
  assert.deepEqual(replace!.exclusions, [
    { rule: 8101010, tag: null, target: 'ARGS:a' },
    { rule: 8101020, tag: null, target: 'ARGS:a' },
    { rule: null, tag: 'attack-xss', target: null },
    { rule: 8102010, tag: null, target: null },
  ]);
  const variable = (name: string) => replace!.variables.find((entry) => entry.name === name)?.value;
  assert.equal(variable('allowed_methods'), 'PUT');
  assert.match(variable('allowed_request_content_type')!, /\|application\/merge-patch\+json\|/);
  assert.deepEqual(
    [variable('inbound_anomaly_score_threshold'), variable('outbound_anomaly_score_threshold')],
    ['10', '8'],
  );
  assert.equal(config!.ruleSets.length, 1);
});

test('an operation can be left out, and so can answers', async () => {
  const { config } = await load('{ response: false }', 'replace: { inspect: false }');
  const [list, replace] = config!.apis[0]!.operations;
  assert.equal(list!.inspect!.response, null);
  assert.equal(replace!.inspect, null);
});

test('mistakes are named with their place', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      '{ rules: [ ./nothing ] }',
      /gatewright\.yaml:8:\d+: error\[inspect-rules-missing\]: \.\/nothing does not exist/,
    ],
    [
      '{ exclude: [ { rule: 1, reason: gone } ] }',
      /warning\[inspect-exclusion-unknown\]: No rule of builtin has the id 1\./,
    ],
    ['{ exclude: [ { rule: 8101010, target: args, reason: x y } ] }', /is not a target/],
    ['{ exclude: [ { rule: 8101010 } ] }', /reason/],
    ['{ exclude: [ { reason: neither } ] }', /needs either "rule" or "tag"/],
    ['{ exclude: [ { rule: 8101010, operations: [ replaec ], reason: typo } ] }', /Did you mean "replace"\?/],
    ['{ paranoja: 2 }', /Did you mean "paranoia"\?/],
    ['{ paranoia: 5 }', /paranoia/],
    ['{ response: { types: [ JSON ] } }', /is not a media type/],
  ];
  for (const [inspect, expected] of cases) {
    const { said } = await load(inspect);
    assert.ok(
      said.some((text) => expected.test(text)),
      `${inspect}: ${said.join('\n')}`,
    );
  }
});

const debian = '/usr/share/modsecurity-crs';
const missing = existsSync(debian)
  ? false
  : 'the Core Rule Set 3.3 is not here: apt-get install modsecurity-crs';

test('the Core Rule Set 3.3 of Debian loads without a word, and refuses', { skip: missing }, () => {
  const { inspect, ruleSets, diagnostics } = loadRules({ rules: [debian] }, '/');
  assert.deepEqual(diagnostics.map(formatDiagnostic), []);
  assert.ok(ruleSets[0]!.ruleIds.length > 500, `${ruleSets[0]!.ruleIds.length} rules`);
  const rules = new InspectionRules(ruleSets);
  const judge = (uri: string): boolean => {
    const transaction = rules.begin(rules.profile(inspect!));
    transaction.connection('192.0.2.1', 0, '', 80);
    transaction.requestLine('GET', uri, 'HTTP/1.1');
    for (const [name, value] of [
      ['host', 'api.example.com'],
      ['user-agent', 'test/1.0'],
      ['accept', '*/*'],
    ] as const) {
      transaction.requestHeader(name, value);
    }
    return transaction.runRequestHeaders() !== null || transaction.runRequestBody() !== null;
  };
  assert.equal(judge('/things?q=%27%20or%20%271%27=%271'), true);
  assert.equal(judge('/things?q=blue+shoes'), false);
});
