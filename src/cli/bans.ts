// `gatewright bans`: addresses that are refused for a while, on all gates within a second.
import { userInfo } from 'node:os';
import { BanError, type BanKeeper } from '../admission/index.ts';
import { withBans } from '../app/ban-access.ts';
import { loadConfig } from '../app/load-config.ts';
import { StateError } from '../stores/index.ts';
import { CommandError, Exit, print, printable, printJson } from './output.ts';
import { moment, table } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

async function run(options: Options, work: (bans: BanKeeper) => Promise<number>): Promise<number> {
  const { config, diagnostics } = await loadConfig(options['config'] as string, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  try {
    return await withBans(config, work);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof BanError) throw new CommandError(error.message, Exit.usage);
    if (error instanceof StateError || error instanceof Error) throw new CommandError(error.message);
    throw error;
  }
}

export const runBansAdd = (options: Options, block: string): Promise<number> =>
  run(options, async (bans) => {
    const ban = await bans.add({
      block,
      reason: (options['reason'] as string | undefined) ?? '',
      by: (options['by'] as string | undefined) ?? userInfo().username,
      forMs: options['for'] as number,
    });
    if (options['json'] === true) printJson(ban);
    else print(`${ban.block} is banned until ${moment(ban.untilMs)}.`);
    return Exit.ok;
  });

export const runBansRemove = (options: Options, block: string): Promise<number> =>
  run(options, async (bans) => {
    if (!(await bans.remove(block))) throw new CommandError(`${printable(block)} is not banned`);
    if (options['json'] === true) printJson({ block, removed: true });
    else print(`${block} is admitted again.`);
    return Exit.ok;
  });

export const runBansList = (options: Options): Promise<number> =>
  run(options, async (bans) => {
    const found = [...bans.list()].sort((a, b) => a.untilMs - b.untilMs);
    if (options['json'] === true) printJson(found);
    else if (found.length === 0) print('Nobody is banned.');
    else
      print(
        table(
          ['BLOCK', 'UNTIL', 'BY', 'REASON'],
          found.map(({ block, untilMs, by, reason }) => [
            block,
            moment(untilMs),
            printable(by),
            printable(reason),
          ]),
        ),
      );
    return Exit.ok;
  });
