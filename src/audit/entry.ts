// One entry of the trail as bytes. What a reader needs to count and to sort stands in clear; who, to what, from where and why is
// sealed with the key of the entry's subject, so that shredding one key makes exactly that person's entries unreadable while
// every proof over them still holds: leaves are hashes of the sealed form.
import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { type AuditAction, AuditError, type AuditEvent } from './contract.ts';

/** Largest entry: what the layout of entry bundles can hold (C2SP tlog-tiles), bytes. */
export const MAX_ENTRY_BYTES = 65_535;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Nonces are drawn many at a time. */
const nonces = Buffer.alloc(NONCE_BYTES * 512);
let nonceAt = nonces.length;

function nextNonce(): Buffer {
  if (nonceAt === nonces.length) {
    randomFillSync(nonces);
    nonceAt = 0;
  }
  nonceAt += NONCE_BYTES;
  return nonces.subarray(nonceAt - NONCE_BYTES, nonceAt);
}

/** What everybody sees of an entry. */
export interface EntryHead {
  readonly v: 1;
  /** Random, so that one that is sequenced twice after a crash is known. */
  readonly id: string;
  readonly at: string;
  readonly action: AuditAction;
  readonly outcome: AuditEvent['outcome'];
  /** Id of the key that seals the rest. */
  readonly key: string;
}

interface EntryLine extends EntryHead {
  readonly sealed: string;
}

/** The key of one subject. */
export interface SubjectKey {
  readonly id: string;
  readonly bytes: Buffer;
}

type Body = Omit<AuditEvent, 'action' | 'outcome' | 'atMs'>;

export interface ReadEntry extends EntryHead {
  /** Null when its key was shredded or is not at hand. */
  readonly body: Body | null;
}

/** Bytes of the entry. Throws AuditError for one that is too large: its details must be cut by whoever wrote them. */
export function encodeEntry(event: AuditEvent, atMs: number, key: SubjectKey, id: string): Buffer {
  const { action, outcome, atMs: _, ...body } = event;
  const head: EntryHead = { v: 1, id, at: new Date(atMs).toISOString(), action, outcome, key: key.id };
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  // What stands in clear is bound to what is sealed.
  const text = JSON.stringify(head);
  cipher.setAAD(Buffer.from(text));
  const hidden = cipher.update(JSON.stringify(body), 'utf8');
  cipher.final();
  const sealed = Buffer.concat([nonce, hidden, cipher.getAuthTag()]).toString('base64url');
  // As JSON.stringify would write head and sealed together.
  const bytes = Buffer.from(`${text.slice(0, -1)},"sealed":"${sealed}"}`);
  if (bytes.length > MAX_ENTRY_BYTES)
    throw new AuditError(
      `an entry of ${bytes.length} bytes is larger than ${MAX_ENTRY_BYTES}: shorten its details`,
    );
  return bytes;
}

/** Reads the bytes of an entry. Throws AuditError for what is none, and for what its key does not open. */
export function decodeEntry(bytes: Uint8Array, keyOf: (id: string) => SubjectKey | null): ReadEntry {
  let line: EntryLine;
  try {
    line = JSON.parse(Buffer.from(bytes).toString()) as EntryLine;
  } catch {
    throw new AuditError('an entry is no JSON');
  }
  const { sealed, ...head } = line;
  // Actions of later versions are read, too: who goes back to this one must not lose the rest.
  if (head.v !== 1 || typeof sealed !== 'string' || typeof head.action !== 'string')
    throw new AuditError('an entry has another form than this version writes');
  const key = keyOf(head.key);
  if (key === null) return { ...head, body: null };
  const raw = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, raw.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(JSON.stringify(head)));
  decipher.setAuthTag(raw.subarray(raw.length - TAG_BYTES));
  try {
    const clear = Buffer.concat([
      decipher.update(raw.subarray(NONCE_BYTES, raw.length - TAG_BYTES)),
      decipher.final(),
    ]);
    return { ...head, body: JSON.parse(clear.toString()) as Body };
  } catch {
    throw new AuditError(`the entry ${head.id} does not open with its key`);
  }
}
