// The last argument of SecRule: `id:1,phase:2,deny,msg:'…',setvar:'tx.score=+5'`. Splits it and gives each action its type; the
// table at the end says what each name wants.

import { closestName, type Diagnostics, type Place } from '../../core/index.ts';
import type { Phase } from '../contract.ts';
import { SEVERITY_NAMES } from '../contract.ts';
import type { ActionNode, AllowScope } from './ast.ts';
import type { SourceText } from './lexer.ts';
import { parseControl } from './parse-control.ts';
import { findVariable, persistentNames, type VariableName, writableCollections } from './variables.ts';

interface RawAction {
  readonly place: Place;
  readonly name: string;
  readonly value: SourceText;
}

/** What a reader of one action's value answers: the node without its place, or what is wrong with the value. */
type Parsed = ActionBody | { readonly kind: 'wrong'; readonly message: string; readonly suggestion: string };
type WithoutPlace<T> = T extends unknown ? Omit<T, 'place'> : never;
type ActionBody = WithoutPlace<ActionNode>;
type ActionReader = (value: string, raw: RawAction, diagnostics: Diagnostics) => Parsed;

export function parseActions(source: SourceText, diagnostics: Diagnostics): ActionNode[] {
  const actions: ActionNode[] = [];
  for (const raw of splitActions(source)) {
    const reader = readers.get(raw.name.toLowerCase());
    if (reader === undefined) {
      reportUnknown(raw, diagnostics);
      continue;
    }
    const parsed = reader(raw.value.text, raw, diagnostics);
    if (parsed.kind === 'wrong') {
      diagnostics.error('seclang-action-value', raw.place, parsed.message, parsed.suggestion);
    } else {
      actions.push({ place: raw.place, ...parsed });
    }
  }
  return actions;
}

function splitActions(source: SourceText): RawAction[] {
  const { text } = source;
  const found: RawAction[] = [];
  let i = 0;
  for (;;) {
    while (i < text.length && /[\s,]/.test(text[i]!)) i++;
    if (i >= text.length) return found;
    const start = i;
    while (i < text.length && text[i] !== ':' && text[i] !== '=' && text[i] !== ',') i++;
    const name = text.slice(start, i).trim();
    let value = source.slice(i, i);
    if (text[i] === ':' || text[i] === '=') {
      i++;
      while (text[i] === ' ' || text[i] === '\t') i++;
      if (text[i] === "'") {
        const close = closingQuote(text, i + 1);
        value = source.slice(i + 1, close);
        i = close + 1;
        while (i < text.length && text[i] !== ',') i++;
      } else {
        const from = i;
        while (i < text.length && text[i] !== ',') i++;
        let to = i;
        while (to > from && /\s/.test(text[to - 1]!)) to--;
        value = source.slice(from, to);
      }
    }
    found.push({ place: source.placeAt(start), name, value });
  }
}

/** A quote ends the value where a comma, a blank or nothing follows; `\'` never does. */
function closingQuote(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === "'") return i;
  }
  return text.length;
}

function reportUnknown(raw: RawAction, diagnostics: Diagnostics): void {
  if (unsupported.has(raw.name.toLowerCase())) {
    diagnostics.error(
      'seclang-unsupported',
      raw.place,
      `The action ${raw.name} is not supported.`,
      unsupported.get(raw.name.toLowerCase())!,
    );
    return;
  }
  const close = closestName(raw.name, actionNames);
  const suggestion = close === null ? '' : `Did you mean ${close}?`;
  diagnostics.error('seclang-unknown-action', raw.place, `There is no action ${raw.name}.`, suggestion);
}

const wrong = (message: string, suggestion = ''): Parsed => ({ kind: 'wrong', message, suggestion });

const unquote = (value: string): string => (value.includes("\\'") ? value.replaceAll("\\'", "'") : value);

function readNumber(name: string, min: number, max: number, make: (n: number) => ActionBody): ActionReader {
  return (value) => {
    if (!/^\d{1,10}$/.test(value) || Number(value) < min || Number(value) > max) {
      return wrong(`${name} wants a number from ${min} to ${max}, not "${value}".`);
    }
    return make(Number(value));
  };
}

