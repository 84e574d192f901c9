// Conditions of Sigma rules: `selection and not 1 of filter_*`, by precedence (not, and, or) and parentheses.
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { SigmaError } from './sigma-error.ts';

type Test = (record: ExchangeRecord) => boolean;

const MAX_TOKENS = 200;

export function compileCondition(text: string, selections: ReadonlyMap<string, Test>): Test {
  if (text === '') throw new SigmaError('it has no condition');
  if (text.includes('|'))
    throw new SigmaError('aggregations in conditions are of an old version: use a correlation');
  const tokens = text.match(/\(|\)|[^\s()]+/g) ?? [];
  if (tokens.length > MAX_TOKENS) throw new SigmaError('its condition is too long');
  let at = 0;
  const peek = (): string => (tokens[at] ?? '').toLowerCase();

  const either = (): Test => {
    let left = both();
    while (peek() === 'or') {
      at++;
      const [a, b] = [left, both()];
      left = (record) => a(record) || b(record);
    }
    return left;
  };
  const both = (): Test => {
    let left = not();
    while (peek() === 'and') {
      at++;
      const [a, b] = [left, not()];
      left = (record) => a(record) && b(record);
    }
    return left;
  };
  const not = (): Test => {
    if (peek() !== 'not') return one();
    at++;
    const inner = not();
    return (record) => !inner(record);
  };
  const one = (): Test => {
    const token = tokens[at++];
    if (token === undefined) throw new SigmaError('its condition ends too early');
    if (token === '(') {
      const inner = either();
      if (tokens[at++] !== ')') throw new SigmaError('its condition lacks a ")"');
      return inner;
    }
    if (peek() === 'of' && /^(?:\d+|all|any)$/i.test(token)) {
      at++;
      return quantified(token.toLowerCase(), tokens[at++] ?? '', selections);
    }
    const selection = selections.get(token);
    if (selection === undefined) throw new SigmaError(`there is no selection "${token}"`);
    return selection;
  };

  const test = either();
  if (at < tokens.length) throw new SigmaError(`its condition goes on with "${tokens[at]}"`);
  return test;
}

function quantified(quantity: string, names: string, selections: ReadonlyMap<string, Test>): Test {
  const isWanted =
    names === 'them'
      ? (name: string) => !name.startsWith('_')
      : (name: string) => (names.endsWith('*') ? name.startsWith(names.slice(0, -1)) : name === names);
  const tests = [...selections].filter(([name]) => isWanted(name)).map(([, test]) => test);
  if (tests.length === 0) throw new SigmaError(`no selection is named "${names}"`);
  if (quantity === 'all') return (record) => tests.every((test) => test(record));
  const least = quantity === 'any' ? 1 : Number(quantity);
  return (record) => {
    let held = 0;
    for (const test of tests) if (test(record) && ++held >= least) return true;
    return false;
  };
}
