// Finds sensitive data in texts. A first look at each character tells what a text can hold at all; most hold nothing, and only
// for what is left expressions run. Every expression is linear in the text. HOT
import { findCard, findIbans } from './accounts.ts';
import { findEmails, findPhones } from './contacts.ts';
import { type DataClass, dataClasses, type Finding, type Report } from './contract.ts';
import { findCredentials } from './credentials.ts';
import { findMixedIds, findNationalNumber } from './national-ids.ts';

/** What a byte adds to the first look: digits are counted in the low bits, all else sets a bit. */
const SIGN_BITS = 16;
const AT_SIGN = 1 << SIGN_BITS;
const LETTER = 1 << (SIGN_BITS + 1);
/** A backslash: in JSON the text says something else than its bytes. */
const ESCAPE = 1 << (SIGN_BITS + 2);
const NON_ASCII = 1 << (SIGN_BITS + 3);
/** Begins a character in UTF-8 that may be taken for another: full-width forms, styled digits, blanks, hyphens. */
const DISGUISE = 1 << (SIGN_BITS + 4);
const DIGITS = (1 << SIGN_BITS) - 1;

const signs = new Int32Array(256);
for (let code = 0x80; code < 256; code++) signs[code] = NON_ASCII;
for (const lead of [0xc2, 0xe1, 0xe2, 0xe3, 0xef, 0xf0]) signs[lead] = NON_ASCII | DISGUISE;
signs[0x5c] = ESCAPE;
signs[0x40] = AT_SIGN;
for (let code = 0x41; code <= 0x5a; code++) {
  signs[code] = LETTER;
  signs[code + 0x20] = LETTER;
}
const isDigit = new Uint8Array(256);
isDigit.fill(1, 0x30, 0x3a);

/** Fewer digits are no number of any kind. */
const MIN_DIGITS = { card: 14, nationalId: 7, iban: 9, phone: 8 } as const;
/** Credentials have no blanks; the shortest is an address with a password. */
const MIN_CREDENTIAL = 12;

/** A run of digits; the last may be an X. */
const digitRun = /\d+(?:[Xx](?!\w))?/g;
/** Runs that are joined to one number, and digits of the longest number. */
const MAX_RUNS = 8;
const MAX_NUMBER = 23;
const MIN_NUMBER = 11;

const isSeparator = (code: number): boolean => code === 0x20 || code === 0x2d || code === 0x2e;
const isWord = (code: number): boolean =>
  isDigit[code] === 1 || code === 0x5f || (code <= 0xff && signs[code] === LETTER);

/** Blanks that are not the blank, and hyphens that are not the hyphen. */
const unusual = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]|[\u2010-\u2015\u2212\ufe63\uff0d]/g;

export class Finder {
  readonly #card: boolean;
  readonly #iban: boolean;
  readonly #nationalId: boolean;
  readonly #email: boolean;
  readonly #phone: boolean;
  readonly #credential: boolean;

  constructor(classes: Iterable<DataClass> = dataClasses) {
    const wanted = new Set(classes);
    this.#card = wanted.has('card');
    this.#iban = wanted.has('iban');
    this.#nationalId = wanted.has('national-id');
    this.#email = wanted.has('email');
    this.#phone = wanted.has('phone');
    this.#credential = wanted.has('credential');
  }

  /** What bytes of a text in UTF-8 have in them, for `mayHold`. */
  static look(bytes: Uint8Array, start: number, end: number): number {
    let found = 0;
    let digits = 0;
    for (let i = start; i < end; i++) {
      const code = bytes[i]!;
      found |= signs[code]!;
      digits += isDigit[code]!;
    }
    return found | Math.min(digits, DIGITS);
  }

