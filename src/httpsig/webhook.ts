// Webhooks signed with a shared secret, in the ways that senders have come up with: an HMAC over the body, mostly with a
// time in front of it, in one field or spread over several.
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface WebhookScheme {
  /** Lower-case name of the field with the signature. */
  readonly signatureField: string;
  /**
   * `plain`: the whole value; `pairs`: `name=value` separated by commas; `list`: `name,value` separated by spaces. Of pairs
   * and lists, those called `signatureName` count.
   */
  readonly form: 'plain' | 'pairs' | 'list';
  readonly signatureName: string;
  /** Text in front of a signature, such as `sha256=`. */
  readonly prefix: string;
  readonly encoding: 'hex' | 'base64';
  /** Where the time (seconds) stands: a field of its own, a pair of the signature field, or nowhere. */
  readonly timeField: string;
  readonly timeName: string;
  /** Field with the id of the message; empty for none. */
  readonly idField: string;
  /** What is signed: literal text with `{time}`, `{id}` and `{body}`, each at most once. */
  readonly signed: string;
  readonly hash: 'sha256' | 'sha512';
}

const base: WebhookScheme = {
  signatureField: '',
  form: 'plain',
  signatureName: '',
  prefix: '',
  encoding: 'hex',
  timeField: '',
  timeName: '',
  idField: '',
  signed: '{body}',
  hash: 'sha256',
};

/** Well-known ones; all else is described by hand. */
export const webhookSchemes = {
  github: { ...base, signatureField: 'x-hub-signature-256', prefix: 'sha256=' },
  stripe: {
    ...base,
    signatureField: 'stripe-signature',
    form: 'pairs',
    signatureName: 'v1',
    timeName: 't',
    signed: '{time}.{body}',
  },
  slack: {
    ...base,
    signatureField: 'x-slack-signature',
    prefix: 'v0=',
    timeField: 'x-slack-request-timestamp',
    signed: 'v0:{time}:{body}',
  },
  shopify: { ...base, signatureField: 'x-shopify-hmac-sha256', encoding: 'base64' },
  standard: {
    ...base,
    signatureField: 'webhook-signature',
    form: 'list',
    signatureName: 'v1',
    encoding: 'base64',
    timeField: 'webhook-timestamp',
    idField: 'webhook-id',
    signed: '{id}.{time}.{body}',
  },
} as const satisfies Readonly<Record<string, WebhookScheme>>;

export const customWebhook = base;

/** What the head of a webhook says; the body decides. */
export interface WebhookClaim {
  readonly signatures: readonly Buffer[];
  /** Text of the time, as it is signed; empty where there is none. */
  readonly time: string;
  readonly timeMs: number;
  readonly id: string;
}

export type WebhookProblem = 'malformed' | 'too-old' | 'not-yet-valid';

const MAX_SIGNATURES = 8;
const MAX_ID = 256;

/** Reads what `field` answers for names of fields (null: not there, or there twice). */
export function readWebhook(
  scheme: WebhookScheme,
  field: (name: string) => string | null,
  toleranceMs: number,
  nowMs: number,
): WebhookClaim | WebhookProblem {
  const value = field(scheme.signatureField);
  if (value === null) return 'malformed';
  const texts: string[] = [];
  let time = scheme.timeField === '' ? '' : (field(scheme.timeField) ?? '');
  if (scheme.form === 'plain') texts.push(value);
  else {
    const [between, within] = scheme.form === 'pairs' ? [',', '='] : [' ', ','];
    for (const part of value.split(between)) {
      const at = part.indexOf(within);
      const [name, rest] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
      if (at === -1) return 'malformed';
      if (name === scheme.signatureName) texts.push(rest);
      else if (scheme.timeName !== '' && name === scheme.timeName) {
        if (time !== '') return 'malformed';
        time = rest;
      }
    }
  }
  if (texts.length === 0 || texts.length > MAX_SIGNATURES) return 'malformed';
  const signatures: Buffer[] = [];
  for (const text of texts) {
    const bytes = decode(text, scheme);
    if (bytes === null) return 'malformed';
    signatures.push(bytes);
  }
  let timeMs = 0;
  if (scheme.timeField !== '' || scheme.timeName !== '') {
    if (!/^\d{1,12}$/.test(time)) return 'malformed';
    timeMs = Number(time) * 1000;
    if (nowMs - timeMs > toleranceMs) return 'too-old';
    if (timeMs - nowMs > toleranceMs) return 'not-yet-valid';
  }
  const id = scheme.idField === '' ? '' : (field(scheme.idField) ?? '');
  if (scheme.idField !== '' && (id === '' || id.length > MAX_ID)) return 'malformed';
  return { signatures, time, timeMs, id };
}

function decode(text: string, { prefix, encoding, hash }: WebhookScheme): Buffer | null {
  if (!text.startsWith(prefix)) return null;
  const rest = text.slice(prefix.length);
  const isWellFormed = encoding === 'hex' ? /^[0-9a-fA-F]+$/.test(rest) : /^[A-Za-z0-9+/]+={0,2}$/.test(rest);
  const bytes = Buffer.from(rest, encoding);
  return isWellFormed && bytes.length === (hash === 'sha256' ? 32 : 64) ? bytes : null;
}

/** The signature that one of the secrets made over this body, as text; null when none did. */
export function findGenuineSignature(
  scheme: WebhookScheme,
  claim: WebhookClaim,
  body: Uint8Array,
  secrets: readonly Uint8Array[],
): string | null {
  const parts = scheme.signed.split(/(\{time\}|\{id\}|\{body\})/);
  let genuine: string | null = null;
  for (const secret of secrets) {
    const hmac = createHmac(scheme.hash, secret);
    for (const part of parts) {
      if (part === '{body}') hmac.update(body);
      else hmac.update(part === '{time}' ? claim.time : part === '{id}' ? claim.id : part, 'latin1');
    }
    const expected = hmac.digest();
    for (const signature of claim.signatures) {
      if (signature.length === expected.length && timingSafeEqual(signature, expected))
        genuine = expected.toString('base64url');
    }
  }
  return genuine;
}
