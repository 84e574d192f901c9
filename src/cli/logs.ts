// `gatewright logs`: what is in the segments of the access log, whether a gate writes to them or not.
import { loadConfig } from '../config/load.ts';
import {
  followLogs,
  LogError,
  LogKeys,
  type LogQuery,
  noCounts,
  placeHold,
  readChain,
  readHolds,
  releaseHold,
  removedFiles,
  type SegmentSettings,
  searchLogs,
  verifyLogs,
} from '../logs/index.ts';
import { AddressSet } from '../net/index.ts';
import { CommandError, Exit, print, printable, printJson } from './output.ts';
import { moment, table } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

async function settingsOf(options: Options): Promise<SegmentSettings> {
  const file = options['config'] as string;
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  const { to } = config.telemetry.accessLog;
  if (typeof to === 'string' || 'file' in to)
    throw new CommandError(
      `${file} keeps no segments; write "telemetry: { access-log: { to: { segments: ./logs } } }"`,
      Exit.configuration,
    );
  return to.segments;
}

/** Errors of the log and of its folder as errors of the command. */
async function spoken(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LogError) throw new CommandError(printable(error.message));
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== undefined && path !== undefined) throw new CommandError(`${path} can not be read (${code})`);
    throw error;
  }
}

function queryOf(options: Options): LogQuery {
  const query: Record<string, unknown> = {};
  for (const name of ['id', 'trace', 'consumer', 'address', 'api', 'operation', 'status', 'decision', 'code'])
    if (options[name] !== undefined) query[name] = options[name];
  const { address } = query;
  if (typeof address === 'string' && address.includes('/')) {
    delete query['address'];
    query['addresses'] = new AddressSet([address]);
  }
  // As the log has it.
  if (typeof query['trace'] === 'string') query['trace'] = query['trace'].toLowerCase();
  if (options['since'] !== undefined) query['fromMs'] = options['since'];
  if (options['until'] !== undefined) query['untilMs'] = options['until'];
  return query;
}

const keysOf = ({ seal, olderSeals }: SegmentSettings): LogKeys => new LogKeys(seal, olderSeals);

export const runLogsSearch = (options: Options): Promise<number> =>
  spoken(async () => {
    const settings = await settingsOf(options);
    const counts = noCounts();
    const limit = (options['limit'] as number | undefined) ?? Number.POSITIVE_INFINITY;
    const groups = new Map<string, number>();
    const damage: string[] = [];
    const onDamage = options['skipDamage'] === true ? (e: LogError) => damage.push(e.message) : undefined;
    let found = 0;
    for await (const { line, record } of searchLogs(
      settings.folder,
      keysOf(settings),
      queryOf(options),
      counts,
      onDamage,
    )) {
      found++;
      if (options['count'] === true) {
        const group = `${record.status} ${record.decision}`;
        groups.set(group, (groups.get(group) ?? 0) + 1);
      } else print(line);
      if (found >= limit) break;
    }
    const cost = `${counts.segments} segments, ${counts.segmentsPassed} passed over; ${counts.blocks} blocks, ${counts.blocksPassed} passed over; ${counts.lines} lines read`;
    if (options['count'] === true) {
      const rows = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
      if (options['json'] === true)
        printJson({ found, groups: Object.fromEntries(rows), cost: counts, damage });
      else for (const [group, number] of rows) print(`${group}  ${number}`);
    }
    if (options['json'] !== true) process.stderr.write(`${found} found (${cost})\n`);
    for (const problem of damage) process.stderr.write(`DAMAGED ${printable(problem)}\n`);
    return damage.length === 0 ? Exit.ok : Exit.failed;
  });

export const runLogsFollow = (options: Options): Promise<number> =>
  spoken(async () => {
    const settings = await settingsOf(options);
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    for await (const { line } of followLogs(settings.folder, keysOf(settings), queryOf(options), stop.signal))
      print(line);
    return Exit.ok;
  });

export const runLogsList = (options: Options): Promise<number> =>
  spoken(async () => {
    const { folder } = await settingsOf(options);
    const chain = readChain(folder);
    const gone = removedFiles(chain.map(({ link }) => link));
    const segments = chain.flatMap(({ link }) =>
      link.kind === 'sealed' ? link.segments.filter(({ file }) => !gone.has(file)) : [],
    );
    const holds = readHolds(folder);
    if (options['json'] === true) printJson({ folder, head: chain.at(-1)?.sha256 ?? '', segments, holds });
    else {
      const rows = segments.map((s) => [
        s.file,
        moment(s.fromMs),
        moment(s.untilMs),
        String(s.lines),
        String(s.bytes),
        s.sha256.slice(0, 16),
      ]);
      print(table(['segment', 'from', 'until', 'lines', 'bytes', 'sha256'], rows));
      for (const hold of holds)
        print(
          `hold ${hold.name}: ${moment(hold.fromMs)} to ${isForGood(hold.untilMs) ? 'for good' : moment(hold.untilMs)} ${printable(hold.reason)}`,
        );
      print(`head ${chain.at(-1)?.sha256 ?? 'none yet'}`);
    }
    return Exit.ok;
  });

export const runLogsVerify = (options: Options): Promise<number> =>
  spoken(async () => {
    const folder = (options['folder'] as string | undefined) ?? (await settingsOf(options)).folder;
    const report = await verifyLogs(folder, (options['head'] as string | undefined) ?? '');
    const ok = report.problems.length === 0;
    if (options['json'] === true) printJson({ ok, ...report });
    else {
      print(
        `${report.links} links, ${report.segments} segments, ${report.lines} lines, ${report.bytes} bytes; ${report.removed} removed by age, ${report.runs} not packed yet`,
      );
      if (report.lost > 0) print(`${report.lost} lines were dropped because nobody took them in time`);
      if (report.tornBytes > 0) print(`${report.tornBytes} bytes were torn by crashes`);
      for (const { file, what } of report.problems) print(`  PROBLEM ${printable(file)} ${printable(what)}`);
      print(`head ${report.head}`);
      print(ok ? 'No problems.' : `${report.problems.length} problems.`);
    }
    return ok ? Exit.ok : Exit.failed;
  });

/** As late as a date can be. */
const FOR_GOOD_MS = 8_640_000_000_000_000;
const isForGood = (ms: number): boolean => ms >= FOR_GOOD_MS;

export const runLogsHold = (options: Options, name: string): Promise<number> =>
  spoken(async () => {
    const { folder } = await settingsOf(options);
    const hold = {
      name,
      fromMs: options['from'] as number,
      untilMs: (options['until'] as number | undefined) ?? FOR_GOOD_MS,
      reason: (options['reason'] as string | undefined) ?? '',
    };
    placeHold(folder, hold);
    if (options['json'] === true) printJson({ ok: true, hold });
    else print(`Lines from ${moment(hold.fromMs)} on are held.`);
    return Exit.ok;
  });

export const runLogsRelease = (options: Options, name: string): Promise<number> =>
  spoken(async () => {
    const { folder } = await settingsOf(options);
    if (!releaseHold(folder, name)) throw new CommandError(`there is no hold ${printable(name)}`);
    if (options['json'] === true) printJson({ ok: true });
    else print('Released: the next look at retention may remove what it held.');
    return Exit.ok;
  });
