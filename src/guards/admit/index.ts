export { AddressLists } from './address-lists.ts';
export { type AdmitContext, compileAdmit } from './admit.ts';
export type { AdmitConfig, PlaceConfig } from './contract.ts';
