// What changed between two contracts: operations by method and path, then parameters, bodies, answers and what callers
// must show. Names of path parameters do not count, since nobody sends them.

import type { Contract } from '../openapi/document.ts';
import type { ContractBody, ContractOperation, ContractResponse } from '../openapi/index.ts';
import { lookUp } from '../openapi/index.ts';
import { type Change, type ChangeRule, changeTable } from './change.ts';
import { type Direction, type Report, SchemaComparison } from './compare-schema.ts';

type Requirements = readonly Readonly<Record<string, readonly string[]>>[];

/** Changes from `old` to `next`, in the order of the new contract, what is gone first. */
export function compareContracts(old: Contract, next: Contract): Change[] {
  const schemas = new SchemaComparison(
    (reference) => lookUp(old.document, reference),
    (reference) => lookUp(next.document, reference),
  );
  const changes: Change[] = [];
  const before = byShape(old.operations);
  const after = byShape(next.operations);
  for (const [shape, operation] of before) {
    if (!after.has(shape)) changes.push(change('operation-removed', operation, '', nameOf(operation), true));
  }
  for (const [shape, operation] of after) {
    const was = before.get(shape);
    if (was !== undefined) compareOperation(was, operation, schemas, changes);
    else {
      const rule = isOpen(operation.security) ? 'operation-added-open' : 'operation-added';
      changes.push(change(rule, operation, '', nameOf(operation)));
    }
  }
  return changes;
}

const nameOf = ({ method, template }: ContractOperation): string => `${method} ${template}`;

const byShape = (operations: readonly ContractOperation[]): Map<string, ContractOperation> =>
  new Map(
    operations.map((operation) => [nameOf(operation).replace(/\{[^{}]*\}/g, '{}'), operation] as const),
  );

const change = (
  rule: ChangeRule,
  operation: ContractOperation,
  where: string,
  message: string,
  inOld = false,
): Change => ({
  rule,
  level: changeTable[rule].level,
  operation: nameOf(operation),
  where,
  message,
  inOld,
  line: operation.line,
  column: operation.column,
});

function compareOperation(
  old: ContractOperation,
  next: ContractOperation,
  schemas: SchemaComparison,
  changes: Change[],
): void {
  const add = (rule: ChangeRule, where: string, message: string): void => {
    changes.push(change(rule, next, where, message));
  };
  if (!old.deprecated && next.deprecated) add('operation-deprecated', '', 'deprecated');
  compareSecurity(old.security, next.security, add);
  compareParameters(old, next, schemas, add);
  compareBodies(old.body, next.body, schemas, add);
  compareResponses(old.responses ?? [], next.responses ?? [], schemas, add);
}

const isOpen = (security: Requirements | null): boolean =>
  security === null || security.length === 0 || security.some((entry) => Object.keys(entry).length === 0);

/** Whether who satisfies `stronger` satisfies `weaker` too. */
const implies = (stronger: Requirements[number], weaker: Requirements[number]): boolean =>
  Object.entries(weaker).every(
    ([scheme, scopes]) =>
      Object.hasOwn(stronger, scheme) && scopes.every((scope) => stronger[scheme]!.includes(scope)),
  );

const textOf = (entry: Requirements[number]): string =>
  Object.entries(entry)
    .map(([scheme, scopes]) => (scopes.length === 0 ? scheme : `${scheme} (${scopes.join(', ')})`))
    .join(' and ') || 'nothing';

function compareSecurity(old: Requirements | null, next: Requirements | null, add: Report): void {
  if (isOpen(next)) {
    if (!isOpen(old)) add('security-removed', 'security', 'no credentials are needed');
    return;
  }
  if (isOpen(old))
    return add('security-tightened', 'security', `${next!.map(textOf).join(', or ')} is needed`);
  for (const entry of next!) {
    if (!old!.some((was) => implies(entry, was)))
      add('security-weakened', 'security', `${textOf(entry)} is enough`);
  }
  for (const was of old!) {
    if (!next!.some((entry) => implies(was, entry)))
      add('security-tightened', 'security', `${textOf(was)} is not enough any more`);
  }
}

function compareParameters(
  old: ContractOperation,
  next: ContractOperation,
  schemas: SchemaComparison,
  add: Report,
): void {
  const keysOf = (operation: ContractOperation) => {
    const names = [...operation.template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
    return new Map(
      operation.parameters.map(
        (entry) =>
          [
            `${entry.place} ${entry.place === 'path' ? names.indexOf(entry.name) : entry.name}`,
            entry,
          ] as const,
      ),
    );
  };
  const [before, after] = [keysOf(old), keysOf(next)];
  for (const [key, was] of before) {
    if (!after.has(key))
      add('parameter-removed', `${was.place} ${was.name}`, `${was.place} parameter "${was.name}" is gone`);
  }
  for (const [key, entry] of after) {
    const where = `${entry.place} ${entry.name}`;
    const was = before.get(key);
    const what = `${entry.place} parameter "${entry.name}"`;
    if (was === undefined) {
      if (entry.required) add('parameter-required', where, `${what} is new and required`);
      else add('parameter-added', where, `${what} is new`);
      continue;
    }
    if (entry.required && !was.required) add('parameter-required', where, `${what} is required`);
    if (entry.style !== was.style || entry.explode !== was.explode || entry.mediaType !== was.mediaType)
      add('parameter-style', where, `${what} was ${was.style} and is ${entry.style}`);
    schemas.run(was.schema ?? {}, entry.schema ?? {}, 'request', within(where, add));
  }
}

const within =
  (where: string, add: Report): Report =>
  (rule, pointer, message) =>
    add(rule, pointer === '' ? where : `${where} ${pointer}`, message);

function compareBodies(
  old: ContractBody | null,
  next: ContractBody | null,
  schemas: SchemaComparison,
  add: Report,
): void {
  if (old === null && next === null) return;
  if (next === null) return add('body-removed', 'body', 'the request body is gone');
  if (old === null) {
    add(
      next.required ? 'body-required' : 'body-added',
      'body',
      `a request body is ${next.required ? 'required' : 'taken'}`,
    );
    return;
  }
  if (next.required && !old.required) add('body-required', 'body', 'the request body is required');
  compareContent(old.content, next.content, 'request', 'body', schemas, add);
}

function compareContent(
  old: ContractBody['content'],
  next: ContractBody['content'],
  direction: Direction,
  where: string,
  schemas: SchemaComparison,
  add: Report,
): void {
  for (const { mediaType, schema } of old) {
    const twin = next.find((entry) => entry.mediaType === mediaType);
    if (twin === undefined) add('media-type-removed', where, `${mediaType} is gone`);
    else schemas.run(schema ?? {}, twin.schema ?? {}, direction, within(where, add));
  }
  for (const { mediaType } of next) {
    if (!old.some((entry) => entry.mediaType === mediaType))
      add('media-type-added', where, `${mediaType} is new`);
  }
}

function compareResponses(
  old: readonly ContractResponse[],
  next: readonly ContractResponse[],
  schemas: SchemaComparison,
  add: Report,
): void {
  for (const { status, content } of old) {
    const where = `answer ${status}`;
    const twin = next.find((entry) => entry.status === status);
    if (twin !== undefined) compareContent(content, twin.content, 'response', where, schemas, add);
    else if (/^2/.test(status)) add('response-removed', where, `${status} is gone`);
  }
  for (const { status } of next) {
    if (!old.some((entry) => entry.status === status))
      add('response-added', `answer ${status}`, `${status} is new`);
  }
}
