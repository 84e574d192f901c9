// Signed notes (C2SP signed-note): text, and lines that say who signed it. A key is known by its name and four bytes of a
// hash over name and key, so that a verifier finds its line among those of witnesses.
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { cosignedMessage, parseCheckpoint } from './checkpoint.ts';

/** Kinds of signatures (C2SP signed-note, tlog-cosignature). The latter two carry the time at which they were made. */
export const SignatureKind = { ed25519: 0x01, cosignature: 0x04, mldsaCosignature: 0x06 } as const;

/** Bytes of a public key by kind. */
const KEY_BYTES = new Map<number, number>([
  [SignatureKind.ed25519, 32],
  [SignatureKind.cosignature, 32],
  [SignatureKind.mldsaCosignature, 1312],
]);

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

function rawOf(key: KeyObject): Buffer {
  const jwk = key.export({ format: 'jwk' }) as { readonly x?: string; readonly pub?: string };
  return Buffer.from(jwk.x ?? jwk.pub ?? '', 'base64url');
}

function keyId(name: string, kind: number, raw: Uint8Array): Buffer {
  const text = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([kind]), raw]);
  return hash('sha256', text, 'buffer').subarray(0, 4);
}

/**
 * A signer. Throws RangeError for a name with blanks or `+`, and for a key that is not of the kind: ML-DSA-44 for
 * `mldsaCosignature`, else Ed25519.
 */
export function noteSigner(
  name: string,
  secret: KeyObject,
  kind: number = SignatureKind.ed25519,
): NoteSigner {
  if (!isName(name)) throw new RangeError(`"${name}" is not a name for a key`);
  const wanted = kind === SignatureKind.mldsaCosignature ? 'ml-dsa-44' : 'ed25519';
  if (!KEY_BYTES.has(kind) || secret.asymmetricKeyType !== wanted)
    throw new RangeError(`a key of type ${secret.asymmetricKeyType} makes no signatures of kind ${kind}`);
  const key = createPublicKey(secret);
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
  const kind = bytes[0] ?? 0;
  if (bytes.length - 1 !== KEY_BYTES.get(kind)) return null;
  const raw = bytes.subarray(1);
  const id = keyId(match[1]!, kind, raw);
  if (id.toString('hex') !== match[2]) return null;
  const encoded = raw.toString('base64url');
  const jwk: Readonly<Record<string, string>> =
    kind === SignatureKind.mldsaCosignature
      ? { kty: 'AKP', alg: 'ML-DSA-44', pub: encoded }
      : { kty: 'OKP', crv: 'Ed25519', x: encoded };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return { name: match[1]!, id, kind, key };
}

/** What is signed, by kind: the text, or a message with the time; null for a text that the kind can not sign. */
function signedBytes(
  text: string,
  { name, kind }: { readonly name: string; readonly kind: number },
  timeS: bigint,
): Buffer | null {
  if (kind === SignatureKind.ed25519) return Buffer.from(text);
  if (kind === SignatureKind.cosignature) return Buffer.from(`cosignature/v1\ntime ${timeS}\n${text}`);
  const checkpoint = parseCheckpoint(text);
  return checkpoint === null ? null : cosignedMessage(name, checkpoint, timeS);
}

/** The signature of one signer; kinds that carry a time say `timeS`, seconds since the epoch. */
export function signatureOf(text: string, signer: NoteSigner, timeS: number): NoteSignature {
  const { name, id, kind, secret } = signer;
  const message = signedBytes(text, signer, BigInt(timeS));
  if (message === null) throw new RangeError('only checkpoints are signed with ML-DSA');
  const bytes = sign(null, message, secret);
  if (kind === SignatureKind.ed25519) return { name, id, bytes };
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(timeS));
  return { name, id, bytes: Buffer.concat([stamp, bytes]) };
}

/** The note with a signature of each signer. `text` ends with a newline. */
export function signNote(text: string, signers: NoteSigner | readonly NoteSigner[], timeS = 0): string {
  const list = 'secret' in signers ? [signers] : signers;
  return list.reduce((note, signer) => addSignature(note, signatureOf(text, signer, timeS)), `${text}\n`);
}

/** The line of one signature. */
export const signatureLine = ({ name, id, bytes }: NoteSignature): string =>
  `— ${name} ${Buffer.concat([id, bytes]).toString('base64')}\n`;

export const addSignature = (note: string, signature: NoteSignature): string =>
  note + signatureLine(signature);

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

export interface OpenedNote {
  readonly text: string;
  /** When it was signed, seconds since the epoch; 0 where the signature does not say. */
  readonly timeS: number;
}

/** What `verifier` has signed, and when; null when it has not. */
export function readNote(note: string, verifier: NoteVerifier): OpenedNote | null {
  const parsed = parseNote(note);
  const signature = parsed?.signatures.find(
    ({ name, id }) => name === verifier.name && id.equals(verifier.id),
  );
  if (parsed === null || parsed === undefined || signature === undefined) return null;
  const { text } = parsed;
  const isTimed = verifier.kind !== SignatureKind.ed25519;
  if (isTimed && signature.bytes.length < 9) return null;
  const time = isTimed ? signature.bytes.readBigUInt64BE(0) : 0n;
  const message = signedBytes(text, verifier, time);
  const bytes = isTimed ? signature.bytes.subarray(8) : signature.bytes;
  if (message === null || time > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return verify(null, message, verifier.key, bytes) ? { text, timeS: Number(time) } : null;
}

/** The note's text when `verifier` has signed it, else null. */
export const openNote = (note: string, verifier: NoteVerifier): string | null =>
  readNote(note, verifier)?.text ?? null;
