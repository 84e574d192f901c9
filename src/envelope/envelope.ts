// One record at rest: sealed with a random key of its own, which is sealed with a version of a named key. Changing that
// version touches the small wrapped key and never the content; forgetting it destroys what was sealed.
import { randomBytes } from 'node:crypto';
import { associate, KEY_BYTES, openAead, type RandomBytes, SealError, sealAead } from './aead.ts';

/** Which version of which key wraps a record's own key. */
export interface KeyRef {
  /** 1 to 128 letters, digits, `-`, `_`, `/`. */
  readonly key: string;
  /** From 1. */
  readonly version: number;
}

export interface Envelope extends KeyRef {
  readonly wrapped: Buffer;
  readonly sealed: Buffer;
}

const FORMAT = 'gv1';
const namePattern = /^[A-Za-z0-9/_-]{1,128}$/;
/** A content key, its nonce and tag. */
const WRAPPED_BYTES = 12 + KEY_BYTES + 16;

export const isKeyName = (name: string): boolean => namePattern.test(name);

/**
 * Seals `clear` for `place`, which names the record among all records; elsewhere it does not open. `wrappingKey` is the
 * version `ref` names.
 */
export function sealEnvelope(
  ref: KeyRef,
  wrappingKey: Uint8Array,
  place: string,
  clear: Uint8Array,
  random: RandomBytes = randomBytes,
): string {
  const contentKey = random(KEY_BYTES);
  const sealed = sealAead('gcm', contentKey, associate(FORMAT, 'content', place), clear, random);
  const wrapped = sealAead('gcm-siv', wrappingKey, wrapData(ref, place), contentKey, random);
  contentKey.fill(0);
  return formatEnvelope({ ...ref, wrapped, sealed });
}

/** Throws SealError. */
export function openEnvelope(envelope: Envelope, wrappingKey: Uint8Array, place: string): Buffer {
  const contentKey = openAead('gcm-siv', wrappingKey, wrapData(envelope, place), envelope.wrapped);
  try {
    return openAead('gcm', contentKey, associate(FORMAT, 'content', place), envelope.sealed);
  } finally {
    contentKey.fill(0);
  }
}

/** The same content under another key or version; proves on the way that the old one opened. Throws SealError. */
export function rewrapEnvelope(
  envelope: Envelope,
  oldKey: Uint8Array,
  ref: KeyRef,
  newKey: Uint8Array,
  place: string,
  random: RandomBytes = randomBytes,
): string {
  const contentKey = openAead('gcm-siv', oldKey, wrapData(envelope, place), envelope.wrapped);
  const wrapped = sealAead('gcm-siv', newKey, wrapData(ref, place), contentKey, random);
  contentKey.fill(0);
  return formatEnvelope({ ...ref, wrapped, sealed: envelope.sealed });
}

const wrapData = (ref: KeyRef, place: string): Buffer =>
  associate(FORMAT, 'key', ref.key, String(ref.version), place);

/** `gv1.<key>.<version>.<wrapped key>.<content>`, the last two base64url. */
export function formatEnvelope({ key, version, wrapped, sealed }: Envelope): string {
  return `${FORMAT}.${key}.${version}.${wrapped.toString('base64url')}.${sealed.toString('base64url')}`;
}

export const isEnvelope = (text: string): boolean => text.startsWith(`${FORMAT}.`);

/** One text for one envelope: what can be written in two ways is refused. Throws SealError. */
export function parseEnvelope(text: string): Envelope {
  const parts = text.split('.');
  const [format, key, version, wrappedText, sealedText] = parts;
  if (parts.length !== 5 || format !== FORMAT || !isKeyName(key!) || !/^[1-9]\d{0,8}$/.test(version!))
    throw new SealError('no envelope of a known format');
  const wrapped = strictBase64url(wrappedText!);
  if (wrapped.length !== WRAPPED_BYTES) throw new SealError('the wrapped key has another length');
  return { key: key!, version: Number(version), wrapped, sealed: strictBase64url(sealedText!) };
}

function strictBase64url(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new SealError('no base64url without ambiguity');
  return bytes;
}
