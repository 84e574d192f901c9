// `gatewright intel …`: what the feeds of the configuration say. Reading what was fetched needs no gate, and disturbs none.
import { loadConfig } from '../app/load-config.ts';
import { Intel, IntelError, plainValue } from '../intel/index.ts';
import { CommandError, Exit, print, printable, printJson } from './output.ts';

type Options = Readonly<Record<string, unknown>>;

async function intelOf(options: Options): Promise<Intel> {
  const file = options['config'] as string;
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  if (config.intel === null)
    throw new CommandError(`${file} names no threat intelligence: add "intel"`, Exit.configuration);
  const intel = new Intel({ config: { ...config.intel, sightings: null }, onProblem: () => {} });
  await intel.load();
  return intel;
}

const moment = (ms: number): string => (ms === 0 ? 'never' : new Date(ms).toISOString());

export async function runIntelStatus(options: Options): Promise<number> {
  const intel = await intelOf(options);
  const feeds = intel.feeds.map(({ config, size, counts }) => ({
    name: config.name,
    kind: config.source.kind,
    indicators: size,
    read: moment(counts.readMs),
  }));
  if (options['json'] === true) printJson({ ok: true, feeds, values: intel.table.size });
  else {
    for (const { name, kind, indicators, read } of feeds)
      print(
        `${name.padEnd(20)} ${kind.padEnd(6)} ${String(indicators).padStart(8)} indicators, read ${read}`,
      );
    print(`${intel.table.size} values are looked for.`);
  }
  return Exit.ok;
}

export async function runIntelLookup(options: Options, text: string): Promise<number> {
  const intel = await intelOf(options);
  const value = plainValue(text) ?? { kind: 'user-agent' as const, value: text };
  const observed = { address: '', host: '', url: '', userAgent: '' };
  const member = { address: 'address', domain: 'host', url: 'url', 'user-agent': 'userAgent' } as const;
  const matches = intel.match({ ...observed, [member[value.kind]]: value.value });
  if (options['json'] === true) printJson({ ok: true, ...value, matches });
  else {
    for (const { feed, indicator, name, confidence } of matches)
      print(printable(`${feed}  ${indicator}  confidence ${confidence}  ${name}`));
    print(
      matches.length === 0
        ? `No feed knows the ${value.kind} ${printable(text)}.`
        : `${matches.length} know it.`,
    );
  }
  return Exit.ok;
}

export async function runIntelFetch(options: Options): Promise<number> {
  const intel = await intelOf(options);
  const results: { name: string; indicators: number; foreign: number; broken: number; problem: string }[] =
    [];
  for (const feed of intel.feeds) {
    let problem = '';
    try {
      await feed.read();
    } catch (error) {
      if (!(error instanceof IntelError)) throw error;
      problem = error.message;
    }
    const { foreign, broken } = feed.counts;
    results.push({ name: feed.config.name, indicators: feed.size, foreign, broken, problem });
  }
  const isFine = results.every(({ problem }) => problem === '');
  if (options['json'] === true) printJson({ ok: isFine, feeds: results });
  else
    for (const { name, indicators, foreign, broken, problem } of results)
      print(
        `${name.padEnd(20)} ${problem === '' ? `${indicators} indicators; ${foreign} of other things, ${broken} not well-formed` : printable(problem)}`,
      );
  return isFine ? Exit.ok : Exit.failed;
}
