// `gatewright policy test`: requests in YAML with what must come of them.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { Diagnostics } from '../../core/index.ts';
import { YamlText } from '../../core/yaml-text.ts';
import { CaseJudge, type CaseOutcome, CaseProblem, caseSchema } from '../../decisions/index.ts';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { printOutcome } from './explain.ts';
import { loadForPolicies } from './load.ts';

const testSchema = caseSchema.safeExtend({
  name: z.string(),
  expect: z.enum(['allow', 'refuse']),
  /** Code of the refusal, or id of the policy that decides. */
  by: z.string().optional(),
});

const fileSchema = z.strictObject({ tests: z.array(testSchema).min(1) });

type PolicyTest = z.output<typeof testSchema>;

interface TestResult {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly passed: boolean;
  readonly problem: string;
  readonly outcome: CaseOutcome | null;
}

export async function runPolicyTest(
  options: Readonly<Record<string, unknown>>,
  given: readonly string[],
): Promise<number> {
  const { config, places } = await loadForPolicies(options);
  const files = given.length > 0 ? given : testFiles(options['config'] as string, config.watchedFiles);
  if (files.length === 0)
    throw new CommandError('there are no tests: write them as *.test.yaml beside the policies', Exit.usage);
  const judge = new CaseJudge(config, places);
  const diagnostics = new Diagnostics();
  const results: TestResult[] = [];
  for (const file of files) results.push(...(await runFile(file, judge, diagnostics)));
  if (diagnostics.hasErrors)
    throw new CommandError('the tests have errors', Exit.configuration, diagnostics.all);
  const failed = results.filter(({ passed }) => !passed);
  if (options['json'] === true) printJson({ ok: failed.length === 0, results });
  else {
    for (const { file, line, name, problem, outcome } of failed) {
      print(`FAILED ${file}:${line}: ${name}\n  ${problem}`);
      if (outcome !== null) printOutcome(outcome);
    }
    print(`${results.length - failed.length} passed, ${failed.length} failed`);
  }
  return failed.length === 0 ? Exit.ok : Exit.failed;
}

/** `*.test.yaml` in the folders of the configuration and of its policies. */
function testFiles(config: string, watched: readonly string[]): string[] {
  const folders = new Set([
    dirname(resolve(config)),
    ...watched.filter((file) => file.endsWith('.cedar')).map((file) => dirname(file)),
  ]);
  return [...folders].flatMap((folder) =>
    globSync('*.test.yaml', { cwd: folder }).map((name) => join(folder, name)),
  );
}

async function runFile(file: string, judge: CaseJudge, diagnostics: Diagnostics): Promise<TestResult[]> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
  const yaml = new YamlText(text);
  for (const { line, column, message } of yaml.problems)
    diagnostics.error('policy-test', { file, line, column }, message);
  if (yaml.problems.length > 0) return [];
  const parsed = fileSchema.safeParse(yaml.toJS(0));
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      const steps = path.filter((step) => typeof step !== 'symbol');
      diagnostics.error('policy-test', { file, ...yaml.place(steps) }, `${steps.join('.')}: ${message}.`);
    }
    return [];
  }
  const results: TestResult[] = [];
  for (const [index, entry] of parsed.data.tests.entries())
    results.push(await runTest(entry, file, yaml.place(['tests', index]).line, judge));
  return results;
}

async function runTest(entry: PolicyTest, file: string, line: number, judge: CaseJudge): Promise<TestResult> {
  const { name, expect, by, ...request } = entry;
  const base = { file, line, name };
  let outcome: CaseOutcome;
  try {
    outcome = await judge.judge(request);
  } catch (error) {
    if (!(error instanceof CaseProblem)) throw error;
    return { ...base, passed: false, problem: error.message, outcome: null };
  }
  if (outcome.allowed !== (expect === 'allow')) {
    const problem = `${expect} was expected`;
    return { ...base, passed: false, problem, outcome };
  }
  const isBy = by === undefined || by === outcome.code || by === outcome.policy;
  const problem = isBy ? '' : `"${by}" was expected to decide`;
  return { ...base, passed: isBy, problem, outcome };
}
