// Recall, false incidents and time to detect of the engine and the desk together, as the table of the benchmark and as a short test.
import {
  type Alert,
  DetectEngine,
  type Incident,
  IncidentDesk,
  type ModelState,
} from '../../src/detect/index.ts';
import type { ExchangeRecord } from '../../src/telemetry/index.ts';
import { type Campaign, campaigns, type Strength } from './campaigns.ts';
import { operations, Simulator, START_MS } from './simulator.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const STRENGTHS: readonly Strength[] = [1, 2, 3];

export interface EvaluateOptions {
  readonly learnDays: number;
  readonly calmDays: number;
  readonly seeds: readonly number[];
  readonly consumers: number;
  readonly volume?: number;
  readonly only?: (campaign: Campaign) => boolean;
  readonly strengths?: readonly Strength[];
}

export interface KindResult {
  readonly kind: string;
  /** By strength. */
  readonly found: readonly number[];
  readonly tried: readonly number[];
  /** Median minutes to the first right alert, by strength; null when never. */
  readonly medianMinutes: readonly (number | null)[];
}

export interface EvaluateResult {
  readonly options: EvaluateOptions;
  readonly calmRecords: number;
  readonly falseIncidentsPerWeek: number;
  readonly falseIncidents: readonly {
    readonly title: string;
    readonly detectors: readonly string[];
    readonly reason: string;
  }[];
  readonly kinds: readonly KindResult[];
  /** Share of campaigns found, by strength. */
  readonly recall: readonly number[];
}

function engineWith(onAlert: (alert: Alert) => void, state: ModelState | null): DetectEngine {
  const engine = new DetectEngine({
    operations,
    seed: [17, 23],
    onAlert,
    settings: { dormantMs: 10 * 86_400_000 },
  });
  if (state !== null) engine.restore(state);
  return engine;
}

export function evaluate(options: EvaluateOptions): EvaluateResult {
  const outcomes = new Map<string, { found: number[]; tried: number[]; minutes: number[][] }>();
  const falseIncidents: { title: string; detectors: string[]; reason: string }[] = [];
  let calmRecords = 0;
  for (const seed of options.seeds) {
    const simulator = new Simulator({ seed, consumers: options.consumers, volume: options.volume ?? 1 });
    const learned = engineWith(() => {}, null);
    let minute = 0;
    for (; minute < options.learnDays * DAY_MINUTES; minute++)
      for (const record of simulator.minute(START_MS + minute * MINUTE_MS)) learned.take(record);
    const state = JSON.parse(JSON.stringify(learned)) as ModelState;

    const incidents = new Map<string, Incident>();
    let next = 0;
    const desk = new IncidentDesk({
      newId: () => `i${next++}`,
      factsOf: () => null,
      historyOf: () => '',
      changesBefore: () => [],
      onIncident: (incident) => incidents.set(incident.id, incident),
    });
    const calm = engineWith((alert) => desk.take(alert), state);
    const calmEnd = (options.learnDays + options.calmDays) * DAY_MINUTES;
    for (; minute < calmEnd; minute++)
      for (const record of simulator.minute(START_MS + minute * MINUTE_MS)) calm.take(record);
    calmRecords += calm.records;
    for (const { title, alerts } of incidents.values())
      falseIncidents.push({
        title,
        detectors: alerts.map(({ detector }) => detector),
        reason: alerts[0]!.reason,
      });

    const text = JSON.stringify(state);
    for (const campaign of campaigns.filter(options.only ?? (() => true))) {
      for (const strength of options.strengths ?? STRENGTHS) {
        const minutes = runCampaign(campaign, strength, seed, options, JSON.parse(text) as ModelState);
        const outcome = outcomes.get(campaign.kind) ?? {
          found: [0, 0, 0],
          tried: [0, 0, 0],
          minutes: [[], [], []],
        };
        outcomes.set(campaign.kind, outcome);
        outcome.tried[strength - 1]!++;
        if (minutes !== null) {
          outcome.found[strength - 1]!++;
          outcome.minutes[strength - 1]!.push(minutes);
        }
      }
    }
  }
  const kinds = [...outcomes].map(([kind, { found, tried, minutes }]) => ({
    kind,
    found,
    tried,
    medianMinutes: minutes.map((list) =>
      list.length === 0 ? null : list.sort((a, b) => a - b)[list.length >> 1]!,
    ),
  }));
  const recall = STRENGTHS.map((strength) => {
    const tried = kinds.reduce((sum, kind) => sum + kind.tried[strength - 1]!, 0);
    return tried === 0 ? 0 : kinds.reduce((sum, kind) => sum + kind.found[strength - 1]!, 0) / tried;
  });
  const weeks = (options.calmDays * options.seeds.length) / 7;
  return {
    options,
    calmRecords,
    falseIncidentsPerWeek: falseIncidents.length / weeks,
    falseIncidents,
    kinds,
    recall,
  };
}

