import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanText } from './index.ts';

const scan = (path: string, text: string) => scanText({ path, blob: null, text });
/** In two parts, so that this file holds no secret. */
const join = (...parts: string[]): string => parts.join('');
const random = join('q7Gd2', 'Lw9Zx4', 'Rt8Vb1', 'Np6');

test('finds values of settings whose names say that they are secret', () => {
  const secrets: [string, string, string][] = [
    ['app.ts', `const apiKey = "${random}";`, random],
    ['app.py', `client_secret: '${random}'`, random],
    ['.env', `DB_PASSWORD=${join('Tr0ub4', 'dor&3')}`, join('Tr0ub4', 'dor&3')],
    ['deploy/values.yaml', `  jwtSigningKey: ${random}`, random],
    ['prod.tfvars', `token   =   "${random}"`, random],
    ['main.go', `password := "${join('hunter', '2hunter')}"`, join('hunter', '2hunter')],
    ['x.json', `{"db_password":"${join('p4ss-', 'w0rt!')}"}`, join('p4ss-', 'w0rt!')],
  ];
  for (const [path, text, secret] of secrets) {
    const found = scan(path, text);
    assert.deepEqual(
      found.map((finding) => [finding.secret, finding.line, finding.column]),
      [[secret, 1, text.indexOf(secret) + 1]],
      text,
    );
    assert.ok(!JSON.stringify(found.map(({ secret: _, ...rest }) => rest)).includes(secret));
  }
});

test('leaves alone what leads to a secret, stands for one, or is none', () => {
  const texts: [string, string][] = [
    ['app.ts', 'const password = getPassword(options);'],
    ['app.ts', 'readonly token: string;'],
    ['app.ts', 'const token = request.headers.authorization;'],
    ['.env', 'API_KEY=${SOME_OTHER_VARIABLE}'],
    ['.env', 'API_KEY=your-api-key-goes-here-1'],
    ['gatewright.yaml', 'password: ${vault:secret/db#password}'],
    ['gatewright.yaml', 'token-file: /run/secrets/token-1'],
    ['values.yaml', 'existingSecret: my-release-postgresql-1'],
    ['values.yaml', 'secretName: orders-tls-certificate-2026'],
    ['config.yaml', `key-sha256: ${'a1b2'.repeat(16)}`],
    ['x.json', '"tokenEndpoint": "https://login.example.com/oauth2/v1/token"'],
    ['app.ts', "const messages = { password: 'Wrong password', token: 'token expired' };"],
    ['app.ts', "const secretKind = 'kubernetes-service-account';"],
    ['x.yaml', 'password: "********"'],
    ['x.yaml', 'password: <set by the operator>'],
  ];
  for (const [path, text] of texts) assert.deepEqual(scan(path, text), [], text);
});

test('what is meant to stand there is said on its line or the line before', () => {
  const line = `apiKey: "${random}"`;
  assert.equal(scan('x.ts', `a\n${line}\n`).length, 1);
  assert.equal(scan('x.ts', `${line} // gatewright:allow-secret`).length, 0);
  assert.equal(scan('x.ts', `// gatewright:allow-secret\n${line}`).length, 0);
  assert.equal(scan('x.ts', `// gatewright:allow-secret\n\n${line}`).length, 1);
});

test('the same secret has the same fingerprint wherever it is, another has another', () => {
  const [a] = scan('a.ts', `apiKey = "${random}"`);
  const [b] = scan('b.ts', `\n\ntoken: "${random}"`);
  const [c] = scan('b.ts', `token: "${random}x"`);
  assert.equal(a!.fingerprint, b!.fingerprint);
  assert.notEqual(a!.fingerprint, c!.fingerprint);
});

test('no text makes it slow', () => {
  for (const piece of ['password', 'a_', 'secret = ', 'token:"', 'x', '= ', 'key-'])
    scan('x.yaml', piece.repeat(Math.ceil(300_000 / piece.length)));
});
