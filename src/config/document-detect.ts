// `detect:` as users write it: what detection may cost in false alarms, whom it tells, and what it may do by itself.
import { z } from 'zod';
import { addressBlock, duration, nameKey, port } from './values.ts';

const url = () => z.url({ protocol: /^https?$/ });
const ca = z.string().default('').describe('PEM file of authorities, instead of the well-known ones.');
const priority = () => z.enum(['low', 'medium', 'high', 'critical']);
const time = () =>
  z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, { message: 'is not a time such as 22:00' });
const signed = {
  url: url().describe('Where JSON is posted.'),
  'key-id': z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .describe('`keyid` of the signature (RFC 9421).'),
  key: z.string().min(16).describe('Shared secret of hmac-sha256, only as a reference.'),
  ca,
};
const mailbox = () =>
  z.string().regex(/^[^\r\n]{3,320}$/, { message: 'is not a mailbox such as soc@example.com' });

const channelTargets = {
  smtp: z
    .strictObject({
      host: z.string().min(1).describe('Mail server.'),
      port: port().default(587).describe('Its port.'),
      tls: z
        .enum(['starttls', 'implicit', 'none'])
        .default('starttls')
        .describe(
          'STARTTLS is refused to be done without; `implicit` is TLS from the first byte; `none` only inside of one machine.',
        ),
      user: z.string().default('').describe('User; none by default.'),
      password: z.string().default('').describe('Password, only as a reference.'),
      ca,
      from: mailbox().describe('Sender.'),
      to: z.array(mailbox()).min(1).max(50).describe('Receivers.'),
    })
    .optional()
    .describe('E-mail.'),
  slack: z
    .strictObject({ url: url().describe('Incoming webhook, only as a reference.'), ca })
    .optional()
    .describe('Slack.'),
  teams: z
    .strictObject({ url: url().describe('Workflow that takes a webhook, only as a reference.'), ca })
    .optional()
    .describe('Microsoft Teams.'),
  pagerduty: z
    .strictObject({
      url: url().default('https://events.pagerduty.com/v2/enqueue').describe('Events API v2.'),
      key: z.string().min(1).describe('Integration key, only as a reference.'),
      ca,
    })
    .optional()
    .describe('PagerDuty.'),
  opsgenie: z
    .strictObject({
      url: url().default('https://api.opsgenie.com').describe('Base of the API.'),
      key: z.string().min(1).describe('API key, only as a reference.'),
      ca,
    })
    .optional()
    .describe('Opsgenie.'),
  webhook: z.strictObject(signed).optional().describe('HTTP POST signed by RFC 9421.'),
};

const channel = z
  .strictObject({
    ...channelTargets,
    'min-priority': priority().default('medium').describe('Least priority that is told.'),
    digest: z
      .union([z.literal(false), duration()])
      .default(false)
      .describe('Incidents of so long are told together; each at once by default.'),
    quiet: z
      .strictObject({
        from: time().describe('Begin.'),
        to: time().describe('End.'),
        zone: z.string().default('UTC').describe('IANA time zone.'),
        except: priority().default('critical').describe('Least priority that is told all the same.'),
      })
      .refine(({ zone }) => isZone(zone), {
        path: ['zone'],
        message: 'is not a time zone such as Europe/Oslo',
      })
      .optional()
      .describe('Hours in which incidents wait for the morning.'),
    'escalate-after': z
      .union([z.literal(false), duration()])
      .default(false)
      .describe('Told only where nobody has acknowledged the incident for so long.'),
  })
  .refine((value) => Object.keys(channelTargets).filter((name) => Object.hasOwn(value, name)).length === 1, {
    message: `must have exactly one of ${Object.keys(channelTargets).join(', ')}`,
  });

const step = z
  .strictObject({
    ban: z
      .strictObject({
        for: duration().describe('How long.'),
        most: z.int().min(1).max(500).default(50).describe('Most addresses of one incident.'),
      })
      .optional()
      .describe('Refuses the addresses of the incident, on every gate within a second.'),
    revoke: z
      .strictObject({
        for: duration().describe('How long the withdrawal is remembered.'),
        most: z.int().min(1).max(100).default(5).describe('Most callers of one incident.'),
      })
      .optional()
      .describe('Withdraws all tokens that the callers of the incident hold; needs state.'),
    quarantine: z
      .strictObject({
        for: duration().describe('How long.'),
        most: z.int().min(1).max(100).default(5).describe('Most callers of one incident.'),
      })
      .optional()
      .describe('Refuses the callers of the incident whatever they present, keys included; needs state.'),
    webhook: z.strictObject(signed).optional().describe('Posts the incident, signed by RFC 9421.'),
  })
  .refine((value) => Object.keys(value).length === 1, {
    message: 'must have exactly one of ban, revoke, quarantine, webhook',
  });

const runbook = z.strictObject({
  when: z
    .strictObject({
      detectors: z
        .array(z.string())
        .default([])
        .describe('Detectors, or `sigma:` and the id of a rule; any by default.'),
      'min-priority': priority().default('high').describe('Least priority.'),
      'max-p': z
        .number()
        .min(0)
        .max(1)
        .default(1e-6)
        .describe('Largest p-value of the alert that it acts on.'),
    })
    .prefault({})
    .describe('Conditions.'),
  do: z.array(step).min(1).max(10).describe('Steps, in order.'),
  'dry-run': z.boolean().default(false).describe('Says what it would do, and does nothing.'),
  'most-an-hour': z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe('Most targets within an hour, over all incidents.'),
});

export const detectSchema = z.strictObject({
  'false-alarms': z
    .number()
    .min(0.001)
    .max(100)
    .default(0.1)
    .describe('Expected false alarms a day, of all detectors together.'),
  learn: duration()
    .prefault('3d')
    .describe('Time before callers and operations are compared with their own past.'),
  dormant: duration().prefault('30d').describe('A caller that was silent for so long is a dead one.'),
  'max-callers': z
    .int()
    .min(100)
    .max(1_000_000)
    .default(100_000)
    .describe('Callers, and addresses, that are known at least; twice as many at most.'),
  off: z.array(z.string()).default([]).describe('Detectors that do not run.'),
  ignore: z
    .strictObject({
      consumers: z
        .array(z.string())
        .default([])
        .describe('Callers that are never an incident: tests, scanners of our own.'),
      addresses: z.array(addressBlock()).default([]).describe('Addresses and blocks likewise.'),
    })
    .prefault({})
    .describe('What is not looked at.'),
  'login-operations': z
    .array(z.string())
    .default([])
    .describe(
      'Operations, as `api operation`, whose refusals are failed logins, besides those whose path says so.',
    ),
  'privileged-operations': z
    .array(z.string())
    .default([])
    .describe(
      'Operations, as `api operation`, whose first use by a caller is worth a look, besides administration.',
    ),
  assets: z
    .record(z.string(), z.int().min(1).max(5))
    .default({})
    .describe('What is at stake, 1 to 5, by API or `api operation`; 2 by default.'),
  notify: z.record(nameKey(), channel).default({}).describe('Whom to tell, by name.'),
  runbooks: z
    .record(nameKey(), runbook)
    .default({})
    .describe('What is done without waiting for people, by name.'),
  sigma: z.array(z.string().min(1)).default([]).describe('Files of Sigma rules.'),
  keep: duration().prefault('365d').describe('How long closed incidents are kept.'),
});

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
