// From zod's issues to diagnostics: place, stable id, and a way out.
import { z } from 'zod';
import { closestName, type Diagnostics } from '../core/index.ts';
import type { Path, YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/** Reports every issue of `error`. */
export function reportIssues(
  error: z.ZodError,
  schema: z.ZodType,
  data: unknown,
  source: YamlSource,
  diagnostics: Diagnostics,
): void {
  for (const issue of error.issues) reportIssue(issue, [], schema, data, source, diagnostics);
}

function reportIssue(
  issue: Issue,
  prefix: Path,
  schema: z.ZodType,
  data: unknown,
  source: YamlSource,
  diagnostics: Diagnostics,
): void {
  const path = [...prefix, ...(issue.path as (string | number)[])];
  const name = path.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    for (const key of issue.keys) {
      const near = closestName(key, known);
      const suggestion = near === null ? `Known keys: ${known.join(', ')}.` : `Did you mean "${near}"?`;
      diagnostics.error(
        'config-unknown-key',
        source.place([...path, key]),
        `"${key}" is not known in ${name}.`,
        suggestion,
      );
    }
    return;
  }
  if (issue.code === 'invalid_union') {
    const best = bestBranch(issue.errors, path, data);
    if (best !== null) {
      for (const inner of best) reportIssue(inner, path, schema, data, source, diagnostics);
      return;
    }
  }
  const value = valueAt(data, path);
  if (issue.code === 'invalid_type' && value === undefined) {
    const key = String(path.at(-1) ?? '');
    diagnostics.error(
      'config-missing-key',
      source.place(path),
      `"${name}" is missing.`,
      `Add "${key}:" with ${nounOf(issue.expected)}.`,
    );
    return;
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const near = typeof value === 'string' ? closestName(value, values) : null;
    diagnostics.error(
      'config-value',
      source.place(path),
      `"${name}" must be ${values.length === 1 ? values[0] : `one of ${values.join(', ')}`}.`,
      near === null ? '' : `Did you mean "${near}"?`,
    );
    return;
  }
  if (issue.code === 'invalid_type') {
    diagnostics.error('config-type', source.place(path), `"${name}" must be ${nounOf(issue.expected)}.`);
    return;
  }
  const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined;
  diagnostics.error('config-value', source.place(path), `"${name}" ${sentence(inner ?? issue.message)}`);
}

const nounOf = (type: string): string =>
  ({
    object: 'a map',
    record: 'a map',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  })[type] ?? type;

/** Our own messages continue the name; zod's stand alone. */
function sentence(message: string): string {
  const text = /^[a-z]/.test(message)
    ? message
    : `is not valid: ${message.replace(/^Invalid (?:input|string): /, '').replace(/^Too /, 'too ')}`;
  return text.endsWith('.') ? text : `${text}.`;
}

/** The branch of a union that the user meant: the one whose own keys are there, else the one with fewest issues. */
function bestBranch(
  branches: readonly (readonly Issue[])[],
  path: Path,
  data: unknown,
): readonly Issue[] | null {
  const value = valueAt(data, path);
  const usable = branches.filter(
    (issues) => !issues.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'),
  );
  if (usable.length === 0 || value === undefined) return null;
  // A misspelt name was meant to be one of the names.
  const isNear = (issue: Issue): boolean =>
    issue.code === 'invalid_value' &&
    typeof value === 'string' &&
    closestName(value, issue.values.map(String)) !== null;
  const score = (issues: readonly Issue[]): number =>
    issues.some(isNear)
      ? 0
      : issues.reduce(
          (sum, issue) =>
            sum +
            (issue.path.length === 0 && (issue.code === 'unrecognized_keys' || issue.code === 'invalid_value')
              ? 10
              : issue.path.length <= 1 && issue.code === 'invalid_type'
                ? 5
                : 1),
          0,
        );
  return [...usable].sort((a, b) => score(a) - score(b))[0] ?? null;
}

function valueAt(data: unknown, path: Path): unknown {
  let current = data;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}

/** Keys that an object at `path` may have. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let current: z.ZodType[] = [schema];
  for (const part of path) current = current.flatMap((entry) => childrenOf(entry, part));
  return [
    ...new Set(
      current
        .flatMap((entry) => branchesOf(entry))
        .flatMap((entry) => (entry instanceof z.ZodObject ? Object.keys(entry.shape) : [])),
    ),
  ];
}

/** The plain schemas under defaults, options, transforms and unions. */
function branchesOf(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return branchesOf(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((option) => branchesOf(option as z.ZodType));
  if (schema instanceof z.ZodPipe) return branchesOf(schema.in as z.ZodType);
  return [schema];
}

function childrenOf(schema: z.ZodType, part: string | number): z.ZodType[] {
  return branchesOf(schema).flatMap((entry) => {
    if (entry instanceof z.ZodObject) {
      const child = (entry.shape as Record<string, z.ZodType>)[String(part)];
      return child === undefined ? [] : [child];
    }
    if (entry instanceof z.ZodRecord) return [entry.valueType as z.ZodType];
    if (entry instanceof z.ZodArray) return [entry.element as z.ZodType];
    return [];
  });
}
