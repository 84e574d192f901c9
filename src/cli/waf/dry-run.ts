// One request through inspection alone, as the gate would do it: read by the same codec, routed by the same router, judged
// by the same guard. It runs in detection mode, so that every rule that matches shows, not only those before the first refusal.
import type { ApiConfig, GateConfig } from '../../config/index.ts';
import type { ErrorCode } from '../../core/index.ts';
import { Exchange } from '../../exchange/index.ts';
import { compileRouter, RouteMatch, takeHead } from '../../gateway/index.ts';
import {
  compileInspect,
  type InspectConfig,
  type Inspection,
  InspectionRules,
} from '../../guards/inspect/index.ts';
import { RequestDecoder, type RequestHead } from '../../http/h1/index.ts';
import type { RuleMatch } from '../../seclang/index.ts';

export interface DryRunResult {
  readonly method: string;
  readonly path: string;
  /** Name of the API and id of the operation; empty when rules were tested without a configuration. */
  readonly api: string;
  readonly operation: string;
  /** Why the gate refuses the request before any rule sees it; empty when it does not. */
  readonly refusedBefore: ErrorCode | '';
  /** False: the operation is not inspected. */
  readonly isInspected: boolean;
  readonly mode: 'block' | 'detect';
  /** What blocking answers with; empty when the request passes. */
  readonly refusedBy: ErrorCode | '';
  readonly score: number;
  readonly threshold: number;
  readonly matches: readonly RuleMatch[];
}

type Target = { readonly api: string; readonly operation: string; readonly inspect: InspectConfig | null };

/** Runs `bytes`, one HTTP/1 request, against the operation of `config` that it is for. */
export function dryRun(bytes: Uint8Array, config: GateConfig): DryRunResult {
  const read = readRequest(bytes);
  if (typeof read === 'string') return refused(read, null);
  const { exchange, body } = read;
  const router = compileRouter(config.apis.flatMap(routesOf));
  const match = new RouteMatch<Target>();
  const found = router.find(exchange.host, exchange.method, exchange.path, match);
  if (found !== 'found') {
    const code =
      found === 'unknown' ? 'operation-unknown' : found === 'ambiguous' ? 'request-path-ambiguous' : found;
    return refused(code, exchange);
  }
  return inspect(exchange, body, match.value!, new InspectionRules(config.ruleSets));
}

/** Runs `bytes` against rules alone. */
export function dryRunRules(
  bytes: Uint8Array,
  inspectConfig: InspectConfig,
  rules: InspectionRules,
): DryRunResult {
  const read = readRequest(bytes);
  if (typeof read === 'string') return refused(read, null);
  return inspect(read.exchange, read.body, { api: '', operation: '', inspect: inspectConfig }, rules);
}

function routesOf(api: ApiConfig) {
  return api.operations.map((operation) => ({
    hosts: api.hosts,
    method: operation.method,
    template: operation.template,
    value: { api: api.name, operation: operation.id, inspect: operation.inspect },
  }));
}

function readRequest(bytes: Uint8Array): { exchange: Exchange; body: Buffer } | ErrorCode {
  const decoder = new RequestDecoder();
  const events = [...decoder.feed(bytes), ...decoder.finish()];
  const parts: Uint8Array[] = [];
  let head: RequestHead | null = null;
  for (const event of events) {
    if (event.kind === 'error') return event.code;
    if (event.kind === 'head') head ??= event.head;
    else if (event.kind === 'data') parts.push(event.bytes.slice());
  }
  if (head === null) return 'request-malformed';
  const exchange = new Exchange();
  exchange.fields = head.fields;
  exchange.peerAddress = exchange.clientAddress = '192.0.2.1';
  return takeHead(exchange, head, { trustedProxies: null }) ?? { exchange, body: Buffer.concat(parts) };
}

function refused(code: ErrorCode, exchange: Exchange | null): DryRunResult {
  return {
    method: exchange?.method ?? '',
    path: exchange?.path ?? '',
    api: '',
    operation: '',
    refusedBefore: code,
    isInspected: false,
    mode: 'block',
    refusedBy: code,
    score: 0,
    threshold: 0,
    matches: [],
  };
}

function inspect(exchange: Exchange, body: Buffer, target: Target, rules: InspectionRules): DryRunResult {
  const { api, operation } = target;
  const about = { method: exchange.method, path: exchange.path, api, operation, refusedBefore: '' as const };
  if (target.inspect === null) {
    return {
      ...about,
      isInspected: false,
      mode: 'block',
      refusedBy: '',
      score: 0,
      threshold: 0,
      matches: [],
    };
  }
  const guard = compileInspect({ ...target.inspect, mode: 'detect', response: null }, rules);
  guard.onRequest!(exchange);
  guard.onBody!(exchange, body);
  guard.onEnd!(exchange);
  const inspection = exchange.inspection as Inspection;
  return {
    ...about,
    isInspected: true,
    mode: target.inspect.mode,
    refusedBy: inspection.wouldRefuse,
    score: inspection.requestScore,
    threshold: Number(inspection.transaction.variable('inbound_anomaly_score_threshold') ?? 0),
    matches: inspection.matches,
  };
}
