// HOT
// Operators that compare text as it stands, byte by byte and with letter case. They capture nothing, as in ModSecurity v3.
import type { CompiledOperator } from '../contract.ts';
import { type Match, occurs, withArgument } from './make.ts';

const isLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122;

/** Whether `word` is in `value` with no letter on either side. */
function containsWord(value: string, word: string): boolean {
  if (word === '') return true;
  for (let at = value.indexOf(word); at >= 0; at = value.indexOf(word, at + 1)) {
    if (at > 0 && isLetter(value.charCodeAt(at - 1))) continue;
    const end = at + word.length;
    if (end === value.length || !isLetter(value.charCodeAt(end))) return true;
  }
  return false;
}

type Compare = (argument: string) => Match;

const contains: Compare = (argument) => (value) => value.includes(argument);
const beginsWith: Compare = (argument) => (value) => value.startsWith(argument);
const endsWith: Compare = (argument) => (value) => value.endsWith(argument);
const equals: Compare = (argument) => (value) => value === argument;
const within: Compare = (argument) => (value) => argument.includes(value);
const hasWord: Compare = (argument) => (value) => containsWord(value, argument);

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
