// Which certificate answers for a server name (SNI, RFC 6066): the exact name, else the wildcard of its parent, which
// stands for one label (RFC 6125 section 6.4.3).

export class NameTable<T> {
  readonly #exact = new Map<string, T>();
  readonly #wildcards = new Map<string, T>();

  /** The first that claims a name keeps it; answers the names that were taken already. */
  add(names: readonly string[], value: T): string[] {
    const taken: string[] = [];
    for (const name of names) {
      const lower = name.toLowerCase();
      const isWildcard = lower.startsWith('*.');
      const table = isWildcard ? this.#wildcards : this.#exact;
      const key = isWildcard ? lower.slice(1) : lower;
      if (table.has(key)) taken.push(lower);
      else table.set(key, value);
    }
    return taken;
  }

  find(serverName: string): T | null {
    const name = serverName.toLowerCase();
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf('.');
    return dot > 0 ? (this.#wildcards.get(name.slice(dot)) ?? null) : null;
  }
}
