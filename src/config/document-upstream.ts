// Services behind the gate, as users write them.
import { z } from 'zod';
import { upstreamTls } from './document-tls.ts';
import { duration } from './values.ts';

const targetUrl = () =>
  z.string().refine((text) => /^https?:\/\/[^/?#@\s]+\/?$/i.test(text) && URL.canParse(text), {
    message: 'is not http:// or https:// with host and port alone, for instance http://10.0.0.5:3000',
  });

const target = z.union([
  targetUrl(),
  z.strictObject({
    url: targetUrl().describe('http:// or https:// with host and port, no path.'),
    weight: z.number().positive().max(1000).default(1).describe('Share relative to the other targets.'),
  }),
]);

export const upstream = z.strictObject({
  targets: z
    .array(target)
    .min(1)
    .describe('Where requests go; names with several addresses count as several endpoints.'),
  protocol: z
    .enum(['http1', 'http2', 'auto'])
    .default('http1')
    .describe(
      'HTTP version spoken there: http2 by ALPN with https, by prior knowledge (h2c) with http; auto lets an https target choose.',
    ),
  balance: z
    .enum(['least-request', 'round-robin', 'hash'])
    .default('least-request')
    .describe('How an endpoint is chosen; least-request takes the less busy of two random ones.'),
  'hash-on': z
    .union([z.enum(['address', 'consumer', 'path']), z.string().regex(/^header:[A-Za-z0-9-]+$/)])
    .default('address')
    .describe('What `balance: hash` hashes; `header:name` takes a request header.'),
  health: z
    .strictObject({
      path: z.string().startsWith('/').describe('Path that answers when the service is well.'),
      interval: duration().default(5000).describe('Time between two checks of an endpoint.'),
      timeout: duration().default(2000).describe('Time a check may take.'),
      'healthy-after': z
        .int()
        .min(1)
        .default(2)
        .describe('Good answers in a row that bring an endpoint back.'),
      'unhealthy-after': z
        .int()
        .min(1)
        .default(3)
        .describe('Bad answers in a row that take an endpoint out.'),
      status: z
        .string()
        .regex(/^\d{3}(?:-\d{3})?$/)
        .default('200-299')
        .describe('Statuses that count as good: one, or a range.'),
    })
    .optional()
    .describe('Active health checks.'),
  ejection: z
    .strictObject({
      'consecutive-failures': z
        .int()
        .min(1)
        .default(5)
        .describe('Failures in a row after which an endpoint is left out.'),
      base: duration().default(10_000).describe('How long the first time; doubled each time after.'),
      max: duration().default(300_000).describe('Longest time an endpoint is left out.'),
    })
    .prefault({})
    .describe('Passive health checks; at least half of the endpoints always stay.'),
  breaker: z
    .strictObject({
      'failure-ratio': z
        .number()
        .min(0.01)
        .max(1)
        .default(0.5)
        .describe('Share of failed requests that opens the breaker.'),
      'minimum-requests': z
        .int()
        .min(1)
        .default(20)
        .describe('Requests in the window before the share counts.'),
      window: duration().default(10_000).describe('Time over which requests are counted.'),
      'open-for': duration().default(5000).describe('How long requests are refused before a few are tried.'),
      'max-in-flight': z.int().min(1).default(4096).describe('Most requests in flight from one thread.'),
    })
    .prefault({})
    .describe('Circuit breaker of the whole upstream, one a thread.'),
  concurrency: z
    .strictObject({
      min: z.int().min(1).default(4).describe('The least that the limit comes down to.'),
      initial: z.int().min(1).default(32).describe('Where the limit begins.'),
      max: z.int().min(1).default(1024).describe('The most that the limit goes up to.'),
    })
    .optional()
    .describe(
      'Requests in flight from one thread follow what the upstream takes without queueing; they do not by default.',
    ),
  retries: z
    .strictObject({
      attempts: z
        .int()
        .min(0)
        .max(10)
        .default(2)
        .describe('Attempts beyond the first; 0 switches retries off.'),
      budget: z.number().min(0).max(1).default(0.2).describe('Share of requests that may be retries.'),
      statuses: z
        .array(z.int().min(500).max(599))
        .default([])
        .describe('Statuses of idempotent requests that are retried.'),
    })
    .prefault({})
    .describe('Only requests that are safe to repeat are.'),
  timeouts: z
    .strictObject({
      connect: duration().default(3000).describe('For a connection, TLS included.'),
      'first-byte': duration()
        .default(30_000)
        .describe('From the end of the request to the first byte of the answer.'),
      idle: duration().default(60_000).describe('Between two reads of an answer, and for silent WebSockets.'),
      total: duration().optional().describe('For a whole exchange with all its attempts; none by default.'),
    })
    .prefault({})
    .describe('How long the gate waits for the upstream.'),
  'slow-start': duration()
    .default(0)
    .describe('Time over which a new or recovered endpoint comes to its full share.'),
  'resolve-every': duration().default(30_000).describe('How often host names are looked up again.'),
  host: z
    .enum(['client', 'target'])
    .default('client')
    .describe("Host that the upstream sees: the client's, or the target's own."),
  'max-idle': z.int().min(0).default(128).describe('Idle connections kept for each endpoint and thread.'),
  tls: upstreamTls.prefault({}).describe('How https targets are reached.'),
  'client-certificate': z
    .enum(['none', 'client-cert', 'xfcc'])
    .default('none')
    .describe(
      "How the service is told of the client's verified certificate: Client-Cert and Client-Cert-Chain (RFC 9440), or X-Forwarded-Client-Cert.",
    ),
});
