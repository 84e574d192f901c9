// `gatewright contract …`: what concerns contracts and needs no gate.
import { type Command, Option } from 'commander';

type Action = (
  load: () => Promise<(options: Readonly<Record<string, unknown>>, ...args: string[]) => Promise<number>>,
) => (...received: unknown[]) => Promise<void>;

export function addContractCommands(program: Command, { action }: { readonly action: Action }): void {
  const contract = program.command('contract').description('OpenAPI contracts');
  contract
    .command('diff <old> <new>')
    .description('what changed between two contracts: what breaks callers, and what weakens security')
    .addOption(
      new Option('-f, --format <format>', 'how to write it')
        .choices(['text', 'markdown', 'sarif', 'json'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <levels>', 'kinds of change that end with exit code 1')
        .choices(['any', 'breaking', 'security', 'none'])
        .default('any'),
    )
    .addOption(new Option('--json', 'the same as --format json'))
    .action(action(async () => (await import('./diff.ts')).runContractDiff));
}