function readText(name: string, make: (text: string) => ActionBody): ActionReader {
  return (value) => (value === '' ? wrong(`${name} wants a value.`) : make(unquote(value)));
}

function readWord(body: ActionBody): ActionReader {
  return (value, raw) => (value === '' ? body : wrong(`${raw.name} takes no value.`));
}

const phaseWords: ReadonlyMap<string, Phase> = new Map([
  ['request', 2],
  ['response', 4],
  ['logging', 5],
]);

const readPhase: ActionReader = (value) => {
  const phase = phaseWords.get(value.toLowerCase()) ?? Number(value);
  return phase === 1 || phase === 2 || phase === 3 || phase === 4 || phase === 5
    ? { kind: 'phase', phase }
    : wrong(`There is no phase "${value}".`, 'Write 1 to 5, `request`, `response` or `logging`.');
};

const severityLevels: readonly string[] = SEVERITY_NAMES;

const readSeverity: ActionReader = (value) => {
  const level = /^[0-7]$/.test(value) ? Number(value) : severityLevels.indexOf(value.toUpperCase());
  return level >= 0
    ? { kind: 'severity', level }
    : wrong(`There is no severity "${value}".`, `Write one of ${SEVERITY_NAMES.join(', ')}, or 0 to 7.`);
};

const readAllow: ActionReader = (value) => {
  const scope: AllowScope | null =
    value === '' ? 'all' : value === 'phase' || value === 'request' ? value : null;
  return scope === null
    ? wrong(`allow takes \`phase\` or \`request\`, not "${value}".`)
    : { kind: 'allow', scope };
};

const readSetVariable: ActionReader = (value) => {
  const text = unquote(value);
  const isUnset = text.startsWith('!');
  const equals = text.indexOf('=');
  const left = (equals === -1 ? text.slice(isUnset ? 1 : 0) : text.slice(0, equals)).trim();
  const target = collectionAndName(left, writableCollections);
  if (typeof target === 'string') return wrong(target, 'Write for instance `setvar:tx.score=+5`.');
  if (isUnset || equals === -1) {
    return {
      kind: 'set-variable',
      ...target,
      operation: isUnset ? 'unset' : 'set',
      value: isUnset ? '' : '1',
    };
  }
  const right = text.slice(equals + 1);
  const sign = right[0];
  const operation = sign === '+' ? 'add' : sign === '-' ? 'subtract' : 'set';
  return { kind: 'set-variable', ...target, operation, value: operation === 'set' ? right : right.slice(1) };
};

const readExpireVariable: ActionReader = (value) => {
  const text = unquote(value);
  const equals = text.indexOf('=');
  const target = collectionAndName(equals === -1 ? text : text.slice(0, equals), writableCollections);
  if (typeof target === 'string') return wrong(target, 'Write for instance `expirevar:ip.blocked=60`.');
  return { kind: 'expire-variable', ...target, seconds: equals === -1 ? '0' : text.slice(equals + 1) };
};

function collectionAndName(
  text: string,
  known: readonly VariableName[],
): { collection: VariableName; name: string } | string {
  const dot = text.search(/[.:]/);
  const collection = findVariable(dot === -1 ? text : text.slice(0, dot));
  if (dot === -1 || dot + 1 === text.length) return `"${text}" names no variable of a collection.`;
  if (collection === null || !known.includes(collection.name)) {
    return `Variables of "${text.slice(0, dot)}" can not be set; of ${known.join(', ')} they can.`;
  }
  return { collection: collection.name, name: text.slice(dot + 1) };
}

const readInitCollection: ActionReader = (value) => {
  const text = unquote(value);
  const equals = text.indexOf('=');
  const collection = findVariable(equals === -1 ? text : text.slice(0, equals));
  if (equals === -1 || collection === null || !persistentNames.includes(collection.name)) {
    return wrong(
      `initcol wants a collection and a key, not "${text}".`,
      'Write `initcol:ip=%{REMOTE_ADDR}`.',
    );
  }
  return { kind: 'init-collection', collection: collection.name, key: text.slice(equals + 1) };
};

