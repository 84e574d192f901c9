// The command line. Each command is loaded when it is called, so that `--help` answers at once.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { version } from '../app/version.ts';
import { addAuditCommands } from './audit/commands.ts';
import { addConsoleCommands } from './console/commands.ts';
import { addContractCommands } from './contract/commands.ts';
import {
  addBanCommands,
  addKeyCommands,
  addPrincipalCommands,
  addStateCommands,
  addTokenCommands,
} from './identity-commands.ts';
import { addIncidentCommands } from './incident-commands.ts';
import { addIntelCommands } from './intel-commands.ts';
import { addLogCommands } from './logs-commands.ts';
import { addOAuthCommands } from './oauth-commands.ts';
import { Exit, reportError } from './output.ts';
import { addPolicyCommands } from './policy/commands.ts';
import { addRemoteCommands } from './remote/commands.ts';
import { addCaCommands, addServiceCommands } from './services/commands.ts';
import { addBackupCommands, addSecretCommands, addVaultCommands } from './vault/commands.ts';
import { addWafCommands } from './waf/commands.ts';

const defaultFile = 'gatewright.yaml';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};

const portNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('It must be a port.');
  return value;
};

type Options = Readonly<Record<string, unknown>>;

/** Runs `load()`'s function; its result is the exit code. */
function action(load: () => Promise<(options: Options, ...args: string[]) => Promise<number>>) {
  return async (...received: unknown[]): Promise<void> => {
    const command = received.at(-1) as Command;
    const options = command.optsWithGlobals<Options>();
    const args = received.slice(0, -2) as string[];
    try {
      process.exitCode = await (await load())(options, ...args);
      if (process.exitCode === Exit.ok) await record(command, options, args);
    } catch (error) {
      process.exitCode = reportError(error, options['json'] === true);
    }
  };
}

/** Changes of what is kept go into the audit trail. */
async function record(command: Command, options: Options, args: readonly string[]): Promise<void> {
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent != null; at = at.parent) words.unshift(at.name());
  const { recordAct } = await import('./audit/record.ts');
  const problem = await recordAct(words, options, args);
  if (problem === '') return;
  process.stderr.write(`gatewright: ${problem}\n`);
  process.exitCode = Exit.failed;
}

/** The whole command tree; the reference in docs is generated from it. */
export function buildProgram(): Command {
  const program = new Command('gatewright')
    .description('A secure gateway in front of your APIs.')
    .version(version)
    .showHelpAfterError('(add --help for what is possible)')
    .configureHelp({ sortSubcommands: false })
    .exitOverride();
  const config = () => new Option('-c, --config <file>', 'configuration file or folder').default(defaultFile);
  const json = () => new Option('--json', 'machine-readable output');

  program
    .command('init <contract>')
    .description('write a gatewright.yaml for an OpenAPI document, secure by default')
    .requiredOption('-u, --upstream <url>', 'where the API runs, for instance http://localhost:3000')
    .option('-o, --out <file>', 'file to write', defaultFile)
    .option('-p, --port <port>', 'port of the gate', portNumber, 8080)
    .option('-f, --force', 'replace the file when it exists')
    .addOption(json())
    .action(action(async () => (await import('./init.ts')).runInit));
  program
    .command('start')
    .description('run the gate')
    .addOption(config())
    .option('-w, --workers <count>', 'data-plane threads, instead of the configured number', count)
    .option('--no-watch', 'do not reload when files of the configuration change')
    .addOption(json())
    .action(action(async () => (await import('./start.ts')).runStart));
  program
    .command('check')
    .description('check the configuration and show who may call what')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./check.ts')).runCheck));
  const keys = program.command('keys').description('API keys');
  keys
    .command('create <id>')
    .description('create a key: prints it once, and the YAML to paste')
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysCreate));
  keys
    .command('hash')
    .description('hash a key read from standard input')
    .addOption(json())
    .action(action(async () => (await import('./keys.ts')).runKeysHash));
  const parts = { action, config, json };
  addKeyCommands(keys, parts);
  addPrincipalCommands(program, parts);
  addConsoleCommands(program, parts);
  addRemoteCommands(program, parts);
  addServiceCommands(program, parts);
  addCaCommands(program, parts);
  addTokenCommands(program, parts);
  addBanCommands(program, parts);
  addOAuthCommands(program, parts);
  addStateCommands(program, parts);
  addVaultCommands(program, parts);
  addSecretCommands(program, parts);
  addBackupCommands(program, parts);
  addContractCommands(program, parts);
  addIntelCommands(program, parts);
  addIncidentCommands(program, parts);
  addLogCommands(program, parts);
  addWafCommands(program, parts);
  addAuditCommands(program, config, json, action);
  addPolicyCommands(program, parts);
  program
    .command('demo')
    .description('run a sample API behind the gate')
    .option('-p, --port <port>', 'port of the gate', portNumber, 8080)
    .option('--traffic', 'send traffic of good clients and attackers')
    .addOption(json())
    .action(action(async () => (await import('./demo.ts')).runDemoCommand));
  program
    .command('completion <shell>')
    .description('print completion for bash, zsh or fish')
    .action(
      action(async () => {
        const { runCompletion } = await import('./completion.ts');
        return async (_options, shell) => runCompletion(program, shell ?? '');
      }),
    );
  return program;
}

/** Runs the command line; sets the exit code of the process. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `gatewright check | head`: nobody reads on. A running gate outlives whoever read its output.
    if (error.code === 'EPIPE' && args[0] !== 'start') process.exit(Exit.ok);
  });
  const program = buildProgram();
  try {
    await program.parseAsync(args as string[], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? Exit.ok : Exit.usage;
  }
}
