// `limits:` as users write them: rates, quotas of the calendar, requests at once; and the plans and tenants that they go by.
import { z } from 'zod';
import { priorities } from '../guards/shed/contract.ts';
import { amountRate, duration, nameKey, quota } from './values.ts';

const per = z.union([
  z.enum(['address', 'network', 'asn', 'country', 'operation', 'tenant', 'consumer', 'key']),
  z.string().regex(/^header:[A-Za-z0-9-]+$/, { message: 'is not header:Name' }),
  z.string().regex(/^claim:[^.\s]+(?:\.[^.\s]+)*$/, { message: 'is not claim:name' }),
]);

const atOnce = () => z.int().min(1).max(1_000_000);

const limit = z
  .strictObject({
    per: per.describe(
      'What is counted apart: address (IPv6 by /64), network (/24, /56), asn, country, operation; after authentication tenant, consumer, key; `header:Name`, `claim:name`.',
    ),
    rate: amountRate().optional().describe('Requests, or bytes of bodies, in a time: 100/s, 1MiB/s.'),
    quota: quota()
      .optional()
      .describe(
        'Requests or bytes in an hour, day, week or month of the calendar; needs state or a cluster.',
      ),
    concurrent: atOnce().optional().describe('Requests under way at once, counted by each gate.'),
    burst: z.int().min(1).optional().describe('What may come at once; the count of the rate by default.'),
    plans: z
      .record(nameKey(), z.union([amountRate(), quota(), atOnce()]))
      .default({})
      .describe('Other amounts for callers with these plans, written as the limit is.'),
    queue: duration()
      .optional()
      .describe('How long a request beyond the rate may wait for its turn instead of being refused.'),
    zone: z
      .string()
      .refine((text) => Intl.supportedValuesOf('timeZone').includes(text) || text === 'UTC', {
        message: 'is not a time zone, for instance Europe/Zurich',
      })
      .optional()
      .describe("Time zone of a quota's calendar; UTC by default."),
    carry: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe(
        'Share of a quota that is carried into the next period when it was not used; none by default.',
      ),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/)
      .optional()
      .describe('Name in the RateLimit headers.'),
    scope: z
      .enum(['api', 'operation'])
      .optional()
      .describe(
        'Whether the operations of an API share a count: by default those under the API do, those under an operation and those per operation do not.',
      ),
    over: z
      .enum(['nodes', 'node'])
      .default('nodes')
      .describe('Counted over all gates of the `cluster`, or by each alone.'),
  })
  .refine(
    (value) => [value.rate, value.quota, value.concurrent].filter((one) => one !== undefined).length === 1,
    { message: 'needs exactly one of "rate", "quota" and "concurrent"' },
  );

export const limits = z.array(limit);

export type LimitDocument = z.output<typeof limit>;

/** What an API has whose file says nothing. */
export const defaultLimit: LimitDocument = {
  per: 'address',
  rate: { count: 100, periodMs: 1000, unit: 'requests' },
  burst: 200,
  plans: {},
  over: 'nodes',
};

export const plansSchema = z.strictObject({
  claim: z.string().min(1).optional().describe('Claim of tokens that names the plan; dots go deeper.'),
  default: nameKey().optional().describe('Plan of callers without one.'),
  priorities: z
    .record(nameKey(), z.enum(priorities))
    .default({})
    .describe('How much requests of callers with a plan matter at least when upstreams are busy.'),
});

export const tenantsSchema = z.strictObject({
  claim: z.string().min(1).optional().describe('Claim of tokens that names the tenant; dots go deeper.'),
});
