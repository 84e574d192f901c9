// Secrets that have no form of their own: values of settings whose names say what they are, and that are random enough not
// to be words.
import { isPlaceholder } from '../sensitive/index.ts';

export interface Assignment {
  readonly kind: 'assigned-password' | 'assigned-secret';
  readonly name: string;
  readonly value: string;
  /** Where the value stands. */
  readonly start: number;
}

const assignment =
  /(?<![A-Za-z0-9])([A-Za-z0-9_.-]{0,40}?(?:passw(?:or)?d|passphrase|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|credential)[A-Za-z0-9_.-]{0,24})["'`]?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}(["'`]?)([^\s"'`,;)}\]]{6,512})(["'`]?)/gi;

/** Names of what is no secret though it belongs to one. */
const harmless =
  /(?:sha-?(?:1|256|512)|hash|digest|fingerprint|public|_?(?:id|ids|name|names|url|uri|path|file|files|dir|type|length|size|limit|count|policy|field|header|cookie|endpoint|ttl|age|expiry|expires|prefix|pattern|regex|ref|env|arn|issuer|audience|method|mode|format|version)s?)$/i;

/** Values that lead to a secret, or are computed. */
const reference =
  /^(?:\$[({A-Za-z_]|[{<%]|process\.|os\.|env[.[(:]|!?(?:ref|sub|getatt)\b|(?:file|vault|ssm|arn|op|sops|secretsmanager):|(?:https?|file):\/\/[^@]*$|[./~]|true$|false$|null$|none$|undefined$|string$|number$|boolean$)/i;

/** Files of settings, where values need no quotes. */
const settings =
  /(?:^|[./])(?:env(?:\.[\w.-]+)?|ya?ml|properties|ini|toml|conf|cfg|config|tfvars|netrc|npmrc)$/i;

/** Bits for each character, of the characters that are there (Shannon). */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

const classesOf = (text: string): number =>
  [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((pattern) => pattern.test(text)).length;

const MIN_SECRET = 16;
const MIN_SECRET_ENTROPY = 3.3;
const MIN_PASSWORD = 8;
const MIN_PASSWORD_ENTROPY = 2.5;

function isSecret(isPassword: boolean, value: string, isQuoted: boolean): boolean {
  if (isPlaceholder(value) || reference.test(value) || /^(.)\1*$/.test(value)) return false;
  // Calls, members and types of programs are not quoted.
  if (!isQuoted && /[([]|^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$/.test(value)) return false;
  // Words for what would stand there.
  if (!/\d/.test(value) && /passw|secret|token|credential/i.test(value)) return false;
  if (isPassword)
    return value.length >= MIN_PASSWORD && classesOf(value) >= 2 && entropyOf(value) >= MIN_PASSWORD_ENTROPY;
  // A random text of this length has a digit; names of things that are joined by hyphens have none.
  return (
    value.length >= MIN_SECRET &&
    /\d/.test(value) &&
    /[A-Za-z]/.test(value) &&
    entropyOf(value) >= MIN_SECRET_ENTROPY
  );
}

/** Finds them in a text; `path` tells whether values need quotes there. Linear in the text. */
export function findAssignments(path: string, text: string): Assignment[] {
  const isSettings = settings.test(path);
  const found: Assignment[] = [];
  assignment.lastIndex = 0;
  for (let match = assignment.exec(text); match !== null; match = assignment.exec(text)) {
    const [whole, name, open, value, close] = match as unknown as [string, string, string, string, string];
    const isQuoted = open !== '' && close === open;
    if ((!isQuoted && !isSettings) || harmless.test(name)) continue;
    const isPassword = /pass|pwd/i.test(name);
    if (!isSecret(isPassword, value, isQuoted)) continue;
    const start = match.index + whole.length - close.length - value.length;
    found.push({ kind: isPassword ? 'assigned-password' : 'assigned-secret', name, value, start });
  }
  return found;
}
