// What a reload has changed, for the audit trail: the parts that differ, by their hashes, which give nothing away.
import { hash } from 'node:crypto';
import type { GateConfig } from '../config/index.ts';

/** Parts that are named; more are only counted by the hash of the whole. */
const MAX_PARTS = 200;

export interface ConfigChange {
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
}

/** Policies hold what JSON has no words for. */
const plainly = (_name: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Map || value instanceof Set ? [...value] : value;
};

/** Sections that a reload does not take over. */
const atStart = ['telemetry', 'export', 'state', 'cluster', 'audit', 'intel'] as const;

/** Sections that differ and want a restart. */
export const sectionsForRestart = (before: GateConfig, after: GateConfig): string[] =>
  atStart.filter((section) => JSON.stringify(before[section]) !== JSON.stringify(after[section]));

const digest = (value: unknown): string => hash('sha256', JSON.stringify(value, plainly) ?? 'null', 'hex');

/** Hash of the whole: tells changes apart. */
export const configDigest = (config: GateConfig): string => digest(config);

/** Hashes by part: a section, or `section.name` where it is a list of things with names. */
function partsOf(config: GateConfig): Map<string, string> {
  const parts = new Map<string, string>();
  for (const [section, value] of Object.entries(config)) {
    if (section === 'file' || section === 'watchedFiles') continue;
    const named = Array.isArray(value) ? (value as { readonly name?: unknown }[]) : [];
    if (named.length > 0 && named.every((one) => typeof one?.name === 'string'))
      for (const one of named) parts.set(`${section}.${one.name as string}`, digest(one).slice(0, 16));
    else parts.set(section, digest(value).slice(0, 16));
  }
  return parts;
}

/** Parts that differ; what was not there before has no hash there, what is gone none after. */
export function changeOf(before: GateConfig, after: GateConfig): ConfigChange {
  const old = partsOf(before);
  const now = partsOf(after);
  const differing = [...new Set([...old.keys(), ...now.keys()])]
    .filter((part) => old.get(part) !== now.get(part))
    .slice(0, MAX_PARTS);
  const pick = (parts: ReadonlyMap<string, string>): Record<string, string> =>
    Object.fromEntries(differing.filter((part) => parts.has(part)).map((part) => [part, parts.get(part)!]));
  return { before: pick(old), after: pick(now) };
}
