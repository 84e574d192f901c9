// HOT
// `@pm` and `@pmFromFile`: any of many phrases, without letter case.
import type { CompiledOperator, OperatorEnvironment } from '../contract.ts';
import { MAX_PHRASE_BYTES, PhraseMatcher } from '../patterns/index.ts';
import { capture, type Hints, type Match, operatorOf, refuse } from './make.ts';

/** More phrases than this are not handed to the prefilter: the operator's own scan is one already. */
const MAX_FACTORS = 20_000;

const matchOf = (phrases: readonly string[]): Match => {
  const matcher = new PhraseMatcher(phrases);
  return (value, _, captures) => {
    if (captures === null) return matcher.test(value);
    const found = matcher.find(value);
    return found >= 0 && capture(captures, phrases[found]!);
  };
};

function hintsOf(phrases: readonly string[]): Hints {
  const requiredBytes = new Uint8Array(256);
  let shortest = Number.POSITIVE_INFINITY;
  for (const phrase of phrases) {
    shortest = Math.min(shortest, phrase.length);
    const first = phrase.charCodeAt(0);
    requiredBytes[first] = 1;
    const letter = first | 32;
    if (letter >= 97 && letter <= 122) requiredBytes[letter] = requiredBytes[letter - 32] = 1;
  }
  const lowered = phrases.map((phrase) => phrase.replace(/[A-Z]+/g, (run) => run.toLowerCase()));
  return {
    factors: shortest > 1 && phrases.length <= MAX_FACTORS ? [...new Set(lowered)] : null,
    requiredBytes,
  };
}

const hexGroup = /\|([0-9a-fA-F \t]*)\|/g;

/** Phrases of `@pm`: separated by spaces; `|41 42|` is bytes in hexadecimal, `\|` and others are themselves. */
export function parsePhrases(argument: string): readonly string[] {
  const phrases: string[] = [];
  for (const word of argument.split(/[\t-\r ]+(?=(?:[^|]*\|[^|]*\|)*[^|]*$)/))
    if (word !== '')
      phrases.push(
        word
          .replace(hexGroup, (whole, digits: string) => {
            const pairs = digits.replace(/[ \t]/g, '');
            return pairs.length % 2 === 0 && pairs !== ''
              ? Buffer.from(pairs, 'hex').toString('latin1')
              : whole;
          })
          .replace(/\\([|:;\\"])/g, '$1'),
      );
  return phrases;
}

/** Phrases of a file: one a line, `#` begins a comment line. */
export const parsePhraseFile = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/^[\t-\r ]+|[\t-\r ]+$/g, ''))
    .filter((line) => line !== '' && !line.startsWith('#'));

function compileAll(name: string, phrases: readonly string[], whatToName: string): CompiledOperator {
  if (phrases.length === 0) return refuse(`@${name} has no phrase`, whatToName);
  const bytes = phrases.reduce((sum, phrase) => sum + phrase.length, 0);
  if (bytes > MAX_PHRASE_BYTES)
    return refuse(
      `@${name} has phrases of ${bytes} bytes together, more than ${MAX_PHRASE_BYTES}`,
      'Split the list over several rules, or keep lists of addresses and tokens outside of the rules.',
    );
  return operatorOf(name, matchOf(phrases), hintsOf(phrases));
}

export function compilePhrases(name: string, argument: string): CompiledOperator {
  const phrases = parsePhrases(argument);
  return compileAll(name, phrases, 'Name the phrases, with spaces between.');
}

export function compilePhraseFiles(
  name: string,
  argument: string,
  env: OperatorEnvironment,
): CompiledOperator {
  const phrases: string[] = [];
  for (const file of argument.split(/[\t-\r ]+/)) {
    if (file === '') continue;
    const text = env.readData(file);
    if (text === null)
      return refuse(
        `@${name} names ${file}, which can not be read`,
        'Put the file beside the rules, or mend its name. Addresses of the web are not fetched.',
      );
    for (const phrase of parsePhraseFile(text)) phrases.push(phrase);
  }
  return compileAll(name, phrases, 'Name a file with one phrase a line.');
}
