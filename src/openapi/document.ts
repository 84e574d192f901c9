// Door for those who read contracts: it brings the YAML library, which data-plane threads do without.
export { type Contract, parseContract, type SecurityScheme } from './parse.ts';
