// What is done about an incident without waiting for people: steps of runbooks, under conditions, with a bound on how many may be hit,
// an end, a dry run and a way back. Nothing is done that could not be written down first.
import type { AuditEvent } from '../audit/index.ts';
import type { BanPort, Incident, IncidentAction } from './contract.ts';
import { isAtLeast } from './notify/message.ts';
import { post, signedRequest } from './notify/senders.ts';
import type { RunbookConfig, RunbookStep } from './settings.ts';

const HOUR_MS = 3_600_000;
/** Actions that an incident lists at most. */
const MAX_ACTIONS = 500;

/** Withdraws what a caller holds, for a while; with `isWhole` also what it gets meanwhile. */
export interface RevokePort {
  /** Rejects where somebody has withdrawn it already: what is undone later must be our own. */
  revoke(subject: string, forMs: number, reason: string, isWhole: boolean): Promise<void>;
  restore(subject: string): Promise<void>;
}

export interface ResponderParts {
  readonly bans: BanPort;
  /** Null without a state. */
  readonly revocations: RevokePort | null;
  /** Rejects where the entry can not be made durable. */
  readonly audit: (event: AuditEvent) => Promise<void>;
  /** Addresses from which callers in good standing come as well. */
  readonly isKnownGood: (address: string) => boolean;
  readonly nowMs: () => number;
  readonly newId: () => string;
  /** Keeps what was done with the incident. */
  readonly onAction: (incident: Incident, action: IncidentAction) => Promise<void>;
}

export class Responder {
  readonly #parts: ResponderParts;
  #runbooks: readonly RunbookConfig[];
  /** Targets of the last hour, by runbook. */
  readonly #spent = new Map<string, number[]>();

  constructor(runbooks: readonly RunbookConfig[], parts: ResponderParts) {
    this.#runbooks = runbooks;
    this.#parts = parts;
  }

  configure(runbooks: readonly RunbookConfig[]): void {
    this.#runbooks = runbooks;
  }

  /** Does what runbooks want done and was not done yet. */
  async respond(incident: Incident): Promise<void> {
    if (incident.status === 'closed') return;
    const known = new Set(
      incident.actions.map(({ runbook, kind, target }) => `${runbook} ${kind} ${target}`),
    );
    for (const runbook of this.#runbooks) {
      if (!applies(runbook, incident)) continue;
      for (const step of runbook.steps) {
        const fresh = targetsOf(step, incident).filter(
          (target) => !known.has(`${runbook.name} ${step.kind} ${target}`),
        );
        const done = [...known].filter((key) => key.startsWith(`${runbook.name} ${step.kind} `)).length;
        for (const target of fresh.slice(0, Math.min(MAX_ACTIONS, step.most) - done)) {
          await this.#act(incident, runbook, step, target);
        }
      }
    }
  }

  async #act(incident: Incident, runbook: RunbookConfig, step: RunbookStep, target: string): Promise<void> {
    const { nowMs, newId, onAction, audit } = this.#parts;
    const atMs = nowMs();
    const untilMs = step.kind === 'webhook' ? null : atMs + step.forMs;
    const base = { id: newId(), atMs, runbook: runbook.name, kind: step.kind, target, untilMs, problem: '' };
    const refusal = this.#refusalOf(runbook, step, target, atMs);
    if (refusal !== '') {
      await onAction(incident, { ...base, state: 'refused', problem: refusal });
      return;
    }
    if (runbook.isDryRun) {
      await onAction(incident, { ...base, state: 'dry-run' });
      return;
    }
    try {
      await audit({
        action: 'detect.response',
        outcome: 'success',
        actor: { kind: 'runbook', id: runbook.name },
        target: { kind: step.kind, id: target },
        reason: incident.title.slice(0, 200),
        details: { incident: incident.id, action: base.id, untilMs: untilMs ?? 0 },
      });
      await this.#perform(incident, step, target, untilMs ?? 0);
      this.#spend(runbook.name, atMs);
      await onAction(incident, { ...base, state: 'done' });
    } catch (error) {
      await onAction(incident, {
        ...base,
        state: 'failed',
        problem: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #refusalOf(runbook: RunbookConfig, step: RunbookStep, target: string, atMs: number): string {
    const spent = (this.#spent.get(runbook.name) ?? []).filter((ms) => atMs - ms < HOUR_MS);
    this.#spent.set(runbook.name, spent);
    if (spent.length >= runbook.mostAnHour)
      return `the runbook has hit ${spent.length} targets within an hour`;
    if (step.kind === 'ban-address' && this.#parts.isKnownGood(target))
      return 'callers in good standing come from there as well';
    return '';
  }

  #spend(runbook: string, atMs: number): void {
    this.#spent.get(runbook)!.push(atMs);
  }

  async #perform(incident: Incident, step: RunbookStep, target: string, untilMs: number): Promise<void> {
    const { bans, revocations } = this.#parts;
    const reason = `${incident.title} (incident ${incident.id})`;
    switch (step.kind) {
      case 'ban-address':
        await bans.ban(target, untilMs, reason);
        return;
      case 'revoke-sessions':
      case 'quarantine':
        if (revocations === null) throw new Error('there is no state to withdraw in');
        await revocations.revoke(target, step.forMs, reason, step.kind === 'quarantine');
        return;
      case 'webhook': {
        const { url, headers, body } = signedRequest(step, JSON.stringify({ incident }));
        await post(url, headers, body, step.ca);
        return;
      }
    }
  }
}

/** Takes an action back. Rejects when that can not be done; answers the action as it is now. */
export async function undoAction(
  action: IncidentAction,
  { bans, revocations }: Pick<ResponderParts, 'bans' | 'revocations'>,
): Promise<IncidentAction> {
  if (action.state !== 'done') throw new Error(`this action is ${action.state}: there is nothing to undo`);
  if (action.kind === 'webhook') throw new Error('a webhook can not be taken back');
  if (action.kind === 'revoke-sessions' || action.kind === 'quarantine')
    await revocations?.restore(action.target);
  else await bans.lift(action.target);
  return { ...action, state: 'undone' };
}

function applies(runbook: RunbookConfig, incident: Incident): boolean {
  if (!isAtLeast(incident.priority, runbook.minPriority)) return false;
  return incident.alerts.some(
    ({ detector, p }) =>
      p <= runbook.maxP && (runbook.detectors.length === 0 || runbook.detectors.includes(detector)),
  );
}

function targetsOf(step: RunbookStep, incident: Incident): readonly string[] {
  switch (step.kind) {
    case 'ban-address':
      return incident.addresses;
    case 'revoke-sessions':
    case 'quarantine':
      return incident.entities.filter(({ kind }) => kind === 'consumer').map(({ id }) => id);
    case 'webhook':
      return [new URL(step.url).host];
  }
}
