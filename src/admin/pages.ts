// Pages of lists that have an order of their own: the cursor is the last name that was shown, so that what comes and goes in
// between shifts nothing.
import { AdminProblem } from './contract.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const encode = (name: string): string => Buffer.from(name).toString('base64url');

export function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text === '' || encode(text) !== cursor)
    throw new AdminProblem('parameter-invalid', 'cursor: it is none of ours.');
  return text;
}

/** The page after `cursor` of a list that is sorted by `nameOf`. */
export function pageOf<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  cursor: string | undefined,
  limit: number,
): Page<T> {
  const after = cursor === undefined ? '' : decodeCursor(cursor);
  const rest = after === '' ? all : all.filter((item) => nameOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rest.length > limit && last !== undefined ? encode(nameOf(last)) : null };
}

/** Cursors that are positions. */
export function numberOfCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const value = Number(decodeCursor(cursor));
  if (!Number.isSafeInteger(value) || value < 0)
    throw new AdminProblem('parameter-invalid', 'cursor: it is none of ours.');
  return value;
}

export const cursorOf = (value: number): string => encode(String(value));
