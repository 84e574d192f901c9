export { type Algorithm, type AlgorithmName, algorithmNames, algorithms } from './algorithms.ts';
export { decodeBase64Url, encodeBase64Url } from './base64url.ts';
export {
  type DpopExpectations,
  type DpopProblem,
  type DpopRequest,
  DpopVerifier,
  type VerifiedProof,
} from './dpop.ts';
export { type CompiledKey, compileJwk, compileKeySet, JwkError, type KeySet } from './jwk.ts';
export {
  type JwsProblem,
  MAX_TOKEN_BYTES,
  type ParsedJws,
  parseJws,
  selectKey,
  signJws,
  verifyJws,
} from './jws.ts';
export {
  type JwtExpectations,
  type JwtProblem,
  parseJwt,
  peekIssuer,
  rfc9068Claims,
  signJwt,
  type VerifiedJwt,
  verifyJwt,
} from './jwt.ts';
export { hasDuplicateMembers, parseJsonObject } from './strict-json.ts';
export { jwkThumbprint } from './thumbprint.ts';
