export type { Requirements } from './analyse.ts';
export { modSecurityFlags, type PatternFlags } from './parse.ts';
export { type CompiledPattern, compilePattern, type Pattern } from './pattern.ts';
export { MAX_PHRASE_BYTES, PhraseMatcher } from './phrase-matcher.ts';
