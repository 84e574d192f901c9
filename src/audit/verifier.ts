// Verifies an audit trail, alone: this file imports nothing but Node's own modules, so that an auditor can read all of what is
// believed. It also runs by itself:
//
//     node verifier.js FOLDER KEY [CHECKPOINT-FILE …]
//
// FOLDER holds `checkpoint` and `tile/` (C2SP tlog-tiles); KEY is the log's public key as `name+id+base64`. Checkpoints that
// were kept elsewhere are held against the trail: one that it does not contain means that it was rewritten or cut.
//
// What is checked: the signature of the checkpoint; that the entries hash to its root (RFC 9162 section 2.1); where they
// do not, which entries are damaged, by the hashes that are still good; and that every tile says what the entries say.
import { createPublicKey, hash, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Damage {
  /** `entries`: the entries are not those that were signed for. `tile`: entries are good, a file of hashes is not. */
  readonly kind: 'entries' | 'tile' | 'checkpoint';
  /** First and last entry concerned; -1 where it is about the whole. */
  readonly from: number;
  readonly to: number;
  readonly file: string;
  readonly what: string;
}

export interface Verification {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly damages: readonly Damage[];
}

const WIDTH = 256;
const HASH = 32;

const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
const hashLeaf = (entry: Uint8Array): Buffer => sha256(Buffer.from([0]), entry);
const hashNode = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.from([1]), left, right);

/** RFC 9162 section 2.1.1, over hashes of complete subtrees of one size, and `rest`, the hash of what is behind them. */
function fold(nodes: readonly Buffer[], rest: Buffer | null): Buffer | null {
  if (nodes.length === 0) return rest;
  if (nodes.length === 1 && rest === null) return nodes[0]!;
  const pairs: Buffer[] = [];
  for (let i = 0; i + 1 < nodes.length; i += 2) pairs.push(hashNode(nodes[i]!, nodes[i + 1]!));
  if (nodes.length % 2 === 0) return fold(pairs, rest);
  const last = nodes.at(-1)!;
  return fold(pairs, rest === null ? last : hashNode(last, rest));
}

function pathOf(kind: string, index: number, width: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return `tile/${kind}/${path}${width === WIDTH ? '' : `.p/${width}`}`;
}

/** The file of a tile, or of the full tile where that is there. */
function fileOf(folder: string, kind: string, index: number, width: number): string {
  const full = pathOf(kind, index, WIDTH);
  return existsSync(join(folder, full)) ? full : pathOf(kind, index, width);
}

function read(folder: string, file: string): Buffer | null {
  try {
    return readFileSync(join(folder, file));
  } catch {
    return null;
  }
}

/** Leaf hashes of one bundle; null where an entry is missing or cut short. */
function leavesOf(bytes: Buffer | null, width: number): (Buffer | null)[] {
  const leaves: (Buffer | null)[] = [];
  let at = 0;
  while (leaves.length < width) {
    const end =
      bytes === null || at + 2 > bytes.length ? Number.POSITIVE_INFINITY : at + 2 + bytes.readUInt16BE(at);
    if (bytes === null || end > bytes.length) leaves.push(null);
    else {
      leaves.push(hashLeaf(bytes.subarray(at + 2, end)));
      at = end;
    }
  }
  return leaves;
}

interface Signed {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The checkpoint in a note that the key has signed; a text that says what is wrong otherwise. */
export function openCheckpoint(note: string, verifierKey: string): Signed | string {
  const key = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(verifierKey.trim());
  const raw = Buffer.from(key?.[3] ?? '', 'base64');
  if (key === null || raw.length !== 33 || raw[0] !== 1)
    return 'the key is not an Ed25519 key as name+id+base64';
  const id = sha256(Buffer.from(`${key[1]}\n`), raw).subarray(0, 4);
  if (id.toString('hex') !== key[2]) return 'the id of the key is not that of its bytes';
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.subarray(1).toString('base64url') },
    format: 'jwk',
  });
  const split = note.lastIndexOf('\n\n');
  const text = note.slice(0, split + 1);
  const isSigned = note
    .slice(split + 2)
    .split('\n')
    .some((line) => {
      const [dash, name, signature] = line.split(' ');
      const bytes = Buffer.from(signature ?? '', 'base64');
      const isOurs = dash === '—' && name === key[1] && bytes.subarray(0, 4).equals(id);
      return isOurs && verify(null, Buffer.from(text), publicKey, bytes.subarray(4));
    });
  if (split === -1 || !isSigned) return 'the checkpoint is not signed by the key';
  const [origin, size, root] = text.split('\n') as [string, string, string];
  const hashed = Buffer.from(root ?? '', 'base64');
  if (!/^\d{1,15}$/.test(size) || hashed.length !== HASH) return 'the checkpoint is not a checkpoint';
  return { origin, size: Number(size), root: hashed };
}

