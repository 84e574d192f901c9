/** Who may connect, by address. Deny wins; a non-empty allow list admits nobody else. */
export interface AdmitConfig {
  /** CIDR blocks or single addresses, IPv4 or IPv6. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Names of lists that come from elsewhere. */
  readonly allowLists: readonly string[];
  readonly denyLists: readonly string[];
  /** Null: wherever they are. */
  readonly places: PlaceConfig | null;
}

/** Who may connect, by country and by autonomous system. What is not known of an address is not admitted. */
export interface PlaceConfig {
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countries: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly networks: { readonly allow: readonly number[]; readonly deny: readonly number[] };
  /** CIDR blocks of addresses for which neither counts. */
  readonly anywhere: readonly string[];
}
