// JSON strings in plain ASCII: whatever bytes a client sent, a log line stays one line of valid JSON. HOT

const needsEscape = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const escapes = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

const escapeOne = (character: string): string => {
  if (character === '"') return '\\"';
  if (character === '\\') return '\\\\';
  return '\\u' + character.charCodeAt(0).toString(16).padStart(4, '0');
};

/** What stands between the quotes of `text` as a JSON string; everything but printable ASCII is escaped. */
export function jsonCharacters(text: string): string {
  return needsEscape.test(text) ? text.replace(escapes, escapeOne) : text;
}

/** `text` as a JSON string with its quotes. */
export const jsonText = (text: string): string => '"' + jsonCharacters(text) + '"';

/** Texts that are remembered; when there are so many all are forgotten, so that no client can make it grow. */
const MAX_REMEMBERED = 256;
/** Longer ones are seldom seen twice. */
const MAX_REMEMBERED_LENGTH = 128;

/**
 * `before`, the text as a JSON string, `after`: made once for what comes again and again, such as names of listeners, hosts and
 * agents. A line of few long parts costs less than one of many short ones.
 */
export class RecurringText {
  readonly #before: string;
  readonly #after: string;
  readonly #remembered = new Map<string, string>();
  #last = '';
  #lastText: string;

  constructor(before: string, after: string) {
    this.#before = before;
    this.#after = after;
    this.#lastText = this.#make('');
  }

  of(text: string): string {
    if (text === this.#last) return this.#lastText;
    let made = this.#remembered.get(text);
    if (made === undefined) {
      made = this.#make(text);
      if (text.length > MAX_REMEMBERED_LENGTH) return made;
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(text, made);
    }
    this.#last = text;
    this.#lastText = made;
    return made;
  }

  #make(text: string): string {
    return this.#before + jsonText(text) + this.#after;
  }
}
