// What inspection wrote into an access log, line by line; lines without it only count.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { CommandError } from '../output.ts';

export interface LoggedMatch {
  readonly rule: number;
  readonly message: string;
  readonly variables: readonly { readonly name: string; readonly value: string }[];
}

export interface LoggedExchange {
  readonly time: string;
  readonly api: string;
  readonly operation: string;
  /** Consumer where there is one, else the address. */
  readonly client: string;
  readonly score: number;
  readonly responseScore: number;
  /** Code of a refusal by inspection, done or, in detection mode, not done. */
  readonly refusal: string;
  readonly wasRefused: boolean;
  readonly matches: readonly LoggedMatch[];
}

export interface LogCounts {
  lines: number;
  unreadable: number;
}

/** Calls `each` for every exchange in which a rule matched. Throws CommandError when the file can not be read. */
export async function readAccessLog(
  file: string,
  each: (exchange: LoggedExchange) => void,
): Promise<LogCounts> {
  const counts: LogCounts = { lines: 0, unreadable: 0 };
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue;
      counts.lines++;
      const exchange = parseLine(line);
      if (exchange === undefined) counts.unreadable++;
      else if (exchange !== null) each(exchange);
    }
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return counts;
}

/** Null: nothing matched; undefined: no line of an access log. */
function parseLine(line: string): LoggedExchange | null | undefined {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null || typeof entry['id'] !== 'string') return undefined;
  if (!Array.isArray(entry['matches'])) return null;
  const text = (key: string): string => (typeof entry[key] === 'string' ? (entry[key] as string) : '');
  const number = (key: string): number => (typeof entry[key] === 'number' ? (entry[key] as number) : 0);
  const wasRefused = entry['guard'] === 'inspect' && entry['decision'] === 'refused';
  return {
    time: text('time'),
    api: text('api'),
    operation: text('operation'),
    client: text('consumer') || text('client_address'),
    score: number('score'),
    responseScore: number('response_score'),
    refusal: wasRefused ? text('code') : text('would_refuse'),
    wasRefused,
    matches: (entry['matches'] as Record<string, unknown>[]).map(parseMatch),
  };
}

function parseMatch(entry: Record<string, unknown>): LoggedMatch {
  const variables = Array.isArray(entry['variables'])
    ? (entry['variables'] as Record<string, unknown>[])
    : [];
  return {
    rule: Number(entry['rule']),
    message: String(entry['message'] ?? ''),
    variables: variables.map(({ name, value }) => ({ name: String(name), value: String(value ?? '') })),
  };
}

/** Rules that only add up what others found match on scores. */
export const isEvaluation = (match: LoggedMatch): boolean =>
  match.variables.length === 0 || match.variables.every(({ name }) => /^TX(?::|$)/i.test(name));
