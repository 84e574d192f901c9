// `identity.services:` as users write it: the internal authority, sockets of services, clusters and other trust domains.
import { z } from 'zod';
import { isTrustDomain, parseSpiffeId } from '../net/tls/index.ts';
import { duration, nameKey } from './values.ts';

const trustDomain = () =>
  z.string().refine(isTrustDomain, { message: 'is not a SPIFFE trust domain such as prod.example' });

const serviceName = () =>
  z.string().refine((text) => parseSpiffeId(`spiffe://x/${text}`) !== null, {
    message: 'is not a service name: letters, digits, ".", "_", "-", and "/" between parts',
  });

const httpsUrl = () => z.url({ protocol: /^https$/ });

const cluster = z
  .strictObject({
    audience: z
      .string()
      .min(1)
      .default('gatewright')
      .describe('Audience of the projected tokens; tokens for the API server are refused.'),
    review: httpsUrl()
      .optional()
      .describe('Address of the API server: each token is put to its TokenReview, which knows deleted pods.'),
    issuer: z.string().min(1).optional().describe('Exact `iss` of the tokens, with jwks instead of review.'),
    jwks: httpsUrl().optional().describe('Key set of the cluster, where its API server can not be asked.'),
    ca: z.string().optional().describe('Path of PEM authorities of that server.'),
    'bearer-file': z
      .string()
      .default('')
      .describe("File with the gate's own token for that server, read each time."),
  })
  .refine((value) => (value.review === undefined) !== (value.jwks === undefined), {
    path: ['review'],
    message: 'or "jwks" must be there, and not both',
  })
  .refine((value) => (value.issuer === undefined) === (value.jwks === undefined), {
    path: ['issuer'],
    message: 'and "jwks" belong together',
  });

const federation = z
  .strictObject({
    url: httpsUrl().optional().describe('Bundle endpoint of the other trust domain.'),
    profile: z
      .enum(['https_web', 'https_spiffe'])
      .default('https_web')
      .describe('How the endpoint proves itself: by a web certificate, or by an SVID of "endpoint-id".'),
    'endpoint-id': z
      .string()
      .refine((text) => (parseSpiffeId(text)?.path ?? '') !== '', {
        message: 'is not the SPIFFE id of a workload',
      })
      .optional()
      .describe('SPIFFE id of the endpoint, for https_spiffe.'),
    ca: z.string().optional().describe('Path of PEM authorities for https_web, instead of the public ones.'),
    bundle: z
      .string()
      .optional()
      .describe(
        'Path of a bundle document to begin with; needed for https_spiffe, alone where there is no endpoint.',
      ),
  })
  .refine((value) => value.url !== undefined || value.bundle !== undefined, {
    path: ['url'],
    message: 'or "bundle" must be there',
  })
  .refine((value) => (value.profile === 'https_spiffe') === (value['endpoint-id'] !== undefined), {
    path: ['endpoint-id'],
    message: 'and the profile https_spiffe belong together',
  })
  .refine((value) => value.profile === 'https_web' || value.bundle !== undefined, {
    path: ['bundle'],
    message: 'is needed with https_spiffe: the first SVID of the endpoint must be verified with something',
  });

export const servicesSchema = z.strictObject({
  'trust-domain': trustDomain().describe('SPIFFE trust domain that the gate issues for.'),
  gate: serviceName()
    .default('gatewright')
    .describe(
      "Name of the gate's own service, for upstreams with svid: true. It is added when it is not there.",
    ),
  'x509-life': duration().default(3_600_000).describe('Life of X509-SVIDs; they are renewed at half of it.'),
  'jwt-life': duration().default(300_000).describe('Life of JWT-SVIDs.'),
  rotate: duration().default(2_592_000_000).describe('How long one key signs JWT-SVIDs.'),
  'refresh-hint': duration().default(300_000).describe('How often others are told to fetch the bundle.'),
  sockets: z
    .array(
      z.strictObject({
        path: z.string().min(1).describe('Path of the Unix socket; its folder must be there.'),
        service: serviceName().describe('The service that whoever can open the socket is.'),
        mode: z
          .string()
          .regex(/^0[0-7]{3}$/, { message: 'is not a mode such as "0660"' })
          .default('0600')
          .describe('Permissions of the socket: they decide who is the service.'),
        group: z.int().min(0).optional().describe('Id of the group that the socket belongs to.'),
      }),
    )
    .default([])
    .describe('SPIFFE Workload API and Envoy SDS, one Unix socket for each service.'),
  kubernetes: z
    .record(nameKey(), cluster)
    .default({})
    .describe('Clusters whose service-account tokens attest services that are bound to them.'),
  federation: z
    .record(trustDomain(), federation)
    .default({})
    .describe('Other trust domains, whose bundles are fetched and handed out.'),
});
