// Issuers of tokens and ways to authenticate, as users write them.
import { z } from 'zod';
import { signatureAlgorithms, webhookSchemes } from '../httpsig/index.ts';
import { algorithmNames } from '../jose/index.ts';
import { issuerClaims } from './document-authorize.ts';
import { mtlsMethod } from './document-tls.ts';
import { duration, fieldName } from './values.ts';

const fetchUrl = () => z.url({ protocol: /^https?$/ });

const introspect = z.strictObject({
  url: fetchUrl()
    .optional()
    .describe(
      'Where tokens are asked about (https; http on loopback only); with discover, what the issuer says.',
    ),
  'client-id': z.string().min(1).describe('Name of the gate with the issuer.'),
  'client-secret': z.string().min(1).describe('Its secret, only as a reference such as ${env:SECRET}.'),
  cache: duration().default(30_000).describe('Longest time that a good answer is remembered.'),
  'negative-cache': duration().default(5000).describe('How long it is remembered that a token is not good.'),
});

export const issuerSchema = z
  .strictObject({
    issuer: z.string().min(1).optional().describe('Exact value of `iss` in its tokens.'),
    discover: fetchUrl()
      .optional()
      .describe(
        'Exact value of `iss`, from which the key set is found (OpenID Connect Discovery, RFC 8414); instead of issuer and jwks.',
      ),
    jwks: z
      .union([z.strictObject({ file: z.string() }), z.strictObject({ url: fetchUrl() })])
      .optional()
      .describe('JWK Set of its keys: a file, or a URL (https; http on loopback only).'),
    introspect: introspect.optional().describe('How the issuer is asked about opaque tokens (RFC 7662).'),
    fetch: z
      .strictObject({
        ca: z
          .string()
          .default('')
          .describe('PEM file of the authorities of its server, instead of the well-known ones.'),
        'bearer-file': z
          .string()
          .default('')
          .describe(
            'File with a token that is sent along, read each time, for instance that of a Kubernetes service account.',
          ),
        private: z
          .boolean()
          .default(false)
          .describe('Other hosts that its document names may have private addresses.'),
      })
      .prefault({})
      .describe('How its documents are fetched.'),
    algorithms: z
      .array(z.enum(algorithmNames as [string, ...string[]]))
      .min(1)
      .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
      .describe('Signature algorithms that its tokens may use.'),
    profile: z
      .enum(['any', 'rfc9068'])
      .default('any')
      .describe('rfc9068: only access tokens of type at+jwt with sub, client_id, iat and jti.'),
    types: z
      .array(z.string())
      .default([])
      .transform((list) => list.map((type) => type.toLowerCase().replace(/^application\//, '')))
      .describe('Values of `typ` that are accepted; by default none, JWT and at+jwt.'),
    'clock-skew': duration().default(30_000).describe('How far clocks may differ.'),
    refresh: duration().default(600_000).describe('How often the key set is fetched again.'),
    'refetch-after': duration()
      .default(30_000)
      .describe('Least time between fetches that unknown key ids cause.'),
    'max-stale': duration()
      .default(604_800_000)
      .describe('How long keys serve while they can not be fetched again.'),
    ...issuerClaims,
  })
  .refine((value) => (value.issuer === undefined) !== (value.discover === undefined), {
    path: ['issuer'],
    message: 'or "discover" must be there, and not both',
  })
  .refine((value) => value.discover === undefined || value.jwks === undefined, {
    path: ['jwks'],
    message: 'is found by "discover" already',
  })
  .refine(
    (value) => value.discover !== undefined || value.jwks !== undefined || value.introspect !== undefined,
    { path: ['jwks'], message: 'or "introspect" must be there' },
  )
  .refine(
    (value) =>
      value.discover !== undefined || value.introspect?.url !== undefined || value.introspect === undefined,
    {
      path: ['introspect', 'url'],
      message: 'must be there without "discover"',
    },
  );

export const dpopSchema = z.strictObject({
  algorithms: z
    .array(z.enum(algorithmNames.filter((name) => !name.startsWith('HS')) as [string, ...string[]]))
    .min(1)
    .default(['ES256', 'EdDSA', 'Ed25519', 'PS256'])
    .describe('Signature algorithms of proofs.'),
  'max-age': duration().default(60_000).describe('How old a proof may be.'),
  'clock-skew': duration().default(5000).describe("How far a client's clock may be ahead."),
  nonce: z
    .boolean()
    .default(false)
    .describe('Proofs must carry a nonce of the gate, which it gives with a refusal.'),
});

export const forwardSchema = z.strictObject({
  header: fieldName().default('x-caller-identity').describe('Header that carries the token to services.'),
  issuer: z.string().min(1).default('gatewright').describe('Its `iss`; services compare it.'),
  algorithm: z.enum(['ES256', 'EdDSA']).default('ES256').describe('Signature algorithm.'),
  lifetime: duration()
    .default(60_000)
    .refine((ms) => ms >= 10_000 && ms <= 60_000, { message: 'is not between 10s and 60s' })
    .describe('How long a token is good, 60s at most.'),
  claims: z
    .array(z.string().min(1))
    .default([])
    .describe("Claims of the caller's own token that are passed on, for instance email."),
  'keep-authorization': z
    .boolean()
    .default(false)
    .describe("Services get the caller's Authorization too, which they could use elsewhere."),
  rotate: duration()
    .default(30 * 86_400_000)
    .refine((ms) => ms >= 3_600_000, { message: 'is shorter than 1h' })
    .describe('How long a key signs.'),
});

export const rotationSchema = z.strictObject({
  'max-age': duration()
    .default(90 * 86_400_000)
    .describe("Age from which API keys and clients' secrets are reported."),
  report: duration()
    .default(86_400_000)
    .refine((ms) => ms >= 60_000 && ms <= 7 * 86_400_000, { message: 'is not between 1m and 7d' })
    .describe('How often a running gate reports them.'),
});

export const loginSchema = z.strictObject({
  issuer: z.string().describe('Name under identity.issuers, with discover there.'),
  'client-id': z.string().min(1).describe('Name of the gate with the issuer.'),
  'client-secret': z
    .string()
    .min(1)
    .optional()
    .describe('Its secret, only as a reference; none for a client without.'),
  origin: z
    .string()
    .regex(/^https?:\/\/[A-Za-z0-9.-]+(?::\d+)?$/, {
      message: 'is not an origin such as https://shop.example.com',
    })
    .describe('Scheme, host and port that people see; https, or http on loopback.'),
  path: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9\-._~]+)+$/, { message: 'is not a path such as /login' })
    .default('/.login')
    .describe('Path with the places of the login: /callback, /logout and /backchannel-logout below it.'),
  cookie: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,32}$/)
    .default('gatewright')
    .describe('Name of the session cookie; __Host- stands in front of it on https.'),
  scopes: z
    .array(z.string().min(1))
    .default(['openid'])
    .refine((list) => list.includes('openid'), { message: 'has no "openid"' })
    .describe('Scopes that are asked for.'),
  claims: z.array(z.string().min(1)).default([]).describe('Claims of the ID token that the session keeps.'),
  lifetime: duration()
    .default(8 * 3_600_000)
    .describe('How long a session lasts.'),
  rotate: duration()
    .default(30 * 86_400_000)
    .refine((ms) => ms >= 3_600_000, { message: 'is shorter than 1h' })
    .describe('How long a key seals cookies.'),
});

