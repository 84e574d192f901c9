// The configuration file as users write it: strict, every key described. What is valid here still has names to be
// resolved and contracts to be read (resolve.ts). The JSON Schema for editors comes from these definitions.
import { z } from 'zod';
import { priorities } from '../guards/shed/contract.ts';
import { addressListSchema, bansSchema } from './document-admission.ts';
import { auditSchema } from './document-audit.ts';
import {
  authorize,
  claims,
  decisions,
  mask,
  operationAuthorize,
  operationMask,
  relations,
  risk,
  roles,
} from './document-authorize.ts';
import { clusterSchema } from './document-cluster.ts';
import { detectSchema } from './document-detect.ts';
import { exportSchema } from './document-export.ts';
import { addresses, geography } from './document-geography.ts';
import { failuresSchema, guessesSchema } from './document-guesses.ts';
import {
  authenticateSchema,
  dpopSchema,
  forwardSchema,
  issuerSchema,
  loginSchema,
  rotationSchema,
  signatureKeySchema,
} from './document-identity.ts';
import { intelSchema } from './document-intel.ts';
import { defaultLimit, limits, plansSchema, tenantsSchema } from './document-limits.ts';
import { authorizationServerSchema } from './document-oauth.ts';
import { retire } from './document-retire.ts';
import { servicesSchema } from './document-services.ts';
import { stateSchema } from './document-state.ts';
import { telemetrySchema } from './document-telemetry.ts';
import { acmeAccount, certificateName, listenerTls, redirectToHttps, upstreamTls } from './document-tls.ts';
import { validate } from './document-validate.ts';
import { vaultSchema } from './document-vault.ts';
import { inspectOfApi, inspectOfOperation } from './inspect-document.ts';
import { addressBlock, byteSize, date, duration, fieldName, nameKey, port, rate } from './values.ts';

const listener = z.strictObject({
  port: port().describe('TCP port; 0 lets the system choose one.'),
  host: z
    .string()
    .optional()
    .describe(
      'Address to listen on; 0.0.0.0, every IPv4 address, by default, and 127.0.0.1 for internal listeners. `::` is every address.',
    ),
  exposure: z
    .enum(['public', 'internal'])
    .default('public')
    .describe(
      'Who can reach it: an internal listener binds to private addresses only and serves internal operations only.',
    ),
  tls: listenerTls.optional().describe('Speaks TLS; without it plain HTTP.'),
  'redirect-to-https': redirectToHttps
    .optional()
    .describe('Serves no API: sends every request to a TLS listener (308), and answers ACME challenges.'),
  http2: z
    .boolean()
    .optional()
    .describe('HTTP/2: by ALPN with TLS, the default there; without TLS by prior knowledge (h2c).'),
  'proxy-protocol': z
    .strictObject({
      from: z.array(addressBlock()).min(1).describe('Peers that must send a PROXY header (version 1 or 2).'),
    })
    .optional()
    .describe('PROXY protocol of a load balancer in front.'),
  'trusted-proxies': z
    .array(addressBlock())
    .default([])
    .describe('Proxies whose X-Forwarded-For or Forwarded names the client.'),
});

/** Scheme, host and port: what else a URL can hold would be ignored. */
const targetUrl = () =>
  z.string().refine((text) => /^https?:\/\/[^/?#@\s]+\/?$/i.test(text) && URL.canParse(text), {
    message: 'is not http:// or https:// with host and port alone, for instance http://10.0.0.5:3000',
  });

const target = z.union([
  targetUrl(),
  z.strictObject({
    url: targetUrl().describe('http:// or https:// with host and port, no path.'),
    weight: z.number().positive().max(1000).default(1).describe('Share relative to the other targets.'),
  }),
]);

