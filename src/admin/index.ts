export type { AdminParts, GateFacts, ReloadOutcome } from './contract.ts';
export type { AdminService } from './service.ts';
export { ConsoleSessions } from './sessions.ts';
export { Traffic } from './traffic.ts';
