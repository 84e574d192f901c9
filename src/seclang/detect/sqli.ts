// HOT. Whether a value is SQL injection. A value is judged where it could stand in a query: as it is, and, when it holds a
// quote, as the inside of a string that this quote closes.
import { SqlJudge } from './sql-judge.ts';

/** Words, numbers, UUIDs, dates: nothing in them is SQL. */
const INTERESTING = /[^\w.~-]|--/;
/** 1 for the bytes of which at least one is in every injection: all but those of words. */
export const sqliBytes = Uint8Array.from({ length: 256 }, (_, code) =>
  /[\w.~]/.test(String.fromCharCode(code)) ? 0 : 1,
);
const BLANK = /\s/;
const QUOTES = [0x27, 0x22, 0x60] as const;
const QUOTE_TEXTS = ["'", '"', '`'] as const;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;

/** Keeps nothing between calls but its arrays; calls are synchronous. */
const judge = new SqlJudge();

/** Fingerprint of the injection in `value` (latin1, one char a byte), at most five letters; null when it is none. */
export function detectSqli(value: string): string | null {
  if (!INTERESTING.test(value)) return null;
  const print = detectAsRead(value);
  const plus = value.indexOf('+');
  if (print !== null || plus < 0 || value.indexOf('+', plus + 1) < 0 || BLANK.test(value)) return print;
  // `1+union+all+select`: still encoded as by a form, a server behind may decode once more.
  return detectAsRead(value.replaceAll('+', ' '));
}

function detectAsRead(value: string): string | null {
  if (judge.judge(value, 0, 0)) return judge.fingerprint();
  if (value.charCodeAt(0) === SLASH) {
    // A path is no operand; but what follows a comment in it may be.
    const end = value.indexOf('*/');
    if (end > 0 && judge.judge(value, end + 2, 0)) return judge.fingerprint();
  }
  for (let i = 0; i < QUOTES.length; i++) {
    const text = QUOTE_TEXTS[i]!;
    const first = value.indexOf(text);
    if (first < 0) continue;
    if (judge.judge(value, first + 1, QUOTES[i]!)) return judge.fingerprint();
    if (first === 0 || value.charCodeAt(first - 1) !== BACKSLASH) continue;
    // The backslash may escape the quote, or not.
    let second = value.indexOf(text, first + 1);
    while (second > 0 && value.charCodeAt(second - 1) === BACKSLASH) second = value.indexOf(text, second + 1);
    if (second > 0 && judge.judge(value, second + 1, QUOTES[i]!)) return judge.fingerprint();
  }
  return null;
}

/** Tokens read so far in this thread, for the test that the work is linear. */
export const sqlSteps = (): number => judge.steps;