/** Verifies everything. `kept` are notes of checkpoints from elsewhere. Never throws for what is in the files. */
export function verifyTrail(folder: string, verifierKey: string, kept: readonly string[] = []): Verification {
  const damages: Damage[] = [];
  const note = read(folder, 'checkpoint');
  const signed = note === null ? 'there is no checkpoint' : openCheckpoint(note.toString(), verifierKey);
  if (typeof signed === 'string') {
    damages.push({ kind: 'checkpoint', from: -1, to: -1, file: 'checkpoint', what: signed });
    return { origin: '', size: 0, root: '', damages };
  }
  const { origin, size, root } = signed;
  const tree = hashTree(folder, size);
  const found = rootOf(tree, size);
  if (found === null || !found.equals(root)) findDamage(folder, tree, signed, damages);
  else compareTiles(folder, tree, damages);
  const isWhole = damages.every(({ kind }) => kind === 'tile');
  for (const text of kept) checkKept(text, verifierKey, tree, signed, isWhole, damages);
  return { origin, size, root: root.toString('base64'), damages };
}

/** Rows of hashes by level of tiles, from the entries; null where entries are missing. */
type Tree = (Buffer | null)[][];

function hashTree(folder: string, size: number): Tree {
  const leaves: (Buffer | null)[] = [];
  for (let bundle = 0; bundle * WIDTH < size; bundle++) {
    const width = Math.min(WIDTH, size - bundle * WIDTH);
    for (const leaf of leavesOf(read(folder, fileOf(folder, 'entries', bundle, width)), width))
      leaves.push(leaf);
  }
  const tree: Tree = [leaves];
  for (let row = leaves; row.length >= WIDTH; ) {
    const next: (Buffer | null)[] = [];
    for (let at = 0; at + WIDTH <= row.length; at += WIDTH) {
      const part = row.slice(at, at + WIDTH);
      next.push(part.includes(null) ? null : fold(part as Buffer[], null));
    }
    tree.push(next);
    row = next;
  }
  return tree;
}

/** Root over the first `size` leaves; null where a hash that it needs is missing. */
function rootOf(tree: Tree, size: number): Buffer | null {
  if (size === 0) return hash('sha256', Buffer.alloc(0), 'buffer');
  let rest: Buffer | null = null;
  for (let level = 0; level < tree.length; level++) {
    const count = Math.floor(size / WIDTH ** level);
    const isTop = count < WIDTH;
    const from = isTop ? 0 : count - (count % WIDTH);
    const part = tree[level]!.slice(from, count);
    if (part.includes(null)) return null;
    rest = fold(part as Buffer[], rest);
    if (isTop) return rest;
  }
  return rest;
}

/** Hashes that a tile file holds. */
function tileOf(
  folder: string,
  level: number,
  index: number,
  width: number,
): { file: string; hashes: Buffer[] } {
  const file = fileOf(folder, String(level), index, width);
  const bytes = read(folder, file) ?? Buffer.alloc(0);
  const hashes: Buffer[] = [];
  for (let at = 0; at + HASH <= bytes.length && hashes.length < width; at += HASH)
    hashes.push(bytes.subarray(at, at + HASH));
  return { file, hashes };
}

/** The entries are good: every tile must say what they say. */
function compareTiles(folder: string, tree: Tree, damages: Damage[]): void {
  tree.forEach((row, level) => {
    const leaves = WIDTH ** level;
    for (let index = 0; index * WIDTH < row.length; index++) {
      const width = Math.min(WIDTH, row.length - index * WIDTH);
      const { file, hashes } = tileOf(folder, level, index, width);
      for (let i = 0; i < width; i++) {
        const at = index * WIDTH + i;
        if (hashes[i]?.equals(row[at]!) === true) continue;
        damages.push({
          kind: 'tile',
          from: at * leaves,
          to: (at + 1) * leaves - 1,
          file,
          what: hashes[i] === undefined ? 'a hash is missing' : 'a hash is not that of the entries',
        });
      }
    }
  });
}

/**
 * The entries are not what was signed for. Hashes in tiles that lead to the signed root are good; entries that differ from
 * them are damaged. Where the hashes are damaged too, everything below them is.
 */