  /**
   * What the text in these bytes may hold, when `look` is what `Finder.look` saw of them: `nothing`; something, and its
   * bytes are its characters (`plain`); or something that only shows when it has been decoded (`encoded`).
   */
  mayHold(bytes: Uint8Array, start: number, end: number, look: number): 'nothing' | 'plain' | 'encoded' {
    if ((look & (ESCAPE | DISGUISE)) !== 0) return 'encoded';
    const digits = look & DIGITS;
    const isPossible =
      (this.#email && (look & AT_SIGN) !== 0) ||
      (this.#card && digits >= MIN_DIGITS.card) ||
      (this.#phone && digits >= MIN_DIGITS.phone) ||
      (this.#nationalId && digits >= MIN_DIGITS.nationalId) ||
      (this.#iban && digits >= MIN_DIGITS.iban && (look & LETTER) !== 0) ||
      (this.#credential && hasLongWord(bytes, start, end));
    if (!isPossible) return 'nothing';
    return (look & NON_ASCII) === 0 ? 'plain' : 'encoded';
  }

  /** Everything in `text`, by place, without overlaps: of two findings the one that begins first, and is longer, counts. */
  find(text: string): Finding[] {
    const findings: Finding[] = [];
    this.#collect(text, findings);
    if (findings.length < 2) return findings;
    findings.sort((a, b) => a.start - b.start || b.end - a.end);
    let end = 0;
    return findings.filter((finding) => {
      if (finding.start < end) return false;
      end = finding.end;
      return true;
    });
  }

  /**
   * Whether something is only there for a reader that takes characters for others: full-width digits, unusual blanks and
   * hyphens (Unicode NFKC).
   */
  findsDisguised(text: string): boolean {
    const plain = text.normalize('NFKC').replace(unusual, (character) => (/\s/.test(character) ? ' ' : '-'));
    return plain !== text && this.find(plain).length > this.find(text).length;
  }

  #collect(text: string, findings: Finding[]): void {
    const reportAs =
      (name: DataClass): Report =>
      (kind, start, end) =>
        void findings.push({ class: name, kind, start, end });
    if (this.#credential && text.length >= MIN_CREDENTIAL) findCredentials(text, reportAs('credential'));
    if (this.#email) findEmails(text, reportAs('email'));
    if (this.#iban) findIbans(text, reportAs('iban'));
    if (this.#card || this.#nationalId) this.#collectNumbers(text, reportAs('card'), reportAs('national-id'));
    if (this.#nationalId) findMixedIds(text, reportAs('national-id'));
    if (this.#phone) findPhones(text, reportAs('phone'));
  }

  /** Runs with single separators between them are one number if any way to join them is; the longest first. */
  #collectNumbers(text: string, card: Report, nationalId: Report): void {
    const starts: number[] = [];
    const ends: number[] = [];
    digitRun.lastIndex = 0;
    for (let match = digitRun.exec(text); match !== null; match = digitRun.exec(text)) {
      starts.push(match.index);
      ends.push(digitRun.lastIndex);
    }
    for (let first = 0; first < starts.length; first++) {
      const start = starts[first]!;
      if (!mayBegin(text, start)) continue;
      let last = first;
      while (
        last + 1 < starts.length &&
        last + 1 < first + MAX_RUNS &&
        starts[last + 1] === ends[last]! + 1 &&
        isSeparator(text.charCodeAt(ends[last]!))
      )
        last++;
      for (; last >= first; last--) {
        const end = ends[last]!;
        if (end - start < MIN_NUMBER) break;
        if (end - start > MAX_NUMBER || isWord(text.charCodeAt(end))) continue;
        const number = text.slice(start, end);
        if (
          (this.#card && findCard(number, start, card)) ||
          (this.#nationalId && findNationalNumber(number, start, nationalId))
        ) {
          first = last;
          break;
        }
      }
    }
  }
}

/** Whether MIN_CREDENTIAL characters stand together without a blank. Looks at few of them. */
function hasLongWord(bytes: Uint8Array, start: number, end: number): boolean {
  for (let last = start + MIN_CREDENTIAL - 1; last < end; ) {
    let at = last;
    while (bytes[at]! > 0x20 && last - at < MIN_CREDENTIAL - 1) at--;
    if (bytes[at]! > 0x20) return true;
    last = at + MIN_CREDENTIAL;
  }
  return false;
}

/** No part of a word, and no decimals of a number. */
function mayBegin(text: string, start: number): boolean {
  if (start === 0) return true;
  const before = text.charCodeAt(start - 1);
  if (isWord(before)) return false;
  return before !== 0x2e || start < 2 || isDigit[text.charCodeAt(start - 2)] !== 1;
}
