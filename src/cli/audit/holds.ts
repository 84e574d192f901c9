// `gatewright audit hold|holds|release|shred`: what must stay, and what must go.
import { hash } from 'node:crypto';
import {
  AuditError,
  type AuditEvent,
  holdsEntry,
  isHoldActive,
  leaveInInbox,
  placeTrailHold,
  readTrailHolds,
  releaseTrailHold,
  type TrailHold,
} from '../../audit/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';
import { type Audit, auditOf, filterOf, type Options, operator, withReader } from './trail.ts';

/** The trail hears of it before it is done. */
function leave({ folder }: Audit, event: Pick<AuditEvent, 'action' | 'target' | 'reason' | 'details'>): void {
  leaveInInbox(folder, { outcome: 'success', actor: operator(), ...event }, Date.now());
}

function orFail<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AuditError) throw new CommandError(error.message);
    throw error;
  }
}

export async function runAuditHold(options: Options, name: string): Promise<number> {
  const audit = await auditOf(options);
  const until = options['until'] as string | undefined;
  if (until !== undefined && Number.isNaN(Date.parse(until)))
    throw new CommandError('--until is no time: write 2027-11-25T08:00:00Z', Exit.usage);
  const hold: TrailHold = {
    name,
    reason: options['reason'] as string,
    by: operator().id,
    at: new Date().toISOString(),
    until: until === undefined ? null : new Date(until).toISOString(),
    query: filterOf(options),
  };
  orFail(() => {
    placeTrailHold(audit.folder, hold);
    leave(audit, {
      action: 'audit.hold',
      target: { kind: 'hold', id: name },
      reason: hold.reason,
      details: { event: 'placed', until: hold.until, query: hold.query },
    });
  });
  if (options['json'] === true) printJson({ ok: true, hold });
  else
    print(
      `Entries that match are kept ${hold.until === null ? 'until it is released' : `until ${hold.until}`}.`,
    );
  return Exit.ok;
}

export async function runAuditHolds(options: Options): Promise<number> {
  const audit = await auditOf(options);
  const holds = orFail(() => readTrailHolds(audit.folder));
  if (options['json'] === true) printJson({ ok: true, holds });
  else {
    for (const hold of holds) {
      const time = isHoldActive(hold, Date.now()) ? `until ${hold.until ?? 'it is released'}` : 'over';
      print(printable(`${hold.name}  ${time}  by ${hold.by}  ${JSON.stringify(hold.query)}  ${hold.reason}`));
    }
    print(`${holds.length} ${holds.length === 1 ? 'hold' : 'holds'}.`);
  }
  return Exit.ok;
}

export async function runAuditRelease(options: Options, name: string): Promise<number> {
  const audit = await auditOf(options);
  orFail(() => {
    if (!readTrailHolds(audit.folder).some((hold) => hold.name === name))
      throw new CommandError(`there is no hold ${printable(name)}`);
    leave(audit, {
      action: 'audit.hold',
      target: { kind: 'hold', id: name },
      reason: options['reason'] as string,
      details: { event: 'released' },
    });
    releaseTrailHold(audit.folder, name);
  });
  if (options['json'] === true) printJson({ ok: true });
  else print(`${printable(name)} holds nothing any more.`);
  return Exit.ok;
}

export const runAuditShred = (options: Options, subject: string): Promise<number> =>
  withReader(options, (reader, audit) => {
    const names = new Set(reader.keys.namesOf(subject));
    const holds = readTrailHolds(audit.folder).filter((hold) => isHoldActive(hold, Date.now()));
    if (holds.length > 0)
      for (const entry of reader.entries()) {
        const hold = names.has(entry.key) ? holds.find((one) => holdsEntry(one, entry)) : undefined;
        if (hold !== undefined)
          throw new CommandError(
            `entry ${entry.index} is held by ${hold.name} (${printable(hold.reason)}): release it first`,
            Exit.refused,
          );
      }
    // The entry is there before the keys are gone, and does not name whom it forgets.
    leave(audit, {
      action: 'audit.shred',
      target: { kind: 'subject', id: hash('sha256', subject, 'hex').slice(0, 16) },
      reason: options['reason'] as string,
    });
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
