// Door for those who read contracts: it brings the YAML library, which data-plane threads do without.
export { localDocuments } from './local-documents.ts';
export { type Contract, type ContractHome, parseContract, type SecurityScheme } from './parse.ts';
