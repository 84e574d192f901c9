import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Diagnostics } from '../../core/index.ts';
import {
  compileProfile,
  compileRuleSet,
  MemoryCollections,
  type ProfileSettings,
  parseRuleFiles,
  Transaction,
} from '../index.ts';

const noFiles = { readData: () => null, expandInclude: () => [] };

interface Asked {
  readonly method?: string;
  readonly uri?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly response?: { status: number; headers: readonly (readonly [string, string])[]; body: string };
}

/** Runs `rules` both ways, holds them equal, and gives the transaction that ran the fast way. */
function run(rules: string, asked: Asked = {}, settings: Partial<ProfileSettings> = {}): Transaction {
  const diagnostics = new Diagnostics();
  const text = `SecRequestBodyAccess On\nSecResponseBodyAccess On\n${rules}`;
  const ast = parseRuleFiles([{ file: 'a.conf', text }], noFiles, diagnostics);
  const ruleSet = compileRuleSet(ast, noFiles, diagnostics);
  assert.deepEqual(diagnostics.all, []);
  const fastProfile = compileProfile(ruleSet, settings);
  const plainProfile = { ...compileProfile(ruleSet, { ...settings, plain: true }), isPlain: false };
  const [fast, plain] = [fastProfile, plainProfile].map((profile) => {
    const persistent = new MemoryCollections(3600);
    const transaction = new Transaction(profile, { persistent, nowMs: 1_000_000, uniqueId: 'u' });
    drive(transaction, asked);
    return transaction;
  }) as [Transaction, Transaction];
  const outcome = (transaction: Transaction): unknown => [
    transaction.matches,
    transaction.interruption,
    [...transaction.variables()].filter(([name]) => !fastProfile.plan!.isPrivate(name)).sort(),
  ];
  assert.deepEqual(outcome(fast), outcome(plain));
  return plain;
}

function drive(transaction: Transaction, { method, uri, headers, body, response }: Asked): void {
  transaction.connection('192.0.2.1', 40000, '192.0.2.2', 443);
  transaction.requestLine(method ?? 'GET', uri ?? '/', 'HTTP/1.1');
  for (const [name, value] of headers ?? []) transaction.requestHeader(name, value);
  transaction.runRequestHeaders();
  if (body !== undefined) transaction.requestBody(body);
  transaction.runRequestBody();
  transaction.responseStatus(response?.status ?? 200, 'HTTP/1.1');
  for (const [name, value] of response?.headers ?? []) transaction.responseHeader(name, value);
  transaction.runResponseHeaders();
  if (response !== undefined && transaction.wantsResponseBody()) transaction.responseBody(response.body);
  transaction.runResponseBody();
  transaction.runLogging();
}

const idsOf = (transaction: Transaction): number[] => transaction.matches.map((match) => match.ruleId);
const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const;