const upstream = z.strictObject({
  targets: z
    .array(target)
    .min(1)
    .describe('Where requests go; names with several addresses count as several endpoints.'),
  protocol: z
    .enum(['http1', 'http2', 'auto'])
    .default('http1')
    .describe(
      'HTTP version spoken there: http2 by ALPN with https, by prior knowledge (h2c) with http; auto lets an https target choose.',
    ),
  balance: z
    .enum(['least-request', 'round-robin', 'hash'])
    .default('least-request')
    .describe('How an endpoint is chosen; least-request takes the less busy of two random ones.'),
  'hash-on': z
    .union([z.enum(['address', 'consumer', 'path']), z.string().regex(/^header:[A-Za-z0-9-]+$/)])
    .default('address')
    .describe('What `balance: hash` hashes; `header:name` takes a request header.'),
  health: z
    .strictObject({
      path: z.string().startsWith('/').describe('Path that answers when the service is well.'),
      interval: duration().default(5000).describe('Time between two checks of an endpoint.'),
      timeout: duration().default(2000).describe('Time a check may take.'),
      'healthy-after': z
        .int()
        .min(1)
        .default(2)
        .describe('Good answers in a row that bring an endpoint back.'),
      'unhealthy-after': z
        .int()
        .min(1)
        .default(3)
        .describe('Bad answers in a row that take an endpoint out.'),
      status: z
        .string()
        .regex(/^\d{3}(?:-\d{3})?$/)
        .default('200-299')
        .describe('Statuses that count as good: one, or a range.'),
    })
    .optional()
    .describe('Active health checks.'),
  ejection: z
    .strictObject({
      'consecutive-failures': z
        .int()
        .min(1)
        .default(5)
        .describe('Failures in a row after which an endpoint is left out.'),
      base: duration().default(10_000).describe('How long the first time; doubled each time after.'),
      max: duration().default(300_000).describe('Longest time an endpoint is left out.'),
    })
    .prefault({})
    .describe('Passive health checks; at least half of the endpoints always stay.'),
  breaker: z
    .strictObject({
      'failure-ratio': z
        .number()
        .min(0.01)
        .max(1)
        .default(0.5)
        .describe('Share of failed requests that opens the breaker.'),
      'minimum-requests': z
        .int()
        .min(1)
        .default(20)
        .describe('Requests in the window before the share counts.'),
      window: duration().default(10_000).describe('Time over which requests are counted.'),
      'open-for': duration().default(5000).describe('How long requests are refused before a few are tried.'),
      'max-in-flight': z.int().min(1).default(4096).describe('Most requests in flight from one thread.'),
    })
    .prefault({})
    .describe('Circuit breaker of the whole upstream, one a thread.'),
  concurrency: z
    .strictObject({
      min: z.int().min(1).default(4).describe('The least that the limit comes down to.'),
      initial: z.int().min(1).default(32).describe('Where the limit begins.'),
      max: z.int().min(1).default(1024).describe('The most that the limit goes up to.'),
    })
    .optional()
    .describe(
      'Requests in flight from one thread follow what the upstream takes without queueing; they do not by default.',
    ),
  retries: z
    .strictObject({
      attempts: z
        .int()
        .min(0)
        .max(10)
        .default(2)
        .describe('Attempts beyond the first; 0 switches retries off.'),
      budget: z.number().min(0).max(1).default(0.2).describe('Share of requests that may be retries.'),
      statuses: z
        .array(z.int().min(500).max(599))
        .default([])
        .describe('Statuses of idempotent requests that are retried.'),
    })
    .prefault({})
    .describe('Only requests that are safe to repeat are.'),
  timeouts: z
    .strictObject({
      connect: duration().default(3000).describe('For a connection, TLS included.'),
      'first-byte': duration()
        .default(30_000)
        .describe('From the end of the request to the first byte of the answer.'),
      idle: duration().default(60_000).describe('Between two reads of an answer, and for silent WebSockets.'),
      total: duration().optional().describe('For a whole exchange with all its attempts; none by default.'),
    })
    .prefault({})
    .describe('How long the gate waits for the upstream.'),
  'slow-start': duration()
    .default(0)
    .describe('Time over which a new or recovered endpoint comes to its full share.'),
  'resolve-every': duration().default(30_000).describe('How often host names are looked up again.'),
  host: z
    .enum(['client', 'target'])
    .default('client')
    .describe("Host that the upstream sees: the client's, or the target's own."),
  'max-idle': z.int().min(0).default(128).describe('Idle connections kept for each endpoint and thread.'),
  tls: upstreamTls.prefault({}).describe('How https targets are reached.'),
  'client-certificate': z
    .enum(['none', 'client-cert', 'xfcc'])
    .default('none')
    .describe(
      "How the service is told of the client's verified certificate: Client-Cert and Client-Cert-Chain (RFC 9440), or X-Forwarded-Client-Cert.",
    ),
});

const consumer = z
  .strictObject({
    scopes: z
      .array(z.string().min(1))
      .default([])
      .describe('Scopes of its certificates, and of its keys unless a key has its own.'),
    certificates: z
      .array(certificateName)
      .default([])
      .describe('Names in client certificates that stand for it.'),
    keys: z
      .array(
        z.strictObject({
          id: z
            .string()
            .regex(/^[A-Za-z0-9-]{1,64}$/)
            .describe('Shown in logs.'),
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .describe('SHA-256 of the whole key; `gatewright keys create` prints it.'),
          created: date().optional().describe('When the key was made, for `risk.credential-age`.'),
          expires: date().optional().describe('When the key ends; never by default.'),
          scopes: z.array(z.string().min(1)).optional().describe("Instead of the consumer's."),
          addresses: z
            .array(addressBlock())
            .default([])
            .describe('Where it may be used from; anywhere by default.'),
        }),
      )
      .default([])
      .describe('Its API keys; two overlap while one is being replaced.'),
    plan: nameKey().optional().describe('Plan that limits with `plans` go by.'),
    tenant: nameKey().optional().describe('Whom it belongs to, for limits per tenant.'),
    'signature-keys': z
      .array(signatureKeySchema)
      .default([])
      .describe('Keys that it signs requests with (RFC 9421).'),
  })
  .refine((value) => value.keys.length + value.certificates.length + value['signature-keys'].length > 0, {
    path: ['keys'],
    message: 'or "certificates" or "signature-keys" must name at least one credential',
  });

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

