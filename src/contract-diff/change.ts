// What can change between two versions of a contract, one row each: whether it breaks callers, weakens what the contract
// protects, or neither. Reports and exit codes are made from this table and from nothing else.

/** `breaking`: a caller that kept to the old contract may fail. `security`: something is less protected than before. */
export type ChangeLevel = 'breaking' | 'security' | 'compatible';

const row = (level: ChangeLevel, title: string): { readonly level: ChangeLevel; readonly title: string } => ({
  level,
  title,
});

export const changeTable = {
  'operation-removed': row('breaking', 'An operation is gone.'),
  'operation-added': row('compatible', 'There is a new operation.'),
  'operation-added-open': row('security', 'There is a new operation that asks for no credentials.'),
  'operation-deprecated': row('compatible', 'An operation is deprecated.'),
  'security-removed': row('security', 'An operation asks for no credentials any more.'),
  'security-weakened': row('security', 'An operation can be called with less than before.'),
  'security-tightened': row('breaking', 'An operation asks for more than before.'),
  'parameter-removed': row('breaking', 'A parameter is gone.'),
  'parameter-added': row('compatible', 'There is a new parameter.'),
  'parameter-required': row('breaking', 'A parameter is needed that was not.'),
  'parameter-style': row('breaking', 'A parameter is written in another way.'),
  'body-removed': row('breaking', 'A request body is not taken any more.'),
  'body-added': row('compatible', 'A request body is taken.'),
  'body-required': row('breaking', 'A request body is needed that was not.'),
  'media-type-removed': row('breaking', 'A content type is gone.'),
  'media-type-added': row('compatible', 'There is a new content type.'),
  'response-removed': row('breaking', 'A successful answer is gone.'),
  'response-added': row('compatible', 'There is a new answer.'),
  'request-member-removed': row('breaking', 'A member of requests is gone.'),
  'request-member-added': row('compatible', 'Requests may have a new member.'),
  'request-member-required': row('breaking', 'Requests need a member that they did not.'),
  'request-member-writable': row('security', 'Requests may set a member that only the service could.'),
  'request-members-open': row('security', 'Requests may have members that the contract does not name.'),
  'request-members-closed': row('breaking', 'Requests may not have unnamed members any more.'),
  'request-narrowed': row('breaking', 'Requests are held to a tighter rule.'),
  'request-widened': row('compatible', 'Requests are held to a looser rule.'),
  'request-bound-removed': row('security', 'A bound or pattern of requests is gone or looser.'),
  'response-member-removed': row('breaking', 'A member of answers is gone.'),
  'response-member-optional': row('breaking', 'A member of answers may be missing.'),
  'response-member-added': row('compatible', 'Answers may have a new member.'),
  'response-member-sensitive': row(
    'security',
    'Answers may have a new member whose name says that it is sensitive.',
  ),
  'response-member-readable': row('security', 'Answers may show a member that only requests could carry.'),
  'response-members-open': row('security', 'Answers may have members that the contract does not name.'),
  'response-widened': row('breaking', 'Answers may hold values that they could not.'),
  'response-narrowed': row('compatible', 'Answers hold fewer values.'),
} as const;

export type ChangeRule = keyof typeof changeTable;

export interface Change {
  readonly rule: ChangeRule;
  readonly level: ChangeLevel;
  /** `GET /orders/{id}`. */
  readonly operation: string;
  /** Where within it, for instance `body /owner/name`; empty for the operation itself. */
  readonly where: string;
  readonly message: string;
  /** Position of the operation: in the new contract, or in the old one where it is gone; 0 when there is none. */
  readonly inOld: boolean;
  readonly line: number;
  readonly column: number;
}
