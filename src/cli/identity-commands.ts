// The commands of identity and state, as the command line knows them.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../core/index.ts';
import type { PrincipalCommands } from './principals.ts';

type Options = Readonly<Record<string, unknown>>;
type Run = (options: Options, ...args: string[]) => Promise<number>;
export type Action = (load: () => Promise<Run>) => (...received: unknown[]) => Promise<void>;

const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 30m, 24h or 90d.');
  return ms;
};

const date = (text: string): number => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It must be a date such as 2027-01-31T00:00:00Z.');
  return ms;
};

export interface CommandParts {
  readonly action: Action;
  readonly config: () => Option;
  readonly json: () => Option;
}

const principals = [
  ['clients', 'client', 'programs that call'],
  ['users', 'user', 'people who call; of tokens the id is issuer|subject'],
  ['services', 'service', 'services of your own that call'],
] as const;

export function addPrincipalCommands(program: Command, { action, config, json }: CommandParts): void {
  for (const [name, kind, description] of principals) {
    const group = program.command(name).description(description);
    const load = (what: keyof PrincipalCommands) => async (): Promise<Run> =>
      (await import('./principals.ts')).principalCommands(kind)[what] as Run;
    group
      .command('add <id>')
      .description(`add a ${kind} to the state`)
      .option('-s, --scope <scope...>', 'scopes of its keys')
      .option('--note <text>', 'for people')
      .option('--key', 'with a first key, shown once')
      .addOption(config())
      .addOption(json())
      .action(action(load('add')));
    group
      .command('list')
      .description(`list the ${name} in the state`)
      .addOption(config())
      .addOption(json())
      .action(action(load('list')));
    group
      .command('scopes <id> [scopes...]')
      .description('replace its scopes')
      .addOption(config())
      .addOption(json())
      .action(action(load('scopes')));
    group
      .command('disable <id>')
      .description('refuse its keys and tokens from now on')
      .addOption(config())
      .addOption(json())
      .action(action(load('disable')));
    group
      .command('enable <id>')
      .description('accept it again')
      .addOption(config())
      .addOption(json())
      .action(action(load('enable')));
  }
}

/** Adds the commands for keys in the state to `gatewright keys`. */
export function addKeyCommands(keys: Command, { action, config, json }: CommandParts): void {
  keys
    .command('issue <owner>')
    .description('create a key in the state for a client, user or service; shown once')
    .option('--id <id>', 'public id; made from the owner by default')
    .option('-s, --scope <scope...>', "instead of the owner's scopes")
    .option('-a, --address <block...>', 'addresses or blocks it may be used from')
    .option('-e, --expires <time>', 'how long it is good, for instance 90d', duration)
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysIssue));
  keys
    .command('list')
    .description('list the keys in the state with their last use')
    .option('-o, --owner <id>', 'of one owner only')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysList));
  keys
    .command('rotate <id>')
    .description('create a key that takes the place of another, which stays good for a while')
    .addOption(
      new Option('--overlap <time>', 'how long both are good').default(86_400_000, '1d').argParser(duration),
    )
    .option('-e, --expires <time>', 'how long the new key is good', duration)
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysRotate));
  keys
    .command('revoke <id>')
    .description('refuse a key from now on, everywhere within a second')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysRevoke));
}

export function addTokenCommands(program: Command, { action, config, json }: CommandParts): void {
  const token = program.command('token').description('withdraw tokens that issuers have given out');
  const what = (command: Command): Command =>
    command
      .option('--jti <issuer|jti>', 'one token, for instance corp|4711')
      .option('--subject <issuer|subject>', 'what somebody got so far, for instance corp|ingrid')
      .option('--issuer <name>', 'what an issuer has given out so far')
      .option('--session <issuer|sid>', 'what belongs to a session of the issuer')
      .option(
        '--key <id>',
        'a key of the configuration by its id, or a certificate by its SHA-256 in hexadecimal',
      );
  what(token.command('revoke'))
    .description('refuse tokens from now on, everywhere within a second')
    .option('--all', 'of --subject and --issuer whatever comes later too, and keys and certificates')
    .option('--before <date>', 'only what was issued before; now for --subject and --issuer', date)
    .addOption(
      new Option('--for <time>', 'how long this is remembered: at least as long as such a token lives')
        .default(400 * 86_400_000, '400d')
        .argParser(duration),
    )
    .option('--reason <text>', 'for people')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./token.ts')).runTokenRevoke));
  what(token.command('restore'))
    .description('take a withdrawal back')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./token.ts')).runTokenRestore));
  token
    .command('list')
    .description('list what is withdrawn')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./token.ts')).runTokenList));
}

export function addStateCommands(program: Command, { action, config, json }: CommandParts): void {
  program
    .command('fsck')
    .description('verify the state')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./fsck.ts')).runFsck));
  program
    .command('rotate')
    .description('replace keys of the gate that are due, and report what else is old')
    .option('--force', 'make the next keys now; they sign after ten minutes')
    .addOption(
      new Option(
        '--max-age <time>',
        "age from which API keys and clients' secrets are reported; identity.rotation.max-age by default",
      ).argParser(duration),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./rotate.ts')).runRotate));
}

export function addBanCommands(program: Command, { action, config, json }: CommandParts): void {
  const bans = program.command('bans').description('addresses that are refused for a while');
  bans
    .command('add <block>')
    .description(
      'refuse an address or block from now on, everywhere within a second; an IPv6 address with its /64',
    )
    .addOption(new Option('--for <time>', 'how long').default(3_600_000, '1h').argParser(duration))
    .option('--reason <text>', 'for people and the log')
    .option('--by <name>', 'who bans; the user of the system by default')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./bans.ts')).runBansAdd));
  bans
    .command('remove <block>')
    .description('admit it again')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./bans.ts')).runBansRemove));
  bans
    .command('list')
    .description('list what is banned, with reasons and ends')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./bans.ts')).runBansList));
}
