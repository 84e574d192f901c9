// The messages of OTLP 1.x that the gate sends and the answers it reads, as types and as tables of field numbers
// (opentelemetry-proto, trace/v1, metrics/v1, logs/v1, collector/*/v1; google.rpc Status and RetryInfo). Members are named as
// OTLP's JSON names them, so that the model is the JSON.
import { type MessageTable, message } from './protobuf.ts';

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: number | bigint }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

export const SpanKind = { internal: 1, server: 2, client: 3 } as const;
export const StatusCode = { error: 2 } as const;
/** Bits of a span's flags beside those of W3C: whether the parent is remote is known, and whether it is. */
export const SpanFlag = { sampled: 0x01, hasIsRemote: 0x100, isRemote: 0x200 } as const;

export interface Span {
  /** Hexadecimal digits, as are all ids. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: readonly KeyValue[];
  readonly events?: readonly { readonly timeUnixNano: bigint; readonly name: string }[];
  readonly status?: { readonly message?: string; readonly code: number };
}

export interface LogRecord {
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: AnyValue;
  readonly attributes: readonly KeyValue[];
  readonly flags?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}

export const Temporality = { delta: 1, cumulative: 2 } as const;

export interface Exemplar {
  readonly timeUnixNano: bigint;
  readonly asDouble: number;
  readonly spanId: string;
  readonly traceId: string;
}

export interface NumberPoint {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano?: bigint;
  readonly timeUnixNano: bigint;
  readonly asDouble: number;
}

export interface HistogramPoint {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly count: bigint;
  readonly sum: number;
  readonly bucketCounts: readonly bigint[];
  readonly explicitBounds: readonly number[];
  readonly exemplars: readonly Exemplar[];
}

export interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly gauge?: { readonly dataPoints: readonly NumberPoint[] };
  readonly sum?: {
    readonly dataPoints: readonly NumberPoint[];
    readonly aggregationTemporality: number;
    readonly isMonotonic: boolean;
  };
  readonly histogram?: {
    readonly dataPoints: readonly HistogramPoint[];
    readonly aggregationTemporality: number;
  };
}

const anyValue: MessageTable = message(() => ({
  stringValue: [1, 'string'],
  boolValue: [2, 'bool'],
  intValue: [3, 'varint'],
  doubleValue: [4, 'double'],
  arrayValue: [5, message(() => ({ values: [1, [anyValue]] }))],
}));
const keyValue = message(() => ({ key: [1, 'string'], value: [2, anyValue] }));
const resource = message(() => ({ attributes: [1, [keyValue]] }));
const scope = message(() => ({ name: [1, 'string'], version: [2, 'string'] }));

const span = message(() => ({
  traceId: [1, 'hex'],
  spanId: [2, 'hex'],
  parentSpanId: [4, 'hex'],
  name: [5, 'string'],
  kind: [6, 'varint'],
  startTimeUnixNano: [7, 'fixed64'],
  endTimeUnixNano: [8, 'fixed64'],
  attributes: [9, [keyValue]],
  events: [11, [message(() => ({ timeUnixNano: [1, 'fixed64'], name: [2, 'string'] }))]],
  status: [15, message(() => ({ message: [2, 'string'], code: [3, 'varint'] }))],
  flags: [16, 'fixed32'],
}));

const logRecord = message(() => ({
  timeUnixNano: [1, 'fixed64'],
  severityNumber: [2, 'varint'],
  severityText: [3, 'string'],
  body: [5, anyValue],
  attributes: [6, [keyValue]],
  flags: [8, 'fixed32'],
  traceId: [9, 'hex'],
  spanId: [10, 'hex'],
  observedTimeUnixNano: [11, 'fixed64'],
  eventName: [12, 'string'],
}));

const exemplar = message(() => ({
  timeUnixNano: [2, 'fixed64'],
  asDouble: [3, 'double'],
  spanId: [4, 'hex'],
  traceId: [5, 'hex'],
}));
const numberPoint = message(() => ({
  startTimeUnixNano: [2, 'fixed64'],
  timeUnixNano: [3, 'fixed64'],
  asDouble: [4, 'double'],
  attributes: [7, [keyValue]],
}));
const histogramPoint = message(() => ({
  startTimeUnixNano: [2, 'fixed64'],
  timeUnixNano: [3, 'fixed64'],
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  bucketCounts: [6, 'fixed64[]'],
  explicitBounds: [7, 'double[]'],
  exemplars: [8, [exemplar]],
  attributes: [9, [keyValue]],
}));
const metric = message(() => ({
  name: [1, 'string'],
  description: [2, 'string'],
  unit: [3, 'string'],
  gauge: [5, message(() => ({ dataPoints: [1, [numberPoint]] }))],
  sum: [
    7,
    message(() => ({
      dataPoints: [1, [numberPoint]],
      aggregationTemporality: [2, 'varint'],
      isMonotonic: [3, 'bool'],
    })),
  ],
  histogram: [
    9,
    message(() => ({ dataPoints: [1, [histogramPoint]], aggregationTemporality: [2, 'varint'] })),
  ],
}));

const request = (ofResource: string, ofScope: string, items: string, item: MessageTable): MessageTable => {
  const scoped = message(() => ({ scope: [1, scope], [items]: [2, [item]], schemaUrl: [3, 'string'] }));
  const owned = message(() => ({
    resource: [1, resource],
    [ofScope]: [2, [scoped]],
    schemaUrl: [3, 'string'],
  }));
  return message(() => ({ [ofResource]: [1, [owned]] }));
};
const response = (rejected: string): MessageTable => {
  const partial = message(() => ({ [rejected]: [1, 'varint'], errorMessage: [2, 'string'] }));
  return message(() => ({ partialSuccess: [1, partial] }));
};

export type Signal = 'traces' | 'metrics' | 'logs';

/** What is different about the three signals. */
export interface SignalShape {
  readonly request: MessageTable;
  readonly response: MessageTable;
  /** Member of the answer's `partialSuccess`. */
  readonly rejected: string;
  /** Path of OTLP over HTTP below the endpoint, and full method of gRPC. */
  readonly httpPath: string;
  readonly grpcMethod: string;
  readonly ofResource: string;
  readonly ofScope: string;
  readonly items: string;
}

const shape = (
  name: string,
  items: string,
  rejected: string,
  item: MessageTable,
  ofResource: string,
  ofScope: string,
): SignalShape => ({
  request: request(ofResource, ofScope, items, item),
  response: response(rejected),
  rejected,
  httpPath: `/v1/${name === 'trace' ? 'traces' : name}`,
  grpcMethod: `/opentelemetry.proto.collector.${name}.v1.${name[0]!.toUpperCase()}${name.slice(1)}Service/Export`,
  ofResource,
  ofScope,
  items,
});

export const signals: Readonly<Record<Signal, SignalShape>> = {
  traces: shape('trace', 'spans', 'rejectedSpans', span, 'resourceSpans', 'scopeSpans'),
  metrics: shape('metrics', 'metrics', 'rejectedDataPoints', metric, 'resourceMetrics', 'scopeMetrics'),
  logs: shape('logs', 'logRecords', 'rejectedLogRecords', logRecord, 'resourceLogs', 'scopeLogs'),
};

const retryInfo = message(() => ({
  retryDelay: [1, message(() => ({ seconds: [1, 'varint'], nanos: [2, 'varint'] }))],
}));
const rpcStatus = message(() => ({
  code: [1, 'varint'],
  message: [2, 'string'],
  details: [3, [message(() => ({ typeUrl: [1, 'string'], value: [2, 'bytes'] }))]],
}));
export const answerTables = { rpcStatus, retryInfo } as const;

/** `{ stringValue }` and so on for what JavaScript has. */
export function anyOf(value: string | number | boolean | readonly string[]): AnyValue {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value };
    default:
      return { arrayValue: { values: value.map((entry) => ({ stringValue: entry })) } };
  }
}
