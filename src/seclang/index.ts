export type * from './contract.ts';
export { SEVERITY_NAMES } from './contract.ts';
export { compileProfile } from './fast/compile-profile.ts';
export { parseRuleFiles, type RuleSetAst } from './language/index.ts';
export { compileRuleSet } from './rules/compile.ts';
export { defaultProfileSettings, type Profile } from './rules/profile.ts';
export type { RuleSet } from './rules/rule-set.ts';
export { MemoryCollections } from './transaction/memory-collections.ts';
export { Transaction, type TransactionOptions } from './transaction/transaction.ts';
