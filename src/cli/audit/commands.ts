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
    .option('--trace <id>', 'trace id')
    .option('--limit <n>', 'at most so many, the newest', '100')
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditSearch));
  audit
    .command('prove <index>')
    .description('print an entry with the proof that it is in the trail')
    .addOption(config())
    .addOption(
      new Option('--format <format>', 'JSON with the entry, or a C2SP tlog-proof')
        .choices(['json', 'tlog'])
        .default('json'),
    )
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditProve));
  audit
    .command('consistency <checkpoint>')
    .description(
      'print the proof that the trail of a kept checkpoint is the beginning of the trail as it is now',
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./read.ts')).runAuditConsistency));
  audit
    .command('check <file>')
    .description(
      'check what "prove", "export --proofs" or "consistency" has printed; needs neither trail nor gate',
    )
    .requiredOption('--key <key>', 'keys of the trail, or a file with them (gatewright audit key)')
    .option('--witness <key...>', 'keys of witnesses that must have cosigned the checkpoint')
    .addOption(json())
    .action(action(async () => (await import('./check.ts')).runAuditCheck));
  audit
    .command('export')
    .description('print all entries that match, one JSON document a line, or as CSV')
    .addOption(config())
    .option('--from <time>', 'from this time on (RFC 3339)')
    .option('--to <time>', 'before this time')
    .option('--action <name>', 'this action, or all that begin with it and a dot')
    .addOption(new Option('--format <format>').choices(['jsonl', 'csv']).default('jsonl'))
    .option('--proofs', 'each entry with its bytes and the hashes that lead to the checkpoint')
    .action(action(async () => (await import('./read.ts')).runAuditExport));
  audit
    .command('key')
    .description('print the public keys that verify the trail, one a line')
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
    .command('hold <name>')
    .description('keep entries that match beyond their retention, and the keys that open them')
    .addOption(config())
    .requiredOption('--reason <text>', 'why; it becomes an entry')
    .option('--until <time>', 'until this time (RFC 3339); without it, until it is released')
    .option('--from <time>', 'entries from this time on')
    .option('--to <time>', 'entries before this time')
    .option('--action <name>', 'this action, or all that begin with it and a dot')
    .option('--who <id>', 'actor or target')
    .addOption(json())
    .action(action(async () => (await import('./holds.ts')).runAuditHold));
  audit
    .command('holds')
    .description('list what is held, by whom, why and until when')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./holds.ts')).runAuditHolds));
  audit
    .command('release <name>')
    .description('end a hold')
    .addOption(config())
    .requiredOption('--reason <text>', 'why; it becomes an entry')
    .addOption(json())
    .action(action(async () => (await import('./holds.ts')).runAuditRelease));
  audit
    .command('shred <subject>')
    .description('destroy the keys of one subject: its entries stay, proofs hold, and nobody can read them')
    .addOption(config())
    .requiredOption('--reason <text>', 'why; it becomes an entry')
    .addOption(json())
    .action(action(async () => (await import('./holds.ts')).runAuditShred));
  audit
    .command('witness')
    .description("cosign the checkpoints of others' trails (C2SP tlog-witness); runs until it is stopped")
    .requiredOption('--name <name>', 'name of the witness, such as witness.example.com/w1')
    .requiredOption('--log <key...>', 'keys of the trails, or files with them (gatewright audit key)')
    .option('--folder <folder>', 'its keys, and the newest checkpoint of each trail', './witness')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', '7070')
    .option('--tls-cert <file>', 'certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .action(action(async () => (await import('./witness.ts')).runAuditWitness));
}
