// From the valid document to the configuration that threads compile: names are looked up, contracts and certificates
// read, defaults combined. An operation that nobody must authenticate for does not get through unless it says so.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { closestName, type DiagnosticId, type Diagnostics } from '../core/index.ts';
import { compileKeySet } from '../jose/index.ts';
import type { ConfigDocument } from './document.ts';
import type { GateConfig, ListenerConfig, UpstreamConfig } from './gate-config.ts';
import { resolveApi } from './resolve-api.ts';
import type { Path, YamlSource } from './yaml-source.ts';

export interface ResolveContext {
  /** Absolute path of the file or folder. */
  readonly file: string;
  /** Folder that relative paths start from. */
  readonly folder: string;
  readonly source: YamlSource;
  readonly diagnostics: Diagnostics;
  /** Files read so far; more are added. */
  readonly files: string[];
  readonly defaultWorkers: number;
}

const DAY_MS = 86_400_000;
/** Certificates that end within this time are warned of. */
const EXPIRY_WARNING_MS = 30 * DAY_MS;

export function resolveDocument(document: ConfigDocument, context: ResolveContext): GateConfig {
  const listeners = Object.entries(document.listeners).map(([name, entry]) =>
    resolveListener(name, entry, context),
  );
  if (listeners.length === 0)
    fail(context, 'config-empty', ['listeners'], 'There is no listener.', 'Add "public: { port: 8080 }".');
  const upstreams = Object.entries(document.upstreams).map(([name, entry]) => resolveUpstream(name, entry));
  const issuers = Object.entries(document.identity.issuers).map(([name, entry]) =>
    resolveIssuer(name, entry, context),
  );
  checkKeys(document, context);
  const apis = Object.entries(document.apis).flatMap(([name, entry]) => {
    const api = resolveApi(name, entry, document, context);
    return api === null ? [] : [api];
  });
  checkCollisions(apis, context);
  const { http, telemetry } = document;
  return {
    file: context.file,
    listeners,
    upstreams,
    issuers,
    consumers: Object.entries(document.identity.consumers).map(([id, entry]) => ({
      id,
      scopes: entry.scopes,
      keys: entry.keys.map((key) => ({
        id: key.id,
        sha256: key.sha256,
        expiresMs: key.expires === undefined ? null : Date.parse(key.expires),
        scopes: key.scopes ?? null,
      })),
    })),
    apis,
    http: {
      maxHeadBytes: http['max-head'],
      maxFields: http['max-fields'],
      maxTargetBytes: http['max-target'],
      headTimeoutMs: http['head-timeout'],
      bodyTimeoutMs: http['body-timeout'],
      idleTimeoutMs: http['idle-timeout'],
      minBytesPerSecond: http['min-rate'],
      maxRequestsPerConnection: http['max-requests'],
      maxConnections: http['max-connections'],
    },
    telemetry: {
      listen: telemetry.listen === false ? null : telemetry.listen,
      accessLog: {
        to:
          typeof telemetry['access-log'].to === 'string'
            ? telemetry['access-log'].to
            : { file: resolve(context.folder, telemetry['access-log'].to.file) },
        whenFull: telemetry['access-log']['when-full'],
        queryValues: telemetry['access-log']['query-values'],
      },
    },
    workers: document.workers === 'auto' ? context.defaultWorkers : document.workers,
    drainMs: document.drain,
    watchedFiles: [...new Set(context.files)],
  };
}

export function fail(
  context: ResolveContext,
  id: DiagnosticId,
  path: Path,
  message: string,
  suggestion = '',
): void {
  context.diagnostics.error(id, context.source.place(path), message, suggestion);
}

/** Reports a name that stands for nothing. */
export function failDangling(
  context: ResolveContext,
  path: Path,
  what: string,
  name: string,
  known: readonly string[],
): void {
  const near = closestName(name, known);
  const suggestion =
    near !== null ? `Did you mean "${near}"?` : known.length === 0 ? '' : `There are: ${known.join(', ')}.`;
  fail(context, 'config-dangling-name', path, `There is no ${what} "${name}".`, suggestion);
}

function resolveListener(
  name: string,
  entry: ConfigDocument['listeners'][string],
  context: ResolveContext,
): ListenerConfig {
  return {
    name,
    host: entry.host,
    port: entry.port,
    tls: entry.tls === undefined ? null : resolveTls(name, entry.tls, context),
    http2: entry.http2 ?? entry.tls !== undefined,
    proxyProtocolFrom: entry['proxy-protocol']?.from ?? [],
    trustedProxies: entry['trusted-proxies'],
  };
}

