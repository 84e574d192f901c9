// Numbers of payment cards and of bank accounts.
import { isLuhn, mod97 } from './checksums.ts';
import type { Report } from './contract.ts';

/** Issuers by what their numbers begin with, and how many digits those have (ISO/IEC 7812; the schemes' own announcements). */
const brands: readonly { kind: string; begins: RegExp; lengths: readonly number[] }[] = [
  { kind: 'visa', begins: /^4/, lengths: [16, 19] },
  {
    kind: 'mastercard',
    begins: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/,
    lengths: [16],
  },
  { kind: 'american-express', begins: /^3[47]/, lengths: [15] },
  { kind: 'diners-club', begins: /^3(?:0[0-59]|[689])/, lengths: [14, 16, 19] },
  { kind: 'discover', begins: /^6(?:011|4[4-9]|5)/, lengths: [16, 19] },
  { kind: 'jcb', begins: /^35(?:2[89]|[3-8])/, lengths: [16, 19] },
  { kind: 'unionpay', begins: /^62/, lengths: [16, 17, 18, 19] },
  { kind: 'rupay', begins: /^(?:60|8[12])/, lengths: [16] },
  { kind: 'mir', begins: /^220[0-4]/, lengths: [16, 19] },
  { kind: 'maestro', begins: /^(?:50|5[6-8]|6[0379])/, lengths: [16, 18, 19] },
];

/** The scheme of a card's number; null when it is none. `digits`: ASCII digits alone. */
export function cardBrand(digits: string): string | null {
  if (digits.length < 14 || digits.length > 19 || !isLuhn(digits)) return null;
  const brand = brands.find(({ begins, lengths }) => lengths.includes(digits.length) && begins.test(digits));
  return brand?.kind ?? null;
}

/** How people group the digits of a card: all at once, by four, or 4-6-5 and 4-6-4. */
const grouping = /^(?:\d+|\d{4}(?:([ .-])\d{4}(?:\1\d{4}(?:\1\d{1,7})?))|\d{4}([ .-])\d{6}\2\d{4,5})$/;

/** `text` is a run of digits with single separators that begins at `start`. */
export function findCard(text: string, start: number, report: Report): boolean {
  if (text.length < 14 || text.length > 23) return false;
  const brand = grouping.test(text) ? cardBrand(text.replace(/\D/g, '')) : null;
  if (brand === null) return false;
  report(brand, start, start + text.length);
  return true;
}

/** How long an IBAN is, by country (the registry of ISO 13616). */
const ibanLengths = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 ' +
    'FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 ' +
    'LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 ' +
    'RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const ibanStart = /(?<![A-Za-z0-9])([A-Za-z]{2})\d{2}[ ]?(?=[A-Za-z0-9])/g;

/** Finds IBANs, in one piece or in groups of four. */
export function findIbans(text: string, report: Report): void {
  ibanStart.lastIndex = 0;
  for (let match = ibanStart.exec(text); match !== null; match = ibanStart.exec(text)) {
    const length = ibanLengths.get(match[1]!.toUpperCase());
    if (length === undefined) continue;
    const end = spanOf(text, match.index, length);
    if (end === 0) continue;
    const iban = text.slice(match.index, end).replaceAll(' ', '').toUpperCase();
    if (mod97(iban.slice(4) + iban.slice(0, 4)) !== 1) continue;
    report('iban', match.index, end);
    ibanStart.lastIndex = end;
  }
}

const isAlphanumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);

/** End of `count` letters and digits from `start`, with a blank between groups of four or none; 0 when it is not there. */
function spanOf(text: string, start: number, count: number): number {
  let seen = 0;
  let at = start;
  const grouped = text.charCodeAt(start + 4) === 0x20;
  while (seen < count) {
    if (grouped && seen > 0 && seen % 4 === 0) {
      if (text.charCodeAt(at) !== 0x20) return 0;
      at++;
    }
    if (!isAlphanumeric(text.charCodeAt(at))) return 0;
    at++;
    seen++;
  }
  return isAlphanumeric(text.charCodeAt(at)) ? 0 : at;
}
