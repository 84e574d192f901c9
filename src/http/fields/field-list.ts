// The header fields of one message, in order: two parallel arrays, names in lower case. A list of ten to thirty
// entries is scanned faster than a map is built, and repeated names need no special shape. HOT

const lineBreak = /[\r\n\0]/;

// INVARIANT: no name or value holds a line break or NUL: `append` and `set` refuse them, and the strict parsers, which
// push to the arrays themselves, let none pass. So writing a list needs no check of its own.
export class FieldList {
  /** Lower-case names, in order of arrival. */
  readonly names: string[] = [];
  /** Values without surrounding white space, one latin1 character a byte. */
  readonly values: string[] = [];

  get length(): number {
    return this.names.length;
  }

  clear(): void {
    this.names.length = 0;
    this.values.length = 0;
  }

  /** Value of the first field called `name` (lower case), or null. */
  get(name: string): string | null {
    const index = this.names.indexOf(name);
    return index === -1 ? null : this.values[index]!;
  }

  has(name: string): boolean {
    return this.names.indexOf(name) !== -1;
  }

  /** How many fields are called `name`. */
  count(name: string): number {
    let count = 0;
    for (let i = this.names.indexOf(name); i !== -1; i = this.names.indexOf(name, i + 1)) count++;
    return count;
  }

  /** All values of the fields called `name`, in order. */
  all(name: string): string[] {
    const found: string[] = [];
    for (let i = this.names.indexOf(name); i !== -1; i = this.names.indexOf(name, i + 1)) {
      found.push(this.values[i]!);
    }
    return found;
  }

  /** Throws TypeError when the name or value holds a line break or NUL. */
  append(name: string, value: string): void {
    if (lineBreak.test(value) || lineBreak.test(name)) throw new TypeError('line break in a field');
    this.names.push(name);
    this.values.push(value);
  }

  /** Replaces every field called `name` by one. Throws like `append`. */
  set(name: string, value: string): void {
    this.remove(name);
    this.append(name, value);
  }

  /** Removes every field called `name`; tells whether there was one. */
  remove(name: string): boolean {
    let kept = this.names.indexOf(name);
    if (kept === -1) return false;
    for (let i = kept + 1; i < this.names.length; i++) {
      if (this.names[i] === name) continue;
      this.names[kept] = this.names[i]!;
      this.values[kept] = this.values[i]!;
      kept++;
    }
    this.names.length = kept;
    this.values.length = kept;
    return true;
  }
}
