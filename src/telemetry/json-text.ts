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
