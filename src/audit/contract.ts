// The words of the audit trail: who did what to what, when, from where, why, and what came of it. Capabilities speak to the
// port; where and how entries are kept is not their business.

/** What can be done. A closed list: reports and rules rely on the names. */
export const auditActions = [
  // administration
  'gate.start',
  'gate.stop',
  'config.reload',
  'state.change',
  // people and programs at the control plane: `details.operation` says what
  'admin.sign-in',
  'admin.change',
  'admin.refuse',
  // identities and keys: `details.event` has the name that the capability gives it
  'identity.event',
  'service.event',
  'vault.use',
  // addresses that were banned, and bans that were taken back
  'ban.add',
  'ban.remove',
  // callers
  'credential.use',
  // what detection found, what people made of it, and what was done
  'detect.incident',
  'detect.response',
  // what guards decided
  'request.refuse',
  'request.refuse-more',
  'threat.match',
  'threat.enumeration',
  // the trail itself
  'audit.shred',
  'audit.lost',
  'audit.hold',
  'audit.prune',
  'log.segment',
] as const;

export type AuditAction = (typeof auditActions)[number];

export interface AuditParty {
  /** user, client, service, operator, system, address, … */
  readonly kind: string;
  readonly id: string;
}

export interface AuditEvent {
  readonly action: AuditAction;
  readonly outcome: 'success' | 'failure' | 'refused';
  /** Who did it. */
  readonly actor: AuditParty;
  /** What it was done to; null where it is plain from the action. */
  readonly target: AuditParty | null;
  /** Address it came from; empty for the machine itself. */
  readonly address?: string;
  /** A short stable word or the operator's own. */
  readonly reason?: string;
  /** Id that joins access log, problem document and trace. */
  readonly requestId?: string;
  readonly traceId?: string;
  /** What changed, without secrets. */
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Whose entry it is when privacy is claimed: its key can be shredded. The actor's, where the actor is a user, unless given. */
  readonly subject?: string;
  /** Wall clock, ms; now, unless given. */
  readonly atMs?: number;
}

/** Where an entry stands, once it can not be lost any more. */
export interface AuditReceipt {
  /** From 0. */
  readonly index: number;
  /** Lower-case hexadecimal hash of the leaf. */
  readonly leaf: string;
}

export interface AuditTrail {
  /** Resolves when the entry is durable. Rejects with AuditError when it can not be made so: then nothing may go on that needs it. */
  append(event: AuditEvent): Promise<AuditReceipt>;
  /** For what must not wait: queued, and lost only with the process; what can not be queued is counted and told in the trail. */
  note(event: AuditEvent): void;
}

/** The trail can not be used: the message says why and what to do. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
}

/** Keeps entries in memory: for tests, and where no trail is configured and `keep` is 0. */
export class MemoryTrail implements AuditTrail {
  readonly entries: AuditEvent[] = [];
  readonly #keep: number;
  #count = 0;

  constructor(keep = 10_000) {
    this.#keep = keep;
  }

  append(event: AuditEvent): Promise<AuditReceipt> {
    if (this.entries.length < this.#keep) this.entries.push(event);
    return Promise.resolve({ index: this.#count++, leaf: '' });
  }

  note(event: AuditEvent): void {
    void this.append(event);
  }
}
