// `gatewright audit …`: what the trail of the configuration says. Reading needs no gate, and disturbs none.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../app/load-config.ts';
import {
  AuditError,
  type EntryFilter,
  leaveInInbox,
  type NumberedEntry,
  TrailReader,
  verifyTrail,
} from '../../audit/index.ts';
import type { GateConfig } from '../../config/index.ts';
import { verifierText } from '../../merkle/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';

type Options = Readonly<Record<string, unknown>>;
type Audit = NonNullable<GateConfig['audit']>;

async function auditOf(options: Options): Promise<Audit> {
  const file = options['config'] as string;
  const { config, diagnostics } = await loadConfig(file, process.env);
  if (config === null)
    throw new CommandError('the configuration has errors', Exit.configuration, diagnostics);
  if (config.audit === null)
    throw new CommandError(
      `${file} names no audit trail; add a line such as "audit: { folder: ./audit }"`,
      Exit.configuration,
    );
  return config.audit;
}

async function withReader(
  options: Options,
  work: (reader: TrailReader, audit: Audit) => number,
): Promise<number> {
  const audit = await auditOf(options);
  try {
    return work(new TrailReader(audit.folder, audit.origin, audit.secret), audit);
  } catch (error) {
    if (error instanceof AuditError || error instanceof RangeError) throw new CommandError(error.message);
    throw error;
  }
}

const keyOf = (reader: TrailReader, audit: Audit): string =>
  verifierText(reader.keys.signer(audit.origin, false));

export async function runAuditVerify(options: Options): Promise<number> {
  const audit = await auditOf(options);
  const kept = ((options['against'] as string[] | undefined) ?? []).map((file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw new CommandError(
        `${file} can not be read (${(error as NodeJS.ErrnoException).code})`,
        Exit.usage,
      );
    }
  });
  let key: string;
  try {
    key = keyOf(new TrailReader(audit.folder, audit.origin, audit.secret), audit);
  } catch (error) {
    if (error instanceof AuditError) throw new CommandError(error.message);
    throw error;
  }
  const { origin, size, root, damages } = verifyTrail(audit.folder, key, kept);
  if (options['json'] === true) printJson({ ok: damages.length === 0, origin, size, root, damages });
  else {
    for (const { from, to, file, what } of damages)
      print(
        `DAMAGED ${from === -1 ? '' : from === to ? `entry ${from}: ` : `entries ${from} to ${to}: `}${what} (${file})`,
      );
    print(
      damages.length === 0
        ? `${size} entries are what the checkpoint of ${origin} signs for: ${root}`
        : `${damages.length} damages in ${size} entries.`,
    );
  }
  return damages.length === 0 ? Exit.ok : Exit.failed;
}

function filterOf(options: Options): EntryFilter {
  const time = (name: string): number | undefined => {
    const text = options[name];
    if (typeof text !== 'string') return undefined;
    const ms = Date.parse(text);
    if (Number.isNaN(ms))
      throw new CommandError(`--${name} is no time: write 2026-11-25T08:00:00Z`, Exit.usage);
    return ms;
  };
  const entries = {
    fromMs: time('from'),
    toMs: time('to'),
    action: options['action'] as string | undefined,
    outcome: options['outcome'] as string | undefined,
    who: options['who'] as string | undefined,
    requestId: options['request'] as string | undefined,
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

export const runAuditSearch = (options: Options): Promise<number> =>
  withReader(options, (reader) => {
    const limit = Number(options['limit']);
    if (!Number.isInteger(limit) || limit < 1)
      throw new CommandError('--limit must be a number from 1', Exit.usage);
    const last: NumberedEntry[] = [];
    let matched = 0;
    for (const entry of reader.entries(filterOf(options))) {
      matched++;
      last.push(entry);
      if (last.length > limit) last.shift();
    }
    if (options['json'] === true) printJson({ ok: true, matched, size: reader.size, entries: last });
    else {
      for (const entry of last) print(lineOf(entry));
      print(`${last.length} of ${matched} that match, in ${reader.size} entries.`);
    }
    return Exit.ok;
  });

function lineOf({ index, at, action, outcome, body }: NumberedEntry): string {
  const head = `${String(index).padStart(8)}  ${at}  ${action.padEnd(20)} ${outcome.padEnd(8)}`;
  if (body === null) return `${head} (shredded)`;
  const { actor, target, address, reason, details } = body;
  const event = typeof details?.['event'] === 'string' ? ` ${details['event']}` : '';
  const parts = [
    `${actor.kind}:${actor.id}`,
    target === null ? '' : `→ ${target.kind}:${target.id}`,
    address === undefined || address === '' ? '' : `from ${address}`,
    reason === undefined || reason === '' ? '' : `(${reason})`,
  ];
  return printable(`${head}${event} ${parts.filter((part) => part !== '').join(' ')}`);
}

export const runAuditProve = (options: Options, index: string): Promise<number> =>
  withReader(options, (reader, audit) => {
    if (!/^\d{1,15}$/.test(index)) throw new CommandError(`"${index}" is no index`, Exit.usage);
    printJson({ ok: true, key: keyOf(reader, audit), ...reader.prove(Number(index)) });
    return Exit.ok;
  });

export const runAuditExport = (options: Options): Promise<number> =>
  withReader(options, (reader) => {
    const isCsv = options['format'] === 'csv';
    if (isCsv) print('index,at,action,outcome,actor,target,address,reason,request,details');
    for (const entry of reader.entries(filterOf(options)))
      print(isCsv ? csvOf(entry) : JSON.stringify(entry));
    return Exit.ok;
  });

function csvOf({ index, at, action, outcome, body }: NumberedEntry): string {
  const party = (value: { kind: string; id: string } | null | undefined): string =>
    value === null || value === undefined ? '' : `${value.kind}:${value.id}`;
  const cells = [
    String(index),
    at,
    action,
    outcome,
    party(body?.actor),
    party(body?.target),
    body?.address ?? '',
    body?.reason ?? '',
    body?.requestId ?? '',
    body?.details === undefined ? '' : JSON.stringify(body.details),
  ];
  return cells.map(cellOf).join(',');
}

/** A cell that a spreadsheet would take for a formula begins with an apostrophe. */
function cellOf(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const runAuditKey = (options: Options): Promise<number> =>
  withReader(options, (reader, audit) => {
    const key = keyOf(reader, audit);
    if (options['json'] === true) printJson({ ok: true, key });
    else print(key);
    return Exit.ok;
  });

export const runAuditCheckpoint = (options: Options): Promise<number> =>
  withReader(options, (reader) => {
    if (options['json'] === true) printJson({ ok: true, checkpoint: reader.checkpoint });
    else process.stdout.write(reader.checkpoint);
    return Exit.ok;
  });

export const runAuditShred = (options: Options, subject: string): Promise<number> =>
  withReader(options, (reader, audit) => {
    // The entry is there before the keys are gone, and does not name whom it forgets.
    leaveInInbox(
      audit.folder,
      {
        action: 'audit.shred',
        outcome: 'success',
        actor: { kind: 'operator', id: process.env['USER'] ?? 'cli' },
        target: { kind: 'subject', id: hash('sha256', subject, 'hex').slice(0, 16) },
        reason: options['reason'] as string,
      },
      Date.now(),
    );
    const keys = reader.keys.shred(subject);
    if (options['json'] === true) printJson({ ok: true, keys });
    else
      print(
        keys === 0
          ? 'There was no key of that subject.'
          : `${keys} keys destroyed. Backups have them until they are gone, too.`,
      );
    return Exit.ok;
  });
