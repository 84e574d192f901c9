// Numbers that states give people. Only those that can be told from any other number: by check digits, by a date of birth in
// them, or by how they are written.
import { isDay, isLuhn, isMod11And10, isVerhoeff, mod97, weigh } from './checksums.ts';
import type { Report } from './contract.ts';

interface NumberKind {
  readonly kind: string;
  /** How it is written. */
  readonly shape: RegExp;
  /** `digits`: without separators. */
  readonly isValid: (digits: string) => boolean;
}

const at = (digits: string, from: number, to: number): number => Number(digits.slice(from, to));

/** Chinese resident numbers end in an X for ten. */
const chineseWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

const numbers: readonly NumberKind[] = [
  {
    kind: 'us-ssn',
    shape: /^\d{3}([ -])\d{2}\1\d{4}$/,
    isValid: (id) => !/^(?:000|666|9)/.test(id) && id.slice(3, 5) !== '00' && id.slice(5) !== '0000',
  },
  { kind: 'ca-sin', shape: /^\d{3}([ -])\d{3}\1\d{3}$/, isValid: (id) => !/^[08]/.test(id) && isLuhn(id) },
  {
    kind: 'br-cpf',
    shape: /^\d{3}\.\d{3}\.\d{3}-\d{2}$/,
    isValid: (id) =>
      !/^(\d)\1+$/.test(id) &&
      ((weigh(id, [10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11) % 10 === at(id, 9, 10) &&
      ((weigh(id, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11) % 10 === at(id, 10, 11),
  },
  {
    kind: 'ch-ahv',
    shape: /^756(?:\.\d{4}\.\d{4}\.\d{2}|\d{10})$/,
    isValid: (id) => weigh(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0,
  },
  {
    kind: 'se-personnummer',
    shape: /^(?:19|20)?\d{6}-\d{4}$/,
    isValid: (id) => {
      const short = id.slice(-10);
      const day = at(short, 4, 6);
      return isDay(at(short, 2, 4), day > 60 ? day - 60 : day) && isLuhn(short);
    },
  },
  {
    kind: 'no-fodselsnummer',
    shape: /^\d{6}[ -]?\d{5}$/,
    isValid: (id) => {
      const day = at(id, 0, 2);
      return (
        isDay(at(id, 2, 4), day > 40 ? day - 40 : day) &&
        weigh(id, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 &&
        weigh(id, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
      );
    },
  },
  {
    kind: 'be-rijksregister',
    shape: /^\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}$/,
    isValid: (id) =>
      isDay(at(id, 2, 4), at(id, 4, 6)) &&
      [id.slice(0, 9), `2${id.slice(0, 9)}`].some((base) => 97 - mod97(base) === at(id, 9, 11)),
  },
  {
    kind: 'fr-nir',
    shape: /^[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}$/,
    isValid: (id) =>
      /^.{3}(?:0[1-9]|1[0-2]|[2-9]\d)/.test(id) && 97 - mod97(id.slice(0, 13)) === at(id, 13, 15),
  },
  {
    kind: 'pl-pesel',
    shape: /^\d{11}$/,
    isValid: (id) =>
      isDay(at(id, 2, 4) % 20, at(id, 4, 6)) && weigh(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0,
  },
  {
    kind: 'de-steuer-id',
    shape: /^[1-9]\d ?\d{3} ?\d{3} ?\d{3}$/,
    isValid: (id) => hasOneRepeatedDigit(id.slice(0, 10)) && isMod11And10(id),
  },
  {
    kind: 'cn-resident-id',
    shape: /^[1-9]\d{5}(?:19|20)\d{9}[\dXx]$/,
    isValid: (id) =>
      isDay(at(id, 10, 12), at(id, 12, 14)) &&
      '10X98765432'[weigh(id, chineseWeights) % 11] === id[17]!.toUpperCase(),
  },
  { kind: 'in-aadhaar', shape: /^[2-9]\d{3}([ -])\d{4}\1\d{4}$/, isValid: isVerhoeff },
  {
    kind: 'kr-rrn',
    shape: /^\d{6}-[1-8]\d{6}$/,
    isValid: (id) => isDay(at(id, 2, 4), at(id, 4, 6)),
  },
  {
    kind: 'za-id',
    shape: /^\d{10}[01]8\d$|^\d{10}[01]9\d$/,
    isValid: (id) => isDay(at(id, 2, 4), at(id, 4, 6)) && isLuhn(id),
  },
];

/** In the first ten digits of a German one, exactly one digit stands twice or three times. */
function hasOneRepeatedDigit(digits: string): boolean {
  const counts = new Array<number>(10).fill(0);
  for (const digit of digits) counts[Number(digit)]!++;
  const repeated = counts.filter((count) => count > 1);
  return repeated.length === 1 && repeated[0]! <= 3;
}

/** `text`: digits with single separators, its last character may be an X; begins at `start`. */
export function findNationalNumber(text: string, start: number, report: Report): boolean {
  if (text.length < 11 || text.length > 21) return false;
  for (const { kind, shape, isValid } of numbers) {
    if (!shape.test(text) || !isValid(text.replace(/[^\dXx]/g, ''))) continue;
    report(kind, start, start + text.length);
    return true;
  }
  return false;
}

const mixed =
  /(?<![A-Za-z0-9])(?:([A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])|([XYZ]?\d{7,8}-?[A-HJ-NP-TV-Z])|([A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z])|(\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]))(?![A-Za-z0-9])/g;

/** What an odd place of an Italian one counts, by its letter; digits count as the first ten letters. */
const italianOdd = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

function isItalian(code: string): boolean {
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const unit = code.charCodeAt(i);
    const value = unit >= 0x41 ? unit - 0x41 : unit - 0x30;
    sum += i % 2 === 0 ? italianOdd[value]! : value;
  }
  return sum % 26 === code.charCodeAt(15) - 0x41;
}

const isSpanish = (id: string): boolean => {
  const digits = id.slice(0, -1).replace('X', '0').replace('Y', '1').replace('Z', '2');
  return digits.length === 8 && 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === id.at(-1);
};

const isFinnish = (id: string): boolean =>
  isDay(at(id, 2, 4), at(id, 0, 2)) &&
  '0123456789ABCDEFHJKLMNPRSTUVWXY'[Number(id.slice(0, 6) + id.slice(7, 10)) % 31] === id[10];

/** Those with letters: British, Spanish, Italian and Finnish. */
export function findMixedIds(text: string, report: Report): void {
  mixed.lastIndex = 0;
  for (let match = mixed.exec(text); match !== null; match = mixed.exec(text)) {
    const [whole, british, spanish, italian, finnish] = match;
    const end = match.index + whole.length;
    if (british !== undefined && !/^(?:BG|GB|NK|KN|TN|NT|ZZ)/.test(british))
      report('gb-nino', match.index, end);
    else if (spanish !== undefined && isSpanish(spanish.replace('-', ''))) report('es-dni', match.index, end);
    else if (italian !== undefined && isItalian(italian)) report('it-codice-fiscale', match.index, end);
    else if (finnish !== undefined && isFinnish(finnish)) report('fi-hetu', match.index, end);
  }
}
