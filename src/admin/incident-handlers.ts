// Incidents for whoever responds: listed, followed, noted, answered with bans, and closed with a verdict that detection learns from.
import { BanError } from '../admission/index.ts';
import {
  type Incident,
  type IncidentStatus,
  undoAction,
  type Verdict,
  withAction,
  withNote,
  withStatus,
  withVerdict,
} from '../detect/index.ts';
import { IdentityRegistry } from '../identity/index.ts';
import { AddressSet, parseCidr } from '../net/index.ts';
import {
  type AdminAnswer,
  type AdminHandler,
  type AdminParts,
  AdminProblem,
  type AdminRequest,
  callerOf,
  stateOf,
} from './contract.ts';
import { versionOf } from './http.ts';
import { checkVersion } from './identity-handlers.ts';

/** Alerts go on beside what people do: they make no new version. */
const versionOfIncident = ({ id, status, assignee, verdict, notes, actions }: Incident): string =>
  versionOf([
    id,
    status,
    assignee,
    verdict,
    notes.length,
    actions.map((action) => [action.id, action.state]),
  ]);

export function incidentHandlers(parts: AdminParts) {
  const nowMs = (): number => parts.clock.epochMs();
  const find = async (request: AdminRequest): Promise<Incident> => {
    const found = await stateOf(parts).incidents.get(request.params['incident']!);
    if (found === null) throw new AdminProblem('resource-unknown', 'There is no such incident.');
    return found;
  };
  const change = async (
    request: AdminRequest,
    work: (incident: Incident, by: string) => Incident,
    audit: NonNullable<AdminAnswer['audit']>,
    status = 200,
  ): Promise<AdminAnswer> => {
    const { id } = await find(request);
    const by = callerOf(request).id;
    const changed = await stateOf(parts).incidents.change(id, (incident) => work(incident, by));
    if (changed === null) throw new AdminProblem('resource-unknown', 'There is no such incident.');
    return {
      status,
      body: changed,
      etag: versionOfIncident(changed),
      audit: { ...audit, target: { kind: 'incident', id } },
    };
  };
  const bansOf = () => {
    const bans = parts.bans();
    if (bans === null) throw new AdminProblem('service-unavailable', 'Bans have not begun.');
    return bans;
  };

  return {
    listIncidents: async (request) => {
      const { status, limit } = request.query as { status?: IncidentStatus; limit: number };
      const items = await stateOf(parts).incidents.list({
        limit,
        ...(status === undefined ? {} : { status }),
      });
      return { status: 200, body: { isOn: parts.config().detect !== null, items } };
    },

    getIncident: async (request) => {
      const incident = await find(request);
      return { status: 200, body: incident, etag: versionOfIncident(incident) };
    },

    changeIncident: async (request) => {
      const { status, assignee, verdict } = request.body as {
        status?: 'open' | 'acknowledged';
        assignee?: string;
        verdict?: Verdict;
      };
      checkVersion(request, versionOfIncident(await find(request)));
      return change(
        request,
        (incident, by) => {
          let next = incident;
          if (assignee !== undefined)
            next = withNote(
              { ...next, assignee },
              by,
              assignee === '' ? 'assigned to nobody' : `assigned to ${assignee}`,
              nowMs(),
            );
          if (status !== undefined)
            next = {
              ...withStatus(next, status, nowMs()),
              assignee: next.assignee === '' && status === 'acknowledged' ? by : next.assignee,
            };
          return verdict === undefined ? next : withVerdict(next, verdict, nowMs());
        },
        {
          target: null,
          after: {
            ...(status === undefined ? {} : { status }),
            ...(assignee === undefined ? {} : { assignee }),
            ...(verdict === undefined ? {} : { verdict }),
          },
        },
      );
    },

    noteIncident: (request) => {
      const { text } = request.body as { text: string };
      return change(
        request,
        (incident, by) => withNote(incident, by, text, nowMs()),
        { target: null, after: { note: text } },
        201,
      );
    },

    banFromIncident: async (request) => {
      const { address, forMs } = request.body as { address: string; forMs: number };
      const incident = await find(request);
      if (parseCidr(address) === null)
        throw new AdminProblem('body-invalid', 'address: no address and no block.');
      if (new AddressSet([address]).has(request.call.clientAddress))
        throw new AdminProblem('resource-conflict', 'This is the address that you come from.');
      try {
        const { untilMs } = await bansOf().add({
          block: address,
          reason: `incident ${incident.id}`,
          by: callerOf(request).id,
          forMs,
        });
        const action = {
          id: `act-${request.call.exchangeId.slice(0, 10)}`,
          atMs: nowMs(),
          runbook: 'by hand',
          kind: 'ban-address',
          target: address,
          untilMs,
          state: 'done',
          problem: '',
        } as const;
        return await change(
          request,
          (stored, by) => withNote(withAction(stored, action), by, `banned ${address}`, nowMs()),
          { target: null, after: { address, untilMs } },
          201,
        );
      } catch (error) {
        if (error instanceof BanError) throw new AdminProblem('resource-conflict', error.message);
        throw error;
      }
    },

    undoIncidentAction: async (request) => {
      const { action: id } = request.body as { action: string };
      const incident = await find(request);
      const action = incident.actions.find((one) => one.id === id);
      if (action === undefined)
        throw new AdminProblem('resource-unknown', 'The incident has no such action.');
      if (action.state !== 'done' || action.kind === 'webhook')
        throw new AdminProblem('resource-conflict', 'There is nothing to undo.');
      const undone = await undoAction(action, {
        bans: {
          ban: () => Promise.reject(new Error('nothing is banned here')),
          lift: async (address) => void (await bansOf().remove(address)),
        },
        revocations: {
          revoke: () => Promise.reject(new Error('nothing is withdrawn here')),
          restore: async (subject) =>
            void (await new IdentityRegistry(stateOf(parts).identity, parts.clock).restore(
              'subject',
              subject,
            )),
        },
      });
      await parts.refresh();
      return change(
        request,
        (stored, by) =>
          withNote(withAction(stored, undone), by, `undone: ${action.kind} ${action.target}`, nowMs()),
        { target: null, after: { undone: id, kind: action.kind, subject: action.target } },
      );
    },
  } as const satisfies Record<string, AdminHandler>;
}
