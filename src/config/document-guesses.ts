// Budgets of wrong credentials as users write them.
import { z } from 'zod';
import { duration, rate } from './values.ts';

const budgets = (address: number, network: number) => ({
  'per-address': rate()
    .default({ count: address, periodMs: 900_000, unit: 'requests' })
    .describe('Wrong credentials of one address, IPv6 by /64.'),
  'per-network': rate()
    .default({ count: network, periodMs: 900_000, unit: 'requests' })
    .describe('Wrong credentials of one network, /24 or /56.'),
  tarpit: duration().default(1000).describe('How long refusals for too many are held back.'),
});

export const failuresSchema = z
  .strictObject(budgets(60, 600))
  .describe('How often callers may come with wrong credentials before nobody looks at them.');

export const guessesSchema = z.strictObject({
  account: z
    .string()
    .regex(/^\/[^/]/)
    .describe('JSON Pointer to the account in the body, such as /username; of forms, the field.'),
  secret: z
    .string()
    .regex(/^\/[^/]/)
    .optional()
    .describe('JSON Pointer to the password.'),
  statuses: z
    .array(z.int().min(400).max(499))
    .min(1)
    .default([401])
    .describe('Statuses by which the service says that a login has failed.'),
  ...budgets(30, 200),
  'per-account': rate()
    .default({ count: 10, periodMs: 900_000, unit: 'requests' })
    .describe('Failed logins at one account, from where it is not known.'),
  'per-secret': rate()
    .default({ count: 100, periodMs: 900_000, unit: 'requests' })
    .describe('Failed logins with secrets whose hashes begin alike, over all accounts.'),
});
