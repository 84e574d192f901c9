// The commands of incidents, as the command line knows them.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../core/index.ts';
import type { CommandParts } from './identity-commands.ts';
import { instant } from './logs-commands.ts';

const span = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a duration such as 8h or 7d.');
  return ms;
};

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};

export function addIncidentCommands(program: Command, { action, config, json }: CommandParts): void {
  const group = program.command('incidents').description('what detection found: look, decide, undo');
  const command = (name: string, description: string): Command =>
    group.command(name).description(description).addOption(config()).addOption(json());
  const load = () => import('./incidents.ts');
  command('list', 'list incidents, newest first')
    .addOption(new Option('--status <status>', 'only those').choices(['open', 'acknowledged', 'closed']))
    .option('--since <time>', 'RFC 3339, or 2h for two hours ago', instant)
    .option('--limit <count>', 'at most so many', count, 50)
    .action(action(async () => (await load()).runIncidentsList));
  command('show <id>', 'everything about one: evidence, what was done, notes').action(
    action(async () => (await load()).runIncidentsShow),
  );
  command('ack <id>', 'say that you look after it: escalations stop')
    .option('--note <text>', 'what you think')
    .action(action(async () => (await load()).runIncidentsAck));
  command('assign <id> <who>', 'give it to somebody').action(
    action(async () => (await load()).runIncidentsAssign),
  );
  command('note <id> <text>', 'write something down').action(
    action(async () => (await load()).runIncidentsNote),
  );
  command('close <id>', 'end it, with what it was')
    .addOption(
      new Option('--as <verdict>', 'what it was; a false positive makes the same quieter')
        .choices(['true-positive', 'false-positive', 'benign'])
        .makeOptionMandatory(),
    )
    .option('--note <text>', 'why')
    .action(action(async () => (await load()).runIncidentsClose));
  command('undo <id> [action]', 'take back what was done: one action, or all of them').action(
    action(async () => (await load()).runIncidentsUndo),
  );
  command('suppress', 'tell nothing of a detector, an entity, or both, for a while')
    .option('--detector <id>', 'detector; any by default')
    .option('--entity <kind:id>', 'such as consumer:partner-1 or address:192.0.2.1; any by default')
    .requiredOption('--for <duration>', 'how long, such as 8h', span)
    .requiredOption('--reason <text>', 'why')
    .action(action(async () => (await load()).runIncidentsSuppress));
  command('suppressions', 'list what is suppressed').action(
    action(async () => (await load()).runSuppressionsList),
  );
  command('unsuppress <id>', 'tell it again').action(action(async () => (await load()).runUnsuppress));
}
