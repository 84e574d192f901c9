// Sigma rules (specification 2.0) compiled to functions over records: selections with modifiers, conditions, and correlations that
// count over time. What a rule asks for and we do not have is refused by name, never left out in silence.
import { parse } from 'yaml';
import { AddressSet } from '../../net/index.ts';
import type { ExchangeRecord } from '../../telemetry/index.ts';
import { compileCondition } from './condition.ts';
import { readerOf } from './fields.ts';
import { SigmaError } from './sigma-error.ts';

export type Test = (record: ExchangeRecord) => boolean;

export interface SigmaRule {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly level: 'informational' | 'low' | 'medium' | 'high' | 'critical';
  readonly tags: readonly string[];
  readonly matches: Test;
}

export interface SigmaCorrelation {
  readonly id: string;
  readonly title: string;
  readonly level: SigmaRule['level'];
  readonly tags: readonly string[];
  readonly kind: 'event_count' | 'value_count';
  /** Ids or names of rules. */
  readonly rules: readonly string[];
  readonly groupBy: readonly string[];
  readonly spanMs: number;
  /** Counts from which on it is a match. */
  readonly least: number;
  /** Field whose values are counted. */
  readonly field: string;
}

const categories = ['webserver', 'proxy', 'application'];
const levels = ['informational', 'low', 'medium', 'high', 'critical'] as const;
const MAX_PATTERN = 500;

