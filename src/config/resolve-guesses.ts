// Budgets of wrong credentials as guards take them.
import type { z } from 'zod';
import type { GuessBudgets, GuessConfig } from '../guards/guess/contract.ts';
import type { failuresSchema, guessesSchema } from './document-guesses.ts';

type Failures = z.output<typeof failuresSchema>;
type Rate = Failures['per-address'];

const amount = ({ count, periodMs }: Rate) => ({ count, periodMs, burst: count });

const pointer = (text: string): readonly string[] =>
  text
    .slice(1)
    .split('/')
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'));

export function resolveFailures(entry: Failures | undefined): GuessBudgets | null {
  if (entry === undefined) return null;
  return {
    perAddress: amount(entry['per-address']),
    perNetwork: amount(entry['per-network']),
    tarpitMs: entry.tarpit,
  };
}

export function resolveGuesses(entry: z.output<typeof guessesSchema> | undefined): GuessConfig | null {
  if (entry === undefined) return null;
  return {
    ...resolveFailures(entry)!,
    statuses: entry.statuses,
    account: pointer(entry.account),
    secret: entry.secret === undefined ? [] : pointer(entry.secret),
    perAccount: amount(entry['per-account']),
    perSecret: amount(entry['per-secret']),
  };
}
