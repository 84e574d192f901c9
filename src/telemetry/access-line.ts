// One line of the access log for one exchange. Names follow the OpenTelemetry semantic conventions where they have
// one, flattened with underscores. No header but User-Agent, no body, no credential; query values are masked. HOT
import type { Exchange, GuardTimings, InspectionRecord, Operation } from '../exchange/index.ts';
import { jsonText, recurringJsonText } from './json-text.ts';
import { type MatchValues, maskMatchedValue } from './mask-value.ts';

const MAX_USER_AGENT = 256;
const MAX_PATH = 2048;
const MAX_QUERY = 2048;
const MAX_CONSUMER = 256;

const operationTexts = new WeakMap<Operation, string>();
let secondOf = -1;
let secondText = '';

/** By major version × 2 + minor. */
const protocolTexts: Readonly<Record<number, string>> = {
  2: ',"protocol":"HTTP/1.0"',
  3: ',"protocol":"HTTP/1.1"',
  4: ',"protocol":"HTTP/2"',
};

/** RFC 3339 in UTC with milliseconds. */
function timeText(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== secondOf) {
    secondOf = second;
    secondText = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const ms = epochMs - second * 1000;
  return secondText + (ms < 10 ? '00' : ms < 100 ? '0' : '') + ms + 'Z';
}

function operationText(operation: Operation): string {
  let text = operationTexts.get(operation);
  if (text === undefined) {
    text = `,"api":${jsonText(operation.api)},"operation":${jsonText(operation.id)}`;
    operationTexts.set(operation, text);
  }
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
    '{"time":"' +
    timeText(exchange.receivedMs) +
    '","id":"' +
    exchange.id +
    '","listener":' +
    recurringJsonText(exchange.listener) +
    ',"client_address":' +
    jsonText(exchange.clientAddress);
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
    out += ',"parent_span_id":"' + exchange.parentSpanId + '"';
    if (exchange.parentSampled) out += ',"trace_sampled":true';
  }
  if (exchange.method !== '') {
    out +=
      ',"method":"' +
      exchange.method +
      '","host":' +
      recurringJsonText(exchange.host) +
      ',"path":' +
      jsonText(exchange.path.length > MAX_PATH ? exchange.path.slice(0, MAX_PATH) : exchange.path);
    if (exchange.query !== '') {
      const query = exchange.query.length > MAX_QUERY ? exchange.query.slice(0, MAX_QUERY) : exchange.query;
      out += ',"query":' + jsonText(options.keepQueryValues ? query : maskQuery(query));
    }
    out += protocolTexts[exchange.httpMajor * 2 + exchange.httpMinor]!;
  }
  if (exchange.operation !== null) out += operationText(exchange.operation);
  const consumer = exchange.consumer;
  if (consumer !== null) {
    out +=
      ',"consumer":' +
      recurringJsonText(consumer.id.slice(0, MAX_CONSUMER)) +
      ',"method_of_authentication":"' +
      consumer.method +
      '"';
    if (consumer.credentialId !== '')
      out += ',"credential":' + jsonText(consumer.credentialId.slice(0, MAX_CONSUMER));
  }
  if (exchange.risk > 0) out += riskText(exchange);
  if (exchange.policy !== '') out += ',"policy":' + jsonText(exchange.policy);
  const refusal = exchange.refusal;
  if (refusal !== null) {
    out +=
      (refusal.guard === 'upstream' ? ',"decision":"failed","guard":"' : ',"decision":"refused","guard":"') +
      refusal.guard +
      '","code":"' +
      refusal.code +
      '"';
    if (refusal.reason !== refusal.code) out += ',"reason":' + jsonText(refusal.reason);
  } else {
    out +=
      exchange.decidedBy === ''
        ? ',"decision":"allowed"'
        : ',"decision":"answered","guard":"' + exchange.decidedBy + '"';
  }
  out +=
    ',"status":' +
    exchange.status +
    (exchange.grpcStatus === -1 ? '' : ',"grpc_status":' + exchange.grpcStatus) +
    ',"request_bytes":' +
    exchange.requestBytes +
    ',"response_bytes":' +
    exchange.responseBytes +
    ',"duration_us":' +
    us(exchange.endMs);
  if (exchange.judgedMs >= 0) out += ',"judged_us":' + us(exchange.judgedMs);
  if (exchange.upstreamFirstByteMs >= 0)
    out += ',"upstream_first_byte_us":' + us(exchange.upstreamFirstByteMs);
  if (exchange.upstreamAttempts > 0) {
    out += ',"upstream_address":' + recurringJsonText(exchange.upstreamAddress);
    if (exchange.upstreamAttempts > 1) out += ',"upstream_attempts":' + exchange.upstreamAttempts;
  }
  const agent = exchange.fields.get('user-agent');
  if (agent !== null) {
    out +=
      ',"user_agent":' +
      recurringJsonText(agent.length > MAX_USER_AGENT ? agent.slice(0, MAX_USER_AGENT) : agent);
  }
  if (exchange.answerFinding !== '') out += ',"contract":' + jsonText(exchange.answerFinding);
  if (exchange.timings !== null) out += timingsText(exchange.timings, exchange.startMs);
  if (exchange.inspection !== null) out += inspectionText(exchange.inspection, options.matchValues);
  return out + '}\n';
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
  for (const part of query.split('&')) {
    if (out !== '') out += '&';
    const equals = part.indexOf('=');
    out += equals === -1 ? '*' : part.slice(0, equals + 1) + '*';
  }
  return out;
}