/** Minutes from the begin of the attack to the first right alert; null when there was none. */
function runCampaign(
  campaign: Campaign,
  strength: Strength,
  seed: number,
  { learnDays, consumers, volume = 1 }: EvaluateOptions,
  state: ModelState,
): number | null {
  // The next working day after what was learned.
  const day = learnDays + ((learnDays % 7) + 7 > 11 ? 2 : 0);
  const beginMs = START_MS + (day * DAY_MINUTES + campaign.hour * 60) * MINUTE_MS;
  // The same people as those that were learned, on another day of theirs.
  const simulator = new Simulator({ seed, consumers, volume });
  let foundMs: number | null = null;
  const engine = engineWith((alert) => {
    if (alert.atMs >= beginMs && campaign.expected.includes(alert.detector as never)) foundMs ??= alert.atMs;
  }, state);
  const change = campaign.change ?? ((record: ExchangeRecord) => record);
  for (let minute = -60; minute < campaign.minutes + 2 && foundMs === null; minute++) {
    const atMs = beginMs + minute * MINUTE_MS;
    const isOn = minute >= 0 && minute < campaign.minutes;
    const records = simulator.minute(atMs).map((record) => (isOn ? change(record, strength) : record));
    if (isOn)
      for (const shot of campaign.shots(simulator, strength, minute))
        records.push(simulator.record(shot, atMs + simulator.random.below(MINUTE_MS)));
    records.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    for (const record of records) engine.take(record);
  }
  return foundMs === null ? null : (foundMs - beginMs) / MINUTE_MS;
}

export function tableOf(result: EvaluateResult): string {
  const { options, kinds, recall, falseIncidents } = result;
  const cell = (kind: KindResult, index: number): string => {
    const minutes = kind.medianMinutes[index];
    return `${kind.found[index]}/${kind.tried[index]}${minutes == null ? '' : ` ${minutes.toFixed(1)} min`}`.padEnd(
      14,
    );
  };
  return [
    `${options.consumers} callers, 50 operations, ${options.learnDays} days learned, ${options.seeds.length} seeds`,
    '',
    `${'found, median time to detect'.padEnd(28)} ${'weak'.padEnd(14)} ${'medium'.padEnd(14)} strong`,
    ...kinds.map((kind) =>
      `${kind.kind.padEnd(28)} ${cell(kind, 0)} ${cell(kind, 1)} ${cell(kind, 2)}`.trimEnd(),
    ),
    `${'all'.padEnd(28)} ${recall.map((share) => `${Math.round(100 * share)} %`.padEnd(14)).join(' ')}`.trimEnd(),
    '',
    `false incidents a week: ${result.falseIncidentsPerWeek.toFixed(2)} (${falseIncidents.length} in ${options.calmDays * options.seeds.length} days, ${result.calmRecords} records)`,
    ...falseIncidents.map(({ detectors, reason }) => `  ${detectors.join(', ')}: ${reason}`),
  ].join('\n');
}

/** Records a second on one core with 100,000 callers, and the memory they take. */
export function measureSpeed(callers = 100_000, records = 1_000_000): Record<string, number> {
  const simulator = new Simulator({ seed: 5, consumers: 500 });
  const engine = engineWith(() => {}, null);
  globalThis.gc?.();
  const before = process.memoryUsage();
  let cpuUs = 0;
  let fed = 0;
  for (let minute = 0; fed < records; minute++) {
    const batch: ExchangeRecord[] = [];
    for (let i = 0; i < 20_000; i++) {
      const index = simulator.random.below(callers);
      const model = simulator.consumers[index % 500]!;
      batch.push({
        ...simulator.record(simulator.use(model), START_MS + minute * MINUTE_MS),
        consumer: `caller-${index}`,
        client_address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      });
    }
    const begin = process.cpuUsage();
    for (const record of batch) engine.take(record);
    const { user, system } = process.cpuUsage(begin);
    cpuUs += user + system;
    fed += batch.length;
  }
  globalThis.gc?.();
  const after = process.memoryUsage();
  let written = 0;
  let longestMs = 0;
  for (const pieces = engine.pieces(); ; ) {
    const begunMs = performance.now();
    const { done, value } = pieces.next();
    longestMs = Math.max(longestMs, performance.now() - begunMs);
    if (done === true) break;
    written += value.length;
  }
  return {
    records: fed,
    callers: engine.sizes.callers,
    addresses: engine.sizes.addresses,
    cpuUsPerRecord: Math.round((cpuUs / fed) * 100) / 100,
    recordsPerSecond: Math.round((fed / cpuUs) * 1e6),
    modelsMiB: Math.round(written / 1_048_576),
    longestPieceMs: Math.round(longestMs),
    heapMiB: Math.round((after.heapUsed + after.external - before.heapUsed - before.external) / 1_048_576),
  };
}
