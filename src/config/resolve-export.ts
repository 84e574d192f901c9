// `export:` as the exporters need it: one target for each sink, paths absolute, certificates read.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ExportConfig, SinkTarget, SyslogTls } from '../export/contract.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { readAnchors } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

type SinkDocument = NonNullable<ConfigDocument['export']>['sinks'][string];

export function resolveExport(document: ConfigDocument, context: ResolveContext): ExportConfig | null {
  const entry = document.export;
  if (entry === undefined || Object.keys(entry.sinks).length === 0) return null;
  const apis = Object.keys(document.apis);
  return {
    folder: resolve(context.folder, entry.spool),
    sinks: Object.entries(entry.sinks).map(([name, sink]) => {
      sink.only.apis.forEach((api, index) => {
        if (!apis.includes(api))
          failDangling(context, ['export', 'sinks', name, 'only', 'apis', index], 'API', api, apis);
      });
      if (sink.records.includes('audit') && document.audit === undefined)
        fail(
          context,
          'config-value',
          ['export', 'sinks', name, 'records'],
          'There is no audit trail to send.',
          'Add a line such as "audit: { folder: ./audit }".',
        );
      return {
        name,
        target: resolveTarget(name, sink, context),
        records: sink.records,
        only: {
          decisions: sink.only.decisions,
          minSeverity: sink.only['min-severity'],
          apis: sink.only.apis,
        },
        redact: { remove: sink.redact.remove, hash: sink.redact.hash, key: sink.redact.key ?? '' },
        batch: { records: sink.batch.records, bytes: sink.batch.bytes, lingerMs: sink.batch.linger },
        spool: { maxBytes: sink.spool.max, whenFull: sink.spool['when-full'] },
      };
    }),
  };
}

function resolveTarget(name: string, sink: SinkDocument, context: ResolveContext): SinkTarget {
  const base: Path = ['export', 'sinks', name];
  const anchors = (kind: string, file: string): string =>
    file === '' ? '' : (readAnchors(file, '', [...base, kind, 'ca'], context)?.pem ?? '');
  const { syslog, elastic, splunk, sentinel, webhook, s3, nats, kafka, file } = sink;
  if (syslog !== undefined) {
    const { tls } = syslog;
    return {
      kind: 'syslog',
      ...syslog,
      tls: tlsOf(tls, 'syslog', base, context),
    };
  }
  if (elastic !== undefined) return { kind: 'elastic', ...elastic, ca: anchors('elastic', elastic.ca) };
  if (splunk !== undefined) return { kind: 'splunk', ...splunk, ca: anchors('splunk', splunk.ca) };
  if (sentinel !== undefined) {
    if (sentinel.tenant === '' && sentinel['token-url'] === undefined)
      fail(
        context,
        'config-value',
        [...base, 'sentinel'],
        'It must say where tokens come from.',
        'Add "tenant".',
      );
    return {
      kind: 'sentinel',
      endpoint: sentinel.endpoint,
      rule: sentinel.rule,
      stream: sentinel.stream,
      tokenUrl:
        sentinel['token-url'] ??
        `https://login.microsoftonline.com/${encodeURIComponent(sentinel.tenant)}/oauth2/v2.0/token`,
      scope: sentinel.scope,
      clientId: sentinel['client-id'],
      clientSecret: sentinel['client-secret'],
      ca: anchors('sentinel', sentinel.ca),
    };
  }
  if (webhook !== undefined) {
    const { url, key, format } = webhook;
    return {
      kind: 'webhook',
      url,
      keyId: webhook['key-id'],
      key,
      format,
      ca: anchors('webhook', webhook.ca),
    };
  }
  if (s3 !== undefined) {
    const { endpoint, bucket, prefix, region, format } = s3;
    return {
      kind: 's3',
      endpoint,
      bucket,
      prefix,
      region,
      accessKeyId: s3['access-key-id'],
      secretAccessKey: s3['secret-access-key'],
      format,
      ca: anchors('s3', s3.ca),
    };
  }
  if (nats !== undefined) return { kind: 'nats', ...nats };
  if (kafka !== undefined) return { kind: 'kafka', ...kafka, tls: tlsOf(kafka.tls, 'kafka', base, context) };
  return { kind: 'file', path: resolve(context.folder, file!.path), format: file!.format };
}

function tlsOf(
  tls: NonNullable<SinkDocument['syslog']>['tls'],
  kind: string,
  base: Path,
  context: ResolveContext,
): SyslogTls | null {
  if (tls === false) return null;
  const path = [...base, kind, 'tls'];
  return {
    ca: tls.ca === '' ? '' : (readAnchors(tls.ca, '', [...path, 'ca'], context)?.pem ?? ''),
    certificate: readText(tls.certificate, [...path, 'certificate'], context),
    key: tls.key,
  };
}

function readText(name: string, path: Path, context: ResolveContext): string {
  if (name === '') return '';
  const file = resolve(context.folder, name);
  try {
    const text = readFileSync(file, 'utf8');
    context.files.push(file);
    return text;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    fail(context, 'config-file-unreadable', path, `${name} can not be read (${code}).`);
    return '';
  }
}
