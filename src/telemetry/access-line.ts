// One line of the access log for one exchange. Names follow the OpenTelemetry semantic conventions where they have
// one, flattened with underscores. No header but User-Agent, no body, no credential; query values are masked. HOT
import type { Exchange, GuardTimings, InspectionRecord, Operation } from '../exchange/index.ts';
import { jsonCharacters, jsonText, RecurringText } from './json-text.ts';
import { type MatchValues, maskMatchedValue } from './mask-value.ts';

const MAX_USER_AGENT = 256;
const MAX_PATH = 2048;
const MAX_QUERY = 2048;
const MAX_CONSUMER = 256;

const listenerText = new RecurringText('","listener":', ',"client_address":"');
const hostText = new RecurringText('","host":', ',"path":"');
const consumerText = new RecurringText(',"consumer":', ',"method_of_authentication":"');
const upstreamText = new RecurringText(',"upstream_address":', '');
const agentText = new RecurringText(',"user_agent":', '');

const protocols = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2'] as const;
/** From the quote that ends path or query. */
const protocolTexts = protocols.map((protocol) => `","protocol":"${protocol}"`);
/** Protocol, API and operation, by protocol: from the quote that ends path or query. */
const operationTexts = new WeakMap<Operation, readonly string[]>();
/** By status: what stands between the guards' words on a request that was allowed and the first number of bytes. */
const allowedTexts: string[] = [];

let secondOf = -1;
let secondText = '';
/** `000` to `999` with what comes after. */
const milliseconds = Array.from({ length: 1000 }, (_one, ms) => String(ms).padStart(3, '0') + 'Z","id":"');

/** The beginning of a line: RFC 3339 in UTC with milliseconds. */
function timeText(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== secondOf) {
    secondOf = second;
    secondText = '{"time":"' + new Date(second * 1000).toISOString().slice(0, 20);
  }
  return secondText + milliseconds[epochMs - second * 1000]!;
}

function operationText(operation: Operation, protocol: number): string {
  let texts = operationTexts.get(operation);
  if (texts === undefined) {
    const text = `,"api":${jsonText(operation.api)},"operation":${jsonText(operation.id)}`;
    texts = protocolTexts.map((before) => before + text);
    operationTexts.set(operation, texts);
  }
  return texts[protocol]!;
}

function allowedText(status: number): string {
  const known = allowedTexts[status];
  if (known !== undefined) return known;
  const text = `,"decision":"allowed","status":${status},"request_bytes":`;
  if (status >= 100 && status < 600) allowedTexts[status] = text;
  return text;
}

/** Whole microseconds: a small integer becomes text much faster than a fraction. */
const us = (ms: number): number => Math.round(ms * 1000);

/** What of a request's values the log may show. */
export interface AccessLineOptions {
  readonly keepQueryValues: boolean;
  readonly matchValues: MatchValues;
}

/** The exchange as one line of JSON, ASCII, with its line feed. */
export function accessLine(exchange: Exchange, options: AccessLineOptions): string {
  let out =
    timeText(exchange.receivedMs) +
    exchange.id +
    listenerText.of(exchange.listener) +
    jsonCharacters(exchange.clientAddress) +
    '"';
  if (exchange.peerAddress !== exchange.clientAddress)
    out += ',"peer_address":' + jsonText(exchange.peerAddress);
  const { place } = exchange;
  if (place !== null) {
    if (place.country !== '') out += ',"country":"' + place.country + '"';
    if (place.asn !== 0) out += ',"asn":' + place.asn;
  }
  if (exchange.traceId !== '')
    out += ',"trace_id":"' + exchange.traceId + '","span_id":"' + exchange.spanId + '"';
  if (exchange.parentSpanId !== '') {
    out += ',"parent_span_id":"' + exchange.parentSpanId;
    out += exchange.parentSampled ? '","trace_sampled":true' : '"';
  }
  const { operation } = exchange;
  const protocol = exchange.httpMajor === 2 ? 2 : exchange.httpMinor;
  if (exchange.method !== '') {
    out +=
      ',"method":"' +
      exchange.method +
      hostText.of(exchange.host) +
      jsonCharacters(exchange.path.length > MAX_PATH ? exchange.path.slice(0, MAX_PATH) : exchange.path);
    if (exchange.query !== '') {
      const query = exchange.query.length > MAX_QUERY ? exchange.query.slice(0, MAX_QUERY) : exchange.query;
      out += '","query":"' + jsonCharacters(options.keepQueryValues ? query : maskQuery(query));
    }
    out += operation === null ? protocolTexts[protocol]! : operationText(operation, protocol);
  }
  const consumer = exchange.consumer;
  if (consumer !== null) {
    const { id, credentialId } = consumer;
    out += consumerText.of(id.length > MAX_CONSUMER ? id.slice(0, MAX_CONSUMER) : id) + consumer.method;
    if (credentialId === '') out += '"';
    else out += '","credential":' + jsonText(credentialId.slice(0, MAX_CONSUMER));
  }
  if (exchange.risk > 0) out += riskText(exchange);
  if (exchange.policy !== '') out += ',"policy":' + jsonText(exchange.policy);
  if (exchange.refusal === null && exchange.decidedBy === '' && exchange.grpcStatus === -1)
    out += allowedText(exchange.status);
  else out += decisionText(exchange);
  out +=
    exchange.requestBytes +
    ',"response_bytes":' +
    exchange.responseBytes +
    ',"duration_us":' +
    us(exchange.endMs);
  if (exchange.judgedMs >= 0) out += ',"judged_us":' + us(exchange.judgedMs);
  if (exchange.upstreamFirstByteMs >= 0)
    out += ',"upstream_first_byte_us":' + us(exchange.upstreamFirstByteMs);
  if (exchange.upstreamAttempts > 0) {
    out += upstreamText.of(exchange.upstreamAddress);
    if (exchange.upstreamAttempts > 1) out += ',"upstream_attempts":' + exchange.upstreamAttempts;
  }
  const agent = exchange.fields.get('user-agent');
  if (agent !== null)
    out += agentText.of(agent.length > MAX_USER_AGENT ? agent.slice(0, MAX_USER_AGENT) : agent);
  if (exchange.answerFinding !== '') out += ',"contract":' + jsonText(exchange.answerFinding);
  if (exchange.timings !== null) out += timingsText(exchange.timings, exchange.startMs);
  if (exchange.inspection !== null) out += inspectionText(exchange.inspection, options.matchValues);
  return out + '}\n';
}

