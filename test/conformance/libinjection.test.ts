// The strings that libinjection's authors collected: attacks, one a line as they were sent, and benign strings that looked like
// attacks. A third of them, chosen by a hash, is held out: rules are made while looking at the others only, so the rate of
// the held-out third says how the detectors do on what nobody has seen. Both rates are asserted, and misses are named.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { detectSqli, detectXss } from '../../src/seclang/detect/index.ts';
import { findCorpus } from '../support/corpus.ts';

const corpus = findCorpus('libinjection');

interface Line {
  readonly file: string;
  readonly value: string;
  readonly isHeldOut: boolean;
}

/** As a form sends it: `+` is a blank, `%XX` a byte. */
function decode(line: string): string {
  return line
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function readLines(folder: string): Line[] {
  const lines: Line[] = [];
  const directory = new URL(`${folder}/`, corpus.folder);
  for (const file of readdirSync(directory).sort()) {
    for (const raw of readFileSync(new URL(file, directory), 'latin1').split(/\r?\n/)) {
      if (raw.trim() === '') continue;
      const digest = createHash('sha1').update(`${file}\0${raw}`, 'latin1').digest();
      lines.push({ file, value: decode(raw), isHeldOut: digest[0]! % 3 === 0 });
    }
  }
  return lines;
}

interface Expectation {
  readonly folder: string;
  readonly detect: (value: string) => boolean;
  readonly isAttack: boolean;
  readonly cases: number;
  /** The least share judged right, among the lines seen and those held out. */
  readonly seen: number;
  readonly heldOut: number;
}

const isSqli = (value: string): boolean => detectSqli(value) !== null;

const expectations: Readonly<Record<string, Expectation>> = {
  'SQL injection is found': {
    folder: 'sqli',
    detect: isSqli,
    isAttack: true,
    cases: 11_109,
    seen: 0.995,
    heldOut: 0.99,
  },
  'cross-site scripting is found': {
    folder: 'xss',
    detect: detectXss,
    isAttack: true,
    cases: 1072,
    seen: 0.995,
    heldOut: 0.99,
  },
  'benign strings are no SQL injection': {
    folder: 'benign',
    detect: isSqli,
    isAttack: false,
    cases: 284,
    seen: 0.995,
    heldOut: 0.995,
  },
  'benign strings are no cross-site scripting': {
    folder: 'benign',
    detect: detectXss,
    isAttack: false,
    cases: 284,
    seen: 0.995,
    heldOut: 0.995,
  },
};

describe('libinjection corpus', { skip: corpus.skip }, () => {
  for (const [title, { folder, detect, isAttack, cases, seen, heldOut }] of Object.entries(expectations))
    test(title, (context) => {
      const lines = readLines(folder);
      assert.equal(lines.length, cases);
      for (const part of [false, true]) {
        const ours = lines.filter((line) => line.isHeldOut === part);
        const wrong = ours.filter((line) => detect(line.value) !== isAttack);
        const rate = 1 - wrong.length / ours.length;
        const name = part ? 'held out' : 'seen';
        context.diagnostic(
          `${name}: ${ours.length - wrong.length} of ${ours.length} right, ${(rate * 100).toFixed(2)} %`,
        );
        // What is held out stays unseen: only its count is told.
        if (!part)
          for (const line of wrong)
            context.diagnostic(`wrong: ${line.file}: ${JSON.stringify(line.value.slice(0, 120))}`);
        assert.ok(rate >= (part ? heldOut : seen), `${name}: only ${(rate * 100).toFixed(2)} % right`);
      }
    });
});
