// HOT. Shows the values of a stage to their sources, and notes the conditions that they fulfil.

import type { Phase } from '../contract.ts';
import { exceedsBudget, exceedsTime, TIMED_BYTES } from '../transaction/budget.ts';
import type { NamedValues } from '../transaction/named-values.ts';
import type { TransactionState } from '../transaction/state.ts';
import { ValueList } from '../transaction/value-list.ts';
import { collectionReaders, cookiesOf } from '../transaction/variables.ts';
import { runWatched, WATCHED_BYTES } from '../transaction/watchdog.ts';
import { parsePath, xmlValues } from '../transaction/xml-values.ts';
import type { ChannelName } from './channels.ts';
import type { CollectionPlan } from './collection-plan.ts';
import type { ChannelPlan, Plan } from './plan.ts';
import { ALONE, PART, type Source, type Standing, WHOLE } from './source.ts';

/** Shows what phase `phase` needs and was not shown yet. */
export function wakeRules(state: TransactionState, plan: Plan, phase: Phase): void {
  const last = plan.phases[phase - 1]!.stage;
  for (let stage = 1; stage <= last; stage++) {
    if ((state.shownStages & (1 << stage)) !== 0) continue;
    state.shownStages |= 1 << stage;
    const { scalars, channels } = plan.stages[stage - 1]!;
    // Names and values in the query and path of a URI without escapes are parts of it, and so are their bytes.
    let ofPart: Standing = ALONE;
    for (let i = 0; i < scalars.length; i++) {
      const { read, source, place } = scalars[i]!;
      const value = read(state);
      if (value === null) continue;
      const known = source.recall(value);
      const verdict = known ?? ask(state, source, value, place === PART ? ofPart : place);
      if (verdict === null) return;
      if (place === WHOLE && known === null && !value.includes('%')) ofPart = PART;
      note(state, verdict);
    }
    for (let i = 0; i < channels.length; i++) if (!showChannel(state, channels[i]!)) return;
  }
}

/** What `value` fulfils, which its source does not remember; null when the transaction has cost too much. */
function ask(
  state: TransactionState,
  source: Source,
  value: string,
  place: Standing,
): readonly number[] | null {
  const { length } = value;
  if (exceedsBudget(state, length * LOOKS)) return null;
  if (length <= TIMED_BYTES) return source.judge(value, place);
  const sinceMs = performance.now();
  const verdict =
    length <= WATCHED_BYTES ? source.judge(value, place) : judgeWatched(state, source, value, place);
  return verdict === null || exceedsTime(state, sinceMs) ? null : verdict;
}

function judgeWatched(
  state: TransactionState,
  source: Source,
  value: string,
  place: Standing,
): readonly number[] | null {
  state.hasLongValues = true;
  let verdict: readonly number[] | null = null;
  const isInTime = runWatched(state, () => {
    verdict = source.judge(value, place);
  });
  return isInTime ? verdict : null;
}

/** False when the transaction has cost too much, as for all below. */
function show(state: TransactionState, source: Source, value: string): boolean {
  const verdict = source.recall(value) ?? ask(state, source, value, ALONE);
  if (verdict === null) return false;
  note(state, verdict);
  return true;
}

/** About how many rules look at a value in earnest. */
const LOOKS = 8;

function note(state: TransactionState, conditions: readonly number[]): void {
  const { fulfilled } = state;
  for (let i = 0; i < conditions.length; i++) {
    const condition = conditions[i]!;
    if (!fulfilled.includes(condition)) fulfilled.push(condition);
  }
}

function showChannel(state: TransactionState, channel: ChannelPlan): boolean {
  const list = namedValuesOf(state, channel.channel);
  if (list === null) return showOther(state, channel);
  if (list.count > 0 && !channel.values.isEmpty && !showValues(state, channel.values, list)) return false;
  if (channel.names.isEmpty && channel.counts.length === 0) return true;
  const known = channel.memo.find(list.names);
  if (known !== null) {
    note(state, known);
    return true;
  }
  return showNames(state, channel, list);
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

function showValues(state: TransactionState, plan: CollectionPlan, list: NamedValues): boolean {
  const { values } = list;
  const { others } = plan;
  const lowerNames = plan.hasNames ? list.lowerNames() : values;
  for (let i = 0; i < values.length; i++) {
    const source = plan.hasNames ? plan.sourceOf(lowerNames[i]!) : others;
    if (source !== null && !show(state, source, values[i]!)) return false;
  }
  return true;
}

/** What the names say, and how often each stands there. */
function showNames(state: TransactionState, channel: ChannelPlan, list: NamedValues): boolean {
  const { names } = list;
  const lowerNames = list.lowerNames();
  const all: number[] = [];
  for (let i = 0; i < names.length; i++) {
    const source = channel.names.sourceOf(lowerNames[i]!);
    if (source === null) continue;
    const verdict = source.recall(names[i]!) ?? ask(state, source, names[i]!, ALONE);
    if (verdict === null) return false;
    for (let k = 0; k < verdict.length; k++) if (!all.includes(verdict[k]!)) all.push(verdict[k]!);
  }
  for (let i = 0; i < channel.counts.length; i++) {
    const verdict = channel.counts[i]!.judge(countOf(channel.counts[i]!.name, lowerNames));
    for (let k = 0; k < verdict.length; k++) if (!all.includes(verdict[k]!)) all.push(verdict[k]!);
  }
  channel.memo.add(names, all);
  note(state, all);
  return true;
}

function countOf(name: string | null, lowerNames: readonly string[]): number {
  if (name === null) return lowerNames.length;
  let count = 0;
  for (let i = 0; i < lowerNames.length; i++) if (lowerNames[i] === name) count++;
  return count;
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
  if (counts.length === 0) return true;
  const lowerNames = collected.keys.slice(0, collected.count).map((key) => key.toLowerCase());
  for (let i = 0; i < counts.length; i++) note(state, counts[i]!.judge(countOf(counts[i]!.name, lowerNames)));
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
