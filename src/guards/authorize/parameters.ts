// Path and query parameters as rules and policies read them, by the same lexical rules as validation. A query parameter
// that comes twice where one is meant has no value: whoever reads it behind the gate may take either. HOT
import type { Exchange } from '../../exchange/index.ts';
import { CedarSet, type Value } from '../../policy/index.ts';
import type { AuthorizeParameter } from './contract.ts';

export interface ParameterReader {
  readonly parameter: AuthorizeParameter;
  /** All values of the request as text; null when they can not be read in one way only. */
  texts(exchange: Exchange): readonly string[] | null;
}

const none: readonly string[] = [];

/** `paramNames` are the names of the operation's path template. */
export function compileParameterReader(
  parameter: AuthorizeParameter,
  paramNames: readonly string[],
): ParameterReader {
  const index = paramNames.indexOf(parameter.name);
  const split = (text: string): readonly string[] =>
    parameter.kind === 'list' && parameter.separator !== '' ? text.split(parameter.separator) : [text];
  if (parameter.place === 'path') {
    return {
      parameter,
      texts: (exchange) => {
        const text = exchange.params[index];
        return text === undefined ? null : split(text);
      },
    };
  }
  return {
    parameter,
    texts: (exchange) => {
      const found = queryValues(exchange.query, parameter.name);
      if (found === null || found.length === 0) return found;
      if (parameter.kind === 'list' && parameter.separator === '') return found;
      return found.length > 1 ? null : split(found[0]!);
    },
  };
}

/** Decoded values of the name, in order; null when the query can not be decoded. */
function queryValues(query: string, name: string): readonly string[] | null {
  if (query === '') return none;
  const found: string[] = [];
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const key = decode(equals === -1 ? part : part.slice(0, equals));
    if (key === null) return null;
    if (key !== name) continue;
    const value = equals === -1 ? '' : decode(part.slice(equals + 1));
    if (value === null) return null;
    found.push(value);
  }
  return found;
}

function decode(text: string): string | null {
  const spaced = text.indexOf('+') === -1 ? text : text.replace(/\+/g, ' ');
  if (spaced.indexOf('%') === -1) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return null;
  }
}

const integer = /^-?(?:0|[1-9][0-9]*)$/;

/** The value for policies; undefined when the request has none that is of the parameter's type. */
export function parameterValue(reader: ParameterReader, exchange: Exchange): Value | undefined {
  const texts = reader.texts(exchange);
  if (texts === null || texts.length === 0) return undefined;
  const text = texts[0]!;
  switch (reader.parameter.kind) {
    case 'list':
      return new CedarSet(texts);
    case 'string':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'integer': {
      const value = integer.test(text) ? Number(text) + 0 : Number.NaN;
      return Number.isSafeInteger(value) ? value : undefined;
    }
  }
}
