export type { CorsConfig, HardenConfig } from './contract.ts';
export { answerPreflight, compileHarden } from './harden.ts';
