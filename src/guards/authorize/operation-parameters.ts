// Parameters of an operation as rules and policies know them: those of path and query whose values are plain.
import type { ContractOperation, SchemaSet } from '../../openapi/index.ts';
import type { AuthorizeParameter, ParameterKind } from './contract.ts';

const separators: Readonly<Record<string, string>> = { spaceDelimited: ' ', pipeDelimited: '|' };

export function parametersOf(operation: ContractOperation, schemas: SchemaSet): AuthorizeParameter[] {
  const found: AuthorizeParameter[] = [];
  const names = new Set<string>();
  // A name in the path wins over the same name in the query.
  for (const place of ['path', 'query'] as const) {
    for (const { name, place: where, schema, mediaType, style, explode } of operation.parameters) {
      if (where !== place || names.has(name) || style === 'deepObject') continue;
      const kind = mediaType === null ? kindOf(schema === null ? {} : schemas.resolve(schema)) : 'string';
      if (kind === null) continue;
      names.add(name);
      const isRepeated = place === 'query' && explode;
      found.push({
        name,
        place,
        kind,
        separator: kind === 'list' && !isRepeated ? (separators[style] ?? ',') : '',
      });
    }
  }
  return found;
}

function kindOf(schema: Readonly<Record<string, unknown>>): ParameterKind | null {
  const types = [schema['type']].flat().filter((type) => type !== 'null');
  if (types.length !== 1) return 'string';
  switch (types[0]) {
    case 'integer':
    case 'boolean':
      return types[0];
    case 'array':
      return 'list';
    case 'object':
      return null;
    default:
      return 'string';
  }
}
