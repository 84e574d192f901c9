export { compileAuthorize } from './authorize.ts';
export type { ScopeAlternative } from './contract.ts';