/** Rules and correlations of one file, which may hold several documents. Throws SigmaError. */
export function parseSigma(text: string): {
  readonly rules: SigmaRule[];
  readonly correlations: SigmaCorrelation[];
} {
  const rules: SigmaRule[] = [];
  const correlations: SigmaCorrelation[] = [];
  for (const part of text.split(/^---\s*$/m)) {
    if (part.trim() === '') continue;
    let value: unknown;
    try {
      value = parse(part, { maxAliasCount: 20 });
    } catch (error) {
      throw new SigmaError(`it is no YAML: ${(error as Error).message.split('\n')[0]}`);
    }
    const document = objectOf(value, 'the rule');
    if (document['correlation'] === undefined) rules.push(compileRule(document));
    else correlations.push(compileCorrelation(document));
  }
  if (rules.length === 0) throw new SigmaError('it holds no rule');
  return { rules, correlations };
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SigmaError(`${what} is no map`);
  return value as Fields;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function head(document: Fields): Pick<SigmaRule, 'id' | 'name' | 'title' | 'level' | 'tags'> {
  const title = textOf(document['title']);
  if (title === '') throw new SigmaError('it has no title');
  const level = document['level'] ?? 'medium';
  if (!levels.includes(level as never)) throw new SigmaError(`there is no level "${String(level)}"`);
  const tags = Array.isArray(document['tags']) ? document['tags'].map(String) : [];
  const name = textOf(document['name']);
  return {
    id: textOf(document['id']) || name || title,
    name,
    title,
    level: level as SigmaRule['level'],
    tags,
  };
}

function compileRule(document: Fields): SigmaRule {
  const source = objectOf(document['logsource'] ?? {}, 'logsource');
  const category = textOf(source['category']);
  if (!categories.includes(category))
    throw new SigmaError(
      `its log source is no ${categories.join(', ')}, but "${category || String(source['product'])}"`,
    );
  const detection = objectOf(document['detection'], 'detection');
  const selections = new Map<string, Test>();
  for (const [name, value] of Object.entries(detection)) {
    if (name === 'condition' || name === 'timeframe') continue;
    selections.set(name, compileSelection(value, name));
  }
  const conditions = [detection['condition']].flat().map(textOf);
  const tests = conditions.map((condition) => compileCondition(condition, selections));
  return { ...head(document), matches: (record) => tests.some((test) => test(record)) };
}

/** A map is "all of", a list is "any of". */
function compileSelection(value: unknown, name: string): Test {
  if (Array.isArray(value)) {
    const tests = value.map((entry) =>
      typeof entry === 'object' && entry !== null ? compileSelection(entry, name) : keyword(entry),
    );
    return (record) => tests.some((test) => test(record));
  }
  const tests = Object.entries(objectOf(value, `selection "${name}"`)).map(([key, wanted]) =>
    compileField(key, wanted),
  );
  return (record) => tests.every((test) => test(record));
}

const keywordFields = ['path', 'query', 'user_agent', 'host', 'reason', 'code'] as const;

/** A word without a field is looked for in what clients send. */
function keyword(value: unknown): Test {
  const matches = pattern(`*${String(value)}*`, false);
  return (record) => keywordFields.some((field) => record[field] !== undefined && matches(record[field]));
}

function compileField(key: string, wanted: unknown): Test {
  const [field = '', ...modifiers] = key.split('|');
  const read = readerOf(field);
  if (read === null) throw new SigmaError(`there is no field "${field}"`);
  const isAll = modifiers.includes('all');
  const isCased = modifiers.includes('cased');
  const kinds = modifiers.filter((modifier) => modifier !== 'all' && modifier !== 'cased');
  const values = [wanted].flat();
  if (kinds.includes('exists')) {
    const mustBe = values[0] === true;
    return (record) => (read(record) !== null) === mustBe;
  }
  const tests = values.map((value) => compileValue(value, kinds, isCased));
  return (record) => {
    const found = read(record);
    const list = Array.isArray(found)
      ? (found as readonly (string | number)[])
      : [found as string | number | null];
    const holds = (test: (value: string | number | null) => boolean): boolean => list.some(test);
    return isAll ? tests.every(holds) : tests.some(holds);
  };
}

function compileValue(
  value: unknown,
  kinds: readonly string[],
  isCased: boolean,
): (found: string | number | null) => boolean {
  const [kind = 'is', ...more] = kinds;
  if (kind === 're') return expression(String(value), more);
  if (more.length > 0) throw new SigmaError(`the modifiers "${kinds.join('|')}" can not be combined`);
  if (value === null) return (found) => found === null || found === '';
  const text = String(value);
  const present =
    (test: (found: string) => boolean) =>
    (found: string | number | null): boolean =>
      found !== null && test(String(found));
  switch (kind) {
    case 'is':
      return present(pattern(text, isCased));
    case 'contains':
      return present(pattern(`*${text}*`, isCased));
    case 'startswith':
      return present(pattern(`${text}*`, isCased));
    case 'endswith':
      return present(pattern(`*${text}`, isCased));
    case 'cidr': {
      const set = blockOf(text);
      return present((found) => set.has(found));
    }
    case 'gt':
      return present((found) => Number(found) > Number(value));
    case 'gte':
      return present((found) => Number(found) >= Number(value));
    case 'lt':
      return present((found) => Number(found) < Number(value));
    case 'lte':
      return present((found) => Number(found) <= Number(value));
    default:
      throw new SigmaError(`there is no modifier "${kind}"`);
  }
}

function blockOf(text: string): AddressSet {
  try {
    return new AddressSet([text]);
  } catch {
    throw new SigmaError(`"${text}" is no block of addresses`);
  }
}

/**
 * Expressions of rules are the operator's, the values are not: what can be matched in two ways by one text is refused, as far
 * as its shape shows that, and values are cut.
 */
function expression(text: string, flags: readonly string[]): (found: string | number | null) => boolean {
  if (text.length > MAX_PATTERN)
    throw new SigmaError(`its expression is longer than ${MAX_PATTERN} characters`);
  if (/\([^()]*[+*][^()]*\)[+*{]/.test(text))
    throw new SigmaError(`its expression repeats what repeats: ${text}`);
  const known: Readonly<Record<string, string>> = { i: 'i', m: 'm', s: 's' };
  const letters = flags.map((flag) => {
    const letter = known[flag];
    if (letter === undefined) throw new SigmaError(`there is no flag "${flag}"`);
    return letter;
  });
  let compiled: RegExp;
  try {
    compiled = new RegExp(text, letters.join(''));
  } catch {
    throw new SigmaError(`its expression is none: ${text}`);
  }
  return (found) => found !== null && compiled.test(String(found).slice(0, 2048));
}

/** `*` and `?` with backslash as escape, without backtracking: parts are searched from left to right. */
export function pattern(text: string, isCased: boolean): (found: string) => boolean {
  const parts: string[] = [''];
  let hasOne = false;
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    const next = text[at + 1];
    if (c === '\\' && (next === '*' || next === '?' || next === '\\')) {
      parts[parts.length - 1] += next;
      at++;
    } else if (c === '*') parts.push('');
    else {
      if (c === '?') hasOne = true;
      parts[parts.length - 1] += c === '?' ? '\0' : c;
    }
  }
  const fold = (value: string): string => (isCased ? value : value.toLowerCase());
  const wanted = parts.map(fold);
  const search = hasOne
    ? findWithAny
    : (value: string, part: string, from: number) => value.indexOf(part, from);
  return (found) => {
    const value = fold(found);
    const [first = '', ...rest] = wanted;
    if (rest.length === 0) return value.length === first.length && search(value, first, 0) === 0;
    if (search(value.slice(0, first.length), first, 0) !== 0) return false;
    let from = first.length;
    const last = rest.pop()!;
    for (const part of rest) {
      const at = search(value, part, from);
      if (at === -1) return false;
      from = at + part.length;
    }
    const tail = value.length - last.length;
    return tail >= from && search(value.slice(tail), last, 0) === 0;
  };
}

/** As indexOf, where NUL in `part` stands for any character. */
function findWithAny(value: string, part: string, from: number): number {
  outer: for (let at = from; at + part.length <= value.length; at++) {
    for (let i = 0; i < part.length; i++) if (part[i] !== '\0' && part[i] !== value[at + i]) continue outer;
    return at;
  }
  return -1;
}

function compileCorrelation(document: Fields): SigmaCorrelation {
  const correlation = objectOf(document['correlation'], 'correlation');
  const kind = textOf(correlation['type']);
  if (kind !== 'event_count' && kind !== 'value_count')
    throw new SigmaError(`there is no correlation "${kind}"`);
  const condition = objectOf(correlation['condition'], 'its condition');
  const least = typeof condition['gte'] === 'number' ? condition['gte'] : Number(condition['gt']) + 1;
  if (!(least >= 1)) throw new SigmaError('its condition is neither gte nor gt of a number');
  const groupBy = [correlation['group-by'] ?? []].flat().map(String);
  const field = textOf(condition['field']);
  for (const name of [...groupBy, ...(kind === 'value_count' ? [field] : [])])
    if (readerOf(name) === null) throw new SigmaError(`there is no field "${name}"`);
  const span = /^(\d+)([smhd])$/.exec(textOf(correlation['timespan']));
  if (span === null) throw new SigmaError('its timespan is none, such as 5m');
  const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[span[2] as 's' | 'm' | 'h' | 'd'];
  return {
    ...head(document),
    kind,
    rules: [correlation['rules'] ?? []].flat().map(String),
    groupBy,
    spanMs: Number(span[1]) * unit,
    least,
    field,
  };
}
