// The parts of the configuration that speak of places: databases of networks, and who is admitted from where.
import { z } from 'zod';
import { addressBlock, duration, nameKey } from './values.ts';

export const geography = z
  .strictObject({
    databases: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        'Files in MaxMind DB format, or `package:<name>` for an installed npm package that has one; what the first does not know of an address the next may.',
      ),
    'max-age': duration()
      .default(5_184_000_000)
      .describe('Age beyond which a database is reported: networks move.'),
  })
  .optional()
  .describe('Where addresses are: countries and autonomous systems, for `addresses`, `risk` and policies.');

const country = () =>
  z.string().regex(/^[A-Z]{2}$/, { message: 'is not a country by ISO 3166-1, for instance DE' });

/** `AS64500` or 64500. */
const network = () =>
  z
    .union([
      z.int(),
      z.string().regex(/^AS[0-9]{1,10}$/, { message: 'is not an autonomous system, for instance AS64500' }),
    ])
    .transform((value) => (typeof value === 'number' ? value : Number(value.slice(2))))
    .refine((value) => value > 0 && value <= 0xffff_ffff, { message: 'is not from 1 to 4294967295' });

export const countries = () => z.array(country().describe('By ISO 3166-1, such as DE.')).default([]);
export const networks = () => z.array(network().describe('Such as AS64500.')).default([]);

export const addresses = z
  .strictObject({
    allow: z.array(addressBlock()).default([]).describe('If not empty, nobody else is admitted.'),
    deny: z.array(addressBlock()).default([]).describe('Never admitted.'),
    'allow-lists': z
      .array(nameKey())
      .default([])
      .describe('Names under address-lists whose addresses count as allowed.'),
    'deny-lists': z
      .array(nameKey())
      .default([])
      .describe('Names under address-lists whose addresses are never admitted.'),
    countries: z
      .strictObject({
        allow: countries().describe('If not empty, nobody from elsewhere is admitted.'),
        deny: countries().describe('Never admitted.'),
      })
      .prefault({})
      .describe('Needs `geography`. Who is nobody knows where is not admitted.'),
    networks: z
      .strictObject({
        allow: networks().describe('If not empty, nobody from others is admitted.'),
        deny: networks().describe('Never admitted.'),
      })
      .prefault({})
      .describe('Autonomous systems; needs `geography`. An address of no known one is not admitted.'),
    anywhere: z
      .array(addressBlock())
      .default([])
      .describe('Addresses for which countries and networks do not count: private ones have neither.'),
  })
  .prefault({})
  .describe('Who may connect, by address; deny wins, and every list must let a caller pass.');
