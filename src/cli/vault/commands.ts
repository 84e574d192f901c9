// The commands of the vault, of secrets and of backups, as the command line knows them.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../core/index.ts';
import type { CommandParts } from '../identity-commands.ts';

/** Commands that take any number of arguments get them as a list. */
type Run = (options: Readonly<Record<string, unknown>>, ...args: string[]) => Promise<number>;

const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 30m, 24h or 90d.');
  return ms;
};

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};

export function addVaultCommands(program: Command, { action, config, json }: CommandParts): void {
  const vault = program.command('vault').description('keys that seal what the state keeps');
  vault
    .command('status')
    .description('how the vault is unsealed, and how old its keys are')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultStatus));
  vault
    .command('key <file>')
    .description('make a key file for vault.root.key-file')
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultKey));
  vault
    .command('rotate [key]')
    .description('give one key or all a new version and move records to it, beside running gates')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultRotate));
  vault
    .command('reroot')
    .description('make a new root key, wrapped as --to names it; the old way opens nothing afterwards')
    .requiredOption('--to <file>', 'configuration that names the new vault.root')
    .addOption(new Option('--shares <count>', 'with shares: how many keepers').default(5).argParser(count))
    .addOption(
      new Option('--threshold <count>', 'with shares: how many of them unseal').default(3).argParser(count),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultReroot));
  vault
    .command('unseal')
    .description('give one share, from standard input, to a running gate')
    .requiredOption('-a, --address <url>', 'where its vault is served')
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultUnseal));
  vault
    .command('token')
    .description('make a token for the HTTP API, with the rights of whoever can open the state')
    .option('-p, --policy <name...>', 'its policies; root by default')
    .option('--ttl <time>', 'how long it is good; root tokens have no end by default', duration)
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultToken));
  vault
    .command('report')
    .description('what rotates, when it did, when it is due, and what went wrong')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./vault.ts')).runVaultReport));
}

export function addSecretCommands(program: Command, { action, config, json }: CommandParts): void {
  const secrets = program
    .command('secrets')
    .description('secrets in the vault, and those that lie around elsewhere');
  secrets
    .command('scan [paths...]')
    .description('find credentials in files, in what is staged, in the history of a repository')
    .option('--staged', 'what the next commit would take, for a pre-commit hook')
    .option('--history', 'also every version of every file that git has')
    .option('--baseline <file>', 'findings that are known and do not count')
    .option('--write-baseline', 'write what is found into the baseline')
    .option(
      '--verify <command>',
      'asked for each finding: secret on standard input, kind in SECRET_KIND; exit code 0 says that it is good, 1 that it is not',
    )
    .addOption(
      new Option('-f, --format <format>', 'how to write it')
        .choices(['text', 'sarif', 'json'])
        .default('text'),
    )
    .addOption(json())
    .action(action(async () => (await import('./secrets-scan.ts')).runSecretsScan as unknown as Run));
  secrets
    .command('put <path> [fields...]')
    .description(
      'store a version: name=@file, or name=- for standard input; values never stand in the arguments',
    )
    .option('--patch', 'keep the fields that are not named')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./secrets.ts')).runSecretsPut as unknown as Run));
  secrets
    .command('get <path>')
    .description('print a secret')
    .option('-f, --field <name>', 'one field only, without a line end')
    .option('--version <number>', 'an older version', count)
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./secrets.ts')).runSecretsGet));
  secrets
    .command('list [folder]')
    .description('list names')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./secrets.ts')).runSecretsList));
  secrets
    .command('delete <path>')
    .description('delete the newest version; --all destroys everything of it')
    .option('--all', 'all versions, for good')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./secrets.ts')).runSecretsDelete));
  secrets
    .command('import <folder>')
    .description('copy secrets into a folder of the vault')
    .addOption(
      new Option('--from <where>', 'a HashiCorp Vault or OpenBao, or manifests of Kubernetes')
        .choices(['vault', 'kubernetes'])
        .makeOptionMandatory(),
    )
    .option('--address <url>', 'of the vault; its token is in VAULT_TOKEN')
    .option('--source <path>', 'path below secret/ in the vault, or a file of manifests')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./exchange.ts')).runSecretsImport));
  secrets
    .command('export <path>')
    .description('write a secret as a Kubernetes manifest or an environment file, encrypted with age')
    .addOption(new Option('--as <format>', 'what is written').choices(['env', 'kubernetes']).default('env'))
    .option('--to <recipient...>', 'age1…: who may open it')
    .option('--name <name>', 'name of the Kubernetes secret')
    .requiredOption('-o, --out <file>', 'file to write')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./exchange.ts')).runSecretsExport));
  secrets
    .command('run <file> [command...]')
    .description('run a command with the environment of an encrypted file')
    .requiredOption('-i, --identity <file>', 'file with an AGE-SECRET-KEY-1…')
    .action(action(async () => (await import('./exchange.ts')).runSecretsRun as unknown as Run));
}

export function addBackupCommands(program: Command, { action, config, json }: CommandParts): void {
  program
    .command('backup <file>')
    .description('write the state as an encrypted file, beside a running gate')
    .option('--to <recipient...>', 'age1…: who may open it')
    .option('--passphrase-file <file>', 'instead of recipients')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./backup.ts')).runBackup));
  program
    .command('restore <file>')
    .description('read a backup into an empty state and verify it')
    .option('-i, --identity <file>', 'file with an AGE-SECRET-KEY-1…')
    .option('--passphrase-file <file>', 'instead of an identity')
    .option('--verify', 'only look whether it is whole and opens; the state is not touched')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./backup.ts')).runRestore));
}
