export { CloseCode, encodeClose, type WebSocketLimits, WebSocketMonitor } from './monitor.ts';
