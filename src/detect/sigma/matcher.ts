// Sigma rules over the stream of records: each match is an alert of its own entity, correlations count in bounded memory.
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { Alert, Entity } from '../contract.ts';
import { readerOf } from './fields.ts';
import { parseSigma, type SigmaCorrelation, type SigmaRule } from './rule.ts';
import { SigmaError } from './sigma-error.ts';

/** How sure a match makes, as if it were a p-value: rules say themselves how bad they are. */
const certainty: Readonly<Record<SigmaRule['level'], number>> = {
  informational: 1e-2,
  low: 1e-3,
  medium: 1e-5,
  high: 1e-8,
  critical: 1e-12,
};
/** The same rule about the same caller is told once in so long, ms. */
const REPEAT_MS = 600_000;
const MAX_GROUPS = 50_000;
const MAX_COUNT = 10_000;

interface Group {
  /** Times, and values where those are counted, oldest first. */
  readonly times: number[];
  readonly values: string[];
}

export class SigmaMatcher {
  readonly #rules: SigmaRule[] = [];
  readonly #correlations: { readonly rule: SigmaCorrelation; readonly groups: BoundedMap<Group> }[] = [];
  /** Rules that only feed correlations. */
  readonly #silent = new Set<SigmaRule>();
  readonly #told = new BoundedMap<number>(MAX_GROUPS);

  /** What can not be run is told and left out: a bad rule is no reason to run none. */
  constructor(
    texts: readonly { readonly file: string; readonly text: string }[],
    onProblem: (file: string, problem: string) => void,
  ) {
    for (const { file, text } of texts) {
      try {
        const { rules, correlations } = parseSigma(text);
        this.#rules.push(...rules);
        for (const rule of correlations)
          this.#correlations.push({ rule, groups: new BoundedMap(MAX_GROUPS) });
      } catch (error) {
        if (!(error instanceof SigmaError)) throw error;
        onProblem(file, error.message);
      }
    }
    for (const { rule } of this.#correlations)
      for (const one of this.#rules) if (feeds(one, rule)) this.#silent.add(one);
  }

  get size(): number {
    return this.#rules.length;
  }

  take(record: ExchangeRecord): readonly Alert[] {
    let alerts: Alert[] | null = null;
    for (const rule of this.#rules) {
      if (!rule.matches(record)) continue;
      alerts ??= [];
      if (!this.#silent.has(rule)) this.#tell(alerts, rule, record, {});
      for (const { rule: correlation, groups } of this.#correlations)
        if (feeds(rule, correlation)) this.#count(alerts, correlation, groups, record);
    }
    return alerts ?? [];
  }

  #count(alerts: Alert[], rule: SigmaCorrelation, groups: BoundedMap<Group>, record: ExchangeRecord): void {
    const atMs = Date.parse(record.time);
    const key = rule.groupBy.map((field) => String(readerOf(field)!(record) ?? '')).join('\0');
    let group = groups.get(key);
    if (group === undefined) {
      group = { times: [], values: [] };
      groups.set(key, group);
    }
    group.times.push(atMs);
    group.values.push(rule.kind === 'value_count' ? String(readerOf(rule.field)!(record) ?? '') : '');
    while (group.times.length > MAX_COUNT || (group.times[0] ?? atMs) <= atMs - rule.spanMs) {
      group.times.shift();
      group.values.shift();
    }
    if (group.times.length < rule.least) return;
    const count = rule.kind === 'event_count' ? group.times.length : new Set(group.values).size;
    if (count >= rule.least) this.#tell(alerts, rule, record, { count });
  }

  #tell(
    alerts: Alert[],
    { id, title, level, tags }: Pick<SigmaRule, 'id' | 'title' | 'level' | 'tags'>,
    record: ExchangeRecord,
    more: Readonly<Record<string, number>>,
  ): void {
    const atMs = Date.parse(record.time);
    const entity: Entity =
      record.consumer === undefined
        ? { kind: 'address', id: record.client_address }
        : { kind: 'consumer', id: record.consumer };
    const key = `${id} ${entity.kind}:${entity.id}`;
    const told = this.#told.get(key);
    if (told !== undefined && atMs - told < REPEAT_MS) return;
    this.#told.set(key, atMs);
    alerts.push({
      detector: `sigma:${id}`,
      atMs,
      entity,
      p: certainty[level],
      reason: `${entity.id} matched the rule "${title}".`,
      evidence: { rule: id, level, tags, record: record.id, ...more },
      addresses: [record.client_address],
      consumers: record.consumer === undefined ? [] : [record.consumer],
      operations: record.operation === undefined ? [] : [`${record.api} ${record.operation}`],
    });
  }
}

const feeds = ({ id, name, title }: SigmaRule, { rules }: SigmaCorrelation): boolean =>
  rules.includes(id) || (name !== '' && rules.includes(name)) || rules.includes(title);
