export type { ContractBody, ContractOperation, ContractParameter, ParameterPlace } from './contract.ts';
