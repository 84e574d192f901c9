export { consoleUrl } from './admin-plane.ts';
export { ConfigError, type GateOptions, type ReloadResult, type RunningGate, startGate } from './gate.ts';
export { version } from './version.ts';
