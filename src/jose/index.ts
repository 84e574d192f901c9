export { type Algorithm, type AlgorithmName, algorithmNames, algorithms } from './algorithms.ts';
export { decodeBase64Url, encodeBase64Url } from './base64url.ts';
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
  signJwt,
  type VerifiedJwt,
  verifyJwt,
} from './jwt.ts';
export { hasDuplicateMembers, parseJsonObject } from './strict-json.ts';
