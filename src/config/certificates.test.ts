// Mistakes about certificates, client trust, exposure and redirects: each is a diagnostic with its place, and what is
// right shows in the description.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { X509CertificateGenerator } from '@peculiar/x509';
import { describeListeners, describeOperations, reviewPosture } from './describe.ts';
import { loadConfig } from './load.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const needsOpenssl = { skip: hasOpenssl ? false : 'openssl is not installed' };
const folder = mkdtempSync(join(tmpdir(), 'gatewright-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function makeFiles(): void {
  const make = (name: string, ...more: string[]): void => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
    execFileSync('openssl', ['req', '-x509', ...key, '-subj', `/CN=${name}`, ...files, ...more], {
      stdio: 'ignore',
    });
  };
  make('api', '-days', '60', '-addext', 'subjectAltName=DNS:api.example.com');
  make('ca', '-days', '60');
  make('leaf', '-days', '60', '-addext', 'basicConstraints=critical,CA:FALSE');
  writeFileSync(join(folder, 'empty.pem'), 'nothing\n');
  writeFileSync(join(folder, 'index.txt'), '');
  writeFileSync(join(folder, 'crlnumber'), '01\n');
  const cnf = `[ca]\ndefault_ca=c\n[c]\ndatabase=${folder}/index.txt\ncrlnumber=${folder}/crlnumber\ndefault_md=sha256\ncertificate=${folder}/ca.pem\nprivate_key=${folder}/ca.key\n`;
  writeFileSync(join(folder, 'ca.cnf'), cnf);
  for (const [file, dates] of [
    ['ca.crl', ['-crldays', '1']],
    ['old.crl', ['-crl_lastupdate', '20250101000000Z', '-crl_nextupdate', '20250102000000Z']],
  ] as const) {
    execFileSync(
      'openssl',
      ['ca', '-gencrl', '-config', join(folder, 'ca.cnf'), ...dates, '-out', join(folder, file)],
      {
        stdio: 'ignore',
      },
    );
  }
}
if (hasOpenssl) makeFiles();
await makeCertificateNearItsEnd();
writeFileSync(
  join(folder, 'openapi.yaml'),
  `openapi: 3.1.0
info: { title: T, version: '1' }
paths:
  /a: { get: { operationId: getA, responses: {} }, post: { operationId: postA, responses: {} } }
`,
);

const base = `listeners:
  public: { port: 8443, tls: { certificate: ./api.pem, key: "\${file:./api.key}" } }
  internal: { port: 9443, exposure: internal, tls: { certificate: ./api.pem, key: "\${file:./api.key}", clients: require, trust: [ { file: ./ca.pem, trust-domain: prod.example } ], crl: [ ./ca.crl ] } }
  plain: { port: 8080, redirect-to-https: { listener: public } }
upstreams:
  s: { targets: [ https://localhost:1 ], tls: { ca: ./ca.pem } }
identity:
  consumers:
    c: { keys: [ { id: k, sha256: ${'a'.repeat(64)} } ], certificates: [ { spiffe: spiffe://prod.example/c } ] }
apis:
  a:
    contract: ./openapi.yaml
    upstream: s
    hosts: [ api.example.com ]
    exposure: both
    authenticate: [ { mtls: {} }, { api-key: {} } ]
`;

async function load(text: string) {
  const file = join(folder, 'gatewright.yaml');
  writeFileSync(file, text);
  return loadConfig(file, {});
}

/** Sixty days, of which five are left. */
async function makeCertificateNearItsEnd(): Promise<void> {
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=soon',
    notBefore: new Date(Date.now() - 55 * 86_400_000),
    notAfter: new Date(Date.now() + 5 * 86_400_000),
    signingAlgorithm,
    keys,
  });
  writeFileSync(join(folder, 'soon.pem'), certificate.toString('pem'));
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  writeFileSync(join(folder, 'soon.key'), `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`);
}

test('the base is valid and described', needsOpenssl, async () => {
  const { config, diagnostics } = await load(base);
  assert.deepEqual(diagnostics, []);
  const [open, internal, plain] = describeListeners(config!);
  assert.match(open!.certificates[0]!, /^api\.example\.com until 20\d\d-\d\d-\d\d \(\.\/api\.pem\)$/);
  assert.equal(internal!.address, '127.0.0.1:9443');
  assert.match(
    internal!.clients,
    /^required, from 1 authority \(SPIFFE prod\.example\); revocation lists; known by spiffe, dns, email$/,
  );
  assert.match(plain!.serves, /redirects api\.example\.com to https, port 8443/);
  const [getA] = describeOperations(config!);
  assert.deepEqual(getA!.listeners, ['public', 'internal']);
  assert.equal(getA!.callers[0], 'client certificate (1 consumer)');
  assert.deepEqual(
    reviewPosture(config!).map(({ id }) => id),
    ['posture-not-inspected', 'posture-no-scope'],
  );
  assert.equal(config!.watchedFiles.filter((file) => /\.(?:pem|crl|key)$/.test(file)).length, 4);
});

