// `gatewright fsck`: whether the state is what the gate takes it to be.
import { Exit, print, printJson } from './output.ts';
import { type StateAccess, withState } from './state.ts';

export const runFsck = (options: Readonly<Record<string, unknown>>): Promise<number> =>
  withState(options, (access) => check(options, access), false);

async function check(options: Readonly<Record<string, unknown>>, { state }: StateAccess): Promise<number> {
  const report = await state.fsck();
  if (options['json'] === true) printJson({ ok: report.problems.length === 0, ...report });
  else {
    print(report.state);
    for (const [name, count] of Object.entries(report.rows)) print(`  ${name.padEnd(14)} ${count}`);
    for (const problem of report.problems) print(`  PROBLEM ${problem}`);
    print(report.problems.length === 0 ? 'No problems.' : `${report.problems.length} problems.`);
  }
  return report.problems.length === 0 ? Exit.ok : Exit.failed;
}
