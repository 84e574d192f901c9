// What inspection wrote into an access log, line by line; lines without it only count.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LoggedExchange, LoggedMatch } from '../../guards/inspect/tuning.ts';
import { CommandError } from '../output.ts';

export interface LoggedLine extends LoggedExchange {
  readonly score: number;
  readonly responseScore: number;
  readonly wasRefused: boolean;
}

export interface LogCounts {
  lines: number;
  unreadable: number;
}

/** Calls `each` for every exchange in which a rule matched. Throws CommandError when the file can not be read. */
export async function readAccessLog(file: string, each: (exchange: LoggedLine) => void): Promise<LogCounts> {
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
function parseLine(line: string): LoggedLine | null | undefined {
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
