// `telemetry:` as the gate needs it: paths absolute, certificates read.
import { resolve } from 'node:path';
import { refuseUrl } from '../net/index.ts';
import type { OtlpConfig } from '../otlp/contract.ts';
import type { ConfigDocument } from './document.ts';
import type { TelemetryConfig } from './gate-config.ts';
import { fail, type ResolveContext } from './resolve.ts';
import { readAnchors, readNamedFile } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

type TelemetryDocument = ConfigDocument['telemetry'];

export function resolveTelemetry(telemetry: TelemetryDocument, context: ResolveContext): TelemetryConfig {
  const log = telemetry['access-log'];
  return {
    listen: telemetry.listen === false ? null : telemetry.listen,
    accessLog: {
      to: resolveLogTarget(log.to, context),
      whenFull: log['when-full'],
      queryValues: log['query-values'],
      matchValues: log['match-values'],
    },
    maxSeries: telemetry.metrics['max-series'],
    otlp: telemetry.otlp === undefined ? null : resolveOtlp(telemetry.otlp, context),
  };
}

function resolveLogTarget(
  to: TelemetryDocument['access-log']['to'],
  context: ResolveContext,
): TelemetryConfig['accessLog']['to'] {
  if (typeof to === 'string') return to;
  if ('file' in to) return { file: resolve(context.folder, to.file) };
  return {
    segments: {
      folder: resolve(context.folder, to.segments),
      seal: to.seal ?? null,
      olderSeals: to['older-seals'],
      rotateBytes: to['rotate-size'],
      rotateMs: to['rotate-age'],
      keepMs: to.keep,
    },
  };
}

function resolveOtlp(entry: NonNullable<TelemetryDocument['otlp']>, context: ResolveContext): OtlpConfig {
  const base: Path = ['telemetry', 'otlp'];
  const { endpoint, tls, traces, metrics } = entry;
  const refused = refuseUrl(endpoint, 'anywhere');
  if (refused !== null)
    fail(
      context,
      'config-value',
      [...base, 'endpoint'],
      `Nothing is sent to ${endpoint}: ${refused}.`,
      'Use https, or a collector on this machine.',
    );
  const { certificate } = tls;
  return {
    endpoint,
    protocol: entry.protocol,
    headers: entry.headers,
    ca: tls.ca === '' ? '' : (readAnchors(tls.ca, '', [...base, 'tls', 'ca'], context)?.pem ?? ''),
    certificate:
      certificate === ''
        ? ''
        : (readNamedFile(certificate, 'certificate', [...base, 'tls', 'certificate'], context) ?? ''),
    key: tls.key,
    compression: entry.compression,
    timeoutMs: entry.timeout,
    resource: entry.resource,
    withhold: entry.withhold,
    queue: entry.queue,
    batch: entry.batch,
    lingerMs: entry.linger,
    giveUpMs: entry['give-up'],
    traces:
      traces === false
        ? null
        : {
            ratio: traces.sample.ratio,
            parent: traces.sample.parent,
            errors: traces.sample.errors,
            refusals: traces.sample.refusals,
            slowMs: traces.sample['slower-than'] === false ? null : traces.sample['slower-than'],
            perSecond: traces.sample['per-second'],
            guards: traces.guards,
          },
    metrics: metrics === false ? null : { everyMs: metrics.every, temporality: metrics.temporality },
    logs: entry.logs === false ? null : entry.logs,
  };
}
