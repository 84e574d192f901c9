export { compileAdmit } from './admit.ts';
export type { AdmitConfig } from './contract.ts';
