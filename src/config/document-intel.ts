// `intel:` as users write it: feeds of threat intelligence, and where sightings go.
import { z } from 'zod';
import { parseEd25519 } from '../intel/index.ts';
import { duration, nameKey } from './values.ts';

const url = () =>
  z.string().regex(/^https?:\/\/[^\s@]+$/, { message: 'is not an http or https URL without credentials' });
const percent = () => z.int().min(0).max(100);

const taxii = z
  .strictObject({
    url: url().describe('API root of a TAXII 2.1 server; plain HTTP on loopback only.'),
    collection: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/, { message: 'is not the id of a collection' })
      .describe('Id of the collection.'),
    user: z.string().min(1).optional().describe('User, with `password`.'),
    password: z.string().min(1).optional().describe('Password, only as a reference.'),
    token: z.string().min(1).optional().describe('Bearer token instead, only as a reference.'),
    ca: z.string().default('').describe('PEM file of authorities, instead of the well-known ones.'),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    message: 'must have user and password together',
  })
  .refine(({ user, token }) => user === undefined || token === undefined, {
    message: 'must have a user or a token, not both',
  });

const proof = {
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, { message: 'is not a SHA-256 in hexadecimal' })
    .optional()
    .describe('Hash that the feed must have.'),
  'sha256-url': url().optional().describe('Where its hash is published, as sha256sum writes it.'),
  ed25519: z
    .string()
    .refine((text) => parseEd25519(text) !== null, {
      message: 'is not an Ed25519 public key, as PEM or 32 bytes in base64',
    })
    .optional()
    .describe('Public key that signs the feed, with `signature-url`.'),
  'signature-url': url().optional().describe('Where its signature is, in base64.'),
};

const feed = z
  .strictObject({
    taxii: taxii.optional().describe('A collection of a TAXII 2.1 server.'),
    url: url().optional().describe('A plain feed.'),
    file: z.string().min(1).optional().describe('A plain feed in a file.'),
    ca: z.string().default('').describe('PEM file of authorities for `url`, instead of the well-known ones.'),
    format: z
      .enum(['lines', 'csv'])
      .default('lines')
      .describe('Form of a plain feed: a value a line, or CSV whose first row names columns.'),
    column: z.string().min(1).default('ip').describe('Column of CSV.'),
    ...proof,
    every: duration().prefault('1h').describe('How often it is read.'),
    confidence: percent().default(50).describe('Of indicators that do not say theirs.'),
    'min-confidence': percent().default(0).describe('Indicators below it are not used.'),
    keep: duration()
      .prefault('7d')
      .describe('How long indicators of a plain feed are used after it was last read; 0s for good.'),
  })
  .refine((one) => [one.taxii, one.url, one.file].filter((from) => from !== undefined).length === 1, {
    message: 'must have exactly one of taxii, url, file',
  })
  .refine(
    (one) => [one.sha256, one['sha256-url'], one.ed25519].filter((text) => text !== undefined).length < 2,
    { message: 'must have at most one of sha256, sha256-url, ed25519' },
  )
  .refine((one) => (one.ed25519 === undefined) === (one['signature-url'] === undefined), {
    message: 'must have ed25519 and signature-url together',
  });

export const intelSchema = z
  .strictObject({
    folder: z.string().min(1).default('./intel').describe('Folder of what was fetched.'),
    'max-indicators': z
      .int()
      .min(1)
      .max(2_000_000)
      .default(200_000)
      .describe('Most values that are looked for; some 500 bytes of memory each.'),
    feeds: z.record(nameKey(), feed).describe('Feeds by name.'),
    sightings: z
      .strictObject({
        taxii: taxii.optional().describe('A collection that takes them.'),
        file: z.string().min(1).optional().describe('A file that gets a STIX object a line.'),
        every: duration().prefault('10m').describe('Matches of so long are one sighting.'),
        identity: z.string().min(1).max(200).default('gatewright').describe('Name of who has seen it.'),
      })
      .refine(({ taxii: server, file }) => (server === undefined) !== (file === undefined), {
        message: 'must have exactly one of taxii, file',
      })
      .optional()
      .describe('Where it is told what was seen; nowhere by default.'),
  })
  .optional()
  .describe('Threat intelligence that records are held against; none by default.');