const subjects = z
  .array(
    z
      .string()
      .max(1000)
      .regex(/^(?:[^*]+|[^*]*[:/|]\*)$/, {
        message: 'is no subject: a "*" stands at the end alone, behind ":", "/" or "|"',
      }),
  )
  .default([])
  .describe(
    'Subjects (`sub`) whose tokens are taken, exactly, or all that begin with what stands before a "*"; empty: all. Needed of issuers that give tokens to everybody.',
  );

const bound = z
  .enum(['none', 'dpop', 'mtls', 'any'])
  .default('none')
  .describe(
    'What a token must be bound to: a key (DPoP, RFC 9449), a certificate (RFC 8705), or either; tokens that are bound must prove it in any case.',
  );

export const signatureKeySchema = z
  .strictObject({
    id: z.string().min(1).max(200).describe('`keyid` of its signatures; shown in logs.'),
    algorithm: z.enum(signatureAlgorithms).describe('Algorithm, by its name in RFC 9421.'),
    'public-key': z.string().optional().describe('PEM file of the public key.'),
    secret: z
      .string()
      .optional()
      .describe('Shared secret of hmac-sha256, at least 32 bytes, only as a reference.'),
  })
  .refine((value) => (value.algorithm === 'hmac-sha256') === (value.secret !== undefined), {
    path: ['secret'],
    message: 'belongs to hmac-sha256, and to nothing else',
  })
  .refine((value) => (value.secret === undefined) === (value['public-key'] !== undefined), {
    path: ['public-key'],
    message: 'or "secret" must be there, and not both',
  });

