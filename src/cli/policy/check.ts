// `gatewright policy check`, `schema` and `review`: what is wrong with policies, what they can see, and whom they let in.
import { readFileSync } from 'node:fs';
import type { GateConfig } from '../../config/index.ts';
import { schemaOf } from '../../config/load.ts';
import { Diagnostics, type Place } from '../../core/index.ts';
import { YamlText } from '../../core/yaml-text.ts';
import { callerMethod, singleMethods } from '../../guards/authenticate/contract.ts';
import { type LintedApi, lintPolicies, lintRoles, reviewAccess } from '../../guards/authorize/index.ts';
import { CommandError, Exit, print, printDiagnostics, printJson } from '../output.ts';
import { loadForPolicies } from './load.ts';

type Options = Readonly<Record<string, unknown>>;

export async function runPolicyCheck(options: Options): Promise<number> {
  const { config, diagnostics } = await loadForPolicies(options);
  const found = new Diagnostics();
  const apis = lintedApis(config);
  for (const api of apis) lintPolicies(api, config.identity, found);
  lintRoles(apis, config.identity, rolePlaces(config), found);
  const all = [...diagnostics, ...found.all];
  const policies = apis.reduce((sum, api) => sum + (api.policies?.length ?? 0), 0);
  if (options['json'] === true) printJson({ ok: true, policies, diagnostics: all });
  else {
    printDiagnostics(all);
    print(
      `${policies} policies, ${config.identity.roles.length} roles: no errors, ${found.all.length} warnings.`,
    );
  }
  return options['strict'] === true && all.length > 0 ? Exit.failed : Exit.ok;
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

export async function runPolicyReview(options: Options): Promise<number> {
  const { config } = await loadForPolicies(options);
  const rows = lintedApis(config).flatMap((api) => reviewAccess(api, config.identity));
  if (options['json'] === true) {
    printJson({ ok: true, access: rows });
    return Exit.ok;
  }
  let heading = '';
  for (const { api, operation, who, access, scopes, permits, forbids } of rows) {
    if (access === 'no') continue;
    const here = `${api}  ${operation}${scopes.length === 0 ? '' : `  (scope ${scopes.join(' or ')})`}`;
    if (here !== heading) print(here);
    heading = here;
    const by = permits.length === 0 ? '' : `  by ${permits.join(', ')}`;
    const unless = forbids.length === 0 ? '' : `  unless ${forbids.join(', ')}`;
    print(`  ${access === 'yes' ? 'may        ' : 'may, if so '} ${who}${by}${unless}`);
  }
  return Exit.ok;
}

function lintedApis(config: GateConfig) {
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
