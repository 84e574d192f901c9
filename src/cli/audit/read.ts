// `gatewright audit …`: what the trail of the configuration says. Reading needs no gate, and disturbs none.
import { readFileSync } from 'node:fs';
import { AuditError, type NumberedEntry, TrailReader, verifyTrail } from '../../audit/index.ts';
import { parseCheckpoint, parseNote } from '../../merkle/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { auditOf, filterOf, keyOf, type Options, withReader } from './trail.ts';

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
  const witnesses = audit.witnesses.flatMap(({ keys }) => keys);
  const look = () => verifyTrail(audit.folder, key, kept, witnesses);
  let report = look();
  // A gate that writes meanwhile replaces parts of the last tiles: what is damaged stays so.
  for (let again = 0; again < 3 && report.damages.length > 0; again++) {
    const next = look();
    if (next.size === report.size) break;
    report = next;
  }
  const { origin, size, root, pruned, cosignatures, damages } = report;
  if (options['json'] === true) printJson({ ok: damages.length === 0, ...report });
  else {
    for (const { from, to, file, what } of damages)
      print(
        `DAMAGED ${from === -1 ? '' : from === to ? `entry ${from}: ` : `entries ${from} to ${to}: `}${what} (${file})`,
      );
    for (const { name, size: cosigned, timeS } of cosignatures)
      print(`${name} has cosigned ${cosigned} entries at ${new Date(timeS * 1000).toISOString()}.`);
    if (pruned > 0) print(`${pruned} entries were pruned as the trail says; their hashes are left.`);
    print(
      damages.length === 0
        ? `${size} entries are what the checkpoint of ${origin} signs for: ${root}`
        : `${damages.length} ${damages.length === 1 ? 'damage' : 'damages'} in ${size} entries.`,
    );
  }
  return damages.length === 0 ? Exit.ok : Exit.failed;
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
    const proof = reader.prove(Number(index));
    if (options['format'] === 'tlog')
      process.stdout.write(
        `c2sp.org/tlog-proof@v1\nindex ${index}\n${proof.proof.map((hash) => `${hash}\n`).join('')}\n${proof.checkpoint}`,
      );
    else printJson({ ok: true, key: keyOf(reader, audit), ...proof });
    return Exit.ok;
  });

/** Both checkpoints with the hashes between them. */
export const runAuditConsistency = (options: Options, file: string): Promise<number> =>
  withReader(options, (reader, audit) => {
    let from: string;
    try {
      from = readFileSync(file, 'utf8');
    } catch (error) {
      throw new CommandError(
        `${file} can not be read (${(error as NodeJS.ErrnoException).code})`,
        Exit.usage,
      );
    }
    const kept = parseCheckpoint(parseNote(from)?.text ?? '');
    if (kept === null || kept.size === 0)
      throw new CommandError(`${file} holds no checkpoint of entries`, Exit.usage);
    if (kept.size > reader.size)
      throw new CommandError(
        `it counts ${kept.size} entries, and the trail has ${reader.size}: the trail was cut`,
      );
    printJson({
      ok: true,
      key: keyOf(reader, audit),
      from,
      proof: reader.proveConsistency(kept.size),
      checkpoint: reader.checkpoint,
    });
    return Exit.ok;
  });

/** With proofs: a line with key and checkpoint, then a line an entry with its bytes and hashes. */
export const runAuditExport = (options: Options): Promise<number> =>
  withReader(options, (reader, audit) => {
    const isCsv = options['format'] === 'csv';
    const withProofs = options['proofs'] === true;
    if (isCsv && withProofs)
      throw new CommandError('proofs are exported as JSON lines: leave out --format', Exit.usage);
    if (isCsv) print('index,at,action,outcome,actor,target,address,reason,request,details');
    if (withProofs) print(JSON.stringify({ key: keyOf(reader, audit), checkpoint: reader.checkpoint }));
    for (const entry of reader.entries(filterOf(options))) {
      if (!withProofs) {
        print(isCsv ? csvOf(entry) : JSON.stringify(entry));
        continue;
      }
      const { entry: bytes, leaf, proof } = reader.prove(entry.index);
      print(JSON.stringify({ ...entry, entry: bytes, leaf, proof }));
    }
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
