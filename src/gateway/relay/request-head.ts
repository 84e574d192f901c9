// From the parsed head to the exchange, and from the exchange to the head that the upstream gets. Both directions
// stand here together, because what is judged must be what is sent. HOT
import type { ErrorCode } from '../../core/index.ts';
import type { Exchange } from '../../exchange/index.ts';
import { FieldList } from '../../http/fields/index.ts';
import { CHUNKED, encodeField, encodeFields, type RequestHead } from '../../http/h1/index.ts';
import { normalisePath, parseHost, parseTarget, TargetParts } from '../../http/uri/index.ts';
import { resolveClientAddress } from '../../net/index.ts';
import { applyTraceContext, traceparentOf } from '../../telemetry/index.ts';
import type { Endpoint } from '../upstream/index.ts';
import type { ListenerSnapshot } from './route.ts';
import type { UpstreamRequest } from './upstream-leg.ts';

const parts = new TargetParts();

/** Fills the exchange's target, host, addresses and trace from the head; null or the reason to refuse it. */
export function takeHead(
  exchange: Exchange,
  head: RequestHead,
  listener: Pick<ListenerSnapshot, 'trustedProxies'>,
): ErrorCode | null {
  exchange.method = head.method;
  exchange.httpMinor = exchange.httpMajor === 1 ? head.minor : 0;
  exchange.contentLength = head.contentLength;
  exchange.connectionField = head.framing.connection;

  const problem = parseTarget(head.target, parts);
  if (problem !== null) return problem;
  if (parts.form === 'authority') return 'request-method-unsupported';
  // A request for the server as a whole (OPTIONS *) has no operation behind it.
  if (parts.form === 'asterisk') return 'operation-unknown';
  let host = head.host;
  if (parts.form === 'absolute') {
    // RFC 9112 section 3.2.2 lets the target win; here the two must be one.
    if (host !== '' && parts.authority.toLowerCase() !== host.toLowerCase()) return 'request-host-invalid';
    host = parts.authority;
  }
  if (host !== '') {
    const name = parseHost(host);
    if (name === null) return 'request-host-invalid';
    exchange.host = name;
    exchange.authority = host;
  }
  const path = normalisePath(parts.path);
  if (path === null) return 'request-path-ambiguous';
  exchange.path = path;
  exchange.query = parts.query;

  if (head.framing.hasForwarding) takeForwarding(exchange, listener);
  takeTrace(exchange, head);
  return null;
}

/** Reads what trusted proxies say of the client, then removes it: the gate tells the upstream itself. */
function takeForwarding(exchange: Exchange, listener: Pick<ListenerSnapshot, 'trustedProxies'>): void {
  const fields = exchange.fields;
  if (listener.trustedProxies !== null) {
    exchange.clientAddress = resolveClientAddress(exchange.peerAddress, fields, listener.trustedProxies);
  }
  const names = fields.names;
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]!;
    if (
      name.startsWith('x-forwarded-') ||
      name === 'forwarded' ||
      name === 'x-real-ip' ||
      name === 'client-cert' ||
      name === 'client-cert-chain'
    ) {
      fields.remove(name);
      if (i > names.length) i = names.length;
    }
  }
}

function takeTrace(exchange: Exchange, head: RequestHead): void {
  if (!head.framing.hasTrace) {
    applyTraceContext(exchange, null);
    return;
  }
  const fields = exchange.fields;
  const parent = fields.count('traceparent') === 1 ? fields.get('traceparent') : null;
  applyTraceContext(exchange, parent);
  fields.remove('traceparent');
  // The vendor state belongs to a trace that was understood (Trace Context section 3.3).
  if (exchange.parentSpanId === '') fields.remove('tracestate');
}

/** Path and query as the upstream gets them. */
export function upstreamTarget(request: UpstreamRequest): string {
  const { exchange, route } = request;
  const path = route.stripLength === 0 ? exchange.path : exchange.path.slice(route.stripLength) || '/';
  return exchange.query === '' ? path : path + '?' + exchange.query;
}

/** The client's Host, unless the upstream wants its own. */
export function upstreamHost(request: UpstreamRequest, endpoint: Endpoint): string {
  const { head, route } = request;
  return route.upstream.sendsClientHost && head.host !== '' ? head.host : endpoint.hostField;
}

/** The HTTP/1 head that the upstream gets. `bodyLength` is what follows: bytes, CHUNKED, or 0. */
export function encodeUpstreamHead(request: UpstreamRequest, endpoint: Endpoint, bodyLength: number): string {
  const { exchange, head, upgrade } = request;
  const host = upstreamHost(request, endpoint);
  let out = exchange.method + ' ' + upstreamTarget(request) + ' HTTP/1.1\r\nhost: ' + host + '\r\n';

  const added = exchange.upstreamFields;
  for (let i = 0; i < added.length; i += 2) exchange.fields.remove(added[i]!);
  out += encodeFields(exchange.fields);
  for (let i = 0; i < added.length; i += 2) out += encodeField(added[i]!, added[i + 1]!);

  if (bodyLength === CHUNKED) out += 'transfer-encoding: chunked\r\n';
  else if (bodyLength > 0 || bodyIsUsual(exchange.method)) out += 'content-length: ' + bodyLength + '\r\n';
  if (upgrade !== '') out += 'connection: upgrade\r\nupgrade: ' + upgrade + '\r\n';
  return (
    out +
    'x-forwarded-for: ' +
    exchange.clientAddress +
    (exchange.secure ? '\r\nx-forwarded-proto: https\r\n' : '\r\nx-forwarded-proto: http\r\n') +
    (head.host === '' ? '' : 'x-forwarded-host: ' + head.host + '\r\n') +
    'traceparent: ' +
    traceparentOf(exchange) +
    '\r\n\r\n'
  );
}

/** The fields of an HTTP/2 request to the upstream: the same as HTTP/1 gets, but for framing. */
export function upstreamFields(request: UpstreamRequest, bodyLength: number): FieldList {
  const { exchange, head } = request;
  const { fields } = exchange;
  const out = new FieldList();
  const added = exchange.upstreamFields;
  for (let i = 0; i < added.length; i += 2) fields.remove(added[i]!);
  for (let i = 0; i < fields.length; i++) {
    out.names.push(fields.names[i]!);
    out.values.push(fields.values[i]!);
  }
  for (let i = 0; i < added.length; i += 2) out.append(added[i]!, added[i + 1]!);
  if (bodyLength > 0 || (bodyLength === 0 && bodyIsUsual(exchange.method))) {
    out.append('content-length', String(bodyLength));
  }
  if (head.wantsTrailers) out.append('te', 'trailers');
  out.append('x-forwarded-for', exchange.clientAddress);
  out.append('x-forwarded-proto', exchange.secure ? 'https' : 'http');
  if (head.host !== '') out.append('x-forwarded-host', head.host);
  out.append('traceparent', traceparentOf(exchange));
  return out;
}

/** Methods whose requests say so when they have no body (RFC 9110 section 8.6). */
function bodyIsUsual(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}
