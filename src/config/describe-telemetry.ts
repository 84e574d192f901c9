// Where what the gate knows goes, in words: the access log, OpenTelemetry, the receivers of records.
import type { SinkConfig, SinkTarget } from '../export/contract.ts';
import type { IntelConfig } from '../intel/contract.ts';
import type { OtlpConfig, TraceSettings } from '../otlp/contract.ts';
import type { AuditConfig, GateConfig, TelemetryConfig } from './gate-config.ts';
import { spanText } from './period-text.ts';

export interface OutletView {
  readonly name: string;
  /** Where to, and in what words. */
  readonly to: string;
  /** What of it, what is held back, and what happens when it can not be sent. */
  readonly how: readonly string[];
}

/** Every way that records, metrics and traces take out of the gate. */
export function describeOutlets(config: GateConfig): OutletView[] {
  const { telemetry } = config;
  const { listen, otlp } = telemetry;
  return [
    {
      name: 'metrics',
      to: listen === null ? 'no port' : `http://${hostText(listen.host)}:${listen.port}/metrics`,
      how: [`at most ${telemetry.maxSeries} series of each`],
    },
    { name: 'access log', ...logView(telemetry.accessLog) },
    ...(config.audit === null ? [] : [auditView(config.audit)]),
    ...(config.intel === null ? [] : intelViews(config.intel)),
    ...(otlp === null ? [] : [otlpView(otlp)]),
    ...(config.export?.sinks ?? []).map(sinkView),
  ];
}

const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host);
const share = (ratio: number): string => `${Number((ratio * 100).toFixed(4))} %`;
const sizeText = (bytes: number): string => {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (bytes % size === 0) return `${bytes / size} ${unit}`;
  return `${bytes} bytes`;
};

function logView(log: TelemetryConfig['accessLog']): Omit<OutletView, 'name'> {
  const how = [
    log.whenFull === 'wait'
      ? 'requests wait when it is slow'
      : 'lines are dropped and counted when it is slow',
    log.queryValues === 'mask' ? 'query values masked' : 'query values in full',
  ];
  const { to } = log;
  if (typeof to === 'string') return { to: to === 'none' ? 'nowhere' : 'standard output', how };
  if ('file' in to) return { to: to.file, how };
  const { folder, seal, keepMs } = to.segments;
  const kept = `kept ${spanText(keepMs.security)} (security) and ${spanText(keepMs.traffic)} (traffic)`;
  return {
    to: `segments in ${folder}, ${seal === null ? 'not encrypted' : 'encrypted'}`,
    how: [kept, ...how],
  };
}

function otlpView(otlp: OtlpConfig): OutletView {
  const { traces, metrics, logs } = otlp;
  const sent = [
    ...(logs?.access === true ? ['of requests'] : []),
    ...(logs?.gate === true ? ['of the gate itself'] : []),
  ];
  return {
    name: 'OpenTelemetry',
    to: `${otlp.endpoint} by OTLP (${otlp.protocol}${otlp.compression === 'gzip' ? ', gzip' : ''})`,
    how: [
      traces === null ? 'no traces' : tracesText(traces),
      metrics === null ? 'no metrics' : `metrics every ${spanText(metrics.everyMs)}, ${metrics.temporality}`,
      sent.length === 0 ? 'no logs' : `logs ${sent.join(' and ')}`,
      ...(otlp.withhold.length === 0 ? [] : [`without ${otlp.withhold.join(', ')}`]),
      `at most ${otlp.queue} of each wait in memory, tried for ${spanText(otlp.giveUpMs)}, then dropped and counted`,
    ],
  };
}

function tracesText(traces: TraceSettings): string {
  const besides = [
    ...(traces.errors ? ['failures'] : []),
    ...(traces.refusals ? ['refusals'] : []),
    ...(traces.slowMs === null ? [] : [`answers after ${spanText(traces.slowMs)}`]),
    ...(traces.parent === 'keep' ? ['what callers sampled'] : []),
  ];
  const rest = besides.length === 0 ? '' : ` and, up to ${traces.perSecond} a second, ${besides.join(', ')}`;
  const parents = traces.parent === 'follow' ? '; callers with a trace decide for theirs' : '';
  return `traces: ${share(traces.ratio)}${rest}${parents}`;
}

