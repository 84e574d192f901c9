export {
  jwtSvidKeys,
  ServiceAuthority,
  type ServiceAuthorityConfig,
  type ServiceEvent,
  type X509Svid,
} from './authority.ts';
export { kubernetesIdentity, normaliseBinding } from './bindings.ts';
export {
  BundleError,
  compileJwtAuthorities,
  formatBundle,
  jwtKeySetText,
  MAX_BUNDLE_BYTES,
  parseBundle,
  type TrustBundle,
  x509AuthoritiesOf,
} from './bundle.ts';
export {
  createRoot,
  fingerprintOf,
  installIssuing,
  installRoot,
  issuingDue,
  requestIssuing,
  rotateIssuing,
  rotateIssuingIfDue,
  signRequest,
} from './ceremony.ts';
export { RequestError, readRequest } from './certificates.ts';
export type {
  Attestation,
  AuthorityRecord,
  BindingRecord,
  BundleRecord,
  IssueProof,
  JoinTokenRecord,
  ServiceStore,
  SightingRecord,
  StoredCallerRecord,
  SvidRecord,
} from './contract.ts';
export { Federation } from './federation.ts';
export { type IdentityHandlerParts, serviceIdentityHandler } from './identity-handler.ts';
export { createJoinToken, hashJoinToken } from './join-token.ts';
export type { VerifiedJwtSvid } from './jwt-svid.ts';
export { type JwtSvidProblem, verifyJwtSvid } from './jwt-svid.ts';
export { ClusterWitness } from './kubernetes.ts';
export { serviceOf, spiffeIdOf } from './names.ts';
export { type RootKey, readRootKey, sealRootKey, writeRootKey } from './root-key.ts';
export { ServiceSource, type ServiceSourceOptions } from './service-source.ts';
export type { ClusterConfig, FederationConfig, ServicesConfig, WorkloadSocketConfig } from './settings.ts';
export { reportShared, type SharedCredential } from './shared-credentials.ts';
export { SvidHolder, type SvidHolderOptions } from './svid-holder.ts';