describe('a rule', () => {
  test('denies with its status, and says what matched', () => {
    const { interruption, matches } = run(
      `SecRule ARGS "@rx e(v)il" "id:1,phase:2,deny,status:406,capture,t:lowercase,severity:CRITICAL,\\
        msg:'Bad %{TX.1} in %{MATCHED_VAR_NAME}',logdata:'%{MATCHED_VAR} of %{request_headers.host}',tag:'a/b'"`,
      { uri: '/?q=EVIL&x=1', headers: [['Host', 'h']] },
    );
    assert.deepEqual(interruption, {
      action: 'deny',
      status: 406,
      ruleId: 1,
      phase: 2,
      reason: 'rule',
      location: '',
    });
    assert.deepEqual(matches, [
      {
        ruleId: 1,
        file: 'a.conf',
        line: 3,
        phase: 2,
        message: 'Bad v in ARGS:q',
        logData: 'evil of h',
        tags: ['a/b'],
        severity: 2,
        variables: [{ name: 'ARGS:q', value: 'evil' }],
        logs: true,
        audits: true,
        isDisruptive: true,
      },
    ]);
  });

  test('in detection mode says so and lets pass', () => {
    const { interruption, matches } = run('SecRuleEngine DetectionOnly\nSecAction "id:1,phase:1,deny"');
    assert.equal(interruption, null);
    assert.equal(matches[0]?.isDisruptive, true);
  });

  test('block does what SecDefaultAction says; log and transformations are inherited', () => {
    const rules = `SecDefaultAction "phase:1,log,noauditlog,t:lowercase,deny,status:418"
      SecRule REQUEST_URI "@streq /a" "id:1,phase:1,block"`;
    const { interruption, matches } = run(rules, { uri: '/A' });
    assert.equal(interruption?.status, 418);
    assert.equal(matches[0]?.audits, false);
    assert.equal(run(`${rules.replace(',block', ',block,t:none')}`, { uri: '/A' }).interruption, null);
  });

  const scores: [string, string, string | null][] = [
    ['adds for each value that matches', 'SecRule ARGS "@rx ." "id:1,pass,setvar:tx.s=+2"', '6'],
    ['leaves out by !', 'SecRule ARGS|!ARGS:b "@rx ." "id:1,pass,setvar:tx.s=+2"', '4'],
    ['leaves out by expression', 'SecRule ARGS|!ARGS:/^[ab]$/ "@rx ." "id:1,pass,setvar:tx.s=+2"', '2'],
    ['counts by &', 'SecRule &ARGS "@eq 3" "id:1,pass,setvar:tx.s=1"', '1'],
    ['counts under a key', 'SecRule &ARGS_GET:A "@eq 1" "id:1,pass,setvar:tx.s=1"', '1'],
    ['counts nothing as 0', 'SecRule &REQUEST_HEADERS:Host "@eq 0" "id:1,pass,setvar:tx.s=1"', '1'],
    ['a negated operator needs a value', 'SecRule ARGS:none "!@rx x" "id:1,pass,setvar:tx.s=1"', null],
    ['finds keys without case', 'SecRule ARGS:C "@streq 3" "id:1,pass,setvar:tx.s=1"', '1'],
    ['a key by expression', 'SecRule ARGS:/^[bc]$/ "@rx ." "id:1,pass,setvar:tx.s=+1"', '2'],
    ['subtracts', 'SecAction "id:1,pass,setvar:tx.s=5,setvar:tx.s=-7"', '-2'],
    ['unsets', 'SecAction "id:1,pass,setvar:tx.s=5,setvar:!tx.s"', null],
    ['copies', 'SecAction "id:1,pass,setvar:tx.a=7,setvar:tx.s=%{tx.a}%{tx.none}"', '7'],
    ['takes no number for 0', 'SecAction "id:1,pass,setvar:tx.s=x,setvar:tx.s=+3"', '3'],
    [
      'finds names made at run time',
      `SecRule ARGS "@rx ." "id:1,pass,setvar:'tx.n_%{MATCHED_VAR_NAME}=1'"
      SecRule TX:/^n_args:[bc]/ "@eq 1" "id:2,pass,setvar:tx.s=+1"`,
      '2',
    ],
  ];
  for (const [name, rules, score] of scores) {
    test(name, () => assert.equal(run(rules, { uri: '/?a=1&b=2&c=3' }).variable('s'), score));
  }
});

describe('a chain', () => {
  const chain = `SecRule ARGS "@rx ^(.)" "id:1,phase:2,deny,capture,setvar:tx.first=+1,chain"
    SecRule MATCHED_VARS "@rx 2" "chain"
    SecRule TX:1 "@streq 1" "setvar:tx.second=1"`;

  test('acts when all links match; variables of a link are set when it does', () => {
    const all = run(chain, { uri: '/?a=12' });
    assert.deepEqual(
      [all.interruption?.ruleId, all.variable('first'), all.variable('second')],
      [1, '1', '1'],
    );
    const some = run(chain, { uri: '/?a=13&b=1' });
    assert.deepEqual([some.interruption, some.variable('first'), some.variable('second')], [null, '2', null]);
  });

  test('MATCHED_VARS are those of the link before', () => {
    const rules = `SecRule ARGS "@rx a" "id:1,phase:2,pass,chain"
      SecRule MATCHED_VARS "@rx b" "chain"
      SecRule MATCHED_VARS "@rx c" "setvar:tx.n=+1"`;
    assert.equal(run(rules, { uri: '/?1=abc&2=ac&3=ab&4=abc' }).variable('n'), '2');
  });
});

