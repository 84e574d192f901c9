// `gatewright incidents`: works on the state, whether a gate runs on it or not; a gate that runs follows within a second.
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { withBans } from '../app/ban-access.ts';
import { systemClock } from '../core/index.ts';
import {
  detectorIds,
  type Incident,
  type IncidentAction,
  type IncidentStatus,
  incidentText,
  undoAction,
  type Verdict,
  withAction,
  withNote,
  withStatus,
  withVerdict,
} from '../detect/index.ts';
import { CommandError, Exit, print, printable, printJson } from './output.ts';
import { moment, type StateAccess, table, withState } from './state.ts';

type Options = Readonly<Record<string, unknown>>;

const who = (): string => userInfo().username;

export const runIncidentsList = (options: Options): Promise<number> =>
  withState(options, async ({ state }) => {
    const status = options['status'] as IncidentStatus | undefined;
    const sinceMs = options['since'] as number | undefined;
    const incidents = await state.incidents.list({
      limit: options['limit'] as number,
      ...(status === undefined ? {} : { status }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    });
    if (options['json'] === true) printJson(incidents);
    else if (incidents.length === 0) print('No incidents.');
    else
      print(
        table(
          ['ID', 'PRIORITY', 'STATUS', 'OPENED', 'ASSIGNED', 'DONE', 'WHAT'],
          incidents.map(({ id, priority, status: now, openedMs, assignee, actions, title }) => [
            id,
            priority,
            now,
            moment(openedMs),
            assignee === '' ? '-' : printable(assignee),
            String(actions.filter(({ state: done }) => done === 'done').length),
            printable(title),
          ]),
        ),
      );
    return Exit.ok;
  });

export const runIncidentsShow = (options: Options, id: string): Promise<number> =>
  withState(options, async (access) => {
    const incident = await find(access, id);
    if (options['json'] === true) {
      printJson(incident);
      return Exit.ok;
    }
    print(incidentText(incident));
    for (const { id: action, kind, target, state } of incident.actions)
      print(`${action}  ${kind} ${printable(target)}: ${state}`);
    for (const { atMs, by, text } of incident.notes)
      print(`${moment(atMs)} ${printable(by)}: ${printable(text)}`);
    return Exit.ok;
  });

export const runIncidentsAck = (options: Options, id: string): Promise<number> =>
  change(options, id, (incident, nowMs) => {
    if (incident.status === 'closed') throw new CommandError(`${id} is closed`, Exit.refused);
    const noted = noteOf(options, incident, nowMs);
    return { ...withStatus(noted, 'acknowledged', nowMs), assignee: incident.assignee || who() };
  });

export const runIncidentsAssign = (options: Options, id: string, assignee: string): Promise<number> =>
  change(options, id, (incident, nowMs) =>
    withNote({ ...incident, assignee }, who(), `assigned to ${assignee}`, nowMs),
  );

export const runIncidentsNote = (options: Options, id: string, text: string): Promise<number> =>
  change(options, id, (incident, nowMs) => withNote(incident, who(), text, nowMs));

export const runIncidentsClose = (options: Options, id: string): Promise<number> =>
  change(options, id, (incident, nowMs) =>
    withVerdict(noteOf(options, incident, nowMs), options['as'] as Verdict, nowMs),
  );

export const runIncidentsUndo = (options: Options, id: string, only?: string): Promise<number> =>
  withState(options, async (access) => {
    const incident = await find(access, id);
    const wanted = incident.actions.filter(
      (action) =>
        action.state === 'done' && action.kind !== 'webhook' && (only === undefined || action.id === only),
    );
    if (wanted.length === 0) throw new CommandError('there is nothing to undo', Exit.refused);
    const undone: IncidentAction[] = [];
    await withBans(access.config, async (keeper) => {
      const bans = {
        ban: () => Promise.reject(new Error('nothing is banned here')),
        lift: async (address: string) => {
          await keeper.remove(address);
        },
      };
      const revocations = {
        revoke: () => Promise.reject(new Error('nothing is withdrawn here')),
        restore: async (subject: string) => {
          await access.registry.restore('subject', subject);
        },
      };
      for (const action of wanted) {
        undone.push(await undoAction(action, { bans, revocations }));
        await access.state.incidents.change(id, (stored) =>
          withNote(
            withAction(stored, undone.at(-1)!),
            who(),
            `undone: ${action.kind} ${action.target}`,
            systemClock.epochMs(),
          ),
        );
      }
    });
    if (options['json'] === true) printJson(undone);
    else print(`${undone.length} undone: ${undone.map(({ target }) => printable(target)).join(', ')}.`);
    return Exit.ok;
  });

export const runIncidentsSuppress = (options: Options): Promise<number> =>
  withState(options, async ({ state }) => {
    const detector = (options['detector'] as string | undefined) ?? '*';
    const entity = (options['entity'] as string | undefined) ?? '*';
    if (detector === '*' && entity === '*')
      throw new CommandError(
        'name a detector, an entity, or both: all at once is no detection at all',
        Exit.usage,
      );
    if (detector !== '*' && !detector.startsWith('sigma:') && !detectorIds.includes(detector as never))
      throw new CommandError(
        `there is no detector "${detector}"; there are ${detectorIds.join(', ')}`,
        Exit.usage,
      );
    const suppression = {
      id: `sup-${randomBytes(4).toString('hex')}`,
      detector,
      entity,
      untilMs: systemClock.epochMs() + (options['for'] as number),
      reason: options['reason'] as string,
      by: who(),
    };
    await state.incidents.putSuppression(suppression);
    if (options['json'] === true) printJson(suppression);
    else print(`${suppression.id}: nothing of it is told until ${moment(suppression.untilMs)}.`);
    return Exit.ok;
  });

export const runSuppressionsList = (options: Options): Promise<number> =>
  withState(options, async ({ state }) => {
    const all = await state.incidents.suppressions(systemClock.epochMs());
    if (options['json'] === true) printJson(all);
    else
      print(
        table(
          ['ID', 'DETECTOR', 'ENTITY', 'UNTIL', 'BY', 'REASON'],
          all.map(({ id, detector, entity, untilMs, by, reason }) => [
            id,
            detector,
            printable(entity),
            moment(untilMs),
            printable(by),
            printable(reason),
          ]),
        ),
      );
    return Exit.ok;
  });

export const runUnsuppress = (options: Options, id: string): Promise<number> =>
  withState(options, async ({ state }) => {
    if (!(await state.incidents.removeSuppression(id)))
      throw new CommandError(`there is no suppression "${id}"`, Exit.refused);
    if (options['json'] === true) printJson({ id, removed: true });
    else print(`${id} is gone.`);
    return Exit.ok;
  });

async function find({ state }: StateAccess, id: string): Promise<Incident> {
  const incident = await state.incidents.get(id);
  if (incident === null) throw new CommandError(`there is no incident "${id}"`, Exit.refused);
  return incident;
}

function noteOf(options: Options, incident: Incident, nowMs: number): Incident {
  const text = options['note'] as string | undefined;
  return text === undefined ? incident : withNote(incident, who(), text, nowMs);
}

function change(
  options: Options,
  id: string,
  work: (incident: Incident, nowMs: number) => Incident,
): Promise<number> {
  return withState(options, async ({ state }) => {
    const changed = await state.incidents.change(id, (incident) => work(incident, systemClock.epochMs()));
    if (changed === null) throw new CommandError(`there is no incident "${id}"`, Exit.refused);
    if (options['json'] === true) printJson(changed);
    else
      print(
        `${id} is ${changed.status}${changed.assignee === '' ? '' : `, ${printable(changed.assignee)}'s`}.`,
      );
    return Exit.ok;
  });
}
