// Cedar's decimal: four digits after the point, the scaled value in 64 bits.
import { type Long, longOf } from '../numbers.ts';

const form = /^(-?)([0-9]+)\.([0-9]{1,4})$/;

export class Decimal {
  /** The value times 10,000. */
  readonly scaled: Long;

  constructor(scaled: Long) {
    this.scaled = scaled;
  }

  /** Null when the text is not a decimal, or too large. */
  static parse(text: string): Decimal | null {
    const match = form.exec(text);
    if (match === null) return null;
    const [, sign, whole, fraction] = match;
    const scaled = longOf(BigInt(`${sign}${whole}${fraction!.padEnd(4, '0')}`));
    return scaled === null ? null : new Decimal(scaled);
  }
}
