// The words of detection: what a detector says (alert), what people are told (incident), and the settings of both. Plain data, so that
// the configuration, the stores and the command line need none of the code.

export const detectorIds = [
  'traffic-surge',
  'brute-force',
  'credential-stuffing',
  'token-theft',
  'object-enumeration',
  'scraping',
  'function-probing',
  'scanner',
  'error-shift',
  'latency-shift',
  'unusual-region',
  'unusual-schedule',
  'new-privilege',
  'waf-evasion',
  'dead-key',
  'upstream-leak',
  'new-operation',
] as const;

export type DetectorId = (typeof detectorIds)[number];

export type EntityKind = 'address' | 'consumer' | 'operation' | 'gate';

/** Whom or what an alert is about. */
export interface Entity {
  readonly kind: EntityKind;
  readonly id: string;
}

export type EvidenceValue = string | number | readonly string[];

export interface Alert {
  /** One of `detectorIds`, or `sigma:` and the id of a rule. */
  readonly detector: string;
  /** Of the record that completed it, ms since the epoch. */
  readonly atMs: number;
  readonly entity: Entity;
  /** Probability of something as odd when all is well. */
  readonly p: number;
  /** In plain words. */
  readonly reason: string;
  readonly evidence: Readonly<Record<string, EvidenceValue>>;
  /** Addresses that take part, most active first; bounded. */
  readonly addresses: readonly string[];
  readonly consumers: readonly string[];
  readonly operations: readonly string[];
}

export type IncidentStatus = 'open' | 'acknowledged' | 'closed';
export type Priority = 'low' | 'medium' | 'high' | 'critical';
export type Verdict = 'true-positive' | 'false-positive' | 'benign';

export interface IncidentAlert extends Omit<Alert, 'addresses' | 'consumers' | 'operations'> {
  /** Alerts of the same detector and entity that this one stands for. */
  readonly count: number;
  readonly lastMs: number;
}

export interface IncidentNote {
  readonly atMs: number;
  readonly by: string;
  readonly text: string;
}

/** What was done about an incident, or would have been. */
export interface IncidentAction {
  readonly id: string;
  readonly atMs: number;
  /** Name of the runbook, or `by hand`. */
  readonly runbook: string;
  readonly kind: ActionKind;
  readonly target: string;
  readonly untilMs: number | null;
  readonly state: 'done' | 'dry-run' | 'refused' | 'failed' | 'undone';
  /** Why it was refused or failed; empty otherwise. */
  readonly problem: string;
}

export const actionKinds = ['ban-address', 'revoke-sessions', 'quarantine', 'webhook'] as const;
export type ActionKind = (typeof actionKinds)[number];

export interface Incident {
  readonly id: string;
  readonly title: string;
  readonly status: IncidentStatus;
  readonly priority: Priority;
  /** 0 to 100. */
  readonly score: number;
  readonly openedMs: number;
  readonly updatedMs: number;
  readonly entities: readonly Entity[];
  readonly alerts: readonly IncidentAlert[];
  readonly addresses: readonly string[];
  readonly consumers: readonly string[];
  readonly operations: readonly string[];
  /** MITRE ATT&CK techniques. */
  readonly attack: readonly string[];
  /** OWASP API Security Top 10 (2023). */
  readonly owasp: readonly string[];
  /** What changed shortly before, what they did before. */
  readonly context: readonly string[];
  readonly assignee: string;
  readonly verdict: Verdict | null;
  readonly notes: readonly IncidentNote[];
  readonly actions: readonly IncidentAction[];
}

/** Alerts that are not told until it ends. */
export interface Suppression {
  readonly id: string;
  /** Detector, or `*`. */
  readonly detector: string;
  /** Entity as `kind:id`, or `*`. */
  readonly entity: string;
  readonly untilMs: number;
  readonly reason: string;
  readonly by: string;
}

/** What is known of an operation before its first request. */
export interface OperationFacts {
  readonly api: string;
  readonly operation: string;
  readonly method: string;
  /** With the API's base. */
  readonly template: string;
  /** Answers to who one is: failures there are failed logins. */
  readonly isLogin: boolean;
  /** Administration and the like: its first use by a caller is worth a look. */
  readonly isPrivileged: boolean;
  /** 1 (nothing to lose) to 5 (crown jewels). */
  readonly asset: number;
}

export interface DetectSettings {
  /** Expected false alarms a day, of all detectors together. */
  readonly falseAlarmsPerDay: number;
  /** Time before verdicts about callers and operations that are compared with their own past, ms. */
  readonly learnMs: number;
  /** A credential that was silent for so long is dead, ms. */
  readonly dormantMs: number;
  /** Callers and addresses that are known at least, each; twice as many at most. */
  readonly maxEntities: number;
  /** Detectors that do not run. */
  readonly off: readonly string[];
  /** Callers that are tests or scanners of our own: never an incident. */
  readonly ignoreConsumers: readonly string[];
  readonly ignoreAddresses: readonly string[];
}

export const defaultSettings: DetectSettings = {
  falseAlarmsPerDay: 0.1,
  learnMs: 3 * 86_400_000,
  dormantMs: 30 * 86_400_000,
  maxEntities: 100_000,
  off: [],
  ignoreConsumers: [],
  ignoreAddresses: [],
};

/** Temporary bans as whoever enforces them offers it: every thread of every node within a second. */
export interface BanPort {
  /** Bans until `untilMs`. Rejects when it can not be done, and says why. */
  ban(address: string, untilMs: number, reason: string): Promise<void>;
  lift(address: string): Promise<void>;
}

/** Where incidents outlast the process. */
export interface IncidentStore {
  put(incident: Incident): Promise<void>;
  get(id: string): Promise<Incident | null>;
  /** Newest first. */
  list(filter: {
    readonly status?: IncidentStatus;
    readonly sinceMs?: number;
    readonly limit: number;
  }): Promise<readonly Incident[]>;
  /** Reads, changes and writes in one transaction; null when there is no such incident. */
  change(id: string, change: (incident: Incident) => Incident): Promise<Incident | null>;
  putSuppression(suppression: Suppression): Promise<void>;
  removeSuppression(id: string): Promise<boolean>;
  /** Those that have not ended. */
  suppressions(nowMs: number): Promise<readonly Suppression[]>;
  /** Models of a node, as text. */
  putModels(node: string, text: string, atMs: number): Promise<void>;
  /** The node's own, else the newest of any node; null when there are none. */
  models(node: string): Promise<string | null>;
  /** Forgets closed incidents that were last touched before. */
  prune(beforeMs: number): Promise<void>;
}
