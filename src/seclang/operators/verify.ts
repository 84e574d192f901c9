// HOT
// `@verifyCC`, `@verifyCPF`, `@verifySSN`: an expression finds candidates, arithmetic says which of them are numbers of
// cards and people.
import type { CompiledOperator } from '../contract.ts';
import { compilePattern } from '../patterns/index.ts';
import { capture, operatorOf, refuse } from './make.ts';

type Check = (candidate: string) => boolean;

const digitsOf = (text: string): string => text.replace(/\D+/g, '');

/** Luhn's check digit over all digits of the candidate. */
export const isCardNumber: Check = (candidate) => {
  const digits = digitsOf(candidate);
  if (digits === '') return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
};

/** Both check digits of a Brazilian CPF. */
export const isCpf: Check = (candidate) => {
  const digits = digitsOf(candidate);
  if (digits.length !== 11 || /^(\d)\1*$/.test(digits)) return false;
  for (let length = 9; length < 11; length++) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += (digits.charCodeAt(i) - 48) * (length + 1 - i);
    const rest = (sum * 10) % 11;
    if ((rest === 10 ? 0 : rest) !== digits.charCodeAt(length) - 48) return false;
  }
  return true;
};

/** A number that the US administration could have given out: no area 000, 666 or from 740 on, no group 00, no serial 0000. */
export const isSsn: Check = (candidate) => {
  const digits = digitsOf(candidate);
  if (digits.length !== 9) return false;
  const area = Number(digits.slice(0, 3));
  const group = Number(digits.slice(3, 5));
  const serial = Number(digits.slice(5));
  if (area === 0 || group === 0 || serial === 0) return false;
  if (area >= 740 || area === 666) return false;
  const isRow = /^(\d)\1*$/.test(digits) || '0123456789'.includes(digits);
  return !isRow;
};

const checks: ReadonlyMap<string, Check> = new Map([
  ['verifyCC', isCardNumber],
  ['verifyCPF', isCpf],
  ['verifySSN', isSsn],
]);

export const verifyOperators = [...checks.keys()];

export function compileVerify(name: string, argument: string): CompiledOperator {
  const compiled = compilePattern(argument);
  if (compiled.kind === 'error')
    return refuse(
      `the expression of @${name} is not usable: ${compiled.message} (at ${compiled.offset})`,
      'Mend the expression that finds the candidates.',
    );
  const { pattern } = compiled;
  const check = checks.get(name)!;
  return operatorOf(
    name,
    (value, _, captures) => {
      const candidate = pattern.findAt(value, check);
      return candidate !== null && capture(captures, candidate);
    },
    pattern.requirements,
  );
}
