// HOT. An ordered list of names and values with repetition: arguments, headers, cookies.

export class NamedValues {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** Bytes of all names and values. */
  totalBytes = 0;
  /** There were more than its limit allows. */
  isTruncated = false;
  /** Lower-case names, made when a key is first asked for. */
  #lowerNames: string[] | null = null;

  get count(): number {
    return this.names.length;
  }

  add(name: string, value: string): void {
    this.names.push(name);
    this.values.push(value);
    this.totalBytes += name.length + value.length;
    this.#lowerNames?.push(name.toLowerCase());
  }

  lowerNames(): readonly string[] {
    if (this.#lowerNames === null) {
      this.#lowerNames = [];
      for (let i = 0; i < this.names.length; i++) this.#lowerNames.push(this.names[i]!.toLowerCase());
    }
    return this.#lowerNames;
  }

  /** The first value under a lower-case name, or null. */
  first(lowerName: string): string | null {
    const at = this.lowerNames().indexOf(lowerName);
    return at === -1 ? null : this.values[at]!;
  }
}
