// The commands of the internal authority and of service identities, as the command line knows them.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../core/index.ts';
import type { CommandParts } from '../identity-commands.ts';

const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a time such as 30m, 24h or 90d.');
  return ms;
};

const DAY_MS = 86_400_000;

export function addCaCommands(program: Command, { action, config, json }: CommandParts): void {
  const ca = program.command('ca').description('the authority that gives services their certificates');
  const rootKey = (command: Command): Command =>
    command
      .option('--root-key <file>', "file of the root's key, kept away from the gate")
      .option('--passphrase-file <file>', 'its passphrase; GATEWRIGHT_ROOT_PASSPHRASE by default');
  const issuingLife = () =>
    new Option('--issuing-life <time>', 'life of the issuing authority')
      .default(90 * DAY_MS, '90d')
      .argParser(duration);
  rootKey(ca.command('init'))
    .description('make the root and the first issuing authority; the key of the root goes into a file')
    .option(
      '--root-in-state',
      'keep the key of the root in the state, sealed: issuing authorities then rotate by themselves',
    )
    .addOption(issuingLife())
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaInit));
  rootKey(ca.command('rotate'))
    .description('make the next issuing authority, below the root there is or below a new one')
    .option(
      '--new-root <file>',
      'make a new root, with its key in this file; the old one is trusted until it ends',
    )
    .option('--root-in-state', 'keep the key of the new root in the state')
    .addOption(issuingLife())
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaRotate));
  ca.command('list')
    .description('list roots and issuing authorities with their ends')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaList));
  ca.command('export')
    .description('print what others need to verify certificates of the services')
    .addOption(
      new Option('-f, --format <format>', 'PEM certificates, a SPIFFE bundle, or revocation lists')
        .choices(['pem', 'bundle', 'crl'])
        .default('pem'),
    )
    .addOption(config())
    .action(action(async () => (await import('./ca.ts')).runCaExport));
  ca.command('request')
    .description('print a request for an issuing authority, to be signed where the key of the root is')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaRequest));
  ca.command('sign <request>')
    .description('sign a request with the key of the root; needs no configuration and no state')
    .requiredOption('--root-key <file>', "file of the root's key")
    .option('--passphrase-file <file>', 'its passphrase; GATEWRIGHT_ROOT_PASSPHRASE by default')
    .addOption(issuingLife())
    .action(action(async () => (await import('./ca-request.ts')).runCaSign));
  ca.command('install <certificate>')
    .description('put the signed certificate of a request to use')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaInstall));
  ca.command('revoke <id>')
    .description('withdraw an issuing authority or root, and all that it has signed')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./ca.ts')).runCaRevoke));
}

/** Adds to `gatewright services` what services can do beside other callers. */
export function addServiceCommands(program: Command, { action, config, json }: CommandParts): void {
  const services = program.commands.find((command) => command.name() === 'services')!;
  services
    .command('join <id>')
    .description('make a one-time token with which the service gets its first certificate')
    .addOption(
      new Option('-e, --expires <time>', 'how long it is good, at most 7d')
        .default(600_000, '10m')
        .argParser(duration),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesJoin));
  services
    .command('tokens')
    .description('list join tokens that nobody has used yet')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesTokens));
  services
    .command('certificates [id]')
    .description('list certificates that were issued, and when they end')
    .option('--all', 'also those that have ended')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesCertificates));
  services
    .command('issue <id>')
    .description('issue a certificate and its key into two files')
    .requiredOption(
      '-o, --out <folder>',
      'folder for svid.pem, svid.key and bundle.pem; it must not hold them yet',
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesIssue));
  services
    .command('revoke <serial>')
    .description('withdraw a certificate, everywhere within a second')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesRevoke));
  services
    .command('shared')
    .description('report credentials that several callers use, or that come from several addresses')
    .addOption(
      new Option('--since <time>', 'how far to look back').default(30 * DAY_MS, '30d').argParser(duration),
    )
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./services.ts')).runServicesShared));
  for (const name of ['services', 'clients', 'users']) {
    const group = program.commands.find((command) => command.name() === name)!;
    group
      .command('bind <id> [identity]')
      .description('let a name in certificates stand for it, or list such names')
      .addHelpText(
        'after',
        '\nIdentities: spiffe:ID, dns:NAME, uri:URI, email:ADDRESS, sha256:FINGERPRINT' +
          ', subject:NAME as the access log shows it, kubernetes:CLUSTER/NAMESPACE/ACCOUNT for services.',
      )
      .addOption(config())
      .addOption(json())
      .action(action(async () => (await import('./bindings.ts')).runBind));
    group
      .command('unbind <identity>')
      .description('let a name stand for nobody')
      .addOption(config())
      .addOption(json())
      .action(action(async () => (await import('./bindings.ts')).runUnbind));
  }
}