/** Who decided what, up to the number of bytes. */
function decisionText(exchange: Exchange): string {
  const { refusal, decidedBy, grpcStatus } = exchange;
  let out: string;
  if (refusal !== null) {
    out =
      (refusal.guard === 'upstream' ? ',"decision":"failed","guard":"' : ',"decision":"refused","guard":"') +
      refusal.guard +
      '","code":"' +
      refusal.code +
      '"';
    if (refusal.reason !== refusal.code) out += ',"reason":' + jsonText(refusal.reason);
  } else {
    out = decidedBy === '' ? ',"decision":"allowed"' : ',"decision":"answered","guard":"' + decidedBy + '"';
  }
  out += ',"status":' + exchange.status;
  if (grpcStatus !== -1) out += ',"grpc_status":' + grpcStatus;
  return out + ',"request_bytes":';
}

function timingsText({ list }: GuardTimings, startMs: number): string {
  let out = ',"guards":[';
  for (let i = 0; i < list.length; i++) {
    const { guard, hook, fromMs, untilMs, verdict } = list[i]!;
    out += (i === 0 ? '{"guard":"' : ',{"guard":"') + guard + '","hook":"' + hook;
    out += '","start_us":' + us(fromMs - startMs) + ',"duration_us":' + us(untilMs - fromMs);
    out += ',"verdict":"' + verdict + '"}';
  }
  return out + ']';
}

/** What was added up, and the way that a caller can not have come. */
function riskText({ risk, riskSigns, journey }: Exchange): string {
  let out = ',"risk":' + risk + ',"risk_signs":["' + riskSigns.join('","') + '"]';
  if (journey !== null) {
    out += ',"journey":{"from":"' + journey.from + '","km":' + journey.km;
    out += ',"seconds":' + journey.seconds + '}';
  }
  return out;
}

/** Matches written at most, and variables of each. */
const MAX_MATCHES = 32;
/** Beyond so many characters no more matches are begun: an attacker must not fill the disk with one request. */
const MAX_INSPECTION = 8192;
const MAX_VARIABLES = 4;
const MAX_MESSAGE = 160;
const MAX_NAME = 160;

function inspectionText(record: InspectionRecord, values: MatchValues): string {
  const { matches } = record;
  if (matches.length === 0 && record.wouldRefuse === '') return '';
  const ids = [...new Set(matches.map((match) => match.ruleId))];
  let out = ',"rules":[' + ids.join(',') + '],"score":' + record.requestScore;
  if (record.responseScore > 0) out += ',"response_score":' + record.responseScore;
  if (record.wouldRefuse !== '') out += ',"would_refuse":"' + record.wouldRefuse + '"';
  out += ',"matches":[';
  for (let i = 0; i < matches.length && i < MAX_MATCHES && out.length < MAX_INSPECTION; i++) {
    const match = matches[i]!;
    out += (i === 0 ? '{"rule":' : ',{"rule":') + match.ruleId;
    if (match.message !== '') {
      out += ',"message":' + jsonText(maskMatchedValue('', match.message.slice(0, MAX_MESSAGE), 'mask'));
    }
    if (match.severity !== null) out += ',"severity":' + match.severity;
    out += ',"variables":[';
    for (let v = 0; v < match.variables.length && v < MAX_VARIABLES; v++) {
      const { name, value } = match.variables[v]!;
      out += (v === 0 ? '{"name":' : ',{"name":') + jsonText(name.slice(0, MAX_NAME));
      if (values !== 'none') out += ',"value":' + jsonText(maskMatchedValue(name, value, values));
      out += '}';
    }
    out += ']}';
  }
  return out + ']';
}

/** Parameter names only: `a=1&b=2` becomes `a=*&b=*`; a part without `=` is a value as well. */
export function maskQuery(query: string): string {
  let out = '';
  let equals = -1;
  for (let at = 0; ; ) {
    const next = query.indexOf('&', at);
    const end = next === -1 ? query.length : next;
    // Looked for once: many parts without one must not be searched to the end each.
    if (equals < at) equals = query.indexOf('=', at);
    if (equals === -1) equals = query.length;
    out += equals < end ? query.slice(at, equals + 1) + '*' : '*';
    if (next === -1) return out;
    out += '&';
    at = next + 1;
  }
}
