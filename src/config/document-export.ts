// `export:` as users write it: where records of exchanges are sent, besides the access log.
import { z } from 'zod';
import { removableFields } from '../export/contract.ts';
import { byteSize, duration, nameKey, port } from './values.ts';

const url = () => z.url({ protocol: /^https?$/ });
const ca = z
  .string()
  .default('')
  .describe('PEM file of the authorities of the receiver, instead of the well-known ones.');
const jsonFormat = z.enum(['json', 'ecs', 'ocsf']);
const lineFormat = z.enum(['json', 'ecs', 'ocsf', 'cef', 'leef']);

/** TLS of receivers that are not HTTP; `false` for none. */
const streamTls = (what: string) =>
  z
    .union([
      z.literal(false),
      z.strictObject({
        ca,
        certificate: z.string().default('').describe('PEM file of the client certificate.'),
        key: z.string().default('').describe('Its private key, only as a reference.'),
      }),
    ])
    .prefault({})
    .describe(what);

const syslog = z.strictObject({
  host: z.string().min(1).describe('Name or address of the receiver.'),
  port: port().default(6514).describe('TCP port.'),
  tls: streamTls('TLS (RFC 5425); `false` sends in clear over TCP.'),
  format: z
    .enum(['rfc5424', 'cef', 'leef', 'json', 'ecs', 'ocsf'])
    .default('rfc5424')
    .describe('Structured data of RFC 5424, or another format as the message.'),
  facility: z.int().min(0).max(23).default(13).describe('13 is log audit, 16 to 23 are local0 to local7.'),
  enterprise: z
    .int()
    .min(1)
    .default(32473)
    .describe('Private enterprise number in the id of the structured data; 32473 is the one of examples.'),
});

const elastic = z.strictObject({
  url: url().describe('Base of the cluster (https; http on loopback only).'),
  stream: z.string().min(1).default('logs-gatewright.access-default').describe('Data stream.'),
  authorization: z
    .string()
    .default('')
    .describe('Value of Authorization, for instance `ApiKey …`, only as a reference.'),
  ca,
});

const splunk = z.strictObject({
  url: url().describe('Base of the HTTP Event Collector.'),
  token: z.string().min(1).describe('Its token, only as a reference.'),
  index: z.string().default('').describe("Index; the token's own by default."),
  sourcetype: z.string().min(1).default('gatewright:access').describe('Source type.'),
  acknowledge: z
    .boolean()
    .default(true)
    .describe('Waits until the indexer has acknowledged; the token must allow it.'),
  format: jsonFormat.default('json').describe('What stands in `event`.'),
  ca,
});

const sentinel = z.strictObject({
  endpoint: url().describe('Logs ingestion endpoint of the data collection rule.'),
  rule: z.string().min(1).describe('Immutable id of the data collection rule.'),
  stream: z.string().min(1).describe('Stream of the rule, for instance Custom-Gatewright.'),
  tenant: z.string().default('').describe('Entra tenant whose token endpoint is asked.'),
  'token-url': url().optional().describe('Token endpoint instead of the one of the public cloud.'),
  scope: z.string().default('https://monitor.azure.com/.default').describe('Scope of the token.'),
  'client-id': z.string().min(1).describe('Application that has the role Monitoring Metrics Publisher.'),
  'client-secret': z.string().min(1).describe('Its secret, only as a reference.'),
  ca,
});

const webhook = z.strictObject({
  url: url().describe('Where batches of JSON lines are posted.'),
  'key-id': z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .describe('`keyid` of the signature.'),
  key: z.string().min(16).describe('Shared secret of hmac-sha256, only as a reference.'),
  format: jsonFormat.default('json').describe('Vocabulary of a line.'),
  ca,
});

const s3 = z.strictObject({
  endpoint: url().describe('Scheme and host; the bucket is the first part of the path.'),
  bucket: z.string().min(1).describe('Bucket.'),
  prefix: z.string().default('gatewright/').describe('Begin of the names of objects.'),
  region: z.string().min(1).default('us-east-1').describe('Region of the signature.'),
  'access-key-id': z.string().min(1).describe('Access key.'),
  'secret-access-key': z.string().min(1).describe('Its secret, only as a reference.'),
  format: jsonFormat.default('ocsf').describe('Vocabulary of a line.'),
  ca,
});

const nats = z.strictObject({
  servers: z
    .array(
      z.string().regex(/^(?:nats|tls):\/\/[^\s@]+$/, { message: 'is not nats:// or tls:// with a host' }),
    )
    .min(1)
    .describe('Servers of the cluster.'),
  subject: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, { message: 'is not a subject without wildcards' })
    .describe('Subject that a JetStream stream listens to.'),
  user: z.string().default('').describe('User.'),
  password: z.string().default('').describe('Password, only as a reference.'),
  format: jsonFormat.default('json').describe('Vocabulary of a message.'),
});

