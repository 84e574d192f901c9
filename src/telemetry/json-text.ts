// JSON strings in plain ASCII: whatever bytes a client sent, a log line stays one line of valid JSON. HOT

const needsEscape = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const escapes = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

const escapeOne = (character: string): string => {
  if (character === '"') return '\\"';
  if (character === '\\') return '\\\\';
  return '\\u' + character.charCodeAt(0).toString(16).padStart(4, '0');
};

/** `text` as a JSON string with its quotes; everything but printable ASCII is escaped. */
export function jsonText(text: string): string {
  return needsEscape.test(text) ? '"' + text.replace(escapes, escapeOne) + '"' : '"' + text + '"';
}

/** Texts that are remembered; when there are so many all are forgotten, so that no client can make it grow. */
const MAX_REMEMBERED = 256;
/** Longer ones are seldom seen twice. */
const MAX_REMEMBERED_LENGTH = 128;
const remembered = new Map<string, string>();

/** The same for what comes again and again, such as names of listeners, hosts and agents. */
export function recurringJsonText(text: string): string {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const out = jsonText(text);
  if (text.length <= MAX_REMEMBERED_LENGTH) {
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(text, out);
  }
  return out;
}
