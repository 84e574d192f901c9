// The documents hold: links lead somewhere, whole configurations load, and codes, ids and metrics that they name exist.
// A block fenced as `yaml gatewright` is a whole configuration; `yaml gatewright part` holds sections that replace those of
// the base below.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { describeOperations } from '../src/config/describe.ts';
import { loadConfig } from '../src/config/load.ts';
import { errorCodes, formatDiagnostic } from '../src/core/index.ts';
import { Authority, hasOpenssl } from './support/authority.ts';
import { createCertificate } from './support/certificate.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = ['*.md', 'docs/**/*.md', 'bench/*.md', 'examples/**/*.md']
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .sort();
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');
const withoutBlocks = (text: string): string => text.replace(/^```.*?^```$/gms, '').replace(/^ {4}.*$/gm, '');

/** GitHub's anchor of a heading. */
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^#{1,6} (.+)$/gm)].map((match) => slug(match[1]!)));

test('relative links and their anchors lead somewhere', () => {
  const broken: string[] = [];
  let links = 0;
  for (const file of files) {
    const text = textOf(file);
    for (const match of withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      const link = match[1]!;
      if (/^[a-z]+:/.test(link)) continue;
      links++;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : relative(root, resolve(root, dirname(file), path));
      if (!existsSync(join(root, target))) broken.push(`${file}: ${link}`);
      else if (anchor !== undefined && !anchorsOf(textOf(target)).has(anchor))
        broken.push(`${file}: ${link} (no such heading)`);
    }
  }
  assert.ok(links > 60, `only ${links} links were found`);
  assert.deepEqual(broken, []);
});

// Configurations.

const contract = `openapi: 3.1.0
info: { title: Orders, version: '1' }
components:
  securitySchemes: { oauth: { type: oauth2, flows: {} } }
paths:
  /healthz: { get: { operationId: getHealth, responses: {} } }
  /orders:
    get: { operationId: listOrders, security: [ { oauth: [ orders:read ] } ], responses: {} }
    post:
      operationId: createOrder
      security: [ { oauth: [ orders:write ] } ]
      requestBody: { content: { application/json: { schema: { type: object, properties: { sku: { type: string } } } } } }
      responses: {}
`;

const base = `
listeners: { public: { port: 8080, host: 127.0.0.1 } }
upstreams: { orders: { targets: [ "http://127.0.0.1:3000" ] } }
identity:
  issuers: { corp: { issuer: https://login.example.com, jwks: { file: ./jwks.json } } }
  consumers:
    billing: { keys: [ { id: billing-1, sha256: ${'a1'.repeat(32)} } ] }
apis:
  orders:
    contract: ./openapi.yaml
    upstream: orders
    authenticate: [ { api-key: {} } ]
    operations: { getHealth: { public: true, reason: load balancer probe } }
`;

interface Block {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const blocks = files.flatMap((file): Block[] => {
  const text = textOf(file);
  return [...text.matchAll(/^```yaml gatewright( part)?\n(.*?)^```$/gms)].map((match) => {
    const sections = { ...(parse(base) as object), ...(parse(match[2]!) as object) };
    return {
      file,
      line: text.slice(0, match.index).split('\n').length + 1,
      text: match[1] === undefined ? match[2]! : stringify(sections),
    };
  });
});

/** Variables that the documents refer to. */
const environment = {
  SMTP_PASSWORD: 'correct horse battery',
  PAGERDUTY_KEY: 'integration-key',
  ORDERS_URL: 'http://127.0.0.1:3000',
  LEGACY_SECRET: 'a secret for the documents',
  REDIS_URL: 'redis://127.0.0.1:6379',
};

describe('configurations in the documents load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-docs-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(folder, 'openapi.yaml'), contract);
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
  const policies = /^```cedar\n(.*?)^```$/ms.exec(textOf('docs/authorization.md'))![1]!;
  writeFileSync(join(folder, 'orders.cedar'), policies);
  const certificate = createCertificate();
  mkdirSync(join(folder, 'tls'));
  writeFileSync(join(folder, 'tls', 'api.crt'), certificate?.certificate ?? '');
  writeFileSync(join(folder, 'tls', 'api.key'), certificate?.key ?? '');

  for (const name of ['shop.crt', 'shop.key'])
    writeFileSync(
      join(folder, 'tls', name),
      certificate?.[name === 'shop.crt' ? 'certificate' : 'key'] ?? '',
    );
  if (hasOpenssl) {
    const authority = new Authority('services');
    writeFileSync(join(folder, 'tls', 'services-ca.pem'), authority.certificate);
    writeFileSync(join(folder, 'tls', 'services.crl'), authority.revocationList());
    authority.remove();
  }

  test('there are some', () => assert.ok(blocks.length >= 14, `${blocks.length} blocks`));

  blocks.forEach(({ file, line, text }, index) => {
    const skip =
      certificate === null && text.includes('tls:') ? 'openssl is not installed: no certificate' : false;
    test(`${file}:${line}`, { skip }, async () => {
      const path = join(folder, `${index}.yaml`);
      writeFileSync(path, text);
      const { config, diagnostics } = await loadConfig(path, environment);
      assert.ok(config !== null, diagnostics.map(formatDiagnostic).join('\n'));
      assert.ok(describeOperations(config).length >= 3);
    });
  });
});

