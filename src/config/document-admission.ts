// `address-lists:` and `bans:` as users write them.
import { z } from 'zod';
import { addressBlock, duration, nameKey } from './values.ts';

const proof = {
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('SHA-256 that the whole list must have.'),
  'public-key': z
    .string()
    .regex(/^-----BEGIN PUBLIC KEY-----/, { message: 'is not a public key in PEM' })
    .optional()
    .describe('Ed25519 key, PEM, that the list must be signed with.'),
  signature: z
    .string()
    .min(1)
    .optional()
    .describe('File or URL of the signature: 64 bytes, plain or base64; the list with .sig by default.'),
  required: z
    .boolean()
    .default(false)
    .describe('The gate does not start, and a reload fails, without the list.'),
};

export const addressListSchema = z.union([
  z.strictObject({
    feed: nameKey().describe(
      'Name of a feed under intel: its addresses that are sure enough and have not ended.',
    ),
  }),
  z.strictObject({
    file: z.string().min(1).describe('Path of the list: an address or block a line, remarks after # or ;.'),
    ...proof,
  }),
  z.strictObject({
    url: z
      .string()
      .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), {
        message: 'is not a URL such as https://lists.example.com/drop.txt',
      })
      .describe('Where the list is: https, or http to this machine.'),
    refresh: duration().default(3_600_000).describe('How often it is fetched.'),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe('File that the last good list is kept in, for a start without the source.'),
    reach: z
      .enum(['public', 'anywhere'])
      .default('public')
      .describe('Whether it may be at a private address.'),
    ...proof,
  }),
]);

export const bansSchema = z.strictObject({
  never: z
    .array(addressBlock())
    .default([])
    .describe('Addresses that are never banned, such as those of your monitoring.'),
  longest: duration().default(2_592_000_000).describe('The longest that a ban may last.'),
});
