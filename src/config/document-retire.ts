// The end of a version, as users write it.
import { z } from 'zod';
import { date } from './values.ts';

/** Addresses go into a field of answers. */
const address = () =>
  z.string().refine((text) => /^(?:https?:\/\/|\/)[\x21\x23-\x3b\x3d\x3f-\x7e]*$/.test(text), {
    message: 'is not an address such as https://api.example.com/v2 or /v2',
  });

export const retire = z
  .strictObject({
    deprecated: date()
      .optional()
      .describe('Since when it should not be used any more: the Deprecation field (RFC 9745).'),
    sunset: date()
      .optional()
      .describe('From when it is not served: the Sunset field (RFC 8594) until then, 410 from then on.'),
    successor: address().optional().describe('What takes its place: a Link with rel="successor-version".'),
    information: address()
      .optional()
      .describe('Page for developers: a Link with rel="deprecation" and rel="sunset".'),
  })
  .describe('The end of a version: callers are told in every answer, and it is not served after its sunset.');

export type RetireDocument = z.output<typeof retire>;
