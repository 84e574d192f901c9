// `npm run generate` writes what is derived from source: the JSON Schema for editors and docs/reference/. With
// `--check` it writes nothing and fails when a file is not what the source says.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adminContract, operationEntries, permissionsOfRole, roles } from '../src/admin-api/index.ts';
import { diagnosticTable, errorTable } from '../src/core/index.ts';
import { commandLineReference } from './generate/command-line.ts';
import { configurationReference, editorSchema } from './generate/configuration.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function errorReference(): string {
  const faults = { client: 'caller', gate: 'gate', upstream: 'service' };
  const rows = Object.entries(errorTable).map(
    ([code, { status, title, retryable, fault }]) =>
      `| \`${code}\` | ${status} | ${title} | ${faults[fault]} | ${retryable ? 'yes' : 'no'} |`,
  );
  return [
    '# Error codes',
    '',
    'Generated from the table that all refusals come from. A refusal is a problem document (RFC 9457) whose `type` is',
    '`urn:gatewright:problem:` and the code; the access log has the code under `code`, metrics under the label `code`. What',
    'to do about each: [operations.md](../operations.md#troubleshooting-by-code).',
    '',
    '| code | status | title | who has to act | the same request may succeed later |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function diagnosticReference(): string {
  const rows = Object.entries(diagnosticTable).map(
    ([id, { meaning, wayOut }]) => `| \`${id}\` | ${meaning} | ${wayOut} |`,
  );
  return [
    '# Diagnostics',
    '',
    'Generated from source. What `gatewright check`, `start` and a reload say about the configuration and its contracts:',
    'all at once, each as `file:line:column: severity[id]: message`.',
    '',
    '| id | meaning | way out |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function adminReference(): string {
  const rows = operationEntries.map(([id, { method, path, permission, summary }]) => {
    const who = permission === 'open' || permission === 'signed-in' ? permission : `\`${permission}\``;
    return `| \`${id}\` | ${method} \`${path}\` | ${who} | ${summary.replaceAll('|', '\\|')} |`;
  });
  const roleRows = roles.map(
    (role) => `| ${role} | ${[...permissionsOfRole[role]].map((one) => `\`${one}\``).join(', ')} |`,
  );
  return [
    '# Administrative API',
    '',
    'Generated from the table that the contract is made from. The contract itself is [admin-api.json](admin-api.json) (OpenAPI',
    '3.1), which a gate serves at `/api/v1/openapi.json`. How to serve it and who gets in: [console.md](../console.md).',
    '',
    '| operation | below `/api/v1` | permission | |',
    '|---|---|---|---|',
    ...rows,
    '',
    '| role | permissions |',
    '|---|---|',
    ...roleRows,
    '',
  ].join('\n');
}

const files: Readonly<Record<string, () => string>> = {
  'schema/gatewright.schema.json': () => `${JSON.stringify(editorSchema(), null, 2)}\n`,
  'docs/reference/configuration.md': configurationReference,
  'docs/reference/errors.md': errorReference,
  'docs/reference/diagnostics.md': diagnosticReference,
  'docs/reference/cli.md': commandLineReference,
  'docs/reference/admin-api.md': adminReference,
  'docs/reference/admin-api.json': () => `${JSON.stringify(adminContract(), null, 2)}\n`,
};

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const [name, make] of Object.entries(files)) {
  const path = join(root, name);
  const text = make();
  let before: string | null = null;
  try {
    before = readFileSync(path, 'utf8');
  } catch {
    // Not written yet.
  }
  if (before === text) continue;
  stale.push(name);
  if (isCheck) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
if (isCheck && stale.length > 0) {
  process.stderr.write(`not what the source says: ${stale.join(', ')}; run "npm run generate"\n`);
  process.exit(1);
}
process.stdout.write(
  isCheck
    ? `${Object.keys(files).length} generated files are current\n`
    : `wrote ${stale.join(', ') || 'nothing'}\n`,
);
