export { accessLine, maskQuery } from './access-line.ts';
export {
  type AccessLogMemory,
  AccessLogReader,
  AccessLogWriter,
  createAccessLog,
  fileSink,
  type LogSink,
  nullSink,
  stdoutSink,
} from './access-log.ts';
export {
  type ExchangeRecord,
  parseRecord,
  RecordBatch,
  type RecordedGuard,
  type RecordedMatch,
} from './exchange-record.ts';
export type {
  ExemplarSample,
  HistogramSample,
  Labels,
  MetricFamily,
  NumberSample,
} from './families.ts';
export { overflowLabels } from './families.ts';
export { type GateLog, type LogLevel, silentLog, stderrLog } from './gate-log.ts';
export { jsonText } from './json-text.ts';
export { createMetrics, type MetricsMemory, WorkerMetrics } from './metrics.ts';
export { RecordStream, type RecordSubscriber, type SubscriberCounts } from './record-stream.ts';
export { type Gauge, MetricsRegistry } from './registry.ts';
export { type Readiness, startTelemetryServer, type TelemetryServer } from './server.ts';
export {
  applyTraceContext,
  childSpanId,
  TraceChoice,
  type TracePlan,
  traceparentOf,
} from './trace-context.ts';
export { type TracingStart, WorkerTelemetry } from './worker-telemetry.ts';