const api = z.strictObject({
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

const http = z.strictObject({
  'max-head': byteSize().default(32_768).describe('Request line and headers together.'),
  'max-fields': z.int().min(10).max(1000).default(100).describe('Number of header lines.'),
  'max-target': byteSize().default(8192).describe('Path and query.'),
  'head-timeout': duration().default(10_000).describe('For a whole request head.'),
  'body-timeout': duration().default(30_000).describe('Longest pause within a request body.'),
  'idle-timeout': duration().default(60_000).describe('How long a connection may wait for its next request.'),
  'min-rate': z
    .union([byteSize(), z.literal(0)])
    .default(128)
    .describe('Least bytes a second of a body or a reader, after five seconds; 0 for none.'),
  'max-requests': z.int().min(1).default(10_000).describe('Requests on one connection.'),
  'max-connections': z.int().min(1).default(50_000).describe('Connections of one thread and listener.'),
  'max-connections-per-address': z
    .int()
    .min(0)
    .default(0)
    .describe(
      'Connections of one address (IPv6 by /64) over all threads, proxies of yours excepted; 0 for any.',
    ),
});

export const documentSchema = z.strictObject({
  listeners: z.record(nameKey(), listener).describe('Ports that the gate listens on.'),
  upstreams: z.record(nameKey(), upstream).describe('Services behind the gate.'),
  identity: z
    .strictObject({
      issuers: z.record(nameKey(), issuerSchema).default({}).describe('Token issuers that are trusted.'),
      roles,
      claims,
      consumers: z.record(nameKey(), consumer).default({}).describe('Programs that call with API keys.'),
      logins: z
        .record(nameKey(), loginSchema)
        .default({})
        .describe('How people log in with a browser (OpenID Connect); needs state.'),
      forward: forwardSchema
        .optional()
        .describe('Tells services who calls, by a token that the gate signs for each of them; needs state.'),
      'authorization-server': authorizationServerSchema
        .optional()
        .describe('The gate as an authorization server and OpenID provider; needs state.'),
      failures: failuresSchema.optional(),
      plans: plansSchema.prefault({}).describe('Plans of callers, which limits can go by.'),
      tenants: tenantsSchema.prefault({}).describe('To whom callers belong, for limits per tenant.'),
      rotation: rotationSchema.prefault({}).describe('What is reported when it grows old.'),
      dpop: dpopSchema.prefault({}).describe('Proofs of possession (RFC 9449).'),
      services: servicesSchema
        .optional()
        .describe('An authority that gives services identities of their own (SPIFFE); needs state.'),
    })
    .prefault({})
    .describe('Who callers can be.'),
  acme: z
    .record(nameKey(), acmeAccount)
    .default({})
    .describe('Authorities that issue certificates to the gate by ACME (RFC 8555).'),
  audit: auditSchema,
  intel: intelSchema,
  export: exportSchema.optional().describe('Receivers of records: SIEM, log stores, message brokers, files.'),
  vault: vaultSchema
    .optional()
    .describe("How secrets of the state are sealed; by the state's seal key by default."),
  state: stateSchema.optional().describe('Where the gate keeps what must outlast it; nowhere by default.'),
  'address-lists': z
    .record(nameKey(), addressListSchema)
    .default({})
    .describe('Lists of addresses in files or at URLs; they are read anew without a reload.'),
  detect: detectSchema
    .optional()
    .describe('Detection of attacks and failures, incidents, and what is done about them; needs state.'),
  overload: z
    .strictObject({
      delay: z
        .union([duration(), z.literal(0)])
        .default(500)
        .describe(
          'Delay of a thread at which requests of low priority are refused; of normal at twice, of high at four times this. 0 never refuses.',
        ),
      memory: byteSize()
        .optional()
        .describe(
          'Memory of the process that must not be exceeded: low is refused at 90 %, normal at 95 %, high at 100 %.',
        ),
    })
    .prefault({})
    .describe('What is refused when not everything can be served.'),
  bans: bansSchema.prefault({}).describe('Addresses that are refused for a while, by hand or by detection.'),
  cluster: clusterSchema
    .optional()
    .describe('Where several gates meet, so that their limits count together; each counts alone by default.'),
  apis: z.record(nameKey(), api).describe('APIs that are served.'),
  relations,
  risk,
  geography,
  decisions,
  http: http.prefault({}).describe('Limits and timeouts towards clients.'),
  telemetry: telemetrySchema.prefault({}).describe('Log, metrics, health and OpenTelemetry.'),
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(256)])
    .default('auto')
    .describe('Data-plane threads; auto is one a core.'),
  drain: duration().default(30_000).describe('How long a stop waits for requests in flight.'),
});

export type ConfigDocument = z.output<typeof documentSchema>;
