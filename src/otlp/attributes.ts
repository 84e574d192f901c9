// A finished exchange in the words of OpenTelemetry's semantic conventions for HTTP (stable names, 1.23 and later), and what they have
// no words for under `gatewright.`.
import type { ExchangeRecord } from '../telemetry/index.ts';
import type { WithheldField } from './contract.ts';
import { type AnyValue, anyOf, type KeyValue } from './messages.ts';

/** What a record's names stand for in the configuration that is served. */
export interface RouteFacts {
  /** Path template of an operation; empty where it is not known. */
  routeOf(api: string, operation: string): string;
  /** Scheme and port of a listener. */
  listenerOf(name: string): { readonly scheme: 'http' | 'https'; readonly port: number } | null;
  /** How the service of an API is reached. */
  upstreamOf(api: string): {
    readonly name: string;
    readonly scheme: 'http' | 'https';
    /** First characters of the path that the service does not get. */
    readonly stripLength: number;
  } | null;
}

/** Methods that the convention knows; all others are `_OTHER`. */
const methods: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'TRACE',
  'QUERY',
]);

export class Attributes {
  readonly list: KeyValue[] = [];

  /** Leaves out what is not there. */
  add(key: string, value: string | number | boolean | readonly string[] | undefined): void {
    if (value !== undefined && value !== '') this.list.push({ key, value: anyOf(value) });
  }

  addRaw(key: string, value: AnyValue): void {
    this.list.push({ key, value });
  }
}

export const methodOf = (record: ExchangeRecord): string =>
  record.method === undefined ? '_OTHER' : methods.has(record.method) ? record.method : '_OTHER';

/** An error in the sense of the convention: the server's, or a client that went away; refused callers are no error. */
export function errorTypeOf(record: ExchangeRecord): string {
  if (record.status < 500 && record.code !== 'request-aborted' && record.decision !== 'failed') return '';
  return record.code ?? String(record.status);
}

/** Address and port of `[::1]:80`, `10.0.0.1:80` or an address alone. */
export function splitAddress(text: string): { readonly address: string; readonly port: number | undefined } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text);
  return match === null
    ? { address: text, port: undefined }
    : { address: match[1] ?? match[2]!, port: Number(match[3]) };
}

/** The record without what the receiver must not see. */
export function withhold(record: ExchangeRecord, fields: readonly WithheldField[]): ExchangeRecord {
  if (fields.length === 0) return record;
  const out: Record<string, unknown> = { ...record };
  for (const field of fields) delete out[field];
  return out as unknown as ExchangeRecord;
}

/** Attributes of the server's side of an exchange. */
export function serverAttributes(record: ExchangeRecord, facts: RouteFacts): KeyValue[] {
  const out = new Attributes();
  const listener = facts.listenerOf(record.listener);
  const method = methodOf(record);
  out.add('http.request.method', method);
  if (method === '_OTHER') out.add('http.request.method_original', record.method);
  out.add('url.scheme', listener?.scheme);
  out.add('url.path', record.path);
  out.add('url.query', record.query);
  out.add('http.route', facts.routeOf(record.api ?? '', record.operation ?? ''));
  out.add('server.address', record.host);
  out.add('server.port', listener?.port);
  out.add('client.address', record.client_address);
  out.add('geo.country.iso_code', record.country);
  out.add('gatewright.client.asn', record.asn);
  out.add('network.peer.address', record.peer_address ?? record.client_address);
  out.add('network.protocol.version', record.protocol?.slice('HTTP/'.length));
  out.add('user_agent.original', record.user_agent);
  out.add('http.request.body.size', record.request_bytes);
  out.add('http.response.body.size', record.response_bytes);
  out.add('http.response.status_code', record.status);
  out.add('error.type', errorTypeOf(record));
  if (record.grpc_status !== undefined) {
    out.add('rpc.system', 'grpc');
    out.add('rpc.grpc.status_code', record.grpc_status);
  }
  out.add('gatewright.exchange.id', record.id);
  out.add('gatewright.listener', record.listener);
  out.add('gatewright.api', record.api);
  out.add('gatewright.operation', record.operation);
  out.add('gatewright.decision', record.decision);
  out.add('gatewright.guard', record.guard);
  out.add('gatewright.code', record.code);
  out.add('gatewright.reason', record.reason);
  out.add('gatewright.policy', record.policy);
  out.add('gatewright.risk', record.risk);
  out.add('gatewright.risk.signs', record.risk_signs);
  out.add('gatewright.consumer', record.consumer);
  out.add('gatewright.credential', record.credential);
  out.add('gatewright.authentication', record.method_of_authentication);
  out.add('gatewright.inspection.score', record.score);
  out.add('gatewright.inspection.would_refuse', record.would_refuse);
  if (record.rules !== undefined)
    out.addRaw('gatewright.inspection.rules', {
      arrayValue: { values: record.rules.map((rule) => ({ stringValue: String(rule) })) },
    });
  return out.list;
}

/** Attributes of the call to the service. */
export function clientAttributes(record: ExchangeRecord, facts: RouteFacts): KeyValue[] {
  const out = new Attributes();
  const upstream = facts.upstreamOf(record.api ?? '');
  const endpoint = record.upstream_address;
  out.add('http.request.method', methodOf(record));
  if (endpoint !== undefined) {
    const { address, port } = splitAddress(endpoint);
    out.add('server.address', address);
    out.add('server.port', port);
    const path = record.path === undefined ? null : record.path.slice(upstream?.stripLength ?? 0) || '/';
    if (path !== null)
      out.add(
        'url.full',
        `${upstream?.scheme ?? 'http'}://${endpoint}${path}${record.query === undefined ? '' : `?${record.query}`}`,
      );
  }
  if (record.decision === 'allowed') out.add('http.response.status_code', record.status);
  if (record.decision === 'failed') out.add('error.type', record.code);
  else if (record.decision === 'allowed' && record.status >= 400)
    out.add('error.type', String(record.status));
  if (record.upstream_attempts !== undefined)
    out.add('http.request.resend_count', record.upstream_attempts - 1);
  out.add('gatewright.upstream', upstream?.name);
  return out.list;
}
