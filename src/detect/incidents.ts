// From alerts to incidents: what is about the same caller, address or operation within hours is one story, told once. Priority is impact
// times confidence times what is at stake. People's verdicts lower what is repeated, and suppressions end by themselves.
import { catalogue } from './catalogue.ts';
import type {
  Alert,
  DetectorId,
  Entity,
  Incident,
  IncidentAction,
  IncidentAlert,
  IncidentStatus,
  OperationFacts,
  Priority,
  Suppression,
  Verdict,
} from './contract.ts';

/** Alerts further apart are another incident, ms. */
const CORRELATION_MS = 4 * 3_600_000;
const MAX_OPEN = 2000;
const MAX_ALERTS = 50;
const MAX_NAMED = 500;
const MAX_NOTES = 200;

export interface DeskOptions {
  readonly newId: () => string;
  readonly factsOf: (operation: string) => OperationFacts | null;
  /** What is known of a caller, in words; empty for nothing. */
  readonly historyOf: (consumer: string) => string;
  /** Changes before `atMs` that may explain it, in words. */
  readonly changesBefore: (atMs: number) => readonly string[];
  /** Called with every new state of an incident; `isNew` for its first, `isWorse` when its priority rose. */
  readonly onIncident: (
    incident: Incident,
    news: { readonly isNew: boolean; readonly isWorse: boolean },
  ) => void;
}

const priorities: readonly Priority[] = ['low', 'medium', 'high', 'critical'];

