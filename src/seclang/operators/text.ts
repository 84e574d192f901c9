// HOT
// Operators that compare text as it stands, byte by byte and with letter case.
import type { CompiledOperator } from '../contract.ts';
import { capture, type Match, occurs, withArgument } from './make.ts';

const isWordByte = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;

/** Whether `word` is in `value` with nothing of a word (letter, digit, underscore) on either side. */
function containsWord(value: string, word: string): boolean {
  if (word === '') return true;
  for (let at = value.indexOf(word); at >= 0; at = value.indexOf(word, at + 1)) {
    if (at > 0 && isWordByte(value.charCodeAt(at - 1))) continue;
    const end = at + word.length;
    if (end === value.length || !isWordByte(value.charCodeAt(end))) return true;
  }
  return false;
}

type Compare = (argument: string) => Match;

const contains: Compare = (argument) => (value, _, captures) =>
  value.includes(argument) && capture(captures, argument);
const beginsWith: Compare = (argument) => (value, _, captures) =>
  value.startsWith(argument) && capture(captures, argument);
const endsWith: Compare = (argument) => (value, _, captures) =>
  value.endsWith(argument) && capture(captures, argument);
const equals: Compare = (argument) => (value) => value === argument;
const within: Compare = (argument) => (value, _, captures) =>
  argument.includes(value) && capture(captures, value);
const hasWord: Compare = (argument) => (value, _, captures) =>
  containsWord(value, argument) && capture(captures, argument);

const compares: ReadonlyMap<string, Compare> = new Map([
  ['beginsWith', beginsWith],
  ['contains', contains],
  ['containsWord', hasWord],
  ['endsWith', endsWith],
  ['streq', equals],
  ['strmatch', contains],
  ['within', within],
]);

export const textOperators = [...compares.keys()];

export const compileText = (name: string, argument: string): CompiledOperator =>
  withArgument(name, argument, compares.get(name)!, name === 'within' ? {} : occurs(argument));
