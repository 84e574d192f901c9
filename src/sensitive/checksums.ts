// Check digits, by which a number is told from digits that merely look like one.

const ZERO = 0x30;

/** ISO/IEC 7812-1 annex B (Luhn), over ASCII digits. */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  let doubles = false;
  for (let i = digits.length - 1; i >= 0; i--) {
    let digit = digits.charCodeAt(i) - ZERO;
    if (doubles) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
    doubles = !doubles;
  }
  return sum % 10 === 0;
}

/** The check digit that makes `digits` + it valid. */
export function luhnDigit(digits: string): string {
  for (let digit = 0; digit < 10; digit++) if (isLuhn(`${digits}${digit}`)) return String(digit);
  throw new RangeError('not a text of digits');
}

/** The number that ASCII digits and capital letters (A = 10) make, modulo 97 (ISO/IEC 7064 MOD 97-10). */
export function mod97(text: string): number {
  let rest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    rest = code >= 0x41 ? (rest * 100 + code - 55) % 97 : (rest * 10 + code - ZERO) % 97;
  }
  return rest;
}

/** Sum of the digits times their weights. */
export function weigh(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (digits.charCodeAt(i) - ZERO) * weights[i]!;
  return sum;
}

/** ISO/IEC 7064 MOD 11,10 over all digits. */
export function isMod11And10(digits: string): boolean {
  let product = 10;
  for (let i = 0; i < digits.length - 1; i++) {
    let sum = (digits.charCodeAt(i) - ZERO + product) % 10;
    if (sum === 0) sum = 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === digits.charCodeAt(digits.length - 1) - ZERO;
}

const dihedral = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const permuted = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
];

/** Verhoeff's check over the dihedral group D5. */
export function isVerhoeff(digits: string): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - ZERO;
    check = dihedral[check]!.charCodeAt(permuted[i % 8]!.charCodeAt(digit) - ZERO) - ZERO;
  }
  return check === 0;
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether a month has such a day. */
export const isDay = (month: number, day: number): boolean =>
  month >= 1 && month <= 12 && day >= 1 && day <= DAYS[month - 1]!;
