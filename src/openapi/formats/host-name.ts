// Names of hosts: `hostname` (RFC 1123 section 2.1, with A-labels of RFC 5890 held to what they stand for) and `idn-hostname`
// (RFC 5890 to 5893: which characters a label may have, their context, and the Bidi rule).
import { decodePunycode, encodePunycode } from './punycode.ts';

const MAX_NAME = 253;
const MAX_LABEL = 63;

const ldh = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

export function isHostName(text: string): boolean {
  if (text.length === 0 || text.length > MAX_NAME) return false;
  const labels = text.split('.');
  if (!labels.every(isAsciiLabel)) return false;
  return keepsBidiRule(labels.map(toUnicode));
}

/** Dots of other scripts separate labels too (RFC 3490 section 3.1). */
export function isIdnHostName(text: string): boolean {
  const labels = text.split(/[.\u3002\uff0e\uff61]/);
  if (!labels.every((label) => (/^[\x00-\x7f]*$/.test(label) ? isAsciiLabel(label) : isUnicodeLabel(label))))
    return false;
  const ascii = labels.map((label) =>
    /^[\x00-\x7f]*$/.test(label) ? label : `xn--${encodePunycode(label)}`,
  );
  if (ascii.some((label) => label.length > MAX_LABEL) || ascii.join('.').length > MAX_NAME) return false;
  return keepsBidiRule(labels.map(toUnicode));
}

const isALabel = (label: string): boolean => /^xn--/i.test(label);

const toUnicode = (label: string): string =>
  isALabel(label) ? (decodePunycode(label.slice(4).toLowerCase()) ?? label) : label;

/** Letters, digits and hyphens; an A-label must be what its U-label is written as. */
function isAsciiLabel(label: string): boolean {
  if (!ldh.test(label)) return false;
  if (!isALabel(label)) return label.slice(2, 4) !== '--';
  const encoded = label.slice(4).toLowerCase();
  const text = decodePunycode(encoded);
  return (
    text !== null && /[^\x00-\x7f]/.test(text) && encodePunycode(text) === encoded && isUnicodeLabel(text)
  );
}

/** RFC 5892 section 2.6. */
const exceptions = /[\u00df\u03c2\u06fd\u06fe\u0f0b\u3007]/u;
const disallowed = new Set(
  '\u0640 \u07fa \u302e \u302f \u3031 \u3032 \u3033 \u3034 \u3035 \u303b'.split(' '),
);
/** Old Hangul, ignorable characters and blocks (sections 2.3 to 2.9). */
const neverAllowed =
  /[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7c6\ud7cb-\ud7fb]|[\u20d0-\u20ff]|[\u{1d100}-\u{1d24f}]|\p{Default_Ignorable_Code_Point}|\p{White_Space}|\p{Noncharacter_Code_Point}/u;
const letterOrDigit = /[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/u;
/** Canonical combining class 9, which expressions can't ask for. */
const virama = new Set(
  (
    '094d 09cd 0a4d 0acd 0b4d 0bcd 0c4d 0ccd 0d3b 0d3c 0d4d 0dca 0e3a 0eba 0f84 1039 103a 1714 1734 17d2 1a60 1b44 1baa 1bab 1bf2 ' +
    '1bf3 2d7f a806 a8c4 a953 a9c0 aaf6 abed 10a3f 11046 1107f 110b9 11133 11134 111c0 11235 1134d 11442 114c2 115bf 1163f 116b6'
  )
    .split(' ')
    .map((code) => String.fromCodePoint(Number.parseInt(code, 16))),
);
/** Arabic letters that join to what follows; what is left of the script joins only to what precedes, or not at all. */
const joinsOn =
  /(?![\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0673\u0675-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf\u06d2\u06d3\u06d5])[\p{Script=Arabic}&&\p{L}]|[\p{Script=Syriac}&&\p{L}]/v;
const joinsBack = /[[\p{Script=Arabic}\p{Script=Syriac}]&&\p{L}]/v;

function isUnicodeLabel(label: string): boolean {
  if (label === '' || label.startsWith('-') || label.endsWith('-') || label.slice(2, 4) === '--')
    return false;
  if (label !== label.normalize('NFC') || /^\p{M}/u.test(label)) return false;
  const characters = [...label];
  return characters.every((character, at) => isAllowed(character, at, characters));
}

function isAllowed(character: string, at: number, label: readonly string[]): boolean {
  const before = label[at - 1] ?? '';
  const after = label[at + 1] ?? '';
  switch (character) {
    case '\u200d':
      return virama.has(before);
    case '\u200c':
      return virama.has(before) || isBetweenJoined(at, label);
    case '\u00b7':
      return before === 'l' && after === 'l';
    case '\u0375':
      return /\p{Script=Greek}/u.test(after);
    case '\u05f3':
    case '\u05f4':
      return /\p{Script=Hebrew}/u.test(before);
    case '\u30fb':
      return label.some(
        (other) =>
          /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(other) && other !== '\u30fb',
      );
    default:
  }
  if (/[\u0660-\u0669]/.test(character)) return !label.some((other) => /[\u06f0-\u06f9]/.test(other));
  if (/[\u06f0-\u06f9]/.test(character)) return !label.some((other) => /[\u0660-\u0669]/.test(other));
  if (exceptions.test(character) || /[a-z0-9-]/.test(character)) return true;
  if (disallowed.has(character) || neverAllowed.test(character)) return false;
  const folded = character.normalize('NFKC').toLowerCase().normalize('NFKC');
  return folded === character && letterOrDigit.test(character);
}

/** RFC 5892 appendix A.1: letters that join on both sides, marks aside. */
function isBetweenJoined(at: number, label: readonly string[]): boolean {
  let left = at - 1;
  while (left >= 0 && /\p{Mn}/u.test(label[left]!)) left--;
  let right = at + 1;
  while (right < label.length && /\p{Mn}/u.test(label[right]!)) right++;
  return joinsOn.test(label[left] ?? '') && joinsBack.test(label[right] ?? '');
}

const rightToLeft =
  /[[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]&&[\p{L}]]/v;
const arabicNumber = /[\u0660-\u0669\u066b\u066c\u0600-\u0605\u06dd]/;
const europeanNumber = /[0-9\u06f0-\u06f9]/;

/** RFC 5893 section 2, for every label as soon as one has a character that is written from right to left. */
function keepsBidiRule(labels: readonly string[]): boolean {
  if (!labels.some((label) => rightToLeft.test(label) || arabicNumber.test(label))) return true;
  return labels.every((label) => {
    const characters = [...label].filter((character) => !/\p{Mn}/u.test(character));
    const [first = ''] = characters;
    const last = characters.at(-1) ?? '';
    const isLetter = (character: string): boolean => /\p{L}/u.test(character) && !rightToLeft.test(character);
    if (rightToLeft.test(first)) {
      return (
        !characters.some(isLetter) &&
        (rightToLeft.test(last) || arabicNumber.test(last) || europeanNumber.test(last)) &&
        !(europeanNumber.test(label) && arabicNumber.test(label))
      );
    }
    return (
      isLetter(first) &&
      !characters.some((character) => rightToLeft.test(character) || arabicNumber.test(character)) &&
      (isLetter(last) || europeanNumber.test(last))
    );
  });
}
