// `audit:` as users write it: where the trail is kept and what goes into it.
import { z } from 'zod';
import { parseVerifier, SignatureKind } from '../merkle/index.ts';
import { duration, nameKey } from './values.ts';

const witnessKey = () =>
  z.string().refine((text) => (parseVerifier(text)?.kind ?? 0) >= SignatureKind.cosignature, {
    message: 'is not the key of a witness, name+id+base64 as `gatewright audit witness` prints it',
  });

const witness = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\/[^\s@?#]+$/, { message: 'is not an http or https URL without query' })
    .describe('Where its add-checkpoint is; plain HTTP on loopback only.'),
  keys: z.array(witnessKey()).min(1).describe('Its keys, Ed25519 or ML-DSA-44.'),
  ca: z.string().default('').describe('PEM file of authorities, instead of the well-known ones.'),
});

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
    'ml-dsa': z
      .boolean()
      .default(false)
      .describe('Checkpoints are signed with ML-DSA-44 beside Ed25519, against quantum computers.'),
    witnesses: z
      .record(nameKey(), witness)
      .default({})
      .describe(
        'Witnesses that cosign checkpoints (C2SP tlog-witness), so that nobody can rewrite the trail.',
      ),
    'witness-every': duration().prefault('10s').describe('How often checkpoints are cosigned.'),
    keep: z
      .record(
        z.string().regex(/^(?:\*|[a-z]+(?:\.[a-z-]+)?)$/, {
          message: 'is not an action, the word before its dot, or *',
        }),
        duration(),
      )
      .default({})
      .describe(
        'How long entries are kept, by action (`request.refuse`), by the word before the dot (`request`), or `*` for the rest; for good by default.',
      ),
    'credential-uses': duration()
      .prefault('24h')
      .describe(
        'The first use of a credential in so long is an entry, and how many more there were; 0s for none.',
      ),
    refusals: z.boolean().default(true).describe('Requests that guards refused are entries.'),
  })
  .optional()
  .describe('The audit trail; none by default.');
