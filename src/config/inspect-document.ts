// The `inspect` section as users write it, of an API and of one operation. Every key may be left out: what an operation
// does not say its API does, and what neither says is in resolve-inspect.ts.
import { z } from 'zod';
import { byteSize, duration } from './values.ts';

const oneOrMore = <T extends z.ZodType>(schema: T) => z.union([schema, z.array(schema).min(1)]);

const exclusion = z
  .strictObject({
    rule: oneOrMore(z.int().min(1)).optional().describe('Ids of rules.'),
    tag: z
      .string()
      .min(1)
      .optional()
      .describe('Instead of ids: all rules with a tag, for instance attack-sqli.'),
    target: oneOrMore(
      z.string().regex(/^[A-Z][A-Z_]*(?::\S(?:.*\S)?)?$/, {
        message: 'is not a target such as ARGS:comment, REQUEST_COOKIES or REQUEST_HEADERS:User-Agent',
      }),
    )
      .optional()
      .describe('What those rules do not look at; without it they do not run at all.'),
    operations: z.array(z.string()).min(1).optional().describe('Operations this holds for; all by default.'),
    reason: z.string().min(3).describe('Why: who reads this next wants to know.'),
  })
  .refine((value) => (value.rule === undefined) !== (value.tag === undefined), {
    message: 'needs either "rule" or "tag"',
  });

const body = {
  limit: byteSize().optional().describe('Bytes that rules see; 1MiB by default.'),
  beyond: z
    .enum(['refuse', 'partial'])
    .optional()
    .describe(
      'Longer bodies: refused, the default, or judged by their first bytes: then an attack may hide behind the limit.',
    ),
};

const settings = {
  mode: z
    .enum(['block', 'detect'])
    .optional()
    .describe('block refuses, the default; detect only records what it would have refused.'),
  paranoia: z
    .int()
    .min(1)
    .max(4)
    .optional()
    .describe('How suspicious blocking is: 1 for few false alarms, the default, to 4.'),
  'detection-paranoia': z
    .int()
    .min(1)
    .max(4)
    .optional()
    .describe('Rules up to this level are recorded too but do not count; equal to paranoia by default.'),
  thresholds: z
    .strictObject({
      request: z.int().min(1).optional().describe('Anomaly score that refuses a request; 5 by default.'),
      response: z.int().min(1).optional().describe('Anomaly score that refuses an answer; 4 by default.'),
    })
    .optional()
    .describe('A critical match counts 5, an error 4, a warning 3, a notice 2.'),
  'early-blocking': z
    .boolean()
    .optional()
    .describe('Refuses by the head alone, before the body has come; true by default.'),
  'max-time': duration()
    .optional()
    .describe(
      'What rules may spend on the longer values of one exchange, a second by default; more is refused.',
    ),
  variables: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_]*$/, { message: 'is not a TX variable in lower case' }),
      z.union([z.string(), z.int()]),
    )
    .optional()
    .describe("TX variables, as the rules' own setup file would set them, for instance max_num_args."),
  exclude: z.array(exclusion).optional().describe('What is left out, each with a reason.'),
  'request-body': z
    .strictObject({
      ...body,
      compressed: z
        .enum(['refuse', 'decode'])
        .optional()
        .describe('Bodies with Content-Encoding: refused, the default, or decoded for the rules.'),
    })
    .optional()
    .describe('Bodies of requests.'),
  response: z
    .union([
      z.literal(false),
      z.strictObject({
        ...body,
        types: z
          .array(
            z.string().regex(/^(?:[a-z0-9.+-]+\/(?:\*|[a-z0-9.+-]+)|\+[a-z0-9]+)$/, {
              message: 'is not a media type in lower case, text/* or +json',
            }),
          )
          .optional()
          .describe(
            'Media types whose bodies are judged before the client gets them; application/json, +json, application/xml, +xml and text/* but event streams by default. Others stream.',
          ),
      }),
    ])
    .optional()
    .describe('Answers; false leaves them alone.'),
};

export const inspectOfApi = z.union([
  z.literal(false),
  z.strictObject({
    rules: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'Rule sets in order: builtin, the default, or paths of SecLang files or of a CRS folder (with its crs-setup.conf).',
      ),
    ...settings,
  }),
]);

export const inspectOfOperation = z.union([z.literal(false), z.strictObject(settings)]);

export type InspectDocument = z.output<typeof inspectOfApi>;
export type InspectSettings = Exclude<z.output<typeof inspectOfOperation>, false>;
