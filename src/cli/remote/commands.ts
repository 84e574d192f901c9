// `gatewright remote`: a control plane somewhere else, by its administrative API and a key of its state.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandParts } from '../identity-commands.ts';

const collect = (text: string, before: readonly string[] = []): string[] => {
  if (!/^[A-Za-z][A-Za-z0-9]*=/.test(text)) throw new InvalidArgumentError('It must be name=value.');
  return [...before, text];
};

export function addRemoteCommands(program: Command, { action, json }: CommandParts): void {
  const group = program.command('remote').description('a control plane elsewhere, by its administrative API');
  const name = () => new Option('-n, --name <name>', 'which login').default('default');
  group
    .command('login <url>')
    .description('keep a key for the control plane at an address; the key is read from standard input')
    .addOption(name())
    .addOption(json())
    .action(action(async () => (await import('./login.ts')).runRemoteLogin));
  group
    .command('logout')
    .description('forget a login; revoke its key where it was issued')
    .addOption(name())
    .addOption(json())
    .action(action(async () => (await import('./login.ts')).runRemoteLogout));
  group
    .command('list')
    .description('list the logins that are kept')
    .addOption(json())
    .action(action(async () => (await import('./login.ts')).runRemoteList));
  group
    .command('operations')
    .description('list what can be called, and which permission it needs')
    .addOption(json())
    .action(action(async () => (await import('./call.ts')).runRemoteOperations));
  group
    .command('call <operation>')
    .description('call an operation; a table for people, JSON for programs')
    .option(
      '-p, --param <name=value>',
      'parameter of path or query, or member of the body; again for more',
      collect,
    )
    .option('-b, --body <json>', 'the body, instead of members')
    .addOption(name())
    .addOption(json())
    .action(action(async () => (await import('./call.ts')).runRemoteCall));
  group
    .command('follow')
    .description('follow requests as they come, one line of JSON each')
    .option('-p, --param <name=value>', 'filter, for instance decision=refused; again for more', collect)
    .addOption(name())
    .action(action(async () => (await import('./call.ts')).runRemoteFollow));
}
