export {
  type ApiKeyRecord,
  type ApiKeyState,
  type ApiKeyView,
  type IdentityChanges,
  IdentityError,
  type IdentityStore,
  type Principal,
  type PrincipalKind,
  type Revocation,
  type SigningKeyRecord,
} from './contract.ts';
export { CredentialFeed, type CredentialFeedOptions } from './feed/credential-feed.ts';
export { type FetchConfig, type IssuerMetadata, parseMetadata } from './issuers/discovery.ts';
export { type Introspection, type IntrospectionConfig, Introspector } from './issuers/introspector.ts';
export { JwksSource, type JwksSourceConfig } from './issuers/jwks-source.ts';
export { keySetHandler } from './key-set-handler.ts';
export { LoginService, type LoginServiceConfig } from './login/login-service.ts';
export {
  type CreatedKey,
  IdentityRegistry,
  type KeyOptions,
  type RevocationOptions,
} from './registry/registry.ts';
export { type OwnersAnswer, RelationSource, type RelationSourceConfig } from './relations/relation-source.ts';
export * from './services/index.ts';
export type { RotationHooks } from './signing/signing-keys.ts';
export {
  type RotationReport,
  type SigningKey,
  type SigningKeyConfig,
  SigningKeyRing,
  signingKeysOfLogin,
} from './signing/signing-keys.ts';