// Names.

const source = globSync('src/**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => textOf(file))
  .join('\n');
const literals = new Set(
  [...source.matchAll(/['"`]([A-Za-z][A-Za-z0-9-]*)['"`]/g)].map((match) => match[1]!),
);
/** Keys of objects in the source, such as those of the configuration and of the error table. */
const keys = new Set([...source.matchAll(/^\s*'?([a-z][a-z0-9-]*)'?:/gm)].map((match) => match[1]!));
const codes = new Set<string>(errorCodes);
const families = new Set(errorCodes.filter((code) => code.includes('-')).map((code) => code.split('-')[0]!));

/** Text in backticks, in running text and tables. */
const named = files.flatMap((file) =>
  [...withoutBlocks(textOf(file)).matchAll(/`([^`\n]+)`/g)].map((match) => ({ file, name: match[1]! })),
);

test('error codes, diagnostics and settings that the documents name exist', () => {
  const unknown: string[] = [];
  let seen = 0;
  for (const { file, name } of named) {
    if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/i.test(name)) continue;
    const isDiagnostic = /^(?:config|contract|posture)-/.test(name);
    if (!isDiagnostic && !families.has(name.split('-')[0]!)) continue;
    seen++;
    if (!codes.has(name) && !literals.has(name) && !keys.has(name)) unknown.push(`${file}: ${name}`);
  }
  assert.ok(seen >= 60, `only ${seen} names were looked at`);
  assert.deepEqual(unknown, []);
});

/** Nothing answers with these so far. */
test('the troubleshooting table has every code', () => {
  const table = textOf('docs/operations.md').split('## Troubleshooting')[1]!;
  const listed = new Set(
    [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap((row) =>
      [...row[1]!.matchAll(/`([a-z-]+)`/g)].map((m) => m[1]!),
    ),
  );
  assert.deepEqual([...listed].sort(), [...errorCodes].sort());
});

test('metrics and fields of the access log are documented, and those documented exist', () => {
  const text = textOf('docs/observability.md');
  const metrics = new Set(
    [
      ...[...source.matchAll(/(?<!_)gatewright_[a-z_]+[a-z]/g)].map((match) => match[0]),
      ...[...source.matchAll(/(?<!\.)\badd\(\s*'([a-z_]+)'/g)].map((match) => `gatewright_${match[1]!}`),
    ].filter((name) => !name.endsWith('_bucket') && !name.endsWith('_sum') && !name.endsWith('_count')),
  );
  assert.ok(metrics.size >= 15, `${metrics.size} metrics in the source`);
  const documented = new Set([...text.matchAll(/`(gatewright_[a-z_]+)`/g)].map((match) => match[1]!));
  assert.deepEqual([...documented].sort(), [...metrics].sort());

  const line = textOf('src/telemetry/access-line.ts');
  const fields = new Set([...line.matchAll(/"([a-z_]+)":/g)].map((match) => match[1]!));
  assert.ok(fields.size >= 25, `${fields.size} fields in the source`);
  const table = text.split('| field | what | when |')[1]!.split('\n\n')[0]!;
  const rows = new Set(
    [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap((row) =>
      [...row[1]!.matchAll(/`([a-z_]+)`/g)].map((m) => m[1]!),
    ),
  );
  assert.deepEqual([...rows].sort(), [...fields].sort());
});
