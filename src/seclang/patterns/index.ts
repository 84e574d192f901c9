export type { Requirements } from './analyse.ts';
export { byteOdds } from './byte-odds.ts';
export { modSecurityFlags, type PatternFlags } from './parse.ts';
export { type CompiledPattern, compilePattern, type Pattern, requiredBytesOf } from './pattern.ts';
export { MAX_PHRASE_BYTES, PhraseMatcher } from './phrase-matcher.ts';
