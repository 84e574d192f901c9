// The commands of the access log in segments, as the command line knows them.
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../core/index.ts';
import { parseCidr } from '../net/index.ts';
import type { CommandParts } from './identity-commands.ts';

/** RFC 3339, or `2h` for so long ago; ms since the epoch. */
export function instant(text: string): number {
  const agoMs = parseDuration(text);
  if (agoMs !== null) return Date.now() - agoMs;
  const ms = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError(
      'It must be a time such as 2026-11-25T07:00:00Z, or 2h for two hours ago.',
    );
  return ms;
}

const status = (text: string): string => {
  if (!/^[1-5](?:\d\d|xx)$/.test(text))
    throw new InvalidArgumentError('It must be a status such as 403 or 4xx.');
  return text;
};

const address = (text: string): string => {
  if (text.includes('/') && parseCidr(text) === null)
    throw new InvalidArgumentError('It must be an address, or a block without bits beyond its prefix.');
  return text;
};

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
};

const sha256 = (text: string): string => {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('It must be a SHA-256 in hexadecimal.');
  return text;
};

export function addLogCommands(program: Command, { action, config, json }: CommandParts): void {
  const group = program.command('logs').description('the access log in segments: search, follow, verify');
  const filters = (command: Command): Command =>
    command
      .option('--id <id>', 'the id in a problem document')
      .option('--trace <id>', 'trace id')
      .option('--consumer <name>', 'consumer, or issuer|subject')
      .option('--address <address>', "the client's address, or a block such as 203.0.113.0/24", address)
      .option('--api <name>', 'API')
      .option('--operation <id>', 'operation')
      .option('--status <status>', 'status, or 4xx', status)
      .option('--decision <decision>', 'allowed, refused, failed or answered')
      .option('--code <code>', 'code of a refusal or failure');
  filters(group.command('search').description('print lines that match, oldest first, as JSON lines'))
    .option('--since <time>', 'RFC 3339, or 2h for two hours ago', instant)
    .option('--until <time>', 'RFC 3339, or 5m for five minutes ago', instant)
    .option('--limit <count>', 'stop after so many', count)
    .option('--count', 'print how many there are, by status and decision')
    .option('--skip-damage', 'go on where something can not be read, and fail at the end')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./logs.ts')).runLogsSearch));
  filters(group.command('follow').description('print lines that match as they are written'))
    .addOption(config())
    .action(action(async () => (await import('./logs.ts')).runLogsFollow));
  group
    .command('list')
    .description('list segments, with times, lines and hashes')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./logs.ts')).runLogsList));
  group
    .command('verify')
    .description('check the chain and every segment; needs no key')
    .option(
      '--head <sha256>',
      'hash of a link that must be in the chain, noted earlier or kept elsewhere',
      sha256,
    )
    .option('--folder <folder>', 'folder of the segments, instead of the one in the configuration')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./logs.ts')).runLogsVerify));
  group
    .command('hold <name>')
    .description('keep lines of a time beyond their retention')
    .requiredOption('--from <time>', 'RFC 3339, or 30d for thirty days ago', instant)
    .option('--until <time>', 'RFC 3339; without it, for good', instant)
    .option('--reason <text>', 'why')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./logs.ts')).runLogsHold));
  group
    .command('release <name>')
    .description('end a hold')
    .addOption(config())
    .addOption(json())
    .action(action(async () => (await import('./logs.ts')).runLogsRelease));
}
