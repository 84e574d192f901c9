// `audit:` as users write it: where the trail is kept and what goes into it.
import { z } from 'zod';

export const auditSchema = z
  .strictObject({
    folder: z.string().min(1).describe('Folder of the trail; it is made when it is not there.'),
    origin: z
      .string()
      .regex(/^[^\s+]+$/, { message: 'is not a name without blanks, such as audit.example.com/gate-1' })
      .default('gatewright')
      .describe('Name of the log, in its checkpoints and its key.'),
    seal: z
      .string()
      .min(32)
      .optional()
      .describe(
        'Secret that the keys of the trail are sealed with, only as a reference; by default they lie in the folder.',
      ),
    refusals: z.boolean().default(true).describe('Requests that guards refused are entries.'),
  })
  .optional()
  .describe('The audit trail; none by default.');
