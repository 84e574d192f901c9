// Parameters of one operation: taken from path, query, header and cookie as their style says (OpenAPI 3.1 section
// 4.8.12), converted by strict lexical rules, validated. What is not documented in the query is refused, and so is a
// parameter that comes twice: the upstream might read the other one. HOT
import type { FieldList } from '../http/fields/index.ts';
import type { ContractOperation, ContractParameter } from './contract.ts';
import { article, decodeText, INVALID, type Kind, kindOf, primitive } from './primitive.ts';
import type { SchemaSet, SchemaValidator } from './schema-set.ts';

export interface ParameterError {
  readonly in: string;
  readonly name: string;
  readonly message: string;
}

/** What a check looks at; the exchange has these members. */
export interface ParameterSource {
  readonly params: readonly string[];
  readonly query: string;
  readonly fields: FieldList;
}

export type ParameterCheck = (source: ParameterSource) => ParameterError | null;

interface Row {
  readonly parameter: ContractParameter;
  readonly kind: Kind;
  readonly itemKind: Kind;
  readonly memberKinds: ReadonlyMap<string, Kind>;
  readonly separator: string;
  /** Null when every text is valid. */
  readonly validate: SchemaValidator | null;
  /** Position in the path template. */
  readonly index: number;
}

const MAX_QUERY_PARAMETERS = 256;

export interface ParameterOptions {
  readonly undocumented: 'refuse' | 'allow';
}

/** Check for the operation; null when it takes nothing and refuses nothing. */
export function compileParameters(
  operation: ContractOperation,
  set: SchemaSet,
  options: ParameterOptions,
): ParameterCheck {
  const names = [...operation.template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
  const rows = operation.parameters.map((parameter) =>
    compileRow(parameter, names.indexOf(parameter.name), set),
  );
  const pathRows = rows.filter((row) => row.parameter.place === 'path' && row.validate !== null);
  const headerRows = rows.filter((row) => row.parameter.place === 'header');
  const cookieRows = rows.filter((row) => row.parameter.place === 'cookie');
  const checkQuery = compileQuery(
    rows.filter((row) => row.parameter.place === 'query'),
    options.undocumented === 'refuse',
  );

  return (source) => {
    for (let i = 0; i < pathRows.length; i++) {
      const row = pathRows[i]!;
      const error = judge(row, convert(row, source.params[row.index]!));
      if (error !== null) return error;
    }
    const queryError = checkQuery(source.query);
    if (queryError !== null) return queryError;
    for (let i = 0; i < headerRows.length; i++) {
      const row = headerRows[i]!;
      const count = source.fields.count(row.parameter.name);
      if (count > 1 && row.kind !== 'array') return fail(row, 'comes more than once');
      const value =
        count > 1 ? source.fields.all(row.parameter.name).join(',') : source.fields.get(row.parameter.name);
      const error = value === null ? missing(row) : judge(row, convert(row, value));
      if (error !== null) return error;
    }
    return cookieRows.length === 0 ? null : checkCookies(cookieRows, source.fields);
  };
}

function compileRow(parameter: ContractParameter, index: number, set: SchemaSet): Row {
  const schema = parameter.schema === null ? {} : set.resolve(parameter.schema);
  const kind = parameter.mediaType === null ? kindOf(schema) : 'any';
  const members = new Map<string, Kind>();
  const properties = schema['properties'];
  if (typeof properties === 'object' && properties !== null) {
    for (const [name, entry] of Object.entries(properties)) members.set(name, kindOf(set.resolve(entry)));
  }
  const trivial =
    kind === 'string' &&
    Object.keys(schema).every((key) => key === 'type' || key === 'description' || key === 'example');
  return {
    parameter,
    kind,
    itemKind: kind === 'array' ? kindOf(set.resolve(schema['items'] ?? {})) : 'string',
    memberKinds: members,
    separator: separators[parameter.style] ?? ',',
    validate:
      parameter.schema === null || trivial
        ? null
        : set.lazy(parameter.schema, { undocumentedFields: 'allow', refuse: null }),
    index,
  };
}

const separators: Readonly<Record<string, string>> = { spaceDelimited: ' ', pipeDelimited: '|' };

const fail = (row: Row, message: string): ParameterError => ({
  in: row.parameter.place,
  name: row.parameter.name,
  message,
});

const missing = (row: Row): ParameterError | null =>
  row.parameter.required ? fail(row, 'is required') : null;

function judge(row: Row, value: unknown): ParameterError | null {
  if (value === INVALID) return fail(row, `must be ${article(row.kind)}`);
  if (row.validate === null) return null;
  const error = row.validate(value);
  return error === null
    ? null
    : fail(row, error.pointer === '' ? error.message : `${error.pointer} ${error.message}`);
}

/** A decoded text by the row's style. */
function convert(row: Row, text: string): unknown {
  if (row.kind === 'array') return text === '' ? [] : list(row, text.split(row.separator));
  if (row.kind === 'object')
    return row.parameter.explode ? pairs(row, text) : alternating(row, text.split(row.separator));
  return primitive(row.kind, text);
}

function list(row: Row, texts: readonly string[]): unknown {
  const out: unknown[] = [];
  for (const text of texts) {
    const value = primitive(row.itemKind, text);
    if (value === INVALID) return INVALID;
    out.push(value);
  }
  return out;
}

function member(row: Row, target: Record<string, unknown>, name: string, text: string): boolean {
  const value = primitive(row.memberKinds.get(name) ?? 'string', text);
  if (value === INVALID || Object.hasOwn(target, name)) return false;
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  return true;
}

function pairs(row: Row, text: string): unknown {
  const out = {};
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    if (equals === -1 || !member(row, out, part.slice(0, equals), part.slice(equals + 1))) return INVALID;
  }
  return out;
}

