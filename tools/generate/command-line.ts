// docs/reference/cli.md, from the command tree itself.
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/main.ts';

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

function leavesOf(command: Command, path: string): Leaf[] {
  return command.commands.flatMap((child) => {
    const at = `${path} ${child.name()}`;
    return child.commands.length > 0 ? leavesOf(child, at) : [{ path: at, command: child }];
  });
}

const escapeCell = (text: string): string => text.replace(/\|/g, '\\|');

function section({ path, command }: Leaf): string {
  const args = command.registeredArguments.map((argument) =>
    argument.required ? ` <${argument.name()}>` : ` [${argument.name()}]`,
  );
  const lines = [
    `## ${path}`,
    '',
    `    ${path}${args.join('')} [options]`,
    '',
    sentence(command.description()),
  ];
  lines.push('', '| option | meaning | default |', '|---|---|---|');
  for (const option of command.options) {
    const { defaultValue } = option as { defaultValue?: unknown };
    const fallback = defaultValue === undefined || defaultValue === true ? '' : `\`${String(defaultValue)}\``;
    const meaning = `${option.description}${option.mandatory ? ' (needed)' : ''}`;
    lines.push(`| \`${escapeCell(option.flags)}\` | ${escapeCell(meaning)} | ${fallback} |`);
  }
  return lines.join('\n');
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;

export function commandLineReference(): string {
  const parts = [
    '# Command line',
    '',
    'Generated from the program. `gatewright <command> --help` says the same. Results go to standard output, everything',
    'else to standard error. With `--json` the result, or the error with its diagnostics, is one JSON document.',
    '',
    ...leavesOf(buildProgram(), 'gatewright').flatMap((leaf) => [section(leaf), '']),
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    '| 0 | it worked |',
    '| 1 | it failed: the message says why (a port that is taken, a file that exists) |',
    '| 2 | the command line is wrong |',
    '| 3 | the configuration, a contract or a rule has errors; each is named with its place |',
    '| 4 | `waf test`: the request would be refused |',
    '',
    '## Signals of `gatewright start`',
    '',
    '| signal | effect |',
    '|---|---|',
    '| SIGTERM, SIGINT | stop accepting, let requests in flight finish (`drain`), exit with 0 |',
    '| SIGHUP | reopen the access log and reload the configuration |',
  ];
  return `${parts.join('\n')}\n`;
}
