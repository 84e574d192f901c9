// Problems, and signing in.
import { z } from 'zod';
import { permissions, roles } from './permissions.ts';
import { ms, name, secret, shortText } from './schema-parts.ts';

export const problem = name(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    instance: z.string().optional(),
    detail: z.string().optional(),
  }),
);

// Signing in.

export const session = name(
  'Session',
  z.strictObject({
    user: z.string(),
    kind: z.enum(['session', 'key', 'gate']).describe('How the caller is known.'),
    roles: z.array(z.enum(roles)),
    permissions: z.array(z.enum(permissions)),
    untilMs: ms().nullable(),
  }),
);
export const passwordStep = name('PasswordStep', z.strictObject({ user: shortText(), password: secret() }));
export const codeStep = name(
  'CodeStep',
  z.strictObject({
    code: z
      .string()
      .regex(/^[0-9A-Za-z -]{6,40}$/)
      .describe('Six digits, or a recovery code.'),
  }),
);
export const passkeyStep = name(
  'PasskeyStep',
  z.strictObject({ response: z.looseObject({ id: z.string().max(1024) }) }),
);
export const passkeyAdded = name(
  'PasskeyAdded',
  z.strictObject({ response: z.looseObject({ id: z.string().max(1024) }), label: z.string().max(60) }),
);
export const passkeyOptions = name('PasskeyOptions', z.looseObject({ challenge: z.string() }));
export const signInResult = name(
  'SignInResult',
  z.strictObject({
    next: z.enum(['done', 'second-factor']),
    factors: z.array(z.enum(['totp', 'passkey', 'recovery'])),
  }),
);
export const invitationToken = name(
  'InvitationToken',
  z.strictObject({ token: z.string().min(20).max(100) }),
);
export const invitation = name(
  'Invitation',
  z.strictObject({ user: z.string(), role: z.enum(roles), untilMs: ms() }),
);
export const enrolment = name(
  'Enrolment',
  z.strictObject({ token: z.string().min(20).max(100), password: secret() }),
);
export const account = name(
  'Account',
  z.strictObject({
    user: z.string(),
    credentials: z.array(
      z.strictObject({
        id: z.string(),
        kind: z.enum(['password', 'totp', 'passkey', 'recovery']),
        label: z.string(),
        createdMs: ms(),
        usedMs: ms().nullable(),
      }),
    ),
  }),
);
export const totpStart = name('TotpStart', z.strictObject({ secret: z.string(), uri: z.string() }));
export const totpAdded = name(
  'TotpAdded',
  z.strictObject({ secret: z.string().regex(/^[A-Z2-7]{16,64}$/), code: z.string().regex(/^[0-9]{6}$/) }),
);
