// The access log in segments, as the file says it.
import { z } from 'zod';
import { byteSize, duration } from './values.ts';

export const segmentsSchema = z.strictObject({
  segments: z.string().describe('Folder of the segments; only one gate may write to it.'),
  seal: z
    .string()
    .min(32)
    .optional()
    .describe(
      'Secret of at least 32 characters that encrypts segments, as `${file:}` or `${env:}`; without it they are not encrypted.',
    ),
  'older-seals': z
    .array(z.string().min(32))
    .default([])
    .describe('Secrets that older segments were encrypted with, so that they can be read.'),
  'rotate-size': byteSize().prefault('64MiB').describe('So many bytes of lines become segments.'),
  'rotate-age': duration()
    .prefault('1h')
    .describe('Lines become segments after so long, however few they are.'),
  keep: z
    .strictObject({
      security: duration()
        .prefault('400d')
        .describe('Refusals, and requests in which inspection found something.'),
      traffic: duration().prefault('30d').describe('Everything else.'),
    })
    .prefault({})
    .describe('How long segments are kept; `gatewright logs hold` keeps them longer.'),
});
