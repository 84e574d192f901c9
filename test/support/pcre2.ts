// The real PCRE2, through Debian's pcre2test, as the yardstick for expressions: many patterns in one process, everything
// in hexadecimal on the way in.
import { spawnSync } from 'node:child_process';

export interface PcreCase {
  readonly pattern: string;
  readonly subjects: readonly string[];
}

export type PcreAnswer =
  /** Groups as pcre2test prints them, see `printed`; null where a group has no value. */
  | { readonly kind: 'match'; readonly groups: readonly (string | null)[] }
  | { readonly kind: 'no-match' }
  /** A limit of PCRE. */
  | { readonly kind: 'gave-up' };

/** Answers for the subjects in order, or PCRE's words about a pattern that it does not take. */
export type PcreResult =
  | { readonly kind: 'ok'; readonly answers: readonly PcreAnswer[] }
  | { readonly kind: 'refused'; readonly message: string };

/** For the `skip` option of a test: false, or the reason. */
export const pcreSkip: string | false =
  spawnSync('pcre2test', ['-version']).status === 0
    ? false
    : 'pcre2test is not installed; on Debian: apt-get install pcre2-utils';

/** A value in the form that pcre2test prints it. */
export const printed = (value: string): string =>
  value.replace(/[^ -~]/g, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);

const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/**
 * As ModSecurity compiles, but without one optimisation: PCRE2 takes `\v+` and `\S` for disjoint, which the bytes 0x85 and
 * 0xA0 are not in the C locale.
 */
const usualModifiers = 'dotall,multiline,no_auto_possess';

export function runPcre2(cases: readonly PcreCase[], modifiers = usualModifiers): PcreResult[] {
  const lines: string[] = [];
  for (const { pattern, subjects } of cases) {
    lines.push(`/${hex(pattern)}/hex,${modifiers}`);
    for (const subject of subjects)
      lines.push(`    ${hex(subject).replace(/../g, '\\x$&')}\\=match_limit=200000`);
    lines.push('');
  }
  const run = spawnSync('pcre2test', ['-q'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'latin1',
    maxBuffer: 1 << 30,
  });
  if (run.status !== 0) throw new Error(`pcre2test ended with ${run.status}: ${run.stderr}`);
  const output = run.stdout.split('\n');
  let at = 0;
  const untilEcho = (echo: string): string[] => {
    const between: string[] = [];
    while (at < output.length && output[at] !== echo) between.push(output[at++]!);
    if (at >= output.length) throw new Error(`pcre2test did not echo ${echo}`);
    at++;
    return between;
  };
  const results: PcreResult[] = [];
  let line = 0;
  for (const { subjects } of cases) {
    untilEcho(lines[line++]!);
    const answers: PcreAnswer[] = [];
    let refused: string | null = null;
    // What stands before the next echo answers the line before it.
    for (let i = 0; i <= subjects.length; i++) {
      const answer = untilEcho(lines[line++]!);
      if (i === 0) refused = answer.find((text) => text.startsWith('Failed: ')) ?? null;
      else answers.push(readAnswer(answer));
    }
    results.push(refused === null ? { kind: 'ok', answers } : { kind: 'refused', message: refused });
  }
  return results;
}

function readAnswer(lines: readonly string[]): PcreAnswer {
  if (lines.some((line) => line.startsWith('Failed: '))) return { kind: 'gave-up' };
  const groups: (string | null)[] = [];
  for (const line of lines) {
    const group = /^ ?(\d+): (.*)$/.exec(line);
    if (group !== null) groups[Number(group[1])] = group[2] === '<unset>' ? null : group[2]!;
  }
  return groups.length === 0 ? { kind: 'no-match' } : { kind: 'match', groups };
}
