// `gatewright console`: who may use the control plane. It works on the state, whether a gate runs on it or not.
import { type Command, Option } from 'commander';
import { roles } from '../../admin-api/index.ts';
import type { CommandParts } from '../identity-commands.ts';

export function addConsoleCommands(program: Command, { action, config, json }: CommandParts): void {
  const group = program.command('console').description('people at the console and the administrative API');
  group
    .command('invite <user>')
    .description('make a one-time link with which somebody sets a password; also for who has lost it')
    .addOption(
      new Option('-r, --role <role>', 'what they may do').choices([...roles]).default('administrator'),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./members.ts')).runInvite));
  group
    .command('list')
    .description('list who may use it, with their roles')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./members.ts')).runMembers));
}