describe('the order of rules', () => {
  const flows: [string, string, number[]][] = [
    ['skip', 'SecAction "id:1,pass,skip:2"', [1, 12, 13, 15]],
    [
      'skip counts what was removed',
      'SecAction "id:1,pass,skip:1,ctl:ruleRemoveById=10"',
      [1, 11, 12, 13, 15],
    ],
    ['skipAfter a marker', 'SecAction "id:1,pass,skipAfter:M"', [1, 12, 13, 15]],
    ['skipAfter a rule', 'SecAction "id:1,pass,skipAfter:10"', [1, 11, 12, 13, 15]],
    ['allow', 'SecAction "id:1,allow"', [1, 15]],
    ['allow:phase', 'SecAction "id:1,allow:phase"', [1, 13, 15]],
    ['allow:request', 'SecAction "id:1,phase:1,allow:request"', [1, 13, 15]],
    ['ctl removes by id', 'SecAction "id:1,pass,ctl:ruleRemoveById=10-11"', [1, 12, 13, 15]],
    ['ctl removes by tag', 'SecAction "id:1,pass,ctl:ruleRemoveByTag=^x"', [1, 10, 12, 13, 15]],
    ['ctl switches off', 'SecAction "id:1,pass,ctl:ruleEngine=Off"', [1]],
    ['SecRuleRemoveById', 'SecRuleRemoveById 10 12-14', [11, 15]],
    ['SecRuleRemoveByTag', 'SecRuleRemoveByTag x/y', [10, 12, 13, 15]],
    ['an action updated', 'SecRuleUpdateActionById 10 "deny"', [10, 15]],
  ];
  for (const [name, first, ids] of flows) {
    test(name, () => {
      const rules = `${first}
        SecAction "id:10,pass"
        SecRule REQUEST_METHOD "@streq GET" "id:11,pass,tag:'x/y'"
        SecMarker M
        SecRule REQUEST_METHOD "@streq GET" "id:12,pass"
        SecAction "id:13,phase:3,pass"
        SecAction "id:15,phase:5,pass"`;
      assert.deepEqual(idsOf(run(rules)), ids);
    });
  }

  test('targets are removed for the rest of the transaction', () => {
    const rules = `SecRule REQUEST_URI "@beginsWith /a" "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetById=2;ARGS:q"
      SecRule ARGS "@streq x" "id:2,phase:2,pass"`;
    assert.deepEqual(idsOf(run(rules, { uri: '/a?q=x' })), []);
    assert.deepEqual(idsOf(run(rules, { uri: '/a?p=x' })), [2]);
    assert.deepEqual(idsOf(run(rules, { uri: '/b?q=x' })), [2]);
  });

  test('targets are updated by id, and by a profile', () => {
    const rule = 'SecRule ARGS "@streq x" "id:2,phase:2,pass,tag:t"';
    assert.deepEqual(idsOf(run(`${rule}\nSecRuleUpdateTargetById 2 !ARGS:q`, { uri: '/?q=x' })), []);
    assert.deepEqual(idsOf(run(`${rule}\nSecRuleUpdateTargetByTag t REQUEST_METHOD`, { method: 'x' })), [2]);
    const removeTargets = [{ target: 'ARGS:q', ruleId: 2, tag: null }];
    assert.deepEqual(idsOf(run(rule, { uri: '/?q=x' }, { removeTargets })), []);
    assert.deepEqual(idsOf(run(rule, { uri: '/?q=x' }, { removeRuleTags: ['t'] })), []);
  });

  test('what depends on TX alone is decided as it would be on the way', () => {
    const rules = `SecRule &TX:level "@eq 0" "id:1,phase:1,pass,nolog,setvar:tx.level=1"
      SecRule TX:level "@lt 2" "id:2,phase:1,pass,nolog,skipAfter:END"
      SecRule REQUEST_METHOD "@streq GET" "id:3,phase:1,pass"
      SecMarker END
      SecRule REQUEST_METHOD "!@within %{tx.methods}" "id:4,phase:1,deny"`;
    const variables = (level: string): { name: string; value: string }[] => [
      { name: 'level', value: level },
      { name: 'methods', value: 'GET POST' },
    ];
    assert.deepEqual(idsOf(run(rules, {}, { variables: variables('1') })), []);
    assert.deepEqual(idsOf(run(rules, {}, { variables: variables('2') })), [3]);
    assert.deepEqual(idsOf(run(rules, { method: 'PUT' }, { variables: variables('1') })), [4]);
  });

  test('a rule that only `ctl` may remove still jumps where it is there', () => {
    const rules = `SecRule ARGS:off "@eq 1" "id:1,phase:1,pass,nolog,ctl:ruleRemoveById=2"
      SecAction "id:2,phase:1,pass,nolog,skipAfter:END"
      SecRule REQUEST_METHOD "@streq GET" "id:3,phase:1,pass"
      SecMarker END`;
    assert.deepEqual(idsOf(run(rules)), []);
    assert.deepEqual(idsOf(run(rules, { uri: '/?off=1' })), [3]);
  });
});

