// Recorded traffic for the policy commands: lines of an access log, from a file, from standard input, or from the segments
// that a configuration keeps, and what else is known of requests and callers.
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { GateConfig } from '../../config/load.ts';
import { YamlText } from '../../core/yaml-text.ts';
import { LogError, LogKeys, searchLogs } from '../../logs/index.ts';
import { type ExchangeRecord, parseRecord } from '../../telemetry/index.ts';
import { CommandError, Exit } from '../output.ts';

/** A line of the access log; null for one that is none. */
export type RecordedLine = ExchangeRecord | null;

export interface Window {
  /** ms since the epoch. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/**
 * Lines of `log`, or of the access log that `config` says where none is named: a file, `-` for standard input, or a folder of
 * segments. Throws CommandError for what can not be read.
 */
export async function* recordedLines(
  log: string | undefined,
  config: GateConfig,
  window: Window,
): AsyncGenerator<RecordedLine> {
  const { to } = config.telemetry.accessLog;
  const segments = typeof to === 'object' && 'segments' in to ? to.segments : null;
  const source = log ?? segments?.folder ?? (typeof to === 'object' && 'file' in to ? to.file : undefined);
  if (source === undefined)
    throw new CommandError(`${config.file} keeps no access log: name one`, Exit.usage);
  if (source !== '-' && isFolder(source)) {
    const keys = segments === null ? [] : [segments.seal, segments.olderSeals];
    yield* segmentLines(source, keys as ConstructorParameters<typeof LogKeys>, window);
    return;
  }
  const { fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = window;
  for await (const text of textLines(source)) {
    if (text === '') continue;
    const record = parseRecord(text);
    if (record !== null) {
      const atMs = Date.parse(record.time);
      if (atMs < fromMs || atMs > untilMs) continue;
    }
    yield record;
  }
}

async function* segmentLines(
  folder: string,
  keys: ConstructorParameters<typeof LogKeys>,
  { fromMs, untilMs }: Window,
): AsyncGenerator<RecordedLine> {
  const query = {
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
  try {
    for await (const { record } of searchLogs(folder, new LogKeys(...keys), query)) yield record;
  } catch (error) {
    if (error instanceof LogError) throw new CommandError(error.message);
    throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

async function* textLines(source: string): AsyncGenerator<string> {
  const input = source === '-' ? process.stdin : createReadStream(source);
  if (input !== process.stdin)
    await new Promise<void>((resolve, reject) => {
      input.once('open', () => resolve());
      input.once('error', (error: NodeJS.ErrnoException) =>
        reject(new CommandError(`${source} can not be read (${error.code})`, Exit.usage)),
      );
    });
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

const principalsSchema = z.record(
  z.string(),
  z.strictObject({
    scopes: z.array(z.string()).optional(),
    claims: z.record(z.string(), z.unknown()).default({}),
  }),
);

/** Scopes and claims by consumer, which the log does not hold. */
export type Known = z.output<typeof principalsSchema>;

export function readPrincipals(file: unknown): Known {
  if (typeof file !== 'string') return {};
  const yaml = new YamlText(readText(file));
  const parsed = principalsSchema.safeParse(yaml.problems.length > 0 ? null : yaml.toJS(0));
  if (!parsed.success)
    throw new CommandError(`${file} is no map of consumers with scopes and claims`, Exit.usage);
  return parsed.data;
}

const bodySchema = z.object({ id: z.string(), body: z.unknown() });

/** JSON bodies by the id of their request: lines of `{ "id": …, "body": … }`. */
export function readBodies(file: unknown): ReadonlyMap<string, unknown> {
  const bodies = new Map<string, unknown>();
  if (typeof file !== 'string') return bodies;
  for (const [index, line] of readText(file).split('\n').entries()) {
    if (line.trim() === '') continue;
    let parsed: z.ZodSafeParseResult<z.output<typeof bodySchema>> | null = null;
    try {
      parsed = bodySchema.safeParse(JSON.parse(line));
    } catch {}
    if (parsed?.success !== true)
      throw new CommandError(`${file}:${index + 1} is no {"id": …, "body": …}`, Exit.usage);
    bodies.set(parsed.data.id, parsed.data.body);
  }
  return bodies;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
}