function resolveTls(
  name: string,
  tls: NonNullable<ConfigDocument['listeners'][string]['tls']>,
  context: ResolveContext,
): ListenerConfig['tls'] {
  const path = ['listeners', name, 'tls', 'certificate'];
  const file = resolve(context.folder, tls.certificate);
  let certificate: string;
  try {
    certificate = readFileSync(file, 'utf8');
    context.files.push(file);
  } catch (error) {
    fail(
      context,
      'config-file-unreadable',
      path,
      `The certificate ${tls.certificate} can not be read (${(error as NodeJS.ErrnoException).code}).`,
      'Paths are relative to the configuration file.',
    );
    return null;
  }
  try {
    const parsed = new X509Certificate(certificate);
    const leftMs = Date.parse(parsed.validTo) - Date.now();
    if (leftMs < 0)
      fail(
        context,
        'config-certificate-expired',
        path,
        `The certificate ended on ${parsed.validTo}.`,
        'Renew it.',
      );
    else if (leftMs < EXPIRY_WARNING_MS) {
      context.diagnostics.warning(
        'config-certificate-expires',
        context.source.place(path),
        `The certificate ends on ${parsed.validTo}.`,
        'Renew it.',
      );
    }
    createSecureContext({ cert: certificate, key: tls.key });
  } catch {
    fail(
      context,
      'config-certificate',
      path,
      'Certificate and key can not be used together.',
      'Both must be PEM, and the key must belong to the first certificate.',
    );
  }
  return { certificate, key: tls.key, minVersion: tls['min-version'] };
}

function resolveUpstream(name: string, entry: ConfigDocument['upstreams'][string]): UpstreamConfig {
  const { health } = entry;
  const [statusFrom, statusTo] = (health?.status ?? '').split('-').map(Number) as [number, number?];
  return {
    name,
    targets: entry.targets.map((target) => {
      const { url, weight } = typeof target === 'string' ? { url: target, weight: 1 } : target;
      const parsed = new URL(url);
      const tls = parsed.protocol === 'https:';
      const host = parsed.hostname.replace(/^\[|\]$/g, '');
      return { url, host, port: parsed.port === '' ? (tls ? 443 : 80) : Number(parsed.port), tls, weight };
    }),
    protocol: entry.protocol,
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

function resolveIssuer(
  name: string,
  entry: ConfigDocument['identity']['issuers'][string],
  context: ResolveContext,
): GateConfig['issuers'][number] {
  const path = ['identity', 'issuers', name];
  const symmetric = entry.algorithms.filter((algorithm) => algorithm.startsWith('HS')).length;
  if (symmetric > 0 && symmetric < entry.algorithms.length) {
    fail(
      context,
      'config-algorithms',
      [...path, 'algorithms'],
      'Symmetric and asymmetric algorithms are mixed.',
      'An issuer signs with secrets it shares (HS*) or with private keys, not with both.',
    );
  }
  let keys: GateConfig['issuers'][number]['keys'];
  if ('file' in entry.jwks) {
    const file = resolve(context.folder, entry.jwks.file);
    keys = { kind: 'file', path: file };
    context.files.push(file);
    try {
      compileKeySet(readFileSync(file, 'utf8'));
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      fail(
        context,
        'config-key-set',
        [...path, 'jwks'],
        `The key set ${entry.jwks.file} can not be used (${reason}).`,
      );
    }
  } else {
    keys = { kind: 'url', url: entry.jwks.url };
    const { protocol, hostname } = new URL(entry.jwks.url);
    if (protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) {
      fail(
        context,
        'config-key-set',
        [...path, 'jwks', 'url'],
        'Key sets are fetched over https only.',
        'Use https, or a file.',
      );
    }
  }
  return {
    name,
    issuer: entry.issuer,
    keys,
    algorithms: entry.algorithms,
    types: entry.types,
    clockSkewMs: entry['clock-skew'],
    refreshMs: entry.refresh,
    refetchMinMs: entry['refetch-after'],
  };
}

/** One key belongs to one consumer. */
function checkKeys(document: ConfigDocument, context: ResolveContext): void {
  const owners = new Map<string, string>();
  for (const [name, consumer] of Object.entries(document.identity.consumers)) {
    consumer.keys.forEach((key, index) => {
      const owner = owners.get(key.sha256);
      const path = ['identity', 'consumers', name, 'keys', index, 'sha256'];
      if (owner !== undefined)
        fail(context, 'config-duplicate-key', path, `This key belongs to "${owner}" already.`);
      owners.set(key.sha256, name);
    });
  }
}

/** Two operations must not claim the same requests. */
function checkCollisions(apis: GateConfig['apis'], context: ResolveContext): void {
  const claimed = new Map<string, string>();
  for (const api of apis) {
    for (const operation of api.operations) {
      const shape = operation.template.replace(/\{[^{}]*\}/g, '{}');
      for (const listener of api.listeners) {
        for (const host of api.hosts.length === 0 ? ['*'] : api.hosts) {
          const key = `${listener} ${host} ${operation.method} ${shape}`;
          const other = claimed.get(key);
          if (other !== undefined && other !== api.name) {
            fail(
              context,
              'config-collision',
              ['apis', api.name],
              `"${api.name}" and "${other}" both serve ${operation.method} ${operation.template}.`,
              'Give them different hosts, bases or listeners.',
            );
          }
          claimed.set(key, api.name);
        }
      }
    }
  }
}
