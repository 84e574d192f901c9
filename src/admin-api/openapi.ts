// The contract of the administrative API (OpenAPI 3.1), made from the table of operations. The gate itself holds requests to it.
import { z } from 'zod';
import { type AdminOperation, operationEntries } from './operations.ts';
import { permissions, SCOPE_PREFIX } from './permissions.ts';
import { named } from './schemas.ts';

/** Where the API is, below the base of its API in the configuration. */
export const API_BASE = '/api/v1';

type Json = Record<string, unknown>;

const titles: Readonly<Record<number, string>> = {
  200: 'Done.',
  201: 'Created.',
  204: 'Done, without content.',
  304: 'The version is the one that If-None-Match names.',
  400: 'The request does not match the contract.',
  401: 'Nobody is signed in, or the credentials are not good.',
  403: 'The caller may not do this.',
  404: 'There is no such resource.',
  409: 'The resource is in a state that does not allow it.',
  412: 'The resource has changed since.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  428: 'The change must name the version in If-Match.',
  429: 'Too many requests.',
  503: 'The state can not be reached at the moment.',
};

/** Statuses that an operation may answer with. */
export function statusesOf(operation: AdminOperation): readonly number[] {
  const out = new Set<number>([operation.success[0], 400, 401, 403, 429, 503, ...(operation.also ?? [])]);
  if (operation.params !== undefined) out.add(404);
  if (operation.body !== undefined) for (const status of [413, 415]) out.add(status);
  if (operation.method === 'POST') out.add(409);
  if (operation.versioned === true) {
    if (operation.method === 'GET') out.add(304);
    else for (const status of [409, 412, 428]) out.add(status);
  }
  return [...out].sort((a, b) => a - b);
}

const withoutDialect = ({ $schema: _, ...schema }: Json): Json => schema;

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of named) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    io: 'input',
  }) as unknown as { schemas: Record<string, Json> };
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _, ...schema }]) => [id, withoutDialect(schema)]),
  );
}

function refOf(schema: z.ZodType): Json {
  for (const [id, known] of named) if (known === schema) return { $ref: `#/components/schemas/${id}` };
  throw new TypeError('a schema of an operation has no name');
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const json = z.toJSONSchema(schema, { io: 'input' }) as {
    properties: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(json.properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || (json.required ?? []).includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const field = (name: string, description: string, schema: Json, required = false): Json => ({
  name,
  in: 'header',
  required,
  description,
  schema,
});

function headersOf(operation: AdminOperation): Json[] {
  const out: Json[] = [];
  if (operation.method === 'POST' && operation.permission !== 'open')
    out.push(
      field(
        'Idempotency-Key',
        'The same key within ten minutes gets the same answer, and nothing is done twice.',
        {
          type: 'string',
          pattern: '^[\\x21-\\x7e]{8,100}$',
        },
      ),
    );
  if (operation.versioned === true)
    out.push(
      operation.method === 'GET'
        ? field('If-None-Match', 'Version that is at hand.', { type: 'string', maxLength: 200 })
        : field('If-Match', 'Version that the change is for.', { type: 'string', maxLength: 200 }),
    );
  return out;
}

function operationDocument(id: string, operation: AdminOperation): Json {
  const [status, schema] = operation.success;
  const content =
    schema === null
      ? undefined
      : schema === 'events'
        ? { 'text/event-stream': { schema: { type: 'string' } } }
        : { 'application/json': { schema: refOf(schema) } };
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const parameters = [
    ...parametersOf(operation.params, 'path'),
    ...parametersOf(operation.query, 'query'),
    ...headersOf(operation),
  ];
  return {
    operationId: id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.permission === 'open' ? { security: [] } : {}),
    'x-permission': operation.permission,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: refOf(operation.body) } },
          },
        }),
    responses: Object.fromEntries(
      statusesOf(operation).map((each) => [
        String(each),
        {
          description: titles[each] ?? 'A problem.',
          ...(each === status
            ? {
                ...(content === undefined ? {} : { content }),
                ...(operation.versioned === true
                  ? { headers: { ETag: { description: 'Version.', schema: { type: 'string' } } } }
                  : {}),
              }
            : each === 304
              ? {}
              : { content: problem }),
        },
      ]),
    ),
  };
}

/** The whole document. */
export function adminContract(): Json {
  const paths: Record<string, Json> = {};
  for (const [id, operation] of operationEntries) {
    const path = API_BASE + operation.path;
    (paths[path] ??= {})[operation.method.toLowerCase()] = operationDocument(id, operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatewright control plane',
      version: '1',
      description: `Everything that the console does. Roles and permissions are scopes that begin with "${SCOPE_PREFIX}": ${permissions.join(', ')}.`,
    },
    security: [{ session: [] }, { key: [] }],
    paths,
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: '__Host-gatewright-console' },
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key of the state with scopes of the control plane.',
        },
      },
      schemas: componentSchemas(),
    },
  };
}
