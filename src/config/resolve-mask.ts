// Which fields of an operation's answers are masked, and for whom.
import type { MaskConfig, MaskFieldRule } from '../guards/mask/contract.ts';
import { parseFieldPath } from '../masking/index.ts';
import { annotatedFields, type ContractOperation, SENSITIVE_KEYWORD } from '../openapi/index.ts';
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
  contract: { readonly operation: ContractOperation; readonly document: unknown },
  document: ConfigDocument,
  context: ResolveContext,
): OperationConfig['mask'] {
  const operation = contract.operation.id;
  const own = Object.hasOwn(entry.operations, operation) ? entry.operations[operation] : undefined;
  const path: Path = ['apis', api, 'operations', operation];
  const known = Object.keys(document.identity.roles);
  const resolve = (rule: RuleDocument, at: Path): MaskFieldRule | null => {
    const exempt = resolveExempt(rule, at, known, context);
    if (rule.class !== undefined)
      return {
        kind: 'classes',
        classes: [rule.class].flat(),
        action: rule.as as 'redact' | 'last4',
        ...exempt,
      };
    const paths =
      rule.field === undefined
        ? annotatedPaths(rule.annotated!, contract, at, context)
        : [parseFieldPath(rule.field) ?? []];
    return paths.length === 0 ? null : { kind: 'fields', paths, action: rule.as, ...exempt };
  };
  const rules = [
    ...entry.mask.map((rule, index) => resolve(rule, ['apis', api, 'mask', index])),
    ...(own?.mask ?? []).map((rule, index) => resolve(rule, [...path, 'mask', index])),
    ...Object.entries(own?.readable ?? {}).map(([field, roles]) =>
      resolve({ field, as: 'drop', 'unless-role': roles, 'unless-scope': [] }, [...path, 'readable', field]),
    ),
  ].filter((rule) => rule !== null);
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

/** Rules for annotated fields of an API that has none are a mistake. */
export function checkAnnotated(
  api: string,
  entry: ApiDocument,
  contract: { readonly operations: readonly ContractOperation[]; readonly document: unknown },
  source: string,
  context: ResolveContext,
): void {
  entry.mask.forEach(({ annotated }, index) => {
    if (annotated === undefined) return;
    const path = ['apis', api, 'mask', index];
    const { operations, document } = contract;
    if (
      operations.some(
        (operation) => annotatedPaths(annotated, { operation, document }, path, context).length > 0,
      )
    )
      return;
    const what =
      annotated === true ? SENSITIVE_KEYWORD : `${SENSITIVE_KEYWORD}: ${[annotated].flat().join(' or ')}`;
    fail(
      context,
      'config-value',
      path,
      `No answer in ${source} has a field with ${what}.`,
      'Mark the fields in the schemas of the answers, or name them with "field".',
    );
  });
}

type RuleDocument = ApiDocument['mask'][number];

function resolveExempt(
  rule: RuleDocument,
  path: Path,
  known: readonly string[],
  context: ResolveContext,
): Pick<MaskFieldRule, 'unlessRoles' | 'unlessScopes'> {
  const unlessRoles = [rule['unless-role']].flat();
  for (const role of unlessRoles) if (!known.includes(role)) failDangling(context, path, 'role', role, known);
  return { unlessRoles, unlessScopes: [rule['unless-scope']].flat() };
}

/** Places of the fields that the contract marks, all of them or those with one of the labels. */
function annotatedPaths(
  wanted: true | string | readonly string[],
  { operation, document }: { readonly operation: ContractOperation; readonly document: unknown },
  path: Path,
  context: ResolveContext,
): (readonly string[])[] {
  const labels = wanted === true ? null : [wanted].flat();
  try {
    return annotatedFields(operation.responses ?? [], document)
      .filter((field) => labels === null || field.labels.some((label) => labels.includes(label)))
      .map((field) => field.path);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fail(
      context,
      'config-value',
      path,
      `The answers of "${operation.id}" can't be masked by their annotations: ${error.message}.`,
      'Name the fields with "field", or the kinds of data with "class".',
    );
    return [];
  }
}
