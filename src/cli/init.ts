// `gatewright init`: a configuration for the user's own API that starts as it is: deny by default, an API key for a
// first consumer, limits, validation.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { Diagnostics } from '../core/index.ts';
import { createApiKey } from '../credentials/index.ts';
import { type Contract, localDocuments, parseContract } from '../openapi/document.ts';
import type { ContractOperation } from '../openapi/index.ts';
import { CommandError, Exit, print, printDiagnostics, printJson } from './output.ts';

export async function runInit(
  options: Readonly<Record<string, unknown>>,
  contractFile: string,
): Promise<number> {
  const out = options['out'] as string;
  if (existsSync(out) && options['force'] !== true) {
    throw new CommandError(`${out} exists already; --force replaces it, --out writes elsewhere`);
  }
  const upstream = parseUpstream(options['upstream'] as string);
  const contract = await readContract(contractFile);
  const probes = contract.operations.filter(isProbe);
  const { key, sha256 } = createApiKey('first');
  const port = options['port'] as number;
  const path = relative(dirname(resolve(out)), resolve(contractFile));
  await writeFile(
    out,
    document({
      contract,
      contractPath: path.startsWith('.') ? path : `./${path}`,
      upstream,
      probes,
      sha256,
      port,
    }),
  );

  const example =
    contract.operations.find((operation) => operation.method === 'GET' && !probes.includes(operation)) ??
    contract.operations[0];
  const curl = example === undefined ? '' : curlLine(example, keyHeader(contract), key, port);
  if (options['json'] === true)
    printJson({
      ok: true,
      file: out,
      key,
      operations: contract.operations.length,
      public: probes.map((p) => p.id),
      curl,
    });
  else {
    print(
      `${out} written: ${contract.operations.length} operations, all but ${probes.length} need an API key.`,
    );
    print(`\nAPI key of the consumer "first" (shown once, only its hash is in the file):\n\n  ${key}\n`);
    print(`Next:\n\n  gatewright check --config ${out}\n  gatewright start --config ${out}`);
    if (curl !== '') print(`  ${curl}`);
  }
  return Exit.ok;
}

function parseUpstream(text: string): string {
  if (!URL.canParse(text))
    throw new CommandError(`"${text}" is no URL, for instance http://localhost:3000`, Exit.usage);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new CommandError('the upstream must be an http or https URL', Exit.usage);
  if (url.username !== '' || url.password !== '')
    throw new CommandError('the upstream URL must not hold credentials', Exit.usage);
  if (url.pathname !== '/' || url.search !== '')
    throw new CommandError(
      `the upstream URL has a path; paths come from the contract. Use ${url.origin}, and where the service expects a prefix add "base: ${url.pathname}" to the API`,
      Exit.usage,
    );
  return url.origin;
}

async function readContract(file: string): Promise<Contract> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const diagnostics = new Diagnostics();
  const contract = parseContract(text, file, diagnostics, {
    path: resolve(file),
    others: localDocuments([dirname(resolve(file))]),
  });
  if (contract === null || diagnostics.hasErrors) {
    throw new CommandError(
      'the contract has errors, nothing was written',
      Exit.configuration,
      diagnostics.all,
    );
  }
  printDiagnostics(diagnostics.all);
  if (contract.operations.length === 0)
    throw new CommandError('the contract has no operations', Exit.configuration);
  return contract;
}

/** Health checks without parameters are what load balancers must reach without a key. */
function isProbe(operation: ContractOperation): boolean {
  const last = operation.template.split('/').at(-1) ?? '';
  return (
    operation.method === 'GET' &&
    /^(?:health|healthz|livez|readyz|ready|live|ping|status)$/i.test(last) &&
    !operation.template.includes('{')
  );
}

/** Header of the contract's own API keys, where it has them. */
function keyHeader(contract: Contract): string {
  const scheme = Object.values(contract.securitySchemes).find(
    (entry) => entry.type === 'apiKey' && entry.in === 'header',
  );
  return scheme?.name.toLowerCase() ?? 'x-api-key';
}

interface Facts {
  readonly contract: Contract;
  readonly contractPath: string;
  readonly upstream: string;
  readonly probes: readonly ContractOperation[];
  readonly sha256: string;
  readonly port: number;
}

function document({ contract, contractPath, upstream, probes, sha256, port }: Facts): string {
  const scopes = [
    ...new Set(
      contract.operations.flatMap((o) => (o.security ?? []).flatMap((entry) => Object.values(entry).flat())),
    ),
  ].sort();
  const health = probes[0] === undefined ? '' : `\n    health: { path: ${probes[0].template} }`;
  const operations = probes.map(
    (probe) => `      ${JSON.stringify(probe.id)}: { public: true, reason: health check of load balancers }`,
  );
  return `# yaml-language-server: $schema=./node_modules/gatewright/schema/gatewright.schema.json
# Written by "gatewright init". Every key is described in docs/reference/configuration.md;
# "gatewright check" shows who may call what.

listeners:
  public:
    port: ${port}
    host: 127.0.0.1      # 0.0.0.0 to be reached from other machines; then use TLS:
    # tls: { certificate: ./tls/api.crt, key: "\${file:./tls/api.key}" }

upstreams:
  service:
    targets: [ ${JSON.stringify(upstream)} ]${health}

# Callers, keys and withdrawals by command (gatewright clients, keys, token):
# state: { sqlite: ./state.db }

identity:
  # Tokens of your identity provider:
  # issuers:
  #   corp: { issuer: https://login.example.com, jwks: { url: https://login.example.com/jwks.json } }
  consumers:
    first:
      scopes: [${scopes.map((scope) => JSON.stringify(scope)).join(', ')}]
      keys:
        - { id: first, sha256: ${sha256} }

apis:
  api:
    contract: ${JSON.stringify(contractPath)}
    upstream: service
    authenticate:
      - api-key: { header: ${keyHeader(contract)} }
      # - jwt: { issuer: corp, audience: my-api }
    limits:
      - { per: consumer, rate: 100/s, burst: 200 }
      - { per: address, rate: 50/s, burst: 100 }
    inspect:               # rules against injections and leaks, in what the contract allows
      rules: [ builtin ]   # "mode: detect" beside it records what it would refuse, and refuses nothing
${operations.length === 0 ? '' : `    operations:\n${operations.join('\n')}\n`}`;
}

function curlLine(operation: ContractOperation, header: string, key: string, port: number): string {
  const path = operation.template.replace(/\{[^{}]+\}/g, '1');
  const method = operation.method === 'GET' ? '' : `-X ${operation.method} `;
  return `curl -i ${method}-H '${header}: ${key}' http://127.0.0.1:${port}${path}`;
}
