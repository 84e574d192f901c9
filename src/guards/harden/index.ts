export type { CorsConfig, HardenConfig } from './contract.ts';
export { answerPreflight, compileHarden, originAllowed } from './harden.ts';
