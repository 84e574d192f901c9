/** How strictly a request is held to its contract. */
export interface ValidateConfig {
  /** Query parameters and body members that the contract does not name. */
  readonly undocumentedFields: 'refuse' | 'allow';
  /** Whether forms and texts are read; JSON always is. */
  readonly forms: boolean;
  /** Null: answers are not looked at. */
  readonly answers: ValidateAnswersConfig | null;
}

/** How strictly an answer is held to its contract. */
export interface ValidateAnswersConfig {
  /** `block` replaces what breaks the contract, `strip` first takes undeclared members away, `report` changes nothing. */
  readonly mode: 'block' | 'strip' | 'report';
  /** Longest answer that is judged, bytes; longer ones break the contract, which can not be shown to hold. */
  readonly limitBytes: number;
  /** Answers announced as longer than `aboveBytes` are judged in this share, 0 to 1; null: all are. */
  readonly sample: { readonly aboveBytes: number; readonly share: number } | null;
}
