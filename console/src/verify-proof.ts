// Checks in the browser that an entry is in the signed tree of the audit trail (RFC 9162, C2SP signed notes): the process that shows
// the entry is not believed, only the public key is.
const encoder = new TextEncoder();

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

export interface ProofStep {
  readonly text: string;
  readonly value: string;
  readonly ok: boolean;
}

export interface ProofInput {
  readonly index: number;
  readonly bytes: string;
  readonly proof: readonly string[];
  readonly checkpoint: string;
  readonly verifier: string;
}

/** Root of the tree of `size` leaves that holds `leaf` at `index`; null when the path has another length (RFC 9162 section 2.1.3.2). */
async function rootFrom(
  index: number,
  size: number,
  leaf: Uint8Array<ArrayBuffer>,
  path: readonly Uint8Array[],
) {
  let node = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      root = await sha256(join(NODE, sibling, root));
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else root = await sha256(join(NODE, root, sibling));
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : null;
}

async function signatureHolds(checkpoint: string, verifier: string): Promise<{ ok: boolean; text: string }> {
  const split = checkpoint.lastIndexOf('\n\n');
  const text = checkpoint.slice(0, split + 1);
  const [name, id, key] = verifier.split('+', 3);
  // Base64 may hold a plus itself.
  const raw = bytesOf(verifier.slice(`${name}+${id}+`.length));
  if (key === undefined || raw[0] !== 1 || raw.length !== 33) return { ok: false, text };
  const expected = (await sha256(join(encoder.encode(`${name}\n`), raw))).subarray(0, 4);
  if (hex(expected) !== id) return { ok: false, text };
  for (const line of checkpoint.slice(split + 2).split('\n')) {
    const match = /^— (\S+) (\S+)$/u.exec(line);
    if (match === null || match[1] !== name) continue;
    const signature = bytesOf(match[2]!);
    if (hex(signature.subarray(0, 4)) !== id) continue;
    const publicKey = await crypto.subtle.importKey('raw', raw.slice(1), { name: 'Ed25519' }, false, [
      'verify',
    ]);
    return {
      ok: await crypto.subtle.verify('Ed25519', publicKey, signature.slice(4), encoder.encode(text)),
      text,
    };
  }
  return { ok: false, text };
}

/** Every step with what it found; the proof holds when all of them do. */
export async function verifyProof({
  index,
  bytes,
  proof,
  checkpoint,
  verifier,
}: ProofInput): Promise<ProofStep[]> {
  const leaf = await sha256(join(LEAF, bytesOf(bytes)));
  const { ok: isSigned, text } = await signatureHolds(checkpoint, verifier);
  const [origin, sizeText, rootText] = text.split('\n');
  const size = Number(sizeText);
  const root = await rootFrom(index, size, leaf, proof.map(bytesOf));
  const computed = root === null ? '' : hex(root);
  const signed = hex(bytesOf(rootText ?? ''));
  return [
    { text: 'Hash of the entry', value: hex(leaf), ok: true },
    {
      text: `Path of ${proof.length} hashes to the root of ${size} entries`,
      value: computed || 'the path does not lead to a root',
      ok: root !== null,
    },
    { text: 'The same root as in the checkpoint', value: signed, ok: computed !== '' && computed === signed },
    { text: `Signed by the key of ${origin} (Ed25519)`, value: verifier, ok: isSigned },
  ];
}
