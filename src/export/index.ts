export type { ExportConfig, ExportFormat, Severity, SinkConfig, SinkTarget } from './contract.ts';
export { type EventName, type ExportEvent, type RequestEvent, toEvent, toTrailEvent } from './event.ts';
export { Exporter, type ExporterEnvironment } from './exporter.ts';
export {
  encodeCef,
  encodeEcs,
  encodeLeef,
  encodeLine,
  encodeOcsf,
  encodeStructured,
} from './formats/index.ts';
export { allTaken, type Origin, SendError, type SendResult, type Sink } from './sink.ts';
export { createSink } from './sinks/index.ts';
export { Spool, type SpoolOptions } from './spool.ts';
export type { TrailRecord } from './trail-record.ts';
