// Keys, tokens and passwords that can be told by how they are written. Sources: the services' own documentation of their
// formats; RFC 7468 for keys in PEM, RFC 7515 for JWTs.
import type { Report } from './contract.ts';

interface CredentialKind {
  readonly kind: string;
  /** Source of the expression: no capturing groups. */
  readonly source: string;
}

const kinds: readonly CredentialKind[] = [
  { kind: 'gatewright-key', source: 'gwk_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{43}' },
  { kind: 'aws-access-key', source: '(?:AKIA|ASIA)[A-Z2-7]{16}' },
  { kind: 'github-token', source: 'gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,}' },
  { kind: 'gitlab-token', source: 'gl(?:pat|dt|rt|ptt|cbt|oas)-[A-Za-z0-9_-]{20,}' },
  { kind: 'slack-token', source: 'xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\\d-[A-Za-z0-9-]{20,}' },
  { kind: 'stripe-key', source: '[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{32,}' },
  { kind: 'google-api-key', source: 'AIza[A-Za-z0-9_-]{35}' },
  { kind: 'google-oauth-secret', source: 'GOCSPX-[A-Za-z0-9_-]{28}' },
  { kind: 'npm-token', source: 'npm_[A-Za-z0-9]{36}' },
  { kind: 'sendgrid-key', source: 'SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}' },
  { kind: 'shopify-token', source: 'shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}' },
  { kind: 'digitalocean-token', source: 'do[opr]_v1_[a-f0-9]{64}' },
  { kind: 'huggingface-token', source: 'hf_[A-Za-z0-9]{34,}' },
  { kind: 'openai-key', source: 'sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}' },
  { kind: 'anthropic-key', source: 'sk-ant-[A-Za-z0-9]{3,10}-[A-Za-z0-9_-]{40,}' },
  { kind: 'databricks-token', source: 'dapi[a-f0-9]{32}' },
  { kind: 'vault-token', source: 'hv[bsr]\\.[A-Za-z0-9_-]{24,}' },
  { kind: 'age-key', source: 'AGE-SECRET-KEY-1[A-Z0-9]{50,}' },
  { kind: 'twilio-key', source: 'SK[a-f0-9]{32}' },
  { kind: 'mailgun-key', source: 'key-[a-f0-9]{32}' },
  { kind: 'telegram-token', source: '\\d{8,10}:AA[A-Za-z0-9_-]{33}' },
];

/** Each kind is a group of its own: which one matched tells the kind. */
const tokens = new RegExp(
  `(?<![A-Za-z0-9_-])(?:${kinds.map(({ source }) => `(${source})`).join('|')})(?![A-Za-z0-9_-])`,
  'g',
);

const BEGIN = '-----BEGIN ';
const pemBegin = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const pemEnd = /-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;

/** What follows the header: a line of base64, perhaps after fields of an encrypted key. */
const keyText = /[A-Za-z0-9+/=]{32}/;
const KEY_TEXT_WITHIN = 400;

const jwt =
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*)?/g;

/** A password in an address: scheme, user, password. */
const address = /[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"'<>?#]{0,128}:([^\s@/"'<>]{3,256})@/gi;

/** Values that stand in a place of another. */
const placeholder =
  /^(?:\$?[<{(%].*|\$[A-Za-z_]\w*|\*+|x+|\.+|(?:your|my|the|some|changeme|change[_-]me|password|passwd|pass|secret|example|redacted|hidden|none|null|token|todo)(?![a-z0-9]).*)$/i;

/** Whether a text only stands in the place of a credential. */
export const isPlaceholder = (text: string): boolean => placeholder.test(text);

/** Finds credentials by their forms. */
export function findCredentials(text: string, report: Report): void {
  tokens.lastIndex = 0;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const index = match.findIndex((group, i) => i > 0 && group !== undefined) - 1;
    report(kinds[index]!.kind, match.index, match.index + match[0].length);
  }
  if (text.includes(BEGIN)) findPrivateKeys(text, report);
  if (text.includes('eyJ')) findJwts(text, report);
  if (text.includes('://')) findPasswords(text, report);
}

/** Private keys in PEM; one without an end goes on to the end of the text. */
function findPrivateKeys(text: string, report: Report): void {
  pemBegin.lastIndex = 0;
  for (let match = pemBegin.exec(text); match !== null; match = pemBegin.exec(text)) {
    // A header alone is no key.
    if (!keyText.test(text.slice(pemBegin.lastIndex, pemBegin.lastIndex + KEY_TEXT_WITHIN))) continue;
    pemEnd.lastIndex = match.index;
    const last = pemEnd.exec(text);
    const end = last === null ? text.length : last.index + last[0].length;
    report('private-key', match.index, end);
    pemBegin.lastIndex = end;
  }
}

/** Tokens whose header is JSON that names an algorithm. */
function findJwts(text: string, report: Report): void {
  jwt.lastIndex = 0;
  for (let match = jwt.exec(text); match !== null; match = jwt.exec(text)) {
    const header = match[0].slice(0, match[0].indexOf('.'));
    if (/"alg"\s*:/.test(Buffer.from(header, 'base64url').toString('latin1')))
      report('jwt', match.index, match.index + match[0].length);
  }
}

function findPasswords(text: string, report: Report): void {
  address.lastIndex = 0;
  for (let match = address.exec(text); match !== null; match = address.exec(text)) {
    const password = match[1]!;
    if (isPlaceholder(password)) continue;
    const end = match.index + match[0].length - 1;
    report('password-in-url', end - password.length, end);
  }
}