function alternating(row: Row, parts: readonly string[]): unknown {
  const out = {};
  if (parts.length % 2 !== 0) return INVALID;
  for (let i = 0; i < parts.length; i += 2) if (!member(row, out, parts[i]!, parts[i + 1]!)) return INVALID;
  return out;
}

const problem = (name: string, message: string): ParameterError => ({
  in: 'query',
  name: name.slice(0, 64),
  message,
});

/** Where a query name belongs: its row, and for objects the member it sets. */
interface QueryTarget {
  readonly row: number;
  readonly member: string;
}

function compileQuery(
  rows: readonly Row[],
  refusesUnknown: boolean,
): (query: string) => ParameterError | null {
  const targets = new Map<string, QueryTarget>();
  const deep = new Map<string, number>();
  rows.forEach((row, index) => {
    const { name, style, explode } = row.parameter;
    if (style === 'deepObject') deep.set(name, index);
    else if (row.kind === 'object' && style === 'form' && explode) {
      for (const key of row.memberKinds.keys()) targets.set(key, { row: index, member: key });
    } else targets.set(name, { row: index, member: '' });
  });
  const required = rows.filter((row) => row.parameter.required);

  return (query) => {
    // Fast path: nothing came, nothing had to.
    if (query === '') return required.length === 0 ? null : missing(required[0]!);
    const values: (string[] | undefined)[] = new Array(rows.length);
    const objects: (Record<string, unknown> | undefined)[] = new Array(rows.length);
    const parts = query.split('&');
    if (parts.length > MAX_QUERY_PARAMETERS) return problem('', 'has too many parameters');
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part === '') continue;
      const equals = part.indexOf('=');
      const name = decodeText(equals === -1 ? part : part.slice(0, equals));
      const value = equals === -1 ? '' : decodeText(part.slice(equals + 1));
      if (name === null || value === null) return problem('', 'is not valid UTF-8');
      const target = targets.get(name) ?? deepTarget(name, deep);
      if (target === null) {
        if (refusesUnknown) return problem(name, 'is not known');
        continue;
      }
      const row = rows[target.row]!;
      if (target.member !== '') {
        objects[target.row] ??= {};
        if (!member(row, objects[target.row]!, target.member, value)) return fail(row, 'is not valid');
      } else if (values[target.row] === undefined) values[target.row] = [value];
      else if (row.kind === 'array' && row.parameter.explode) values[target.row]!.push(value);
      else return fail(row, 'comes more than once');
    }
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const list = values[i];
      const error =
        objects[i] !== undefined
          ? judge(row, objects[i])
          : list === undefined
            ? missing(row)
            : judge(row, convertQuery(row, list));
      if (error !== null) return error;
    }
    return null;
  };
}

function convertQuery(row: Row, values: readonly string[]): unknown {
  return row.kind === 'array' && row.parameter.explode ? list(row, values) : convert(row, values[0]!);
}

/** `filter[name]` of a deepObject parameter. */
function deepTarget(name: string, deep: ReadonlyMap<string, number>): QueryTarget | null {
  if (deep.size === 0 || !name.endsWith(']')) return null;
  const open = name.indexOf('[');
  const row = deep.get(name.slice(0, Math.max(open, 0)));
  const key = name.slice(open + 1, -1);
  return row === undefined || key === '' || /[[\]]/.test(key) ? null : { row, member: key };
}

function checkCookies(rows: readonly Row[], fields: FieldList): ParameterError | null {
  const found = new Map<string, string>();
  for (const value of fields.all('cookie')) {
    for (const part of value.split(';')) {
      const equals = part.indexOf('=');
      const name = part.slice(0, Math.max(equals, 0)).trim();
      const row = rows.find((entry) => entry.parameter.name === name);
      if (row === undefined) continue;
      if (found.has(name)) return fail(row, 'comes more than once');
      found.set(name, part.slice(equals + 1).trim());
    }
  }
  for (const row of rows) {
    const value = found.get(row.parameter.name);
    const error = value === undefined ? missing(row) : judge(row, convert(row, value));
    if (error !== null) return error;
  }
  return null;
}
