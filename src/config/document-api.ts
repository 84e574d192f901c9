// APIs and their operations, as users write them.
import { z } from 'zod';
import { priorities } from '../guards/shed/contract.ts';
import { authorize, mask, operationAuthorize, operationMask } from './document-authorize.ts';
import { addresses } from './document-geography.ts';
import { guessesSchema } from './document-guesses.ts';
import { authenticateSchema } from './document-identity.ts';
import { defaultLimit, limits } from './document-limits.ts';
import { retire } from './document-retire.ts';
import { validate } from './document-validate.ts';
import { inspectOfApi, inspectOfOperation } from './inspect-document.ts';
import { byteSize, duration, fieldName, rate } from './values.ts';

const websocket = z.union([
  z.boolean(),
  z.strictObject({
    'max-message': byteSize()
      .default(1_048_576)
      .describe('Largest message over all its frames, as it passes (compressed where that was agreed).'),
    origins: z
      .array(
        z.string().regex(/^https?:\/\/[A-Za-z0-9.-]+(?::\d+)?$/, {
          message: 'is not an origin such as https://app.example.com',
        }),
      )
      .default([])
      .describe("Origins whose pages may open one, beside the API's own and those of `cors`."),
    compression: z
      .boolean()
      .default(false)
      .describe('permessage-deflate may be agreed; by default no extension is offered to the service.'),
    rate: rate().optional().describe('Messages of a client, on average over ten seconds; any by default.'),
  }),
]);

const priority = z.enum(priorities);

const exposure = z.enum(['public', 'internal', 'both']);

const operation = z
  .strictObject({
    public: z.literal(true).optional().describe('Open to everybody; needs a reason.'),
    reason: z.string().min(3).optional().describe('Why it is public.'),
    authenticate: authenticateSchema.min(1).optional().describe("Instead of the API's."),
    scopes: z
      .array(z.string().min(1))
      .optional()
      .describe("Scopes that are all needed, instead of the contract's."),
    ...operationAuthorize,
    limits: limits.optional().describe("Instead of the API's."),
    guesses: guessesSchema
      .optional()
      .describe('People log in to the service here: how often they may be wrong.'),
    priority: priority
      .optional()
      .describe("How much its requests matter when not all can be served, instead of the API's."),
    cost: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1)
      .describe('What a request counts for in rates and quotas of requests.'),
    'max-body': byteSize().optional().describe('Largest request body.'),
    validate: validate.optional().describe("Instead of the API's."),
    exposure: exposure.optional().describe("Instead of the API's."),
    inspect: inspectOfOperation
      .optional()
      .describe("Adds to the API's exclusions, and replaces what else it says; false inspects nothing."),
    websocket: websocket.optional().describe("Instead of the API's."),
    ...operationMask,
    retire: retire.optional().describe("Beside the API's, key by key."),
  })
  .refine((value) => value.public !== true || value.reason !== undefined, {
    path: ['public'],
    message: 'needs a reason beside it, for instance "reason: load balancer probe"',
  });

const grpc = z.strictObject({
  services: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/, {
        message: 'is not the full name of a service, for instance helloworld.Greeter',
      }),
      z
        .array(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
            message: 'is not the name of a method, for instance SayHello',
          }),
        )
        .min(1),
    )
    .describe(
      'Methods by the full name of their service; others are refused. Operation ids are `package.Service/Method`.',
    ),
  'max-message': byteSize()
    .default(4_194_304)
    .describe('Largest message of a client, as it passes (compressed where it is).'),
});

export const api = z.strictObject({
  contract: z.string().optional().describe('Path of the OpenAPI document, 3.0 to 3.2.'),
  grpc: grpc.optional().describe('gRPC services, instead of a contract.'),
  hosts: z
    .array(
      z.string().regex(/^(?:\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, {
        message: 'is not a host name; no port, no scheme',
      }),
    )
    .default([])
    .describe('Host names it is served under; `*.example.com` is one label; any by default.'),
  base: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9\-._~]+)*$/, { message: 'is not a path prefix such as /orders/v2' })
    .default('')
    .describe("Path in front of the contract's paths."),
  'strip-base': z.boolean().default(false).describe('The upstream gets paths without the base.'),
  listeners: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Listeners it is served on; all of its exposure by default.'),
  exposure: exposure
    .default('public')
    .describe('Whether its operations are served on public listeners, on internal ones, or on both.'),
  upstream: z.string().optional().describe('Name under upstreams.'),
  service: z
    .string()
    .optional()
    .describe('Service of the gate itself that answers, instead of a contract and an upstream.'),
  authenticate: authenticateSchema
    .min(1)
    .optional()
    .describe('Ways to authenticate; the first whose credential is present decides.'),
  authorize,
  limits: limits.default([defaultLimit]).describe('Rate limits of every operation; `[]` for none.'),
  addresses,
  validate: validate
    .prefault({})
    .describe('Requests, and answers if asked for, are held to the contract; false switches that off.'),
  priority: priority
    .optional()
    .describe(
      'How much its requests matter when not all can be served: normal by default, low for public operations, high for services of the gate.',
    ),
  'max-body': byteSize()
    .optional()
    .describe('Largest request body; 1MiB by default, and unlimited for gRPC, whose messages are.'),
  inspect: inspectOfApi
    .optional()
    .describe('Inspection of requests and answers by rules (web application firewall); none by default.'),
  websocket: websocket
    .default(false)
    .describe('WebSocket connections may pass: true for the default limits, or the limits.'),
  retire: retire.optional(),
  mask: mask.default([]).describe('Fields of answers that not every reader may see.'),
  'mask-limit': byteSize()
    .default(1_048_576)
    .describe('Largest answer that is masked; larger ones are refused.'),
  headers: z
    .strictObject({
      security: z.boolean().default(true).describe('Adds security headers where the upstream set none.'),
      hsts: z
        .union([duration(), z.literal(false)])
        .default(31_536_000_000)
        .describe('Strict-Transport-Security on TLS listeners; false for none.'),
      remove: z
        .array(fieldName())
        .default([
          'server',
          'x-powered-by',
          'x-aspnet-version',
          'x-aspnetmvc-version',
          'x-generator',
          'x-runtime',
          'via',
        ])
        .describe('Answer headers that tell about the software behind.'),
    })
    .prefault({})
    .describe('What answers carry.'),
  cors: z
    .strictObject({
      origins: z
        .array(
          z.string().regex(/^(?:\*|https?:\/\/[A-Za-z0-9.-]+(?::\d+)?)$/, {
            message: 'is not an origin such as https://app.example.com, or *',
          }),
        )
        .min(1)
        .describe('Origins whose pages may read answers.'),
      methods: z
        .array(z.string().regex(/^[A-Z]+$/))
        .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
        .describe('Methods they may use.'),
      headers: z
        .array(fieldName())
        .default(['authorization', 'content-type'])
        .describe('Request headers they may set.'),
      expose: z.array(fieldName()).default([]).describe('Answer headers they may read.'),
      credentials: z.boolean().default(false).describe('Cookies and client certificates are sent along.'),
      'max-age': duration().default(600_000).describe('How long a preflight is remembered.'),
    })
    .refine((value) => !(value.credentials && value.origins.includes('*')), {
      path: ['credentials'],
      message: 'can not be used with the origin "*"',
    })
    .refine((value) => !value.origins.includes('*') || value.origins.length === 1, {
      path: ['origins'],
      message: 'has "*" beside others',
    })
    .optional()
    .describe('Cross-origin access; none by default.'),
  operations: z
    .record(z.string(), operation)
    .default({})
    .describe('Settings of single operations, by operationId.'),
});
