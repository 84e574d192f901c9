// HOT. Shows the values of a stage to their sources, and notes the conditions that they fulfil.

import type { Phase } from '../contract.ts';
import { scalarReader } from '../transaction/collect-values.ts';
import type { NamedValues } from '../transaction/named-values.ts';
import type { TransactionState } from '../transaction/state.ts';
import { ValueList } from '../transaction/value-list.ts';
import { collectionReaders, cookiesOf } from '../transaction/variables.ts';
import { parsePath, xmlValues } from '../transaction/xml-values.ts';
import type { ChannelName } from './channels.ts';
import type { CollectionPlan, CountPlan } from './collection-plan.ts';
import type { ChannelPlan, Plan } from './plan.ts';

/** Shows what phase `phase` needs and was not shown yet. */
export function wakeRules(state: TransactionState, plan: Plan, phase: Phase): void {
  const last = plan.phases[phase - 1]!.stage;
  for (let stage = 1; stage <= last; stage++) {
    if ((state.shownStages & (1 << stage)) !== 0) continue;
    state.shownStages |= 1 << stage;
    const { scalars, channels } = plan.stages[stage - 1]!;
    for (let i = 0; i < scalars.length; i++) {
      const value = scalarReader(scalars[i]!.variable)!(state);
      if (value !== null) note(state, scalars[i]!.source.judge(value));
    }
    for (let i = 0; i < channels.length; i++) showChannel(state, channels[i]!);
  }
}

function note(state: TransactionState, conditions: readonly number[]): void {
  for (let i = 0; i < conditions.length; i++) {
    const condition = conditions[i]!;
    if (!state.fulfilled.includes(condition)) state.fulfilled.push(condition);
  }
}

function showChannel(state: TransactionState, channel: ChannelPlan): void {
  const list = namedValuesOf(state, channel.channel);
  if (list === null) {
    showOther(state, channel);
    return;
  }
  if (list.count > 0) {
    if (!channel.values.isEmpty) showList(state, channel.values, list, list.values);
    if (!channel.names.isEmpty) showList(state, channel.names, list, list.names);
  }
  for (let i = 0; i < channel.counts.length; i++) showCount(state, channel.counts[i]!, list);
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
): void {
  if (!plan.hasNames) {
    const { others } = plan;
    if (others === null) return;
    for (let i = 0; i < shown.length; i++) note(state, others.judge(shown[i]!));
    return;
  }
  const lowerNames = list.lowerNames();
  for (let i = 0; i < shown.length; i++) {
    const source = plan.sourceOf(lowerNames[i]!);
    if (source !== null) note(state, source.judge(shown[i]!));
  }
}

function showCount(state: TransactionState, count: CountPlan, list: NamedValues): void {
  let found = list.count;
  if (count.name !== null && found > 0) {
    const lowerNames = list.lowerNames();
    found = 0;
    for (let i = 0; i < lowerNames.length; i++) if (lowerNames[i] === count.name) found++;
  }
  note(state, count.source.judge(countText(found)));
}

const SMALL_COUNTS = Array.from({ length: 64 }, (_, i) => String(i));
const countText = (count: number): string => SMALL_COUNTS[count] ?? String(count);

const collected = new ValueList();

/** Files, part headers and XML: seldom there. */
function showOther(state: TransactionState, { channel, values, names, counts }: ChannelPlan): void {
  collected.clear();
  if (channel === 'files') collectionReaders.FILES.all(state, collected);
  else if (channel === 'part-headers') collectionReaders.MULTIPART_PART_HEADERS.all(state, collected);
  else collectXml(state);
  for (let i = 0; i < collected.count; i++) {
    const lowerName = collected.keys[i]!.toLowerCase();
    const source = values.sourceOf(lowerName);
    if (source !== null) note(state, source.judge(collected.values[i]!));
    const nameSource = names.sourceOf(lowerName);
    if (nameSource !== null) note(state, nameSource.judge(collected.keys[i]!));
  }
  for (let i = 0; i < counts.length; i++) {
    const { name, source } = counts[i]!;
    let found = 0;
    for (let k = 0; k < collected.count; k++) {
      if (name === null || collected.keys[k]!.toLowerCase() === name) found++;
    }
    note(state, source.judge(countText(found)));
  }
}

/** Of XML; rules with other paths always run. */
export const shownPaths: readonly string[] = ['/*', '//@*'];

function collectXml(state: TransactionState): void {
  if (state.xml === null) return;
  for (const path of shownPaths) {
    for (const value of xmlValues(state.xml, parsePath(path)!)) collected.push('XML', path, value);
  }
}
