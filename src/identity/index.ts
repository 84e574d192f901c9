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
export { fetchJwks, JwksSource, type JwksSourceConfig } from './jwks/jwks-source.ts';
export {
  type CreatedKey,
  IdentityRegistry,
  type KeyOptions,
  type RevocationOptions,
} from './registry/registry.ts';
