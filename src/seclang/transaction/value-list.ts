// HOT. Values of a rule's targets, as three parallel arrays that are filled anew for every link.

import type { VariableName } from '../language/variables.ts';

export class ValueList {
  count = 0;
  readonly variables: VariableName[] = [];
  /** As the client wrote them; empty for a scalar. */
  readonly keys: string[] = [];
  readonly values: string[] = [];

  clear(): void {
    this.count = 0;
  }

  push(variable: VariableName, key: string, value: string): void {
    this.variables[this.count] = variable;
    this.keys[this.count] = key;
    this.values[this.count] = value;
    this.count++;
  }

  /** `ARGS:q`, as in MATCHED_VAR_NAME. */
  nameAt(index: number): string {
    const key = this.keys[index]!;
    return key === '' ? this.variables[index]! : `${this.variables[index]}:${key}`;
  }

  /** Puts the value at `from` in the place of the one at `to`, which is not behind it. */
  move(from: number, to: number): void {
    this.variables[to] = this.variables[from]!;
    this.keys[to] = this.keys[from]!;
    this.values[to] = this.values[from]!;
  }
}
