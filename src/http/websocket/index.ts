export { type MessageSink, WebSocketCollector } from './collector.ts';
export { CloseCode, encodeClose, type WebSocketLimits, WebSocketMonitor } from './monitor.ts';