function sinkView(sink: SinkConfig): OutletView {
  const { only, redact, spool } = sink;
  const filters = [
    ...(only.decisions.length === 0 ? [] : [only.decisions.join(', ')]),
    ...(only.minSeverity === 'info' ? [] : [`severity ${only.minSeverity} and above`]),
    ...(only.apis.length === 0 ? [] : [`of ${only.apis.join(', ')}`]),
  ];
  const full = {
    wait: 'traffic waits when it is full',
    'drop-oldest': 'the oldest are dropped and counted when it is full',
    'drop-newest': 'the newest are dropped and counted when it is full',
  };
  return {
    name: `export ${sink.name}`,
    to: targetText(sink.target),
    how: [
      recordsText(sink.records, filters),
      ...(redact.remove.length === 0 ? [] : [`without ${redact.remove.join(', ')}`]),
      ...(redact.hash.length === 0 ? [] : [`hashed ${redact.hash.join(', ')}`]),
      `spool up to ${sizeText(spool.maxBytes)}, ${full[spool.whenFull]}`,
    ],
  };
}

function recordsText(records: SinkConfig['records'], filters: readonly string[]): string {
  const chosen = filters.length === 0 ? 'all records' : `records: ${filters.join('; ')}`;
  if (!records.includes('audit')) return chosen;
  return records.includes('requests') ? `${chosen}; the audit trail` : 'the audit trail';
}

function intelViews({ feeds, sightings }: IntelConfig): OutletView[] {
  const proofs = {
    none: 'not signed',
    sha256: 'held to a hash',
    'sha256-url': 'held to a hash',
    ed25519: 'signed',
  };
  return [
    ...feeds.map(({ name, source, everyMs, minConfidence }) => ({
      name: `threat feed ${name}`,
      to:
        source.kind === 'taxii'
          ? `TAXII ${source.server.url}, collection ${source.server.collection}`
          : source.from,
      how: [
        `read every ${spanText(everyMs)}`,
        ...(source.kind === 'plain' ? [proofs[source.proof.kind]] : []),
        ...(minConfidence === 0 ? [] : [`confidence ${minConfidence} and above`]),
      ],
    })),
    ...(sightings === null
      ? []
      : [
          {
            name: 'sightings',
            to: sightings.to.kind === 'file' ? sightings.to.path : `TAXII ${sightings.to.server.url}`,
            how: [`every ${spanText(sightings.everyMs)}`],
          },
        ]),
  ];
}

function auditView(audit: AuditConfig): OutletView {
  const { witnesses, keepMs } = audit;
  const kept = Object.entries(keepMs).map(
    ([action, ms]) => `${action === '*' ? 'the rest' : action} ${spanText(ms)}`,
  );
  return {
    name: 'audit trail',
    to: `${audit.folder} as ${audit.origin}, keys ${audit.secret === null ? 'not sealed' : 'sealed'}`,
    how: [
      `signed with Ed25519${audit.mldsa ? ' and ML-DSA-44' : ''}`,
      witnesses.length === 0
        ? 'no witnesses'
        : `cosigned by ${witnesses.map(({ name }) => name).join(', ')} every ${spanText(audit.witnessEveryMs)}`,
      kept.length === 0 ? 'kept for good' : `kept ${kept.join(', ')}`,
      audit.refusals ? 'refused requests are entries' : 'without refused requests',
    ],
  };
}

/** Names no secret. */
function targetText(target: SinkTarget): string {
  switch (target.kind) {
    case 'syslog':
      return `syslog ${target.host}:${target.port} ${target.tls === null ? 'in clear over TCP' : 'over TLS'}, ${target.format}`;
    case 'elastic':
      return `Elasticsearch ${target.url}, stream ${target.stream}, ecs`;
    case 'splunk':
      return `Splunk ${target.url}, ${target.format}${target.acknowledge ? ', acknowledged' : ''}`;
    case 'sentinel':
      return `Sentinel ${target.endpoint}, stream ${target.stream}`;
    case 'webhook':
      return `webhook ${target.url}, signed with ${target.keyId}, ${target.format}`;
    case 's3':
      return `S3 ${target.endpoint}, bucket ${target.bucket}, ${target.format}`;
    case 'kafka':
      return `Kafka ${target.brokers.join(', ')} ${target.tls === null ? 'in clear over TCP' : 'over TLS'}, topic ${target.topic}, ${target.format}`;
    case 'nats':
      return `NATS ${target.servers.join(', ')}, subject ${target.subject}, ${target.format}`;
    case 'file':
      return `file ${target.path}, ${target.format}`;
  }
}
