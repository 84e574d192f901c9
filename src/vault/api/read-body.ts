// Members of a request's body, each read once and held to its type. Clients write lists also as texts with commas, and
// numbers and booleans also as texts.
import { VaultError } from '../contract.ts';
import type { Json } from './contract.ts';

const own = (body: Json, name: string): unknown => (Object.hasOwn(body, name) ? body[name] : undefined);

export function readText(body: Json, name: string, fallback?: string): string {
  const value = own(body, name);
  if (typeof value === 'string') return value;
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  throw new VaultError('invalid', value === undefined ? `missing ${name}` : `"${name}" must be a text`);
}

export function readBoolean(body: Json, name: string, fallback: boolean): boolean {
  const value = own(body, name);
  if (value === undefined || value === null) return fallback;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new VaultError('invalid', `"${name}" must be true or false`);
}

/** A whole number from 0. */
export function readCount(body: Json, name: string, fallback: number): number {
  const value = own(body, name);
  if (value === undefined || value === null || value === '') return fallback;
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new VaultError('invalid', `"${name}" must be a whole number from 0`);
}

export function readTexts(body: Json, name: string): readonly string[] | null {
  const value = own(body, name);
  if (value === undefined || value === null) return null;
  if (typeof value === 'string')
    return value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value as string[];
  throw new VaultError('invalid', `"${name}" must be a list of texts`);
}

export function readCounts(body: Json, name: string): readonly number[] {
  const value = own(body, name);
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : String(value).split(',');
  return list.map((entry) => {
    const number = Number(entry);
    if (!Number.isSafeInteger(number) || number < 1)
      throw new VaultError('invalid', `"${name}" must be a list of versions`);
    return number;
  });
}

export function readTextMap(body: Json, name: string): Readonly<Record<string, string>> | null {
  const value = own(body, name);
  if (value === undefined || value === null) return null;
  // AppRole's metadata comes as a text of JSON.
  const parsed: unknown = typeof value === 'string' ? parseJson(value, name) : value;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new VaultError('invalid', `"${name}" must be a map of texts`);
  const out: [string, string][] = Object.entries(parsed).map(([key, entry]) => {
    if (typeof entry !== 'string') throw new VaultError('invalid', `"${name}.${key}" must be a text`);
    return [key, entry];
  });
  return Object.fromEntries(out);
}

export function readObject(body: Json, name: string): Json | null {
  const value = own(body, name);
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new VaultError('invalid', `"${name}" must be an object`);
  return value as Json;
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new VaultError('invalid', `"${name}" is no JSON`);
  }
}
