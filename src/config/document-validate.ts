// How an API is held to its contract, as users write it.
import { z } from 'zod';
import { byteSize } from './values.ts';

const answers = z.union([
  z.literal(false),
  z.strictObject({
    mode: z
      .enum(['block', 'strip', 'report'])
      .default('block')
      .describe(
        'block answers 502 in place of what breaks the contract; strip first takes members away that it does not name; report changes nothing and writes it into the access log.',
      ),
    limit: byteSize()
      .default(1_048_576)
      .describe(
        'Longest JSON answer that is judged, held in memory until then; a longer one breaks the contract.',
      ),
    sample: z
      .strictObject({
        above: byteSize().describe(
          'Answers whose Content-Length is more than this are judged in a share only.',
        ),
        share: z.number().min(0).max(1).describe('Share of them that is judged; the others stream unread.'),
      })
      .optional()
      .describe('Leaves large answers out at random; all are judged by default.'),
  }),
]);

export const validate = z.union([
  z.literal(false),
  z.strictObject({
    'undocumented-fields': z
      .enum(['refuse', 'allow'])
      .default('refuse')
      .describe('Query parameters and body members that the contract does not name.'),
    forms: z
      .boolean()
      .default(true)
      .describe(
        'Holds forms, multipart forms and texts to their schemas, in memory until then; false lets them stream unread.',
      ),
    answers: answers.default(false).describe('Holds answers to the contract too.'),
  }),
]);

export type ValidateDocument = z.output<typeof validate>;
