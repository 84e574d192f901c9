// Where the rules of `inspect.rules` are: the package's own, a SecLang file, or a folder of the OWASP Core Rule Set as a
// release or a distribution has it. Setup files of all come before rules of any, because rules read what setup sets.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinRules } from '../guards/inspect/contract.ts';

export interface RuleFiles {
  /** Absolute paths, in order. */
  readonly setup: readonly string[];
  readonly rules: readonly string[];
}

/** Name of the rule set that comes with the package. */
export const BUILTIN = 'builtin';

/** Files of one entry of `inspect.rules`, or why there are none: the text ends a sentence that begins with the entry. */
export function findRuleFiles(entry: string, folder: string): RuleFiles | string {
  if (entry === BUILTIN)
    return { setup: [], rules: sortedFiles(fileURLToPath(builtinRules), 'rules-*.conf') };
  const path = resolve(folder, entry);
  if (!existsSync(path)) return 'does not exist';
  if (!statSync(path).isDirectory()) return { setup: [], rules: [path] };
  const load = join(path, 'owasp-crs.load');
  return existsSync(load) ? readLoadFile(load) : findInFolder(path);
}

/** Sets what the configuration says, after all setup files. */
export const settingsFile = fileURLToPath(new URL('settings.conf', builtinRules));

function findInFolder(path: string): RuleFiles | string {
  const rulesFolder = existsSync(join(path, 'rules')) ? join(path, 'rules') : path;
  const setup = ['crs-setup.conf', 'crs-setup.conf.example']
    .map((name) => join(path, name))
    .filter((file) => existsSync(file))
    .slice(0, 1);
  const rules = sortedFiles(rulesFolder, '*.conf').filter((file) => !setup.includes(file));
  if (rules.length === 0) return 'has no *.conf files, neither itself nor in a folder "rules"';
  // A rule set of the user's own needs no setup; the Core Rule Set refuses everything without one.
  if (setup.length === 0 && rules.some((file) => basename(file).startsWith('REQUEST-901')))
    return 'has no crs-setup.conf beside its rules';
  const plugins = join(path, 'plugins');
  return {
    setup: [...setup, ...sortedFiles(plugins, '*-config.conf')],
    rules: [...sortedFiles(plugins, '*-before.conf'), ...rules, ...sortedFiles(plugins, '*-after.conf')],
  };
}

/** Debian's list of what belongs together: its setup stands in /etc. */
function readLoadFile(load: string): RuleFiles {
  const setup: string[] = [];
  const rules: string[] = [];
  for (const match of readFileSync(load, 'latin1').matchAll(/^\s*Include(?:Optional)?\s+"?([^"\s#]+)"?/gm)) {
    const pattern = isAbsolute(match[1]!) ? match[1]! : join(dirname(load), match[1]!);
    for (const file of expandPattern(pattern))
      (basename(file).startsWith('crs-setup') ? setup : rules).push(file);
  }
  return { setup, rules };
}

/** Files that a path with `*` and `?` in its last part names, sorted by bytes as Apache and nginx do. */
export function expandPattern(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return existsSync(pattern) ? [pattern] : [];
  return sortedFiles(dirname(pattern), basename(pattern));
}

function sortedFiles(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder })
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .map((name) => join(folder, name));
}