export class IncidentDesk {
  readonly #options: DeskOptions;
  /** Open and acknowledged ones, oldest first. */
  readonly #open = new Map<string, Incident>();
  #suppressions: readonly Suppression[] = [];
  suppressed = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  get open(): readonly Incident[] {
    return [...this.#open.values()];
  }

  get(id: string): Incident | null {
    return this.#open.get(id) ?? null;
  }

  /** What was open when the process ended. */
  load(incidents: readonly Incident[], suppressions: readonly Suppression[]): void {
    for (const incident of [...incidents].sort((a, b) => a.openedMs - b.openedMs))
      if (incident.status !== 'closed') this.#open.set(incident.id, incident);
    this.#suppressions = suppressions;
  }

  set suppressions(suppressions: readonly Suppression[]) {
    this.#suppressions = suppressions;
  }

  /** Takes over what people and runbooks did to an incident; what alerts say of it is newest here. */
  adopt(stored: Incident): void {
    const known = this.#open.get(stored.id);
    if (stored.status === 'closed') this.#open.delete(stored.id);
    else if (known !== undefined) this.#open.set(stored.id, withDecisions(known, stored));
  }

  take(alert: Alert): void {
    if (this.#isSuppressed(alert)) {
      this.suppressed++;
      return;
    }
    const found = this.#match(alert);
    if (found === null) {
      const incident = this.#create(alert);
      this.#keep(incident);
      this.#options.onIncident(incident, { isNew: true, isWorse: false });
      return;
    }
    const incident = this.#extend(found, alert);
    this.#keep(incident);
    const isWorse = priorities.indexOf(incident.priority) > priorities.indexOf(found.priority);
    this.#options.onIncident(incident, { isNew: false, isWorse });
  }

  #isSuppressed({ detector, entity, atMs }: Alert): boolean {
    const name = `${entity.kind}:${entity.id}`;
    return this.#suppressions.some(
      (one) =>
        one.untilMs > atMs &&
        (one.detector === '*' || one.detector === detector) &&
        (one.entity === '*' || one.entity === name),
    );
  }

  #keep(incident: Incident): void {
    this.#open.set(incident.id, incident);
    // The oldest is not lost: it is in the store, only no longer added to.
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.keys().next().value!);
  }

  #match(alert: Alert): Incident | null {
    let best: Incident | null = null;
    for (const incident of this.#open.values()) {
      if (alert.atMs - incident.updatedMs > CORRELATION_MS) continue;
      if (sharesEntity(incident, alert)) best = incident;
    }
    return best;
  }

  #create(alert: Alert): Incident {
    const { newId, historyOf, changesBefore } = this.#options;
    const history = alert.consumers.slice(0, 3).map(historyOf);
    const context = [...history, ...changesBefore(alert.atMs)].filter((text) => text !== '');
    return this.#assess({
      id: newId(),
      title: '',
      status: 'open',
      priority: 'low',
      score: 0,
      openedMs: alert.atMs,
      updatedMs: alert.atMs,
      entities: [alert.entity],
      alerts: [incidentAlert(alert)],
      addresses: alert.addresses.slice(0, MAX_NAMED),
      consumers: alert.consumers.slice(0, MAX_NAMED),
      operations: alert.operations.slice(0, MAX_NAMED),
      attack: [],
      owasp: [],
      context,
      assignee: '',
      verdict: null,
      notes: [],
      actions: [],
    });
  }

  #extend(incident: Incident, alert: Alert): Incident {
    const at = incident.alerts.findIndex(
      ({ detector, entity }) => detector === alert.detector && isSame(entity, alert.entity),
    );
    const alerts = [...incident.alerts];
    const known = alerts[at];
    if (known === undefined) {
      if (alerts.length < MAX_ALERTS) alerts.push(incidentAlert(alert));
    } else {
      alerts[at] = {
        ...known,
        p: Math.min(known.p, alert.p),
        reason: alert.reason,
        evidence: alert.evidence,
        count: known.count + 1,
        lastMs: Math.max(known.lastMs, alert.atMs),
      };
    }
    const { entities, addresses, consumers, operations } = incident;
    return this.#assess({
      ...incident,
      alerts,
      updatedMs: Math.max(incident.updatedMs, alert.atMs),
      entities: entities.some((entity) => isSame(entity, alert.entity))
        ? entities
        : [...entities, alert.entity].slice(0, MAX_ALERTS),
      addresses: union(addresses, alert.addresses),
      consumers: union(consumers, alert.consumers),
      operations: union(operations, alert.operations),
    });
  }

  /** Title, tags, score and priority from what it consists of. */
  #assess(incident: Incident): Incident {
    let strongest = 0;
    let doubt = 1;
    let title = '';
    const attack = new Set<string>();
    const owasp = new Set<string>();
    for (const { detector, p } of incident.alerts) {
      const facts = catalogue[detector as DetectorId];
      const impact = facts?.impact ?? 3;
      const confidence = confidenceOf(p);
      doubt *= 1 - confidence;
      if (impact * confidence > strongest) {
        strongest = impact * confidence;
        title = facts?.title ?? `Rule ${detector.replace(/^sigma:/, '')}`;
      }
      for (const tag of facts?.attack ?? []) attack.add(tag);
      for (const tag of facts?.owasp ?? []) owasp.add(tag);
    }
    let asset = 2;
    for (const operation of incident.operations)
      asset = Math.max(asset, this.#options.factsOf(operation)?.asset ?? 2);
    const impact = strongest / Math.max(1e-9, confidenceOf(Math.min(...incident.alerts.map(({ p }) => p))));
    const score = Math.round((100 * Math.min(5, impact) * (1 - doubt) * (0.6 + asset / 12.5)) / 5);
    const bounded = Math.min(100, score);
    const [first] = incident.entities;
    return {
      ...incident,
      title: `${title}: ${first!.id}`,
      score: bounded,
      priority: bounded >= 80 ? 'critical' : bounded >= 60 ? 'high' : bounded >= 35 ? 'medium' : 'low',
      attack: [...attack],
      owasp: [...owasp],
    };
  }
}

/** How sure a p-value makes: a half at 1e-4, nearly all at 1e-9. */
const confidenceOf = (p: number): number =>
  Math.min(0.99, Math.max(0.3, 1 - 1 / (1 + (-Math.log10(Math.max(p, 1e-300)) / 4) ** 3)));

