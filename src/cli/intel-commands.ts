// The commands of threat intelligence, as the command line knows them.
import type { Command } from 'commander';
import type { CommandParts } from './identity-commands.ts';

export function addIntelCommands(program: Command, { action, config, json }: CommandParts): void {
  const intel = program.command('intel').description('threat intelligence: feeds and what they know');
  intel
    .command('status')
    .description('list feeds, how many indicators they have and when they were read')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./intel.ts')).runIntelStatus));
  intel
    .command('lookup <value>')
    .description('what feeds know of an address, name, URL or User-Agent')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./intel.ts')).runIntelLookup));
  intel
    .command('fetch')
    .description('read all feeds now, for a gate that starts without a network, or to try a configuration')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./intel.ts')).runIntelFetch));
}
