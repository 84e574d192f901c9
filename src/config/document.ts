// The configuration file as users write it: strict, every key described. What is valid here still has names to be
// resolved and contracts to be read (resolve.ts). The JSON Schema for editors comes from these definitions.
import { z } from 'zod';
import { addressListSchema, bansSchema } from './document-admission.ts';
import { api } from './document-api.ts';
import { auditSchema } from './document-audit.ts';
import { claims, decisions, relations, risk, roles } from './document-authorize.ts';
import { clusterSchema } from './document-cluster.ts';
import { detectSchema } from './document-detect.ts';
import { exportSchema } from './document-export.ts';
import { geography } from './document-geography.ts';
import { failuresSchema } from './document-guesses.ts';
import {
  dpopSchema,
  forwardSchema,
  issuerSchema,
  loginSchema,
  rotationSchema,
  signatureKeySchema,
} from './document-identity.ts';
import { intelSchema } from './document-intel.ts';
import { plansSchema, tenantsSchema } from './document-limits.ts';
import { http, listener } from './document-listener.ts';
import { authorizationServerSchema } from './document-oauth.ts';
import { servicesSchema } from './document-services.ts';
import { stateSchema } from './document-state.ts';
import { telemetrySchema } from './document-telemetry.ts';
import { acmeAccount, certificateName } from './document-tls.ts';
import { upstream } from './document-upstream.ts';
import { vaultSchema } from './document-vault.ts';
import { addressBlock, byteSize, date, duration, nameKey } from './values.ts';

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