const component = z
  .string()
  .regex(/^(?:@(?:method|target-uri|authority|scheme|request-target|path|query)|[a-z0-9-]+)$/, {
    message: 'is no component such as @method, @path or content-digest',
  });

const signatureMethod = z.strictObject({
  cover: z
    .array(component)
    .min(1)
    .default(['@method', '@authority', '@path', '@query', 'content-digest'])
    .describe('What a signature must cover; the query and the digest where there is a query or a body.'),
  tag: z.string().default('').describe('Application tag that it must carry; any by default.'),
  'max-age': duration().default(300_000).describe('How old it may be.'),
  'clock-skew': duration().default(10_000).describe("How far the sender's clock may be ahead."),
  replays: z.enum(['refuse', 'allow']).default('refuse').describe('The same signed request once more.'),
});

const webhookMethod = z.strictObject({
  scheme: z
    .union([
      z.enum(Object.keys(webhookSchemes) as [keyof typeof webhookSchemes]),
      z.strictObject({
        header: fieldName().describe('Header with the signature.'),
        form: z
          .enum(['plain', 'pairs', 'list'])
          .default('plain')
          .describe('The whole value, name=value separated by commas, or name,value separated by spaces.'),
        name: z.string().default('').describe('Name of signatures among pairs or in a list.'),
        prefix: z.string().default('').describe('Text in front of a signature.'),
        encoding: z.enum(['hex', 'base64']).default('hex').describe('How a signature is written.'),
        'time-header': fieldName().optional().describe('Header with the time in seconds.'),
        'time-name': z.string().default('').describe('Name of the time among the pairs.'),
        'id-header': fieldName().optional().describe('Header with the id of the message.'),
        signed: z
          .string()
          .regex(/\{body\}/, { message: 'does not contain {body}' })
          .default('{body}')
          .describe('What is signed: text with {time}, {id} and {body}.'),
        hash: z.enum(['sha256', 'sha512']).default('sha256').describe('Hash of the HMAC.'),
      }),
    ])
    .describe('How the sender signs: a well-known way, or a description of it.'),
  secrets: z
    .array(z.string().min(16))
    .min(1)
    .max(4)
    .describe('Secrets shared with the sender, only as references; two while one is being replaced.'),
  caller: z.string().min(1).describe('Name of the sender for limits and logs.'),
  scopes: z.array(z.string().min(1)).default([]).describe('Scopes of the sender.'),
  tolerance: duration().default(300_000).describe('How far the time may be from now.'),
  replays: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe('The same signed message once more; ways without a time can not be held to it.'),
});

const audience = () => z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

const singleMethod = z.union([
  z.strictObject({
    jwt: z.strictObject({
      issuer: z.string().describe('Name under identity.issuers.'),
      audience: audience().describe('Accepted `aud`; one must be in the token.'),
      bound,
      subjects,
    }),
  }),
  z.strictObject({
    introspect: z.strictObject({
      issuer: z.string().describe('Name under identity.issuers, with introspect there.'),
      audience: audience()
        .optional()
        .describe("Accepted `aud`; one must be in the issuer's answer. Whatever it says by default."),
      bound,
      subjects,
    }),
  }),
  z.strictObject({
    'api-key': z.strictObject({
      header: fieldName().default('x-api-key').describe('Header that carries the key.'),
    }),
  }),
  z.strictObject({ mtls: mtlsMethod }),
  z.strictObject({
    session: z.strictObject({ login: z.string().describe('Name under identity.logins.') }),
  }),
  z.strictObject({ signature: signatureMethod }),
  z.strictObject({ webhook: webhookMethod }),
]);

export const authenticateSchema = z.array(
  z.union([
    ...singleMethod.options,
    z.strictObject({
      'all-of': z
        .array(singleMethod)
        .min(2)
        .describe('Methods that must all be fulfilled; the first names the caller.'),
    }),
  ]),
);

export type AuthenticateDocument = z.output<typeof authenticateSchema>;
export type IssuerDocument = z.output<typeof issuerSchema>;
