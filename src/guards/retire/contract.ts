/** The end of a version: when it was announced, when it comes, and what takes its place. */
export interface RetireConfig {
  /** Since when it should not be used any more, s since the epoch; null: nobody has said. */
  readonly deprecatedAt: number | null;
  /** From when it is not served, s since the epoch; null: nobody has said. */
  readonly sunsetAt: number | null;
  /** Address of what takes its place; null for none. */
  readonly successor: string | null;
  /** Address of a page for developers; null for none. */
  readonly information: string | null;
}