const readSetEnvironment: ActionReader = (value) => {
  const text = unquote(value);
  const equals = text.indexOf('=');
  return equals > 0
    ? { kind: 'set-environment', name: text.slice(0, equals), value: text.slice(equals + 1) }
    : text === ''
      ? wrong('setenv wants a name.')
      : { kind: 'set-environment', name: text, value: '1' };
};

const readControl: ActionReader = (_, raw, diagnostics) => {
  const control = parseControl(raw.value, diagnostics);
  return typeof control === 'string'
    ? wrong(control, 'The manual of the engine lists what `ctl` knows.')
    : { kind: 'control', control };
};

const initAs =
  (collection: VariableName): ActionReader =>
  (value) =>
    value === '' ? wrong('A key is missing.') : { kind: 'init-collection', collection, key: unquote(value) };

const noEffect: ActionReader = (_, raw) => ({ kind: 'no-effect', name: raw.name });

const LARGEST_ID = 2_147_483_647;

const readers: ReadonlyMap<string, ActionReader> = new Map<string, ActionReader>([
  ['id', readNumber('id', 1, LARGEST_ID, (id) => ({ kind: 'id', id }))],
  ['phase', readPhase],
  ['msg', readText('msg', (text) => ({ kind: 'message', text }))],
  ['logdata', readText('logdata', (text) => ({ kind: 'log-data', text }))],
  ['tag', readText('tag', (text) => ({ kind: 'tag', text }))],
  ['ver', readText('ver', (text) => ({ kind: 'version', text }))],
  ['rev', readText('rev', (text) => ({ kind: 'revision', text }))],
  ['severity', readSeverity],
  ['maturity', readNumber('maturity', 0, 9, (level) => ({ kind: 'maturity', level }))],
  ['accuracy', readNumber('accuracy', 0, 9, (level) => ({ kind: 'accuracy', level }))],
  ['t', readText('t', (name) => ({ kind: 'transformation', name }))],
  ['chain', readWord({ kind: 'chain' })],
  ['capture', readWord({ kind: 'capture' })],
  ['multimatch', readWord({ kind: 'multi-match' })],
  ['log', readWord({ kind: 'log', isOn: true })],
  ['nolog', readWord({ kind: 'log', isOn: false })],
  ['auditlog', readWord({ kind: 'audit-log', isOn: true })],
  ['noauditlog', readWord({ kind: 'audit-log', isOn: false })],
  ['block', readWord({ kind: 'block' })],
  ['pass', readWord({ kind: 'pass' })],
  ['deny', readWord({ kind: 'deny' })],
  ['drop', readWord({ kind: 'drop' })],
  ['allow', readAllow],
  ['redirect', readText('redirect', (location) => ({ kind: 'redirect', location }))],
  ['status', readNumber('status', 100, 599, (status) => ({ kind: 'status', status }))],
  ['skip', readNumber('skip', 1, 100_000, (count) => ({ kind: 'skip', count }))],
  ['skipafter', readText('skipAfter', (marker) => ({ kind: 'skip-after', marker }))],
  ['setvar', readSetVariable],
  ['expirevar', readExpireVariable],
  ['initcol', readInitCollection],
  ['setsid', initAs('SESSION')],
  ['setuid', initAs('USER')],
  ['setrsc', initAs('RESOURCE')],
  ['setenv', readSetEnvironment],
  ['ctl', readControl],
  ['deprecatevar', noEffect],
  ['sanitisearg', noEffect],
  ['sanitisematched', noEffect],
  ['sanitisematchedbytes', noEffect],
  ['sanitiserequestheader', noEffect],
  ['sanitiseresponseheader', noEffect],
  ['xmlns', noEffect],
]);

const actionNames = [...readers.keys()];

const unsupported: ReadonlyMap<string, string> = new Map([
  ['exec', 'Rules can not start programs here.'],
  ['proxy', 'Where a request goes is for the configuration of the gate to say.'],
  ['pause', 'A pause holds a connection for an attacker; use a rate limit.'],
  ['append', 'Rules do not change the answer.'],
  ['prepend', 'Rules do not change the answer.'],
]);
