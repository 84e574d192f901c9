// The commands of inspection, as the command line knows them.
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandParts } from '../identity-commands.ts';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};

const collect = (value: string, before: string[]): string[] => [...before, value];

export function addWafCommands(program: Command, { action, config, json }: CommandParts): void {
  const waf = program.command('waf').description('inspection by rules');
  waf
    .command('test [file]')
    .description(
      'show which rules match a request, on what, and what would happen to it; the request is a file with a raw HTTP message (- for standard input), a curl line, or --url with its parts',
    )
    .option('--curl <line>', 'the request as a curl command line')
    .option('--url <url>', 'the request by its URL or path')
    .option('-X, --request <method>', 'with --url: method')
    .option('-H, --header <line>', 'with --url: a header; may be repeated', collect, [])
    .option('-d, --data <body>', 'with --url: body')
    .addOption(config())
    .option('-r, --rules <list>', 'rules instead of a configuration, separated by commas: builtin, or paths')
    .option('-p, --paranoia <level>', 'with --rules: paranoia level', count)
    .addOption(json())
    .action(action(async () => (await import('./test.ts')).runWafTest));
  waf
    .command('tune <log>')
    .description('propose the narrowest exclusions for what an access log shows, as YAML')
    .option('--min-matches <count>', 'propose only what matched at least so often', count, 2)
    .option('--min-clients <count>', 'propose only what at least so many clients caused', count, 2)
    .addOption(json())
    .action(action(async () => (await import('./tune.ts')).runWafTune));
  waf
    .command('report <log>')
    .description('sum up what inspection refused, or in detection mode would have refused, in an access log')
    .addOption(json())
    .action(action(async () => (await import('./tune.ts')).runWafReport));
  waf
    .command('install-crs <release>')
    .description('fetch a release of the OWASP Core Rule Set by version or URL and check its SHA-256')
    .requiredOption('--sha256 <digest>', 'SHA-256 of the archive, from a source that you trust')
    .option('-o, --out <folder>', 'where to unpack it', 'crs')
    .option('-f, --force', 'replace the folder when it exists')
    .addOption(json())
    .action(action(async () => (await import('./install.ts')).runInstallCrs));
}
