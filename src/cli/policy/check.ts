// `gatewright policy check` and `schema`: what is wrong with policies and roles, and what policies can see.
import { readFileSync } from 'node:fs';
import type { GateConfig } from '../../config/index.ts';
import { schemaOf } from '../../config/load.ts';
import { Diagnostics, type Place } from '../../core/index.ts';
import { YamlText } from '../../core/yaml-text.ts';
import { callerMethod, singleMethods } from '../../guards/authenticate/contract.ts';
import { type LintedApi, lintPolicies, lintRoles, reviewAccess } from '../../guards/authorize/index.ts';
import { CommandError, Exit, print, printDiagnostics, printJson } from '../output.ts';
import { loadForPolicies } from './load.ts';
import { readPrincipals } from './recorded.ts';
import { type RoleUse, reportUnused, roleUses } from './unused.ts';
import { readUsage } from './usage.ts';

type Options = Readonly<Record<string, unknown>>;

export async function runPolicyCheck(options: Options): Promise<number> {
  const { config, diagnostics } = await loadForPolicies(options);
  const found = new Diagnostics();
  const apis = lintedApis(config);
  for (const api of apis) lintPolicies(api, config.identity, found);
  const places = rolePlaces(config);
  lintRoles(apis, config.identity, places, found);
  const unused = options['log'] === undefined ? null : await lintUse(options, config, apis);
  if (unused !== null) reportUnused(unused.uses, unused.since, places, found);
  const all = [...diagnostics, ...found.all];
  const policies = apis.reduce((sum, api) => sum + (api.policies?.length ?? 0), 0);
  if (options['json'] === true)
    printJson({
      ok: true,
      policies,
      diagnostics: all,
      ...(unused === null ? {} : { since: unused.since, roles: unused.uses }),
    });
  else {
    printDiagnostics(all);
    print(
      `${policies} policies, ${config.identity.roles.length} roles: no errors, ${found.all.length} warnings.`,
    );
  }
  return options['strict'] === true && all.length > 0 ? Exit.failed : Exit.ok;
}

/** Days that a right may go unused. */
const UNUSED_MS = 90 * 86_400_000;

async function lintUse(
  options: Options,
  config: GateConfig,
  apis: ReturnType<typeof lintedApis>,
): Promise<{ readonly uses: readonly RoleUse[]; readonly since: string }> {
  const known = readPrincipals(options['principals']);
  const log = options['log'] === true ? undefined : (options['log'] as string);
  const fromMs = (options['since'] as number | undefined) ?? Date.now() - UNUSED_MS;
  const usage = await readUsage(log, config, { fromMs });
  if (usage.requests === 0)
    throw new CommandError('no requests were recorded since then: nothing can be said of their use');
  const rows = apis.flatMap((api) => reviewAccess(api, config.identity));
  // A log that begins later knows nothing of the time before.
  const since = usage.from > new Date(fromMs).toISOString() ? usage.from : new Date(fromMs).toISOString();
  return { uses: roleUses(config, rows, usage, known), since: since.slice(0, 10) };
}

export async function runPolicySchema(options: Options): Promise<number> {
  const { config } = await loadForPolicies(options);
  const name = options['api'] as string | undefined;
  const apis = config.apis.filter((api) => name === undefined || api.name === name);
  if (apis.length === 0) throw new CommandError(`there is no API "${name}"`, Exit.usage);
  const schemas = apis.map((api) => ({ api: api.name, schema: schemaOf(api, config) }));
  if (options['json'] === true) printJson({ ok: true, schemas });
  else print(schemas.map(({ schema }) => schema).join('\n'));
  return Exit.ok;
}

export function lintedApis(config: GateConfig) {
  return config.apis.map(({ name, authorize, operations }) => ({
    name,
    policies: authorize.policies,
    operations: operations
      .filter(({ publicReason }) => publicReason === null)
      .map(({ id, method, authorize: rules, scopes, authenticate }) => ({
        id,
        method,
        scopes,
        authorize: rules,
        kinds: singleMethods(authenticate).map(({ kind }) => callerMethod(kind)),
      })),
  })) satisfies LintedApi[];
}

/** Where roles stand; in a folder of files, the folder. */
function rolePlaces(config: GateConfig): (role: string) => Place {
  try {
    const yaml = new YamlText(readFileSync(config.file, 'utf8'));
    return (role) => ({ file: config.file, ...yaml.place(['identity', 'roles', role]) });
  } catch {
    return () => ({ file: config.file, line: 0, column: 0 });
  }
}