describe('bodies', () => {
  test('forms become arguments, beside those of the query', () => {
    const rules = `SecRule ARGS_NAMES "@rx ." "id:1,pass,setvar:tx.n=+1"
      SecRule ARGS_POST:b "@streq 2 3" "id:2,pass"
      SecRule REQUEST_BODY "@contains b=2" "id:3,pass"`;
    const transaction = run(rules, { method: 'POST', uri: '/?a=1', headers: form, body: 'b=2+3&c=%41' });
    assert.deepEqual([idsOf(transaction), transaction.variable('n')], [[1, 2, 3], '3']);
  });

  test('JSON and XML by ctl, and what is malformed shows', () => {
    const json = `SecAction "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
      SecRule ARGS:json.a.array_1 "@streq x" "id:2,pass"
      SecRule REQBODY_ERROR "!@eq 0" "id:3,pass"`;
    assert.deepEqual(idsOf(run(json, { method: 'POST', body: '{"a":[1,"x"]}' })), [2]);
    assert.deepEqual(idsOf(run(json, { method: 'POST', body: '{"a":[1' })), [3]);
    const xml = `SecAction "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
      SecRule XML:/* "@contains evil" "id:2,pass"
      SecRule XML://@* "@streq bad" "id:3,pass"
      SecRule XML:/a/c "@streq one" "id:4,pass"`;
    assert.deepEqual(idsOf(run(xml, { method: 'POST', body: '<a b="bad"><c>evil</c></a>' })), [2, 3]);
    assert.deepEqual(idsOf(run(xml, { method: 'POST', body: '<a><c>one</c></a>' })), [4]);
  });

  test('over their limit are refused, or inspected in part', () => {
    const asked = { method: 'POST', headers: form, body: `a=${'x'.repeat(100)}evil` };
    const refused = run('SecRequestBodyLimit 50\nSecRule ARGS "@contains evil" "id:1,deny"', asked);
    assert.deepEqual([refused.interruption?.status, refused.interruption?.reason], [413, 'body-limit']);
    const partly = run(
      'SecRequestBodyLimit 50\nSecRequestBodyLimitAction ProcessPartial\nSecRule INBOUND_DATA_ERROR "@eq 1" "id:1,pass"',
      asked,
    );
    assert.deepEqual(idsOf(partly), [1]);
  });

  test('answers are inspected by their media type', () => {
    const rules = `SecResponseBodyMimeType text/plain
      SecRule RESPONSE_STATUS "@eq 500" "id:1,phase:3,pass"
      SecRule RESPONSE_BODY "@contains secret" "id:2,phase:4,deny"`;
    const response = (type: string) => ({
      status: 500,
      headers: [['Content-Type', type]] as const,
      body: 'a secret',
    });
    assert.deepEqual(idsOf(run(rules, { response: response('text/plain; charset=x') })), [1, 2]);
    assert.deepEqual(idsOf(run(rules, { response: response('image/png') })), [1]);
  });
});

describe('limits', () => {
  test('too many arguments end the request', () => {
    const { interruption } = run('SecArgumentsLimit 2\nSecAction "id:1,pass"', { uri: '/?a&b&c' });
    assert.deepEqual([interruption?.status, interruption?.reason], [400, 'argument-limit']);
  });

  test('too much time ends it, too, and where nothing blocks it ends the inspection', () => {
    const rules = 'SecRule ARGS "@rx x$" "id:1,deny"\nSecRule ARGS "@rx z" "id:2,deny"';
    const asked = { uri: `/?a=${'y'.repeat(5000)}` };
    const settings = { maxInspectionMs: 0 };
    const { interruption } = run(rules, asked, settings);
    assert.deepEqual([interruption?.status, interruption?.reason], [413, 'work-budget']);
    assert.equal(run(`SecRuleEngine DetectionOnly\n${rules}`, asked, settings).interruption, null);
  });
});

