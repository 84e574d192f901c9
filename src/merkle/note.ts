// Signed notes (C2SP signed-note): text, and lines that say who signed it. A key is known by its name and four bytes of a
// hash over name and key, so that a verifier finds its line among those of witnesses.
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/** Kinds of signatures. */
export const SignatureKind = { ed25519: 0x01, cosignature: 0x04 } as const;

export interface NoteVerifier {
  readonly name: string;
  readonly id: Buffer;
  readonly kind: number;
  readonly key: KeyObject;
}

export interface NoteSigner extends NoteVerifier {
  readonly secret: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: Buffer;
  readonly bytes: Buffer;
}

const isName = (name: string): boolean => name !== '' && !/[\s+]/u.test(name);

const rawOf = (key: KeyObject): Buffer => Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url');

function keyId(name: string, kind: number, raw: Uint8Array): Buffer {
  const text = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([kind]), raw]);
  return hash('sha256', text, 'buffer').subarray(0, 4);
}

/** A signer with an Ed25519 key. Throws RangeError for a name with blanks or `+`. */
export function noteSigner(name: string, secret: KeyObject): NoteSigner {
  if (!isName(name)) throw new RangeError(`"${name}" is not a name for a key`);
  const key = createPublicKey(secret);
  const kind = SignatureKind.ed25519;
  return { name, kind, key, secret, id: keyId(name, kind, rawOf(key)) };
}

/** `name+id+key`, what verifiers are told. */
export const verifierText = ({ name, id, kind, key }: NoteVerifier): string =>
  `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.from([kind]), rawOf(key)]).toString('base64')}`;

/** Reads what `verifierText` writes; null for anything else, and for a key of another kind. */
export function parseVerifier(text: string): NoteVerifier | null {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  if (match === null) return null;
  const bytes = Buffer.from(match[3]!, 'base64');
  const kind = bytes[0];
  if (bytes.length !== 33 || (kind !== SignatureKind.ed25519 && kind !== SignatureKind.cosignature))
    return null;
  const raw = bytes.subarray(1);
  const id = keyId(match[1]!, kind, raw);
  if (id.toString('hex') !== match[2]) return null;
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  return { name: match[1]!, id, kind, key };
}

/** The note with one signature. `text` ends with a newline. */
export function signNote(text: string, signer: NoteSigner): string {
  return addSignature(`${text}\n`, {
    name: signer.name,
    id: signer.id,
    bytes: sign(null, Buffer.from(text), signer.secret),
  });
}

export const addSignature = (note: string, { name, id, bytes }: NoteSignature): string =>
  `${note}— ${name} ${Buffer.concat([id, bytes]).toString('base64')}\n`;

/** Text and signatures; null for what is no note. Says nothing about the signatures. */
export function parseNote(
  note: string,
): { readonly text: string; readonly signatures: readonly NoteSignature[] } | null {
  const split = note.lastIndexOf('\n\n');
  if (split === -1 || !note.endsWith('\n') || /[\0-\x09\x0b-\x1f]/.test(note)) return null;
  const signatures: NoteSignature[] = [];
  const lines = note.slice(split + 2, -1);
  for (const line of lines.split('\n')) {
    const match = /^— ([^+\s]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
    const bytes = match === null ? Buffer.alloc(0) : Buffer.from(match[2]!, 'base64');
    if (match === null || bytes.length < 5) return null;
    signatures.push({ name: match[1]!, id: bytes.subarray(0, 4), bytes: bytes.subarray(4) });
  }
  return { text: note.slice(0, split + 1), signatures };
}

/** The note's text when `verifier` has signed it, else null. Cosignatures carry their time (C2SP tlog-cosignature). */
export function openNote(note: string, verifier: NoteVerifier): string | null {
  const parsed = parseNote(note);
  const signature = parsed?.signatures.find(
    ({ name, id }) => name === verifier.name && id.equals(verifier.id),
  );
  if (parsed === null || parsed === undefined || signature === undefined) return null;
  const { bytes } = signature;
  if (verifier.kind === SignatureKind.ed25519)
    return verify(null, Buffer.from(parsed.text), verifier.key, bytes) ? parsed.text : null;
  if (bytes.length !== 72) return null;
  const signed = `cosignature/v1\ntime ${bytes.readBigUInt64BE(0)}\n${parsed.text}`;
  return verify(null, Buffer.from(signed), verifier.key, bytes.subarray(8)) ? parsed.text : null;
}
