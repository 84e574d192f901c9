// HOT
// Operators that compare whole numbers. Text that begins with no number counts as 0, as in ModSecurity.
import type { CompiledOperator } from '../contract.ts';
import { type Match, withArgument } from './make.ts';

const numeral = /^[\t-\r ]*([+-]?\d+)/;

/** The number that `text` begins with, after space; 0 when there is none. */
export function toInteger(text: string): number {
  if (text.length === 1) {
    const digit = text.charCodeAt(0) - 48;
    return digit >= 0 && digit <= 9 ? digit : 0;
  }
  const match = numeral.exec(text);
  return match === null ? 0 : Number(match[1]);
}

type Compare = (argument: string) => Match;

const compares: ReadonlyMap<string, Compare> = new Map<string, Compare>([
  [
    'eq',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) === limit
      )(toInteger(argument)),
  ],
  [
    'ne',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) !== limit
      )(toInteger(argument)),
  ],
  [
    'ge',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) >= limit
      )(toInteger(argument)),
  ],
  [
    'gt',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) > limit
      )(toInteger(argument)),
  ],
  [
    'le',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) <= limit
      )(toInteger(argument)),
  ],
  [
    'lt',
    (argument) =>
      (
        (limit) => (value) =>
          toInteger(value) < limit
      )(toInteger(argument)),
  ],
]);

export const numberOperators = [...compares.keys()];

export const compileNumber = (name: string, argument: string): CompiledOperator =>
  withArgument(name, argument, compares.get(name)!);
