export { fetchJwks, JwksSource, type JwksSourceConfig } from './jwks/jwks-source.ts';
