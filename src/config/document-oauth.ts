// The authorization server, as users write it. Everything has a safe default but its name.
import { z } from 'zod';
import { duration, nameKey } from './values.ts';

const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, { message: 'is no scope (RFC 6749 section 3.3)' });

const resource = z.strictObject({
  uri: z
    .url()
    .refine((uri) => !uri.includes('#'), { message: 'has a fragment (RFC 8707 section 2)' })
    .describe('Resource indicator: what clients name, and the audience of its tokens.'),
  scopes: z.array(scope).default([]).describe('Scopes that tokens for it can have.'),
  format: z
    .enum(['jwt', 'opaque'])
    .default('jwt')
    .describe('jwt: access tokens by RFC 9068. opaque: known to introspection alone.'),
  lifetime: duration()
    .default(300_000)
    .refine((ms) => ms >= 10_000 && ms <= 3_600_000, { message: 'is not between 10s and 1h' })
    .describe('How long its tokens are good.'),
});

const federation = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).describe('Exact `iss` of the provider, which is discovered.'),
  label: z.string().min(1).max(60).describe('Its name for people.'),
  'client-id': z.string().min(1).describe('Name of this server with the provider.'),
  'client-secret': z.string().min(1).describe('Its secret, only as a reference such as ${env:SECRET}.'),
  scopes: z
    .array(scope)
    .default(['openid'])
    .refine((list) => list.includes('openid'), { message: 'has no "openid"' })
    .describe('Scopes that are asked for.'),
  users: z
    .enum(['linked', 'create'])
    .default('linked')
    .describe('linked: only people linked before. create: whoever the provider vouches for becomes a user.'),
  'user-scopes': z.array(scope).default([]).describe('Scopes of users made this way.'),
  ca: z.string().default('').describe("PEM file of the authorities of the provider's server."),
  private: z.boolean().default(false).describe('Its other endpoints may have private addresses.'),
});

export const authorizationServerSchema = z.strictObject({
  issuer: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !url.endsWith('/') && !/[?#]/.test(url), {
      message: 'ends with a slash, or has a query or fragment',
    })
    .describe('Exact `iss` and address, for instance https://login.example.com; http on loopback only.'),
  title: z.string().min(1).max(80).default('Sign in').describe('Name of the server on its pages.'),
  resources: z.array(resource).default([]).describe('APIs that tokens are issued for.'),
  'default-resource': z.string().default('').describe('API of requests that name none; none by default.'),
  algorithm: z.enum(['ES256', 'EdDSA']).default('ES256').describe('Signature algorithm.'),
  rotate: duration()
    .default(30 * 86_400_000)
    .refine((ms) => ms >= 3_600_000, { message: 'is shorter than 1h' })
    .describe('How long a key signs.'),
  lifetimes: z
    .strictObject({
      code: duration()
        .default(60_000)
        .refine((ms) => ms <= 600_000, { message: 'is longer than 10m' })
        .describe('Of authorization codes.'),
      'id-token': duration().default(300_000).describe('Of ID tokens.'),
      refresh: duration()
        .default(30 * 86_400_000)
        .describe('Of refresh tokens, from the login on: rotation does not make it longer.'),
      session: duration()
        .default(12 * 3_600_000)
        .describe('Of sessions at the server itself.'),
      device: duration()
        .default(600_000)
        .refine((ms) => ms <= 1_800_000, { message: 'is longer than 30m' })
        .describe('Of codes of devices.'),
    })
    .prefault({})
    .describe('How long things are good.'),
  scopes: z.record(scope, z.string().max(200)).default({}).describe('What scopes mean, for people.'),
  federation: z.record(nameKey(), federation).default({}).describe('Other providers that people come from.'),
  'require-par': z.boolean().default(false).describe('Authorization requests must be pushed (RFC 9126).'),
  'mtls-origin': z
    .url({ protocol: /^https$/ })
    .refine((url) => new URL(url).origin === url, {
      message: 'is no origin such as https://mtls.example.com',
    })
    .optional()
    .describe(
      'Origin of a listener with `clients: optional`, told to clients that have certificates (RFC 8705).',
    ),
  'private-clients': z
    .boolean()
    .default(false)
    .describe(
      'Key sets and logout endpoints of clients may be inside the network; not together with registration.',
    ),
  registration: z
    .enum(['off', 'initial-access-token'])
    .default('off')
    .describe(
      'Programs register themselves (RFC 7591), each with a token of `gatewright clients invite`, good once.',
    ),
  'second-factor': z
    .enum(['offered', 'required'])
    .default('offered')
    .describe('required: a password alone lets nobody in.'),
  passwords: z
    .strictObject({
      'memory-kib': z.int().min(19_456).max(1_048_576).default(19_456).describe('Argon2id: memory, KiB.'),
      passes: z.int().min(1).max(20).default(2).describe('Argon2id: passes.'),
      lanes: z.int().min(1).max(16).default(1).describe('Argon2id: lanes.'),
      concurrency: z.int().min(1).max(16).default(1).describe('Passwords that are checked at once.'),
      queue: z.int().min(1).max(1000).default(64).describe('Passwords that may wait; the rest come again.'),
    })
    .prefault({})
    .describe('How passwords are hashed.'),
});
