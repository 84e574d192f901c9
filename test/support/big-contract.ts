// Contracts as large and as tangled as those of GitHub, Stripe and Kubernetes, made up: hundreds of operations over
// thousands of schemas that refer to each other deeply, and in circles.

export interface BigContractShape {
  readonly operations: number;
  readonly schemas: number;
  /** References of each schema to others. */
  readonly references: number;
}

/** The text of an OpenAPI 3.1 document in JSON. The same shape gives the same text. */
export function bigContract({ operations, schemas, references }: BigContractShape): string {
  const components: Record<string, unknown> = {};
  for (let i = 0; i < schemas; i++) {
    const properties: Record<string, unknown> = {
      id: { type: 'integer', minimum: 1 },
      name: { type: 'string', minLength: 1, maxLength: 200, description: 'What people call it. '.repeat(4) },
      state: { type: 'string', enum: ['open', 'closed', `only-${i}`] },
      created: { type: 'string', format: 'date-time' },
      url: { type: 'string', format: 'uri' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      secret: { type: 'string', writeOnly: true },
    };
    for (let r = 0; r < references; r++) {
      const to = { $ref: `#/components/schemas/Thing${(i * 7 + r * 131 + 1) % schemas}` };
      properties[`part${r}`] =
        r % 3 === 0 ? { type: 'array', items: to } : r % 3 === 1 ? to : { allOf: [to, { description: 'x' }] };
    }
    // Every seventh refers to itself, as trees do.
    if (i % 7 === 0)
      properties['children'] = { type: 'array', items: { $ref: `#/components/schemas/Thing${i}` } };
    components[`Thing${i}`] = { type: 'object', required: ['name'], properties };
  }
  const paths: Record<string, unknown> = {};
  for (let i = 0; i < operations / 2; i++) {
    const schema = { $ref: `#/components/schemas/Thing${(i * 13) % schemas}` };
    const content = { 'application/json': { schema } };
    paths[`/groups/{group}/things${i}`] = {
      parameters: [{ name: 'group', in: 'path', required: true, schema: { type: 'string', maxLength: 40 } }],
      get: {
        operationId: `listThings${i}`,
        parameters: [{ name: 'page', in: 'query', schema: { type: 'integer', minimum: 1 } }],
        responses: {
          '200': {
            description: 'ok',
            content: { 'application/json': { schema: { type: 'array', items: schema } } },
          },
        },
      },
      post: {
        operationId: `createThing${i}`,
        requestBody: { required: true, content },
        responses: { '201': { description: 'ok', content } },
      },
    };
  }
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Big', version: '1' },
    paths,
    components: { schemas: components },
  });
}
