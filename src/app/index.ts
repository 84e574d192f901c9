export { ConfigError, type GateOptions, type ReloadResult, type RunningGate, startGate } from './gate.ts';
export { consoleUrl } from './admin-plane.ts';
export { version } from './version.ts';
