// The commands of the audit trail, as the command line knows them.
import { type Command, Option } from 'commander';

type Action = (
  load: () => Promise<(options: Readonly<Record<string, unknown>>, ...args: string[]) => Promise<number>>,
) => (...received: unknown[]) => Promise<void>;

export function addAuditCommands(
  program: Command,
  config: () => Option,
  json: () => Option,
  action: Action,
): void {
  const audit = program.command('audit').description('read, search and verify the audit trail');
  audit
    .command('verify')
    .description('check that the trail is what was signed, and name what is damaged')
    .addOption(config())
    .option('--against <file...>', 'checkpoints that were kept elsewhere; the trail must contain them')
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditVerify));
  audit
    .command('search')
    .description('print entries, newest last')
    .addOption(config())
    .option('--from <time>', 'from this time on (RFC 3339)')
    .option('--to <time>', 'before this time')
    .option('--action <name>', 'this action, or all that begin with it and a dot')
    .addOption(new Option('--outcome <outcome>').choices(['success', 'failure', 'refused']))
    .option('--who <id>', 'actor or target')
    .option('--request <id>', 'id of a request')
    .option('--limit <n>', 'at most so many, the newest', '100')
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditSearch));
  audit
    .command('prove <index>')
    .description('print an entry with the proof that it is in the trail, as JSON')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditProve));
  audit
    .command('export')
    .description('print all entries that match, one JSON document a line, or as CSV')
    .addOption(config())
    .option('--from <time>', 'from this time on (RFC 3339)')
    .option('--to <time>', 'before this time')
    .option('--action <name>', 'this action, or all that begin with it and a dot')
    .addOption(new Option('--format <format>').choices(['jsonl', 'csv']).default('jsonl'))
    .action(action(async () => (await import('./read.ts')).runAuditExport));
  audit
    .command('key')
    .description('print the public key that verifies the trail')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditKey));
  audit
    .command('checkpoint')
    .description('print the signed checkpoint, to be kept elsewhere')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditCheckpoint));
  audit
    .command('shred <subject>')
    .description('destroy the keys of one subject: its entries stay, proofs hold, and nobody can read them')
    .addOption(config())
    .requiredOption('--reason <text>', 'why; it becomes an entry')
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditShred));
}
