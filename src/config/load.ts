// The way of the configuration: read, references, schema, names and contracts; every problem of every step is
// reported, and any error means that there is no configuration.

import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type Diagnostic, Diagnostics } from '../core/index.ts';
import { callerMethod, singleMethods } from '../guards/authenticate/contract.ts';
import { policySchema } from '../guards/authorize/schema.ts';
import { documentSchema } from './document.ts';
import type { ApiConfig, GateConfig } from './gate-config.ts';
import { validatePolicySets } from './policy-validation.ts';
import { resolveReferences } from './references.ts';
import { resolveDocument } from './resolve.ts';
import { reportIssues } from './schema-diagnostics.ts';
import { readVaultReferences, type VaultReader } from './vault-references.ts';
import { readYaml } from './yaml-source.ts';

export type { GateConfig } from './gate-config.ts';
export type { VaultReader, VaultValue } from './vault-references.ts';

export interface LoadedConfig {
  /** Null when there is an error among the diagnostics. */
  readonly config: GateConfig | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Loads a file or folder. Never throws for anything a user wrote. `vault` reads references into the vault. */
export async function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  vault: VaultReader | null = null,
): Promise<LoadedConfig> {
  const diagnostics = new Diagnostics();
  const source = await readYaml(file, diagnostics);
  if (source.data === null) return { config: null, diagnostics: diagnostics.all };
  const folder = folderOf(file);
  const secrets = await readVaultReferences(source, folder, env, vault);
  const tree = resolveReferences(source.data, source, folder, env, diagnostics, secrets);
  const parsed = documentSchema.safeParse(tree.data);
  if (!parsed.success) reportIssues(parsed.error, documentSchema, tree.data, source, diagnostics);
  // A reference that failed leaves a hole; what follows from the hole is not worth telling.
  const config = parsed.success
    ? resolveDocument(parsed.data, {
        file: resolve(file),
        folder,
        source,
        diagnostics,
        files: [...source.files.map((entry) => resolve(entry)), ...tree.files],
        secrets,
        defaultWorkers: availableParallelism(),
      })
    : null;
  if (config !== null && !diagnostics.hasErrors) await validatePolicies(config, diagnostics);
  const unique = [...new Map(diagnostics.all.map((entry) => [JSON.stringify(entry), entry])).values()];
  unique.sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : 0));
  const failed = config === null || unique.some((entry) => entry.severity === 'error');
  return { config: failed ? null : config, diagnostics: withoutEchoes(unique) };
}

async function validatePolicies(config: GateConfig, diagnostics: Diagnostics): Promise<void> {
  const sets = config.apis.flatMap((api) => {
    const { policies } = api.authorize;
    return policies === null
      ? []
      : [{ policies, schema: schemaOf(api, config), operations: api.operations.length }];
  });
  const { decisions } = config;
  if (decisions !== null && decisions.schema !== '')
    sets.push({ policies: decisions.policies, schema: decisions.schema, operations: 1 });
  await validatePolicySets(sets, diagnostics);
}

/** The schema of the API's policies. */
export function schemaOf(api: ApiConfig, config: GateConfig): string {
  const operations = api.operations
    .filter(({ publicReason }) => publicReason === null)
    .map(({ id, method, authenticate, contract, validate }) => ({
      id,
      method,
      kinds: singleMethods(authenticate).map(({ kind }) => callerMethod(kind)),
      contract,
      validated: validate !== null,
    }));
  return policySchema(api.name, operations, config.identity, api.contractDocument);
}

/** A secret or reference that was refused is missing afterwards; only the cause is told. */
function withoutEchoes(all: readonly Diagnostic[]): Diagnostic[] {
  const causes = new Set(
    all
      .filter((entry) => entry.id === 'config-literal-secret' || entry.id.startsWith('config-reference'))
      .map((entry) => `${entry.file}:${entry.line}`),
  );
  return all.filter(
    (entry) => entry.id !== 'config-missing-key' || !causes.has(`${entry.file}:${entry.line}`),
  );
}

function folderOf(file: string): string {
  try {
    return statSync(file).isDirectory() ? resolve(file) : dirname(resolve(file));
  } catch {
    return dirname(resolve(file));
  }
}
