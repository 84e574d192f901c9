export { compileAdmit } from './admit.ts';
export type { AdmitConfig, PlaceConfig } from './contract.ts';
