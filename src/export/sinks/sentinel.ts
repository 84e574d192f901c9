// Microsoft Sentinel by the Logs Ingestion API: flat rows to a stream of a data collection rule, with a token from
// OAuth client credentials that is kept until shortly before its end.
import type { SinkTarget } from '../contract.ts';
import type { ExportEvent } from '../event.ts';
import { allTaken, type Origin, SendError, type Sink } from '../sink.ts';
import { errorOf, parseObject, post } from './http.ts';

type SentinelTarget = Extract<SinkTarget, { kind: 'sentinel' }>;

const API_VERSION = '2023-01-01';
/** The API takes 1 MB a call; a little is left for the brackets. */
const MAX_BODY_BYTES = 1_000_000;
/** A token is renewed so long before its end, ms. */
const RENEW_BEFORE_MS = 120_000;

/** Columns of the stream; reserved names (`id`, `Type`, `TenantId`) are not among them. */
export function sentinelRow(event: ExportEvent, origin: Origin): Record<string, unknown> {
  const common = {
    TimeGenerated: event.record.time,
    EventId: event.record.id,
    EventName: event.name,
    Severity: event.severity,
    Gate: origin.hostname,
  };
  if (event.kind === 'trail') {
    const { record } = event;
    return {
      ...common,
      ClientAddress: record.address,
      Operation: record.event,
      Actor: record.actor,
      ActorKind: record.actor_kind,
      Target: record.target,
      TargetKind: record.target_kind,
      Outcome: record.outcome,
      Reason: record.reason,
      TraceId: record.trace_id,
      RequestId: record.request_id,
      Trail: record.trail,
      TrailIndex: record.index,
      Before: record.before,
      After: record.after,
      Details: record.details,
    };
  }
  const { record } = event;
  return {
    ...common,
    ClientAddress: record.client_address,
    Country: record.country,
    Asn: record.asn,
    Method: record.method,
    Host: record.host,
    Path: record.path,
    Query: record.query,
    Api: record.api,
    Operation: record.operation,
    Consumer: record.consumer,
    Credential: record.credential,
    Decision: record.decision,
    Guard: record.guard,
    Code: record.code,
    Reason: record.reason,
    Policy: record.policy,
    Risk: record.risk,
    RiskSigns: record.risk_signs?.join(' '),
    StatusCode: record.status,
    RequestBytes: record.request_bytes,
    ResponseBytes: record.response_bytes,
    DurationUs: record.duration_us,
    Rules: record.rules,
    Threats: record.threats,
    TraceId: record.trace_id,
    UserAgent: record.user_agent,
  };
}

export function sentinelSink(target: SentinelTarget, origin: Origin, nowMs: () => number = Date.now): Sink {
  const { endpoint, rule, stream, ca } = target;
  const url = `${endpoint.replace(/\/$/, '')}/dataCollectionRules/${encodeURIComponent(rule)}/streams/${encodeURIComponent(stream)}?api-version=${API_VERSION}`;
  let token = { text: '', untilMs: 0 };

  async function bearer(): Promise<string> {
    if (nowMs() < token.untilMs) return token.text;
    const answer = await post({
      url: target.tokenUrl,
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: target.clientId,
        client_secret: target.clientSecret,
        scope: target.scope,
      }).toString(),
      ca,
    });
    // A wrong secret is 400 or 401 there: nothing that a dead letter would help.
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
      throw new SendError('refused', `the token endpoint answers ${answer.status}`);
    if (answer.status !== 200) throw errorOf(answer);
    const said = parseObject(answer.body);
    const [text, seconds] = [said?.['access_token'], Number(said?.['expires_in'])];
    if (typeof text !== 'string' || text === '' || !Number.isFinite(seconds))
      throw new SendError('retry', 'the token endpoint gives no token');
    token = { text, untilMs: nowMs() + Math.max(0, seconds * 1000 - RENEW_BEFORE_MS) };
    return text;
  }

  async function sendRows(rows: readonly string[]): Promise<void> {
    const answer = await post({
      url,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await bearer()}` },
      body: `[${rows.join(',')}]`,
      ca,
    });
    if (answer.status === 204 || answer.status === 200) return;
    if (answer.status === 401) token = { text: '', untilMs: 0 };
    throw errorOf(answer);
  }

  return {
    async send(events) {
      let rows: string[] = [];
      let size = 0;
      for (const event of events) {
        const row = JSON.stringify(sentinelRow(event, origin));
        const bytes = Buffer.byteLength(row) + 1;
        if (rows.length > 0 && size + bytes > MAX_BODY_BYTES) {
          await sendRows(rows);
          [rows, size] = [[], 0];
        }
        rows.push(row);
        size += bytes;
      }
      await sendRows(rows);
      return allTaken;
    },
    close: () => Promise.resolve(),
  };
}
