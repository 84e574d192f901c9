// One upstream: targets as addresses to be looked up, how they are reached, and when they count as well.
import { parseSpiffeId, type UpstreamTls } from '../net/tls/index.ts';
import type { ConfigDocument } from './document.ts';
import type { UpstreamConfig } from './gate-config.ts';
import { fail, type ResolveContext } from './resolve.ts';
import { checkCertificate, readAnchors, readNamedFile, readRevocations } from './resolve-certificates.ts';
import { checkDomains } from './resolve-services.ts';

export function resolveUpstream(
  name: string,
  entry: ConfigDocument['upstreams'][string],
  document: ConfigDocument,
  context: ResolveContext,
): UpstreamConfig {
  const { health } = entry;
  const [statusFrom, statusTo] = (health?.status ?? '').split('-').map(Number) as [number, number?];
  return {
    name,
    isControl: false,
    targets: entry.targets.map((target) => {
      const { url, weight } = typeof target === 'string' ? { url: target, weight: 1 } : target;
      const parsed = new URL(url);
      const tls = parsed.protocol === 'https:';
      const host = parsed.hostname.replace(/^\[|\]$/g, '');
      return { url, host, port: parsed.port === '' ? (tls ? 443 : 80) : Number(parsed.port), tls, weight };
    }),
    protocol: entry.protocol,
    tls: resolveUpstreamTls(name, entry, document, context),
    clientCertificate: entry['client-certificate'],
    balance: entry.balance,
    hashOn: entry['hash-on'].toLowerCase() as UpstreamConfig['hashOn'],
    health:
      health === undefined
        ? null
        : {
            path: health.path,
            intervalMs: health.interval,
            timeoutMs: health.timeout,
            healthyAfter: health['healthy-after'],
            unhealthyAfter: health['unhealthy-after'],
            statusFrom,
            statusTo: statusTo ?? statusFrom,
          },
    ejection: {
      consecutiveFailures: entry.ejection['consecutive-failures'],
      baseMs: entry.ejection.base,
      maxMs: entry.ejection.max,
    },
    breaker: {
      failureRatio: entry.breaker['failure-ratio'],
      minimumRequests: entry.breaker['minimum-requests'],
      windowMs: entry.breaker.window,
      openMs: entry.breaker['open-for'],
      maxInFlight: entry.breaker['max-in-flight'],
    },
    adaptive: entry.concurrency ?? null,
    retries: entry.retries,
    timeouts: {
      connectMs: entry.timeouts.connect,
      firstByteMs: entry.timeouts['first-byte'],
      totalMs: entry.timeouts.total ?? 0,
      idleMs: entry.timeouts.idle,
    },
    slowStartMs: entry['slow-start'],
    resolveMs: entry['resolve-every'],
    host: entry.host,
    maxIdle: entry['max-idle'],
  };
}

function resolveUpstreamTls(
  name: string,
  { tls, targets }: ConfigDocument['upstreams'][string],
  document: ConfigDocument,
  context: ResolveContext,
): UpstreamTls {
  const path = ['upstreams', name, 'tls'];
  const read = (file: string | undefined, what: string, key: string): string =>
    file === undefined ? '' : (readNamedFile(file, what, [...path, key], context) ?? '');
  const certificate = read(tls.certificate, 'certificate', 'certificate');
  if (certificate !== '') checkCertificate(certificate, tls.key!, [...path, 'certificate'], context);
  const ca = tls.ca === undefined ? null : readAnchors(tls.ca, '', [...path, 'ca'], context);
  const lists =
    tls.crl === undefined || ca === null ? [] : readRevocations([tls.crl], [ca], [...path, 'crl'], context);
  const isUsed =
    tls.ca !== undefined || tls.certificate !== undefined || tls.svid || tls['server-name'] !== undefined;
  const isPlain = targets.some((target) => /^http:/i.test(typeof target === 'string' ? target : target.url));
  if (isUsed && isPlain) {
    fail(
      context,
      'config-upstream-tls',
      path,
      `"${name}" has settings for TLS and a target without it.`,
      'Write the targets as https://.',
    );
  }
  const domains =
    tls.svid && tls.ca === undefined
      ? [...new Set(tls.spiffe.map((id) => parseSpiffeId(id)?.trustDomain ?? ''))]
      : [];
  if (tls.svid) checkDomains(domains, [...path, 'svid'], document, context);
  return {
    certificate,
    key: tls.key ?? '',
    svid: tls.svid,
    domains,
    ca: ca?.pem ?? '',
    crl: lists[0] ?? '',
    serverName: tls['server-name'] ?? '',
    spiffeIds: tls.spiffe,
    minVersion: tls['min-version'],
  };
}
