// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2), strict: one text for one value. Node's decoder
// skips what it does not know, which would let many texts stand for one signature.

const alphabet = /^[A-Za-z0-9_-]*$/;

/** Bytes of `text`, or null for padding, foreign characters, an impossible length or bits beyond the last byte. */
export function decodeBase64Url(text: string): Buffer | null {
  if (text.length % 4 === 1 || !alphabet.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  // Only the last character can carry unused bits.
  const rest = text.length % 4;
  if (rest !== 0 && bytes.toString('base64url').at(-1) !== text.at(-1)) return null;
  return bytes;
}

export const encodeBase64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
