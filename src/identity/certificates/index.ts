export { storedLife } from './acme-store.ts';
export type { ChallengeAnswers } from './challenges.ts';
export type { AcmeAccountConfig, CertificateConfig } from './contract.ts';
export { CertificateManager, type CertificateView } from './manager.ts';
export type { CertificateBundle, CertificateSource } from './source.ts';