const isSame = (a: Entity, b: Entity): boolean => a.kind === b.kind && a.id === b.id;

const incidentAlert = ({ detector, atMs, entity, p, reason, evidence }: Alert): IncidentAlert => ({
  detector,
  atMs,
  entity,
  p,
  reason,
  evidence,
  count: 1,
  lastMs: atMs,
});

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  if (b.every((value) => a.includes(value))) return a;
  return [...new Set([...a, ...b])].slice(0, MAX_NAMED);
}

/** The same entity, or an address or caller that both name. An operation alone joins only what is about operations. */
function sharesEntity(incident: Incident, alert: Alert): boolean {
  if (incident.entities.some((entity) => isSame(entity, alert.entity))) return true;
  if (alert.consumers.some((consumer) => incident.consumers.includes(consumer))) return true;
  if (alert.addresses.some((address) => incident.addresses.includes(address))) return true;
  return (
    alert.entity.kind === 'operation' &&
    incident.entities.every(({ kind }) => kind === 'operation') &&
    incident.alerts.some(({ detector }) => detector === alert.detector)
  );
}

/** What alerts say of `incident`, and what people and runbooks said of `stored`. */
export const withDecisions = (incident: Incident, stored: Incident): Incident => {
  const { status, assignee, verdict, notes, actions } = stored;
  return { ...incident, status, assignee, verdict, notes, actions };
};

// What people do to an incident: pure changes, so that a store can make them in a transaction.

export const withStatus = (incident: Incident, status: IncidentStatus, atMs: number): Incident => ({
  ...incident,
  status,
  updatedMs: Math.max(incident.updatedMs, atMs),
});

export const withNote = (incident: Incident, by: string, text: string, atMs: number): Incident => ({
  ...incident,
  notes: [...incident.notes, { atMs, by, text: text.slice(0, 4000) }].slice(-MAX_NOTES),
});

export const withVerdict = (incident: Incident, verdict: Verdict, atMs: number): Incident => ({
  ...withStatus(incident, 'closed', atMs),
  verdict,
});

export function withAction(incident: Incident, action: IncidentAction): Incident {
  const others = incident.actions.filter(({ id }) => id !== action.id);
  return { ...incident, actions: [...others, action] };
}

/** The whole of an incident as text for people. Values that clients sent have no control characters. */
export function incidentText(incident: Incident): string {
  const moment = (ms: number): string => new Date(ms).toISOString();
  const lines = [
    `${incident.priority.toUpperCase()} ${incident.title}`,
    `incident ${incident.id}, ${incident.status}, opened ${moment(incident.openedMs)}`,
    '',
    ...incident.alerts.map(
      ({ reason, count, p }) =>
        `- ${reason}${count > 1 ? ` (told ${count} times)` : ''} [p ${p.toExponential(0)}]`,
    ),
  ];
  const list = (name: string, values: readonly string[]): void => {
    if (values.length === 0) return;
    const more = values.length > 10 ? ` and ${values.length - 10} more` : '';
    lines.push(`${name}: ${values.slice(0, 10).join(', ')}${more}`);
  };
  lines.push('');
  list('Callers', incident.consumers);
  list('Addresses', incident.addresses);
  list('Operations', incident.operations);
  if (incident.context.length > 0) lines.push('', 'Before:', ...incident.context.map((text) => `- ${text}`));
  if (incident.actions.length > 0)
    lines.push(
      '',
      'Done:',
      ...incident.actions.map(
        ({ kind, target, state, untilMs, problem }) =>
          `- ${kind} ${target}: ${state}${untilMs === null ? '' : ` until ${moment(untilMs)}`}${problem === '' ? '' : ` (${problem})`}`,
      ),
    );
  lines.push('', `ATT&CK ${incident.attack.join(', ')}; OWASP ${incident.owasp.join(', ')}`);
  return lines.join('\n').replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/g, '?');
}
