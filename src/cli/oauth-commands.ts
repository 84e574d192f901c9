// What the authorization server adds to `gatewright users` and `clients`.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../core/index.ts';
import { authMethods } from '../oauth/contract.ts';
import type { CommandParts } from './identity-commands.ts';

const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 30m, 24h or 90d.');
  return ms;
};

const keySet = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    throw new InvalidArgumentError(`It can not be read (${(error as Error).message}).`);
  }
};

/** Commander hands over what the option has gathered so far. */
const certificate = (file: string, before: readonly string[] = []): readonly string[] => {
  try {
    return [...before, new X509Certificate(readFileSync(file)).raw.toString('base64')];
  } catch (error) {
    throw new InvalidArgumentError(`It can not be read (${(error as Error).message}).`);
  }
};

/** Short names of grants; the long ones are taken as well. */
const grants = ['authorization_code', 'refresh_token', 'client_credentials', 'device_code', 'token-exchange'];

const groupOf = (program: Command, name: string): Command =>
  program.commands.find((command) => command.name() === name)!;

export function addOAuthCommands(program: Command, { action, config, json }: CommandParts): void {
  const users = groupOf(program, 'users');
  users
    .command('password <id>')
    .description('set the password that a user signs in with; made and shown once by default')
    .option('--stdin', 'read it from standard input')
    .option('--once', 'good for one login within a week, at which its user chooses another')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserPassword));
  users
    .command('totp <id>')
    .description('add an authenticator app; its key is shown once')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserTotp));
  users
    .command('recovery <id>')
    .description('make recovery codes in the place of those before; shown once')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserRecovery));
  users
    .command('credentials <id>')
    .description('list the ways in which a user signs in')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserCredentials));
  users
    .command('forget <id> <credential>')
    .description('remove one of the ways in which a user signs in')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserForget));
  users
    .command('link <id> <provider> <subject>')
    .description('let somebody of another provider sign in as this user')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runUserLink));

  const clients = groupOf(program, 'clients');
  clients
    .command('oauth <id>')
    .description('set how a client or service uses the authorization server; a first secret is shown once')
    .option('--grant <grant...>', `of ${grants.join(', ')}`, ['client_credentials'])
    .option('--redirect-uri <uri...>', 'where answers to authorization requests may go, exactly')
    .option('--post-logout-redirect-uri <uri...>', 'where people may be sent after signing out')
    .addOption(
      new Option('--auth <method>', 'how it authenticates')
        .choices(authMethods)
        .default('client_secret_basic'),
    )
    .option('--jwks <file>', 'its public keys for private_key_jwt', keySet)
    .option('--jwks-uri <url>', 'where its public keys are, for private_key_jwt')
    .option('--certificate-name <name>', 'for tls_client_auth: dns:…, uri:…, email:… or subject:…')
    .option('--certificate <file...>', 'for self_signed_tls_client_auth: its certificates, PEM', certificate)
    .option('--tls-bound', 'all its access tokens are bound to its certificate')
    .option('--resource <uri...>', 'APIs that it may ask tokens for; all by default')
    .option('--exchange-from <uri...>', 'token exchange: audiences of the tokens that it may bring')
    .option('--exchange-to <uri...>', 'token exchange: audiences of the tokens that it gets for them')
    .option('--introspects', 'may ask about tokens of others')
    .option('--dpop', 'all its tokens are bound to a key')
    .option('--no-consent', 'people are not asked; for programs of the house only')
    .option('--backchannel-logout-uri <url>', 'is told when somebody signs out')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runClientOAuth));
  clients
    .command('invite')
    .description('make a token that one program registers itself with, once; shown once')
    .option('-s, --scope <scope...>', 'scopes that it may have')
    .option('--grant <grant...>', `of ${grants.slice(0, 4).join(', ')}`, [
      'authorization_code',
      'refresh_token',
    ])
    .option('--resource <uri...>', 'APIs that it may ask tokens for; all by default')
    .addOption(
      new Option('--expires <time>', 'how long the token is good')
        .default(86_400_000, '1d')
        .argParser(duration),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runClientInvite));
  clients
    .command('secret <id>')
    .description('make a new secret beside the old one, which stays good for a while; shown once')
    .addOption(
      new Option('--overlap <time>', 'how long both are good').default(86_400_000, '1d').argParser(duration),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./oauth.ts')).runClientSecret));
}
