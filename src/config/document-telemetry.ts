// `telemetry:` as users write it: the access log, the port of metrics and health, OpenTelemetry.
import { z } from 'zod';
import { withheldFields } from '../otlp/contract.ts';
import { segmentsSchema } from './document-logs.ts';
import { duration, port } from './values.ts';

const sampling = z.strictObject({
  ratio: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Share of traces that are kept whatever happens in them, by their ids.'),
  parent: z
    .enum(['ignore', 'keep', 'follow'])
    .default('keep')
    .describe(
      "What a client's traceparent decides: nothing; that a sampled trace is kept besides; or everything, both ways.",
    ),
  errors: z.boolean().default(true).describe('Keeps requests that failed, and answers from 500 up.'),
  refusals: z.boolean().default(true).describe('Keeps requests that the gate refused.'),
  'slower-than': z
    .union([duration(), z.literal(false)])
    .prefault('1s')
    .describe('Keeps requests whose answer began so late; false for none.'),
  'per-second': z
    .int()
    .min(1)
    .max(100_000)
    .default(100)
    .describe('Most traces a second that are kept for any reason but `ratio` and `parent: follow`.'),
});

/** Of HTTP and of gRPC; names that end with -bin would be bytes. */
const ownHeaders = /^(?:content-.*|transfer-encoding|connection|host|te|user-agent|grpc-.*|.*-bin)$/;

const otlp = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .describe(
      'Base of the receiver (https; http on loopback only), for instance https://collector.example.com:4318; /v1/traces and so on are put behind it.',
    ),
  protocol: z
    .enum(['http/protobuf', 'http/json', 'grpc'])
    .default('http/protobuf')
    .describe('How OTLP is spoken.'),
  headers: z
    .record(
      z
        .string()
        .regex(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/, { message: 'is not a header name in lower case' })
        .refine((name) => !ownHeaders.test(name), { message: 'is a header that the gate sets itself' }),
      z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, {
        message: 'is not a value that a header can have',
      }),
    )
    .default({})
    .describe('Headers of every request, such as keys: values only as references.'),
  tls: z
    .strictObject({
      ca: z.string().default('').describe('PEM file of the authorities, instead of the well-known ones.'),
      certificate: z.string().default('').describe('PEM file of the client certificate.'),
      key: z.string().default('').describe('Its private key, only as a reference.'),
    })
    .refine((value) => (value.certificate === '') === (value.key === ''), {
      message: 'must have "certificate" and "key", or neither',
    })
    .prefault({})
    .describe('TLS towards the receiver.'),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Compression of requests.'),
  timeout: duration().prefault('10s').describe('Longest time of one request.'),
  'give-up': duration()
    .prefault('5m')
    .describe('How long one request is tried; what it held is then dropped and counted.'),
  resource: z
    .record(z.string().min(1).max(255), z.string().max(1024))
    .default({})
    .describe(
      'Attributes of the resource, for instance deployment.environment.name; service.name is gatewright unless it is given.',
    ),
  withhold: z
    .array(z.enum(withheldFields))
    .default([])
    .describe('Fields of the access log that no span and no log record shows.'),
  queue: z
    .int()
    .min(100)
    .max(1_000_000)
    .default(10_000)
    .describe('Most spans, log records or metrics, each, that wait in memory; more are dropped and counted.'),
  batch: z.int().min(1).max(10_000).default(512).describe('Most spans or log records in one request.'),
  linger: duration().prefault('1s').describe('How long they wait for others.'),
  traces: z
    .union([
      z.literal(false),
      z.strictObject({
        sample: sampling.prefault({}).describe('Which traces are kept; decided when a request is over.'),
        guards: z
          .enum(['sampled', 'all', 'none'])
          .default('sampled')
          .describe(
            'Requests whose guards are timed for spans of their own: those that are sampled when they begin, all, or none.',
          ),
      }),
    ])
    .prefault({})
    .describe('Spans; false for none.'),
  metrics: z
    .union([
      z.literal(false),
      z.strictObject({
        every: duration().prefault('1m').describe('How often they are sent.'),
        temporality: z
          .enum(['cumulative', 'delta'])
          .default('cumulative')
          .describe('Whether counters go on from the start of the gate or say what is new.'),
      }),
    ])
    .prefault({})
    .describe('Metrics, the same as at /metrics; false for none.'),
  logs: z
    .union([
      z.literal(false),
      z.strictObject({
        access: z
          .boolean()
          .default(true)
          .describe('A log record a request, of the fields of the access log.'),
        gate: z.boolean().default(true).describe("The gate's own log."),
      }),
    ])
    .default(false)
    .describe('Log records; none by default.'),
});

export const telemetrySchema = z.strictObject({
  listen: z
    .union([
      z.literal(false),
      z.strictObject({
        host: z.string().default('127.0.0.1').describe('Address of the telemetry port.'),
        port: port().default(9090).describe('Port of metrics and health.'),
      }),
    ])
    .prefault({})
    .describe('Metrics (/metrics) and health (/health/live, /health/ready); false for none.'),
  'access-log': z
    .strictObject({
      to: z
        .union([z.enum(['stdout', 'none']), z.strictObject({ file: z.string() }), segmentsSchema])
        .default('stdout')
        .describe(
          'Where one JSON line a request goes: a stream, a file, or segments that are packed, sealed and chained.',
        ),
      'when-full': z
        .enum(['wait', 'drop'])
        .default('wait')
        .describe(
          'When the log can not be written fast enough: requests wait, or lines are dropped and counted.',
        ),
      'query-values': z
        .enum(['mask', 'keep'])
        .default('mask')
        .describe('Values of query parameters in the log.'),
      'match-values': z
        .enum(['mask', 'keep', 'none'])
        .default('mask')
        .describe('Values that inspection rules matched: without secrets, in full, or not at all.'),
    })
    .prefault({})
    .describe('The access log.'),
  metrics: z
    .strictObject({
      'max-series': z
        .int()
        .min(10)
        .max(1_000_000)
        .default(2000)
        .describe(
          'Most series of one metric; what comes later is added up in one that says so, and counted.',
        ),
    })
    .prefault({})
    .describe('Metrics.'),
  otlp: otlp.optional().describe('OpenTelemetry: traces, metrics and logs by OTLP; none by default.'),
});