const kafka = z
  .strictObject({
    brokers: z
      .array(
        z.string().regex(/^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/, { message: 'is not host:port' }),
      )
      .min(1)
      .describe('Some brokers of the cluster.'),
    topic: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, { message: 'is not the name of a topic' })
      .describe('Topic; it must be there.'),
    tls: streamTls('TLS; `false` sends in clear over TCP.'),
    user: z.string().default('').describe('User of SASL; none by default.'),
    password: z.string().default('').describe('Its password, only as a reference.'),
    mechanism: z
      .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
      .default('SCRAM-SHA-512')
      .describe('Mechanism of SASL; PLAIN over TLS only.'),
    format: jsonFormat.default('json').describe('Vocabulary of a message.'),
  })
  .refine(({ user, mechanism, tls }) => user === '' || mechanism !== 'PLAIN' || tls !== false, {
    path: ['mechanism'],
    message: 'must not be PLAIN without TLS: everybody on the way would read the password',
  });

const file = z.strictObject({
  path: z.string().min(1).describe('File that lines are appended to.'),
  format: lineFormat.default('json').describe('Format of a line.'),
});

const field = z.enum(removableFields);

const targets = {
  syslog: syslog.optional().describe('Syslog over TLS or TCP, with octet counting.'),
  elastic: elastic.optional().describe('Elasticsearch or OpenSearch, ECS documents by the bulk API.'),
  splunk: splunk.optional().describe('Splunk HTTP Event Collector.'),
  sentinel: sentinel.optional().describe('Microsoft Sentinel, Logs Ingestion API.'),
  webhook: webhook.optional().describe('HTTP POST signed by RFC 9421.'),
  s3: s3.optional().describe('Objects in S3 or what speaks its protocol.'),
  nats: nats.optional().describe('NATS JetStream; needs @nats-io/transport-node and @nats-io/jetstream.'),
  kafka: kafka.optional().describe('Kafka; needs @platformatic/kafka.'),
  file: file.optional().describe('A file.'),
};

const sink = z
  .strictObject({
    ...targets,
    records: z
      .array(z.enum(['requests', 'audit']))
      .min(1)
      .default(['requests'])
      .describe('What is sent: finished requests, entries of the audit trail, or both.'),
    only: z
      .strictObject({
        decisions: z
          .array(z.enum(['allowed', 'refused', 'failed', 'answered']))
          .default([])
          .describe('Decisions that are sent; all by default.'),
        'min-severity': z
          .enum(['info', 'low', 'medium', 'high', 'critical'])
          .default('info')
          .describe('Least severity that is sent.'),
        apis: z.array(z.string()).default([]).describe('APIs whose records are sent; all by default.'),
      })
      .prefault({})
      .describe('Which records are sent.'),
    redact: z
      .strictObject({
        remove: z.array(field).default([]).describe('Fields that the receiver does not get.'),
        hash: z
          .array(field.exclude(['matches', 'threats']))
          .default([])
          .describe('Fields that become a keyed hash; equal values stay equal.'),
        key: z.string().min(16).optional().describe('Key of the hash, only as a reference.'),
      })
      .refine((value) => value.hash.length === 0 || value.key !== undefined, {
        path: ['key'],
        message: 'must be there for "hash"',
      })
      .prefault({})
      .describe('What the receiver does not get to see.'),
    batch: z
      .strictObject({
        records: z.int().min(1).max(10_000).default(500).describe('Most records sent together.'),
        bytes: byteSize().default(1_048_576).describe('About the most bytes of records sent together.'),
        linger: duration().default(1000).describe('How long records wait for others.'),
      })
      .prefault({})
      .describe('Batches.'),
    spool: z
      .strictObject({
        max: byteSize()
          .default(1_073_741_824)
          .refine((bytes) => bytes >= 65_536, { message: 'is less than 64KiB' })
          .describe('Most bytes on disk.'),
        'when-full': z
          .enum(['drop-oldest', 'drop-newest', 'wait'])
          .default('drop-oldest')
          .describe(
            'What goes when it is full, counted; `wait` loses nothing and holds back the access log, and then traffic.',
          ),
      })
      .prefault({})
      .describe('What waits on disk for the receiver.'),
  })
  .refine((value) => Object.keys(targets).filter((name) => Object.hasOwn(value, name)).length === 1, {
    message: `must have exactly one of ${Object.keys(targets).join(', ')}`,
  });

export const exportSchema = z.strictObject({
  spool: z.string().default('./spool').describe('Folder of the spools, one a sink.'),
  sinks: z.record(nameKey(), sink).default({}).describe('Receivers by name.'),
});
