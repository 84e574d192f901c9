export { ApiKeyTable, StoredKeys } from './api-key-table.ts';
export { type AuthenticateContext, compileAuthenticate } from './authenticate.ts';
export { CertificateTable, type StoredCaller, StoredCallers } from './certificates.ts';
export type {
  AllOfMethod,
  ApiKeyConfig,
  ApiKeyMethod,
  AuthenticationMethod,
  ConsumerConfig,
  DpopConfig,
  ForwardConfig,
  IntrospectMethod,
  IssuerConfig,
  JwtMethod,
  LoginConfig,
  LoginData,
  LoginRequest,
  LoginResult,
  LoginStep,
  MtlsMethod,
  SessionMethod,
  SignatureKeyConfig,
  SignatureMethod,
  SigningKeyData,
  SingleMethod,
  TokenBinding,
  WebhookMethod,
} from './contract.ts';
export { callerMethod, singleMethods } from './contract.ts';
export { compileForwardCertificate } from './forward-certificate.ts';
export { compileForwardIdentity, IdentitySigner } from './forward-identity.ts';
export { type Introspection, type Issuer, IssuerReplica } from './issuer.ts';
export { LoginReplica } from './login.ts';
export { compileLoginStep } from './login-steps.ts';
export { Possession } from './possession.ts';
export { compileKeepCookies } from './session.ts';
export { SignatureKeyTable } from './signature.ts';
