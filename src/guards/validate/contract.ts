/** How strictly a request is held to its contract. */
export interface ValidateConfig {
  /** Query parameters and body members that the contract does not name. */
  readonly undocumentedFields: 'refuse' | 'allow';
}
