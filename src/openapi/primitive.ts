// Texts as the values that they stand for: the lexical forms of JSON, nothing else. HOT

export type Kind = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'any';

export const INVALID = Symbol('invalid');

/** What a resolved schema says a value is; `any` for several types. No type at all reads as text. */
export function kindOf(schema: Readonly<Record<string, unknown>>): Kind {
  const type = Array.isArray(schema['type'])
    ? schema['type'].filter((entry) => entry !== 'null')
    : [schema['type']];
  const only = type.length === 1 ? type[0] : 'any';
  switch (only) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'array':
    case 'object':
      return only;
    default:
      return only === undefined ? 'string' : 'any';
  }
}

export const article = (kind: Kind): string =>
  kind === 'any'
    ? 'JSON'
    : kind === 'integer' || kind === 'array' || kind === 'object'
      ? `an ${kind}`
      : `a ${kind}`;

const integer = /^-?(?:0|[1-9][0-9]*)$/;
const decimal = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** One text of one kind, or INVALID. */
export function primitive(kind: Kind, text: string): unknown {
  switch (kind) {
    case 'integer': {
      const value = integer.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(value) ? value : INVALID;
    }
    case 'number': {
      const value = decimal.test(text) ? Number(text) : Number.NaN;
      return Number.isFinite(value) ? value : INVALID;
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : INVALID;
    case 'any':
      return anyValue(text);
    default:
      return text;
  }
}

/** Several types are possible: what looks like JSON's number, boolean or null is one. */
function anyValue(text: string): unknown {
  if (/^(?:-?[0-9]|true$|false$|null$|[[{"])/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}

/** Text of a query or a form, decoded; null when it is no valid UTF-8. */
export function decodeText(text: string): string | null {
  const spaced = text.indexOf('+') === -1 ? text : text.replace(/\+/g, ' ');
  if (spaced.indexOf('%') === -1) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return null;
  }
}
