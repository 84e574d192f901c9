// The words that an OpenAPI document may use, and the small questions about them that its parser asks.
import type { ContractBody, ContractMedia, ParameterPlace } from './contract.ts';

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
export const pathItemKeys = [...methods, 'trace', 'summary', 'description', 'servers', 'parameters', '$ref'];
export const dialects = new Set([
  'https://json-schema.org/draft/2020-12/schema',
  'https://spec.openapis.org/oas/3.1/dialect/base',
  'https://spec.openapis.org/oas/3.2/dialect/2025-09-17',
]);
/** OpenAPI 3.1 section 4.8.12.1: described elsewhere, ignored as parameters. */
export const ignoredHeaders = new Set(['accept', 'content-type', 'authorization']);
export const styles: Readonly<Record<ParameterPlace, readonly string[]>> = {
  path: ['simple'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};

export const isPlace = (value: unknown): value is ParameterPlace =>
  value === 'path' || value === 'query' || value === 'header' || value === 'cookie';

export const contentOf = (content: unknown): ContractBody['content'] =>
  Object.entries(isObject(content) ? content : {}).map(([type, media]) => ({
    mediaType: type.split(';')[0]!.trim().toLowerCase(),
    schema: isObject(media) ? (media['schema'] ?? null) : null,
    ...(isObject(media) && isObject(media['encoding']) ? { encoding: encodingOf(media['encoding']) } : {}),
  }));

const encodingOf = (encoding: Json): NonNullable<ContractMedia['encoding']> =>
  Object.fromEntries(
    Object.entries(encoding).map(([name, entry]) => {
      const { contentType, style, explode } = isObject(entry) ? entry : {};
      const usual = typeof style === 'string' ? style : 'form';
      return [
        name,
        {
          contentTypes: typeof contentType === 'string' ? contentType.toLowerCase().split(/\s*,\s*/) : [],
          style: usual,
          explode: typeof explode === 'boolean' ? explode : usual === 'form',
        },
      ];
    }),
  );

/** Canonical path text with parameters; empty segments only at the end. */
export function isTemplate(template: string): boolean {
  // A star would let the parameter take slashes too, which no contract can mean.
  if (!template.startsWith('/') || template.includes('*}')) return false;
  const fixed = template.replace(/\{[^{}/]+\}/g, 'x');
  return /^\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@]+\/)*[A-Za-z0-9\-._~!$&'()*+,=:@]*$/.test(fixed);
}