test('an expression that would run for hours is stopped', () => {
  const text = 'SecRule ARGS "@rx ^(?=a)(?:(?:a|aa)+)+$" "id:1,phase:2,deny"';
  const diagnostics = new Diagnostics();
  const ast = parseRuleFiles([{ file: 'a', text }], noFiles, diagnostics);
  const profile = compileProfile(compileRuleSet(ast, noFiles, diagnostics), { maxInspectionMs: 30 });
  for (let i = 0; i < 2; i++) {
    const transaction = new Transaction(profile);
    drive(transaction, { uri: `/?q=${'a'.repeat(600)}!` });
    const { interruption } = transaction;
    assert.deepEqual([interruption?.status, interruption?.reason], [413, 'work-budget']);
  }
});

test('a value that took too long leaves nothing behind for the next', () => {
  const rules = `SecRule ARGS "@rx ^(?=a)(?:(?:a|aa)+)+$" "id:1,phase:1,pass,nolog,t:lowercase"
    SecRule ARGS "@streq x y" "id:2,phase:1,deny,t:lowercase,t:compressWhitespace"`;
  const diagnostics = new Diagnostics();
  const ast = parseRuleFiles([{ file: 'a', text: rules }], noFiles, diagnostics);
  const profile = compileProfile(compileRuleSet(ast, noFiles, diagnostics), { maxInspectionMs: 30 });
  const reasons = [`/?q=${'A'.repeat(600)}!`, '/?q=x%09%09y', '/?q=x%09z'].map((uri) => {
    const transaction = new Transaction(profile);
    drive(transaction, { uri });
    return transaction.interruption?.reason;
  });
  assert.deepEqual(reasons, ['work-budget', 'rule', undefined]);
});

test('a rule may count in the collection that it opens', () => {
  const rules = `SecRule ARGS:u "@rx ^(.+)$" "id:1,phase:1,pass,nolog,capture,initcol:user=%{TX.1},setvar:user.hits=+1,chain"
      SecRule ARGS:never "@unconditionalMatch" "t:none"
    SecRule USER:hits "@gt 2" "id:2,phase:1,deny"`;
  const diagnostics = new Diagnostics();
  const ruleSet = compileRuleSet(
    parseRuleFiles([{ file: 'a', text: rules }], noFiles, diagnostics),
    noFiles,
    diagnostics,
  );
  for (const plain of [false, true]) {
    const profile = compileProfile(ruleSet, { plain });
    const persistent = new MemoryCollections(3600);
    const refused = ['/?u=a', '/?u=a', '/?u=b', '/?u=a', '/?u=b'].map((uri) => {
      const transaction = new Transaction(profile, { persistent, nowMs: 0, uniqueId: '' });
      drive(transaction, { uri });
      return transaction.interruption !== null;
    });
    assert.deepEqual(refused, [false, false, false, true, false]);
  }
});

test('what is found in the escaped path is not looked for in the URI as it came', () => {
  const rules = `SecRule REQUEST_URI_RAW "@contains xyz" "id:1,phase:1,deny"
    SecRule REQUEST_FILENAME "@rx abcd" "id:2,phase:1,pass,log"`;
  for (const uri of ['/%61bcd', '/abcd', '/ab%63d?abcd']) assert.deepEqual(idsOf(run(rules, { uri })), [2]);
  assert.deepEqual(idsOf(run(rules, { uri: '/x?abcd' })), []);
});

test('persistent collections outlive a transaction, and expire', () => {
  const rules = `SecAction "id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}"
    SecAction "id:2,phase:1,pass,nolog,setvar:ip.hits=+1,expirevar:ip.hits=60"
    SecRule IP:hits "@gt 2" "id:3,phase:1,deny"`;
  const diagnostics = new Diagnostics();
  const ast = parseRuleFiles([{ file: 'a', text: rules }], noFiles, diagnostics);
  const profile = compileProfile(compileRuleSet(ast, noFiles, diagnostics));
  const persistent = new MemoryCollections(3600);
  const ask = (nowMs: number): boolean => {
    const transaction = new Transaction(profile, { persistent, nowMs, uniqueId: '' });
    drive(transaction, {});
    return transaction.interruption !== null;
  };
  assert.deepEqual([ask(0), ask(1), ask(2)], [false, false, true]);
  assert.equal(ask(61_000), false);
});
