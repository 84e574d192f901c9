// Description of the service `decisions`: the OpenID AuthZEN Authorization API 1.0, by which services ask the gate's
// policies. What the schemas leave open, the specification leaves open.
import type { ServiceDescription } from '../../control/contract.ts';
import type { ContractOperation } from '../../openapi/index.ts';

/** Scope that a caller needs to ask. */
export const DECISIONS_SCOPE = 'decisions:evaluate';
/** Questions of one request. */
export const MAX_EVALUATIONS = 100;

const name = { type: 'string', minLength: 1, maxLength: 1024 };
const properties = { type: 'object', additionalProperties: true };
const entity = {
  type: 'object',
  required: ['type', 'id'],
  properties: { type: name, id: name, properties },
  additionalProperties: false,
};
const action = {
  type: 'object',
  required: ['name'],
  properties: { name, properties },
  additionalProperties: false,
};
const question = { subject: entity, action, resource: entity, context: properties };

const post = (id: string, template: string, summary: string, schema: unknown): ContractOperation => ({
  id,
  method: 'POST',
  template,
  parameters: [],
  body: { required: true, content: [{ mediaType: 'application/json', schema }] },
  security: [{ gate: [DECISIONS_SCOPE] }],
  deprecated: false,
  summary,
  line: 0,
  column: 0,
});

export const decisionsService: ServiceDescription = {
  name: 'decisions',
  summary: 'Decisions of the gate for services (OpenID AuthZEN Authorization API 1.0).',
  operations: [
    post('evaluate', '/access/v1/evaluation', 'May this subject do this with that resource?', {
      type: 'object',
      required: ['subject', 'action', 'resource'],
      properties: question,
      additionalProperties: false,
    }),
    post('evaluateMany', '/access/v1/evaluations', 'Many questions at once.', {
      type: 'object',
      properties: {
        ...question,
        evaluations: {
          type: 'array',
          maxItems: MAX_EVALUATIONS,
          items: { type: 'object', properties: question, additionalProperties: false },
        },
        options: {
          type: 'object',
          properties: {
            evaluations_semantic: {
              enum: ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'],
            },
          },
          additionalProperties: true,
        },
      },
      additionalProperties: false,
    }),
    post('searchActions', '/access/v1/search/action', 'What may this subject do with that resource?', {
      type: 'object',
      required: ['subject', 'resource'],
      properties: { subject: entity, resource: entity, context: properties, page: properties },
      additionalProperties: false,
    }),
    {
      id: 'getAuthzenConfiguration',
      method: 'GET',
      template: '/.well-known/authzen-configuration',
      parameters: [],
      body: null,
      security: null,
      deprecated: false,
      summary: 'Where the endpoints are.',
      line: 0,
      column: 0,
    },
  ],
  document: {},
  open: { getAuthzenConfiguration: 'tells nothing but where to ask' },
  validates: true,
  internalOnly: false,
};