function findDamage(folder: string, tree: Tree, signed: Signed, damages: Damage[]): void {
  const { size, root } = signed;
  const stored: Buffer[][] = tree.map((row, level) => {
    const hashes: Buffer[] = [];
    for (let index = 0; index * WIDTH < row.length; index++) {
      const width = Math.min(WIDTH, row.length - index * WIDTH);
      const tile = tileOf(folder, level, index, width).hashes;
      for (let i = 0; i < width; i++) hashes.push(tile[i] ?? Buffer.alloc(HASH));
    }
    return hashes;
  });
  // Parts of the right edge, from the top: together they make the root.
  const good = rootOf(stored, size)?.equals(root) === true;
  if (!good) {
    // What the entries and the hashes agree about may still be good, but nothing signed says so.
    const from = firstDifference(tree[0]!, stored[0]!);
    damages.push({
      kind: 'entries',
      from: from === -1 ? 0 : from,
      to: size - 1,
      file: 'tile',
      what: 'neither the entries nor the hashes lead to the signed root',
    });
    return;
  }
  for (let level = tree.length - 1; level >= 0; level--) {
    const count = Math.floor(size / WIDTH ** level);
    const from = count < WIDTH ? 0 : count - (count % WIDTH);
    for (let at = from; at < count; at++) descend(tree, stored, level, at, damages);
  }
}

/** `stored[level][at]` is good: what below it is not? */
function descend(tree: Tree, stored: Buffer[][], level: number, at: number, damages: Damage[]): void {
  if (tree[level]![at]?.equals(stored[level]![at]!) === true) return;
  const leaves = WIDTH ** level;
  const file = pathOf('entries', Math.floor((at * leaves) / WIDTH), WIDTH);
  if (level === 0) {
    const what = tree[0]![at] === null ? 'the entry is missing' : 'the entry was changed';
    return addRange(damages, at, at, file, what);
  }
  const below = stored[level - 1]!.slice(at * WIDTH, (at + 1) * WIDTH);
  if (below.length < WIDTH || fold(below, null)?.equals(stored[level]![at]!) !== true) {
    const what = 'the entries were changed, and so were the hashes over them';
    return addRange(damages, at * leaves, (at + 1) * leaves - 1, file, what);
  }
  for (let i = 0; i < WIDTH; i++) descend(tree, stored, level - 1, at * WIDTH + i, damages);
}

/** Neighbours that are damaged alike are one range. */
function addRange(damages: Damage[], from: number, to: number, file: string, what: string): void {
  const last = damages.at(-1);
  if (last !== undefined && last.kind === 'entries' && last.to === from - 1 && last.what === what)
    damages[damages.length - 1] = { ...last, to };
  else damages.push({ kind: 'entries', from, to, file, what });
}

function firstDifference(a: readonly (Buffer | null)[], b: readonly Buffer[]): number {
  return a.findIndex((hashed, i) => hashed === null || !hashed.equals(b[i]!));
}

/** A checkpoint that was kept elsewhere must be a beginning of the trail. */
function checkKept(
  note: string,
  verifierKey: string,
  tree: Tree,
  now: Signed,
  isWhole: boolean,
  damages: Damage[],
): void {
  const add = (what: string): void => {
    damages.push({ kind: 'checkpoint', from: -1, to: -1, file: 'a checkpoint that was kept', what });
  };
  const kept = openCheckpoint(note, verifierKey);
  if (typeof kept === 'string') return add(kept);
  if (kept.origin !== now.origin) return add(`it is of another log, ${kept.origin}`);
  if (kept.size > now.size)
    return add(`it counts ${kept.size} entries, and the trail has ${now.size}: the trail was cut`);
  if (isWhole && rootOf(tree, kept.size)?.equals(kept.root) !== true)
    add(`the first ${kept.size} entries are not those that it counted: the trail was rewritten`);
}

function main(args: readonly string[]): number {
  const [folder, key, ...files] = args;
  if (folder === undefined || key === undefined) {
    process.stderr.write('usage: node verifier.js FOLDER KEY [CHECKPOINT-FILE …]\n');
    return 2;
  }
  const { origin, size, root, damages } = verifyTrail(
    folder,
    key,
    files.map((file) => readFileSync(file, 'utf8')),
  );
  for (const { from, to, file, what } of damages)
    process.stdout.write(`${from === -1 ? '' : `entries ${from} to ${to}: `}${what} (${file})\n`);
  process.stdout.write(
    damages.length === 0
      ? `${origin}: ${size} entries are what ${root} says\n`
      : `${damages.length} damages\n`,
  );
  return damages.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = main(process.argv.slice(2));
