/** One way to be allowed: all `scopes`, for callers that authenticated by `method`. */
export interface ScopeAlternative {
  readonly method: 'any' | 'jwt' | 'api-key' | 'mtls';
  readonly scopes: readonly string[];
}
