/** Who may connect, by address. Deny wins; a non-empty allow list admits nobody else. */
export interface AdmitConfig {
  /** CIDR blocks or single addresses, IPv4 or IPv6. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}
