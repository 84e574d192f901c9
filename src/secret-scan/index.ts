export type { FoundSecret, LeakedSecret, SourceText } from './contract.ts';
export { messageOf, toSarif } from './report.ts';
export { scanText } from './scan.ts';
export { fileTexts, historyTexts, type Skipped, stagedTexts } from './sources.ts';
