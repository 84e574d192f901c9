// HOT. What a rule that matched changes: variables (for each value that matches) and the transaction itself (once, when the whole
// chain has matched).

import type { Assignment, Binding, Effect } from '../rules/rule.ts';
import { expand } from './expand.ts';
import { MAX_TX_NAMES, type TransactionState } from './state.ts';

/** Values longer than this are cut: rules copy what clients send. */
const MAX_VARIABLE_BYTES = 65_536;

export function applyAssignments(assignments: readonly Assignment[], state: TransactionState): void {
  for (let i = 0; i < assignments.length; i++) {
    const assignment = assignments[i]!;
    if (assignment.collection === 'TX') assignTx(assignment, state);
    else if (assignment.collection === 'ENV') assignEnvironment(assignment, state);
    else assignBound(assignment, state);
  }
}

function assignTx(assignment: Assignment, state: TransactionState): void {
  const { tx } = state;
  if (assignment.kind === 'expire') return;
  if (assignment.slot !== -1) {
    tx.write(assignment.slot, newValue(assignment, tx.read(assignment.slot), state));
    return;
  }
  const name = expand(assignment.name, state);
  tx.writeNamed(name, newValue(assignment, tx.readNamed(name.toLowerCase()), state), MAX_TX_NAMES);
}

function assignEnvironment(assignment: Assignment, state: TransactionState): void {
  const name = expand(assignment.name, state).toLowerCase();
  state.environment ??= new Map();
  const value = newValue(assignment, state.environment.get(name) ?? null, state);
  if (value === null) state.environment.delete(name);
  else if (state.environment.size < MAX_TX_NAMES) state.environment.set(name, value);
}

/** Without `initcol` before it, a variable of a persistent collection is not kept, as in ModSecurity. */
function assignBound(assignment: Assignment, state: TransactionState): void {
  const bound = state.collections?.get(assignment.collection);
  if (bound === undefined) return;
  const name = expand(assignment.name, state).toLowerCase();
  const port = state.persistent;
  const collection = assignment.collection.toLowerCase();
  const nowMs = state.startedAtMs;
  if (assignment.kind === 'expire') {
    const value = bound.values.get(name);
    if (value === undefined) return;
    const expiresAtMs = nowMs + toInteger(expand(assignment.value, state)) * 1000;
    port?.store(collection, bound.key, name, value, expiresAtMs, nowMs);
    return;
  }
  if (assignment.kind === 'add' || assignment.kind === 'subtract') {
    const operand = toInteger(expand(assignment.value, state));
    const delta = assignment.kind === 'add' ? operand : -operand;
    const sum =
      port === null
        ? toInteger(bound.values.get(name) ?? '') + delta
        : port.add(collection, bound.key, name, delta, nowMs);
    bound.values.set(name, String(sum));
    return;
  }
  const value = newValue(assignment, null, state);
  if (value === null) bound.values.delete(name);
  else if (bound.values.size < MAX_TX_NAMES) bound.values.set(name, value);
  port?.store(collection, bound.key, name, value, 0, nowMs);
}

function newValue(assignment: Assignment, old: string | null, state: TransactionState): string | null {
  if (assignment.kind === 'unset') return null;
  const value = expand(assignment.value, state);
  if (assignment.kind === 'add') return String(toInteger(old ?? '') + toInteger(value));
  if (assignment.kind === 'subtract') return String(toInteger(old ?? '') - toInteger(value));
  return value.length > MAX_VARIABLE_BYTES ? value.slice(0, MAX_VARIABLE_BYTES) : value;
}

/** As C's `atoi`: leading digits count, anything else is 0. */
export function toInteger(text: string): number {
  const value = Number.parseInt(text, 10);
  return Number.isSafeInteger(value) ? value : 0;
}

export function applyBindings(bindings: readonly Binding[], state: TransactionState): void {
  for (let i = 0; i < bindings.length; i++) {
    const { collection, key: macro } = bindings[i]!;
    const key = expand(macro, state);
    const loaded = state.persistent?.load(collection.toLowerCase(), key, state.startedAtMs);
    state.collections ??= new Map();
    state.collections.set(collection, { key, values: new Map(loaded) });
  }
}

export function applyEffects(effects: readonly Effect[], state: TransactionState): void {
  for (let i = 0; i < effects.length; i++) applyEffect(effects[i]!, state);
}

function applyEffect(effect: Effect, state: TransactionState): void {
  switch (effect.kind) {
    case 'engine':
      state.mode = effect.mode;
      break;
    case 'request-body-access':
      state.requestBodyAccess = effect.isOn;
      break;
    case 'response-body-access':
      state.responseBodyAccess = effect.isOn;
      break;
    case 'request-body-processor':
      state.bodyProcessor = effect.processor;
      break;
    case 'force-request-body':
      state.forcesRequestBody = effect.isOn;
      break;
    case 'remove-rules': {
      const { rules } = effect;
      if (state.removedRules === null) {
        state.removedRules = rules.slice();
        break;
      }
      for (let i = 0; i < rules.length; i++) if (rules[i] === 1) state.removedRules[i] = 1;
      break;
    }
    case 'remove-target':
      state.removedTargets ??= [];
      state.removedTargets.push({ rules: effect.rules, target: effect.target });
      break;
  }
}
