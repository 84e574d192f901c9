// The parts of the configuration file that are about certificates: TLS of listeners and upstreams, ACME accounts, and
// the names by which certificates stand for consumers.
import { z } from 'zod';
import { isTrustDomain, normaliseEmail, parseSpiffeId, parseSpiffePattern } from '../net/tls/index.ts';

const secretText = ', only as a reference such as ${file:./tls/api.key}.';

const hostName = () =>
  z
    .string()
    .regex(/^(?:\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, {
      message: 'is not a host name; no port, no scheme',
    })
    .transform((name) => name.toLowerCase());

const minVersion = () =>
  z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest TLS version spoken.');

const certificateEntry = z.union([
  z.strictObject({
    certificate: z.string().describe('Path of the PEM certificate chain.'),
    key: z.string().describe(`The PEM private key${secretText}`),
  }),
  z.strictObject({
    acme: z.string().describe('Name under acme: the authority that issues it.'),
    names: z.array(hostName()).min(1).describe('Host names it is for.'),
  }),
]);

export const identityKinds = ['spiffe', 'dns', 'uri', 'email', 'subject'] as const;

export const listenerTls = z
  .strictObject({
    certificate: z.string().optional().describe('Path of the PEM certificate chain.'),
    key: z.string().optional().describe(`The PEM private key${secretText}`),
    certificates: z
      .array(certificateEntry)
      .min(1)
      .optional()
      .describe('Several certificates instead, chosen by server name (SNI); the first is the default.'),
    'unknown-name': z
      .enum(['default-certificate', 'refuse'])
      .default('default-certificate')
      .describe('What a client gets that asks for a name no certificate has.'),
    staple: z
      .boolean()
      .default(true)
      .describe('Fetches OCSP answers for certificates that name a responder, and staples them.'),
    'min-version': minVersion(),
    clients: z
      .enum(['none', 'optional', 'require'])
      .default('none')
      .describe('Client certificates (mutual TLS): not asked for, welcome, or needed for a connection.'),
    trust: z
      .array(
        z.union([
          z.string(),
          z.strictObject({
            federated: z
              .string()
              .describe('Trust domain under identity.services.federation whose services are accepted.'),
          }),
          z.strictObject({
            file: z.string().describe('Path of the PEM certificates.'),
            'trust-domain': z
              .string()
              .refine(isTrustDomain, { message: 'is not a SPIFFE trust domain such as prod.example' })
              .describe('SPIFFE trust domain that these authorities may speak for.'),
          }),
        ]),
      )
      .default([])
      .describe(
        'Authorities whose client certificates are accepted; no others are. PEM files, or gatewright: the one under identity.services.',
      ),
    crl: z
      .array(z.string())
      .default([])
      .describe('Revocation lists (PEM files); with any, each authority in use needs one that is current.'),
    identity: z
      .array(z.enum(identityKinds))
      .min(1)
      .default(['spiffe', 'dns', 'email'])
      .describe('Which names of a certificate identify a client.'),
  })
  .refine((value) => value.certificates !== undefined || value.certificate !== undefined, {
    path: ['certificate'],
    message: 'is missing; add it with "key", or "certificates"',
  })
  .refine((value) => (value.certificate === undefined) === (value.key === undefined), {
    path: ['key'],
    message: 'and "certificate" belong together',
  })
  .refine((value) => value.certificates === undefined || value.certificate === undefined, {
    path: ['certificates'],
    message: 'stands beside "certificate"; put all of them into the list',
  })
  .refine((value) => value.clients === 'none' || value.trust.length > 0, {
    path: ['trust'],
    message: 'must name the authorities of the client certificates',
  })
  .refine((value) => value.clients !== 'none' || (value.trust.length === 0 && value.crl.length === 0), {
    path: ['clients'],
    message: 'must be "require" or "optional" where trust or crl is set',
  });

export const redirectToHttps = z.strictObject({
  listener: z.string().describe('The TLS listener that requests are sent to.'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("Port that clients know it by; the listener's own by default."),
  hosts: z
    .array(hostName())
    .min(1)
    .optional()
    .describe('Host names that are redirected; those of the APIs on the listener by default.'),
});

export const upstreamTls = z
  .strictObject({
    ca: z
      .string()
      .optional()
      .describe('Path of PEM authorities that are trusted instead of the public ones.'),
    crl: z.string().optional().describe('Path of a PEM revocation list for them.'),
    certificate: z.string().optional().describe('Path of the PEM chain that the gate shows (mutual TLS).'),
    key: z.string().optional().describe(`Its PEM private key${secretText}`),
    svid: z
      .boolean()
      .default(false)
      .describe(
        'The gate shows its own SVID (identity.services), and trusts those of the trust domains under spiffe.',
      ),
    'server-name': hostName()
      .optional()
      .describe("Name for SNI and the certificate, instead of the target's host."),
    spiffe: z
      .array(z.string().refine((text) => parseSpiffeId(text) !== null, { message: 'is not a SPIFFE id' }))
      .default([])
      .describe('SPIFFE ids of the service: its certificate must carry one, instead of a host name.'),
    'min-version': minVersion(),
  })
  .refine((value) => (value.certificate === undefined) === (value.key === undefined), {
    path: ['key'],
    message: 'and "certificate" belong together',
  })
  .refine((value) => !value.svid || value.certificate === undefined, {
    path: ['svid'],
    message: 'and "certificate" exclude each other',
  })
  .refine((value) => !value.svid || value.ca !== undefined || value.spiffe.length > 0, {
    path: ['spiffe'],
    message: 'must say which services are meant, where svid is true and there is no "ca"',
  })
  .refine((value) => value.spiffe.length === 0 || value.ca !== undefined || value.svid, {
    path: ['ca'],
    message: 'is needed with "spiffe": public authorities issue no SPIFFE ids',
  })
  .refine((value) => value.crl === undefined || value.ca !== undefined, {
    path: ['ca'],
    message: 'is needed with "crl"',
  });

export const acmeAccount = z.strictObject({
  directory: z
    .url({ protocol: /^https$/ })
    .describe(
      "URL of the authority's ACME directory, for instance https://acme-v02.api.letsencrypt.org/directory.",
    ),
  'terms-of-service': z.literal('agreed').describe("agreed: you have read and accept the authority's terms."),
  contact: z
    .array(z.string().regex(/^mailto:.+@.+$/, { message: 'is not mailto: with an address' }))
    .default([])
    .describe('Where the authority writes to before certificates end.'),
  store: z.string().describe('Folder for the account key and the certificates; readable by the gate alone.'),
  challenge: z
    .enum(['tls-alpn-01', 'http-01'])
    .default('tls-alpn-01')
    .describe(
      'How control of a name is proven: on a TLS listener that the authority reaches at port 443, or a plain one at port 80.',
    ),
  'external-account': z
    .strictObject({
      id: z.string().min(1).describe('Key identifier from the authority.'),
      key: z.string().describe('Its MAC key in base64url, only as a reference.'),
    })
    .optional()
    .describe('External account binding, where the authority asks for one.'),
  ca: z.string().optional().describe('Path of PEM authorities for the directory itself, for a private one.'),
});

/** What a consumer's certificate is recognised by. */
export const certificateName = z.union([
  z.strictObject({
    spiffe: z
      .string()
      .refine((text) => (parseSpiffeId(text)?.path ?? '') !== '', {
        message: 'is not the SPIFFE id of a workload, for instance spiffe://prod.example/ns/shop/sa/orders',
      })
      .describe('SPIFFE id.'),
  }),
  z.strictObject({
    dns: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, { message: 'is not a host name' })
      .transform((name) => name.toLowerCase())
      .describe('DNS name.'),
  }),
  z.strictObject({
    uri: z
      .string()
      .refine((text) => URL.canParse(text) && !/^spiffe:/i.test(text), {
        message: 'is not a URI; SPIFFE ids go under "spiffe"',
      })
      .describe('URI, compared as it stands.'),
  }),
  z.strictObject({
    email: z
      .string()
      .refine((text) => normaliseEmail(text) !== null, { message: 'is not an e-mail address' })
      .describe('E-mail address.'),
  }),
  z.strictObject({
    subject: z
      .record(
        z
          .string()
          .regex(/^(?:[A-Z]+|\d+(?:\.\d+)+)$/, { message: 'is not an attribute such as CN, O or OU' }),
        z.union([z.string(), z.array(z.string()).min(1)]),
      )
      .refine((value) => Object.keys(value).length > 0, { message: 'names no attribute' })
      .describe('All attributes of the subject, such as { CN: orders, O: Example }.'),
  }),
]);

/** Authentication by client certificate on an operation. */
export const mtlsMethod = z.strictObject({
  spiffe: z
    .array(
      z.string().refine((text) => parseSpiffePattern(text) !== null, {
        message: 'is not a pattern of SPIFFE ids such as spiffe://prod.example/ns/*/sa/orders',
      }),
    )
    .default([])
    .describe('SPIFFE ids that may call without being consumers; * is one segment, ** at the end the rest.'),
  scopes: z.array(z.string().min(1)).default([]).describe('Scopes of callers that such a pattern lets in.'),
});