/** What is replaced, by what, and the diagnostic: id, line, and words of message or suggestion. */
const mistakes: readonly (readonly [string, string, string, number, RegExp])[] = [
  ['./api.pem', './none.pem', 'config-file-unreadable', 2, /certificate \.\/none\.pem/],
  ['./api.pem', './ca.pem', 'config-certificate', 2, /can not be used together/],
  ['key: "${file:./api.key}"', 'key: secret', 'config-literal-secret', 2, /secret in clear/],
  [', key: "${file:./api.key}" } }', ' } }', 'config-value', 2, /belong together/],
  [
    'tls: { certificate: ./api.pem, key: "${file:./api.key}" }',
    'tls: { min-version: TLSv1.3 }',
    'config-value',
    2,
    /"certificates"/,
  ],
  ['trust: [ { file: ./ca.pem, trust-domain: prod.example } ], ', '', 'config-value', 3, /trust" must name/],
  ['file: ./ca.pem', 'file: ./leaf.pem', 'config-trust', 3, /no authority's/],
  ['file: ./ca.pem', 'file: ./empty.pem', 'config-trust', 3, /holds no certificate/],
  ['[ ./ca.crl ]', '[ ./empty.pem ]', 'config-crl', 3, /no revocation list/],
  ['file: ./ca.pem', 'file: ./api.pem', 'config-crl', 3, /authority "CN=api"/],
  ['[ ./ca.crl ]', '[ ./old.crl ]', 'config-crl-expired', 3, /ended on 2025-01-02/],
  ['clients: require, ', '', 'config-value', 3, /must be "require" or "optional"/],
  ['trust-domain: prod.example', 'trust-domain: test.example', 'config-trust-domain', 9, /prod\.example/],
  ['exposure: internal,', 'exposure: internal, host: 0.0.0.0,', 'config-exposure', 3, /no private address/],
  [
    'exposure: internal,',
    'exposure: internal, host: 203.0.113.7,',
    'config-exposure',
    3,
    /no private address/,
  ],
  ['exposure: internal,', 'exposure: internal, host: "::",', 'config-exposure', 3, /no private address/],
  [
    'exposure: internal,',
    'exposure: internal, host: example.com,',
    'config-exposure',
    3,
    /no private address/,
  ],
  ['{ listener: public }', '{ listener: pulbic }', 'config-dangling-name', 4, /Did you mean "public"/],
  ['{ listener: public }', '{ listener: plain }', 'config-redirect', 4, /speaks no TLS/],
  ['    hosts: [ api.example.com ]\n', '', 'config-redirect', 4, /no safe place/],
  ['exposure: both', 'listeners: [ plain ]', 'config-redirect', 15, /only redirects/],
  [
    '    exposure: both',
    '    exposure: internal\n    listeners: [ public ]',
    'config-exposure',
    16,
    /"public" is public/,
  ],
  [
    '{ mtls: {} }, { api-key: {} } ]',
    '{ mtls: {} } ]\n    operations: { getA: { exposure: public } }',
    'config-mtls-listener',
    11,
    /getA/,
  ],
  ['{ mtls: {} }', '{ mtls: { spiffe: [ "spiffe://prod.example" ] } }', 'config-value', 16, /pattern/],
  [
    '{ mtls: {} }',
    '{ mtls: { spiffe: [ "spiffe://other.example/**" ] } }',
    'config-trust-domain',
    16,
    /other\.example/,
  ],
  ['spiffe://prod.example/c', 'spiffe://Prod.example/c', 'config-value', 9, /SPIFFE id/],
  [
    'certificates: [ {',
    'certificates: [ { uri: "spiffe://prod.example/x" }, {',
    'config-value',
    9,
    /go under "spiffe"/,
  ],
  [
    '/c } ] }',
    '/c } ] }\n    d: { certificates: [ { spiffe: spiffe://prod.example/c } ] }',
    'config-duplicate-key',
    10,
    /belongs to "c"/,
  ],
  ['/c } ] }', '/c } ] }\n    d: { scopes: [ x ] }', 'config-value', 10, /at least one credential/],
  ['https://localhost:1', 'http://localhost:1', 'config-upstream-tls', 6, /target without it/],
  ['ca: ./ca.pem', 'ca: ./leaf.pem', 'config-trust', 6, /no authority's/],
  ['ca: ./ca.pem', 'certificate: ./api.pem', 'config-value', 6, /belong together/],
  [
    'upstreams:',
    'acme: { le: { directory: "https://ca.example/dir", terms-of-service: agreed, store: ./acme } }\nupstreams:',
    '',
    0,
    /./,
  ],
  [
    'upstreams:',
    'acme: { le: { directory: "http://ca.example/dir", terms-of-service: agreed, store: ./acme } }\nupstreams:',
    'config-value',
    5,
    /directory/,
  ],
  [
    'upstreams:',
    'acme: { le: { directory: "https://ca.example/dir", store: ./acme } }\nupstreams:',
    'config-value',
    5,
    /agreed/,
  ],
  [
    'certificate: ./api.pem, key: "${file:./api.key}" } }\n  internal',
    'certificates: [ { acme: le, names: [ api.example.com ] } ] } }\n  internal',
    'config-dangling-name',
    2,
    /no ACME authority "le"/,
  ],
  [
    'certificate: ./api.pem, key: "${file:./api.key}" } }\n  internal',
    'certificates: [ { certificate: ./api.pem, key: "${file:./api.key}" }, { certificate: ./api.pem, key: "${file:./api.key}" } ] } }\n  internal',
    'config-certificate-names',
    2,
    /api\.example\.com already/,
  ],
  [
    'certificate: ./api.pem, key: "${file:./api.key}" } }\n  internal',
    'certificate: ./soon.pem, key: "${file:./soon.key}" } }\n  internal',
    'config-certificate-expires',
    2,
    /Renew it/,
  ],
];

for (const [from, to, id, line, words] of mistakes) {
  test(`${id || 'no mistake'}: ${to.replace(/\s+/g, ' ').slice(0, 60)}`, needsOpenssl, async () => {
    assert.ok(base.includes(from), from);
    const { diagnostics } = await load(base.replace(from, to));
    if (id === '') return assert.deepEqual(diagnostics, []);
    const found = diagnostics.find(
      (entry) => entry.id === id && words.test(`${entry.message} ${entry.suggestion}`),
    );
    assert.ok(found !== undefined, JSON.stringify(diagnostics));
    assert.equal(found.line, line, JSON.stringify(diagnostics));
  });
}
