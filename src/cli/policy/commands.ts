// The commands of policies, as the command line knows them.
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandParts } from '../identity-commands.ts';
import { instant } from '../logs-commands.ts';

const principals = 'YAML with scopes and claims by consumer, which the log does not hold';

const riskValue = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 100)
    throw new InvalidArgumentError('It must be a whole number from 0 to 100.');
  return value;
};

export function addPolicyCommands(program: Command, { action, config, json }: CommandParts): void {
  const group = program.command('policy').description('who may do what, and why');
  group
    .command('check')
    .description('check policies and roles: errors, policies that decide nothing, roles that open everything')
    .option('--strict', 'warnings fail the command, too')
    .option(
      '--log [file]',
      'also roles whose rights nobody used, by an access log or segments; those of the gate by default',
    )
    .option('--since <time>', 'from when on the log counts: RFC 3339, or 90d (default)', instant)
    .option('--principals <file>', principals)
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./check.ts')).runPolicyCheck));
  group
    .command('explain <operation>')
    .description('say what every rule and policy makes of a request')
    .option('--api <name>', 'API of the operation, where several have one of this name')
    .option('-u, --user <id>', 'a user, as issuer|subject')
    .option('--client <name>', 'a consumer with an API key')
    .option('--service <name>', 'a consumer with a certificate')
    .option('-s, --scope <scope...>', 'scopes, instead of those that the configuration or the claims say')
    .option('--claims <json>', 'claims of the token, or @file')
    .option('-p, --parameter <name=value...>', 'path and query parameters')
    .option('--body <json>', 'JSON body, or @file')
    .option('--address <address>', "the caller's address")
    .option('--agent <text>', 'User-Agent')
    .option('--last-address <address>', 'where the caller was seen before')
    .option('--last-country <code>', 'the same, instead of what the databases say')
    .option('--last-agent <text>', 'User-Agent that it was seen with')
    .option('--last-seen <duration>', 'how long ago, for instance 10m')
    .option('--country <code>', 'instead of what the databases of places say of the address')
    .option('--asn <number>', 'the same for the autonomous system', Number)
    .option('--risk <number>', 'instead of what the configuration adds up', riskValue)
    .option('--relations <json>', 'owners by relation and object, or @file: no service is asked')
    .option('--time <time>', 'RFC 3339, instead of now')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./explain.ts')).runPolicyExplain));
  group
    .command('test [files...]')
    .description('run tests of policies: by default *.test.yaml beside the configuration and the policies')
    .addOption(config())
    .addOption(json())
    .action(
      action(async () => {
        const { runPolicyTest } = await import('./test.ts');
        return (options, ...files) => runPolicyTest(options, files.flat());
      }),
    );
  group
    .command('simulate [log]')
    .description(
      "judge recorded requests by another configuration, and say what changes: a file, a folder of segments, or the gate's own log",
    )
    .requiredOption('--against <file>', 'the proposed configuration')
    .option('--principals <file>', principals)
    .option('--bodies <file>', 'JSON lines with the body of requests by id, which the log does not hold')
    .option('--since <time>', 'from when on: RFC 3339, or 24h', instant)
    .option('--until <time>', 'until when: RFC 3339, or 5m', instant)
    .option('--fail', 'fail when a request would be decided differently')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./simulate.ts')).runPolicySimulate));
  group
    .command('review')
    .description('who can call what: every operation with the roles and callers that may use it')
    .option(
      '--log [file]',
      'also who did, and when last, by an access log or segments; those of the gate by default',
    )
    .option('--since <time>', 'from when on the log counts: RFC 3339, or 90d', instant)
    .option('--principals <file>', principals)
    .option('--csv', 'as a table for spreadsheets')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./review.ts')).runPolicyReview));
  group
    .command('schema')
    .description('print the Cedar schema that policies are checked against')
    .option('--api <name>', 'of one API only')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./check.ts')).runPolicySchema));
}
