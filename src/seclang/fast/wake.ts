// HOT. Shows the values of a stage to their sources, and notes the conditions that they fulfil.

import type { Phase } from '../contract.ts';
import { exceedsBudget, exceedsTime, TIMED_BYTES } from '../transaction/budget.ts';
import { scalarReader } from '../transaction/collect-values.ts';
import type { NamedValues } from '../transaction/named-values.ts';
import type { TransactionState } from '../transaction/state.ts';
import { ValueList } from '../transaction/value-list.ts';
import { collectionReaders, cookiesOf } from '../transaction/variables.ts';
import { runWatched, WATCHED_BYTES } from '../transaction/watchdog.ts';
import { parsePath, xmlValues } from '../transaction/xml-values.ts';
import type { ChannelName } from './channels.ts';
import type { CollectionPlan, CountPlan } from './collection-plan.ts';
import type { ChannelPlan, Plan } from './plan.ts';
import type { Source } from './source.ts';

/** Shows what phase `phase` needs and was not shown yet. */
export function wakeRules(state: TransactionState, plan: Plan, phase: Phase): void {
  const last = plan.phases[phase - 1]!.stage;
  for (let stage = 1; stage <= last; stage++) {
    if ((state.shownStages & (1 << stage)) !== 0) continue;
    state.shownStages |= 1 << stage;
    const { scalars, channels } = plan.stages[stage - 1]!;
    for (let i = 0; i < scalars.length; i++) {
      const value = scalarReader(scalars[i]!.variable)!(state);
      if (value !== null && !show(state, scalars[i]!.source, value)) return;
    }
    for (let i = 0; i < channels.length; i++) if (!showChannel(state, channels[i]!)) return;
  }
}

/** False when the transaction has cost too much, as for all below. */
function show(state: TransactionState, source: Source, value: string): boolean {
  const known = source.recall(value);
  if (known !== null) {
    note(state, known);
    return true;
  }
  const { length } = value;
  if (exceedsBudget(state, length * LOOKS)) return false;
  if (length <= TIMED_BYTES) {
    note(state, source.judge(value));
    return true;
  }
  const sinceMs = performance.now();
  if (length <= WATCHED_BYTES) {
    note(state, source.judge(value));
  } else {
    state.hasLongValues = true;
    if (!runWatched(state, () => note(state, source.judge(value)))) return false;
  }
  return !exceedsTime(state, sinceMs);
}

/** About how many rules look at a value in earnest. */
const LOOKS = 8;

function note(state: TransactionState, conditions: readonly number[]): void {
  for (let i = 0; i < conditions.length; i++) {
    const condition = conditions[i]!;
    if (!state.fulfilled.includes(condition)) state.fulfilled.push(condition);
  }
}

function showChannel(state: TransactionState, channel: ChannelPlan): boolean {
  const list = namedValuesOf(state, channel.channel);
  if (list === null) return showOther(state, channel);
  if (list.count > 0) {
    if (!channel.values.isEmpty && !showList(state, channel.values, list, list.values)) return false;
    if (!channel.names.isEmpty && !showList(state, channel.names, list, list.names)) return false;
  }
  for (let i = 0; i < channel.counts.length; i++) showCount(state, channel.counts[i]!, list);
  return true;
}

function namedValuesOf(state: TransactionState, channel: ChannelName): NamedValues | null {
  switch (channel) {
    case 'headers':
      return state.headers;
    case 'cookies':
      return cookiesOf(state);
    case 'query-arguments':
      return state.queryArguments;
    case 'body-arguments':
      return state.bodyArguments;
    case 'response-headers':
      return state.responseHeaders;
    default:
      return null;
  }
}

function showList(
  state: TransactionState,
  plan: CollectionPlan,
  list: NamedValues,
  shown: readonly string[],
): boolean {
  if (!plan.hasNames) {
    const { others } = plan;
    if (others === null) return true;
    for (let i = 0; i < shown.length; i++) if (!show(state, others, shown[i]!)) return false;
    return true;
  }
  const lowerNames = list.lowerNames();
  for (let i = 0; i < shown.length; i++) {
    const source = plan.sourceOf(lowerNames[i]!);
    if (source !== null && !show(state, source, shown[i]!)) return false;
  }
  return true;
}

function showCount(state: TransactionState, count: CountPlan, list: NamedValues): void {
  let found = list.count;
  if (count.name !== null && found > 0) {
    const lowerNames = list.lowerNames();
    found = 0;
    for (let i = 0; i < lowerNames.length; i++) if (lowerNames[i] === count.name) found++;
  }
  note(state, count.judge(found));
}

const collected = new ValueList();

/** Files, part headers and XML: seldom there. */
function showOther(state: TransactionState, { channel, values, names, counts }: ChannelPlan): boolean {
  collected.clear();
  if (channel === 'files') collectionReaders.FILES.all(state, collected);
  else if (channel === 'part-headers') collectionReaders.MULTIPART_PART_HEADERS.all(state, collected);
  else collectXml(state);
  for (let i = 0; i < collected.count; i++) {
    const lowerName = collected.keys[i]!.toLowerCase();
    const source = values.sourceOf(lowerName);
    if (source !== null && !show(state, source, collected.values[i]!)) return false;
    const nameSource = names.sourceOf(lowerName);
    if (nameSource !== null && !show(state, nameSource, collected.keys[i]!)) return false;
  }
  for (let i = 0; i < counts.length; i++) {
    const { name } = counts[i]!;
    let found = 0;
    for (let k = 0; k < collected.count; k++) {
      if (name === null || collected.keys[k]!.toLowerCase() === name) found++;
    }
    note(state, counts[i]!.judge(found));
  }
  return true;
}

/** Of XML; rules with other paths always run. */
export const shownPaths: readonly string[] = ['/*', '//@*'];

function collectXml(state: TransactionState): void {
  if (state.xml === null) return;
  for (const path of shownPaths) {
    for (const value of xmlValues(state.xml, parsePath(path)!)) collected.push('XML', path, value);
  }
}
