export { ApiKeyTable, StoredKeys } from './api-key-table.ts';
export { type AuthenticateContext, compileAuthenticate } from './authenticate.ts';
export { CertificateTable } from './certificates.ts';
export type {
  ApiKeyConfig,
  ApiKeyMethod,
  AuthenticationMethod,
  ConsumerConfig,
  IssuerConfig,
  JwtMethod,
  MtlsMethod,
} from './contract.ts';
export { compileForwardCertificate } from './forward-certificate.ts';
export { type Issuer, IssuerReplica } from './issuer.ts';
