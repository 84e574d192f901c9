// Ports, and limits and timeouts towards clients, as users write them.
import { z } from 'zod';
import { listenerTls, redirectToHttps } from './document-tls.ts';
import { addressBlock, byteSize, duration, port } from './values.ts';

export const listener = z.strictObject({
  port: port().describe('TCP port; 0 lets the system choose one.'),
  host: z
    .string()
    .optional()
    .describe(
      'Address to listen on; 0.0.0.0, every IPv4 address, by default, and 127.0.0.1 for internal listeners. `::` is every address.',
    ),
  exposure: z
    .enum(['public', 'internal'])
    .default('public')
    .describe(
      'Who can reach it: an internal listener binds to private addresses only and serves internal operations only.',
    ),
  tls: listenerTls.optional().describe('Speaks TLS; without it plain HTTP.'),
  'redirect-to-https': redirectToHttps
    .optional()
    .describe('Serves no API: sends every request to a TLS listener (308), and answers ACME challenges.'),
  http2: z
    .boolean()
    .optional()
    .describe('HTTP/2: by ALPN with TLS, the default there; without TLS by prior knowledge (h2c).'),
  'proxy-protocol': z
    .strictObject({
      from: z.array(addressBlock()).min(1).describe('Peers that must send a PROXY header (version 1 or 2).'),
    })
    .optional()
    .describe('PROXY protocol of a load balancer in front.'),
  'trusted-proxies': z
    .array(addressBlock())
    .default([])
    .describe('Proxies whose X-Forwarded-For or Forwarded names the client.'),
});

/** Scheme, host and port: what else a URL can hold would be ignored. */

export const http = z.strictObject({
  'max-head': byteSize().default(32_768).describe('Request line and headers together.'),
  'max-fields': z.int().min(10).max(1000).default(100).describe('Number of header lines.'),
  'max-target': byteSize().default(8192).describe('Path and query.'),
  'head-timeout': duration().default(10_000).describe('For a whole request head.'),
  'body-timeout': duration().default(30_000).describe('Longest pause within a request body.'),
  'idle-timeout': duration().default(60_000).describe('How long a connection may wait for its next request.'),
  'min-rate': z
    .union([byteSize(), z.literal(0)])
    .default(128)
    .describe('Least bytes a second of a body or a reader, after five seconds; 0 for none.'),
  'max-requests': z.int().min(1).default(10_000).describe('Requests on one connection.'),
  'max-connections': z.int().min(1).default(50_000).describe('Connections of one thread and listener.'),
  'max-connections-per-address': z
    .int()
    .min(0)
    .default(0)
    .describe(
      'Connections of one address (IPv6 by /64) over all threads, proxies of yours excepted; 0 for any.',
    ),
});
