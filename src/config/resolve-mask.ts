// Which fields of an operation's answers are masked, and for whom.
import type { MaskConfig, MaskFieldRule } from '../guards/mask/contract.ts';
import { parseFieldPath } from '../masking/index.ts';
import type { ConfigDocument } from './document.ts';
import type { OperationConfig } from './gate-config.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import type { Path } from './yaml-source.ts';

type ApiDocument = ConfigDocument['apis'][string];

/** Fields of one operation; the guard keeps them as bits of one number. */
const MAX_FIELDS = 30;

export function resolveMask(
  api: string,
  entry: ApiDocument,
  operation: string,
  document: ConfigDocument,
  context: ResolveContext,
): OperationConfig['mask'] {
  const own = Object.hasOwn(entry.operations, operation) ? entry.operations[operation] : undefined;
  const path: Path = ['apis', api, 'operations', operation];
  const known = Object.keys(document.identity.roles);
  const rules = [
    ...entry.mask.map((rule, index) => resolveRule(rule, ['apis', api, 'mask', index], known, context)),
    ...(own?.mask ?? []).map((rule, index) => resolveRule(rule, [...path, 'mask', index], known, context)),
    ...Object.entries(own?.readable ?? {}).map(([field, roles]) =>
      resolveRule(
        { field, as: 'drop', 'unless-role': roles, 'unless-scope': [] },
        [...path, 'readable', field],
        known,
        context,
      ),
    ),
  ];
  if (rules.length === 0) return null;
  if (rules.length > MAX_FIELDS)
    fail(
      context,
      'config-value',
      path,
      `"${operation}" has ${rules.length} fields to mask, of ${MAX_FIELDS} that it can have.`,
      'Use "*" for fields that stand together.',
    );
  if (entry.grpc !== undefined)
    fail(context, 'config-value', path, `"${api}" is gRPC, whose messages are not masked.`, 'Remove "mask".');
  if ((own?.websocket ?? entry.websocket) !== false)
    fail(
      context,
      'config-value',
      path,
      `"${operation}" lets WebSockets pass, whose messages are not masked.`,
      'Remove one of the two.',
    );
  return { rules, limitBytes: entry['mask-limit'] } satisfies MaskConfig;
}

function resolveRule(
  rule: ApiDocument['mask'][number],
  path: Path,
  known: readonly string[],
  context: ResolveContext,
): MaskFieldRule {
  const unlessRoles = [rule['unless-role']].flat();
  for (const role of unlessRoles) if (!known.includes(role)) failDangling(context, path, 'role', role, known);
  return {
    path: parseFieldPath(rule.field) ?? [],
    action: rule.as,
    unlessRoles,
    unlessScopes: [rule['unless-scope']].flat(),
  };
}
