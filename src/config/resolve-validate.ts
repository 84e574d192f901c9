// What an API is held to by its contract, and whether the contract's schemas can be used at all.
import type { ValidateConfig } from '../guards/validate/contract.ts';
import type { Contract } from '../openapi/document.ts';
import { type RewriteOptions, SchemaSet } from '../openapi/index.ts';
import type { ValidateDocument } from './document-validate.ts';
import type { OperationConfig } from './gate-config.ts';
import type { ResolveContext } from './resolve.ts';

export function resolveValidate(value: ValidateDocument): ValidateConfig | null {
  if (value === false) return null;
  const { answers } = value;
  return {
    undocumentedFields: value['undocumented-fields'],
    forms: value.forms,
    answers:
      answers === false
        ? null
        : {
            mode: answers.mode,
            limitBytes: answers.limit,
            sample:
              answers.sample === undefined
                ? null
                : { aboveBytes: answers.sample.above, share: answers.sample.share },
          },
  };
}

/** Schemas are compiled lazily later; here each is tried once, so that a bad one is a diagnostic and not a 500. */
export function checkSchemas(
  contract: Contract,
  operations: readonly OperationConfig[],
  source: string,
  context: ResolveContext,
): void {
  const set = new SchemaSet(contract.document);
  // Many operations share few schemas; each object is compiled once.
  const tried = new Set<string>();
  for (const operation of operations) {
    if (operation.validate === null) continue;
    const { parameters, body, responses, line, column } = operation.contract;
    const { undocumentedFields, answers } = operation.validate;
    const schemas: { schema: unknown; options: RewriteOptions }[] = [
      ...parameters.map(({ schema }) => ({
        schema,
        options: { undocumentedFields: 'allow', refuse: null } as const,
      })),
      ...(body?.content ?? []).map(({ schema }) => ({
        schema,
        options: { undocumentedFields, refuse: 'readOnly' } as const,
      })),
      ...(answers === null ? [] : (responses ?? []))
        .flatMap(({ content }) => content)
        .map(({ schema }) => ({ schema, options: { undocumentedFields, refuse: 'writeOnly' } as const })),
    ];
    for (const { schema, options } of schemas) {
      const key = JSON.stringify([options, schema]);
      if (schema === null || tried.has(key)) continue;
      tried.add(key);
      try {
        set.compile(schema, options);
      } catch (error) {
        context.diagnostics.error(
          'contract-schema',
          { file: source, line, column },
          `A schema of "${operation.id}" can not be used: ${(error as Error).message}.`,
        );
      }
    }
  }
  // What they refer to, each once.
  for (;;) {
    try {
      if (!set.warm()) return;
    } catch (error) {
      context.diagnostics.error(
        'contract-schema',
        { file: source, line: 0, column: 0 },
        `A schema can not be used: ${(error as Error).message}.`,
      );
    }
  }
}
