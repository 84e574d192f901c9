// Verifies an audit trail, alone: this file imports nothing but Node's own modules, so that an auditor can read all of what is
// believed. It also runs by itself:
//
//     node verifier.js FOLDER KEY [--witness KEY …] [CHECKPOINT-FILE …]
//
// FOLDER holds `checkpoint` and `tile/` (C2SP tlog-tiles); KEY is the log's public key as `name+id+base64`, or a file with its keys, of
// which all must have signed. Checkpoints that were kept elsewhere, and those that witnesses have cosigned, are held against the trail: one
// that it does not contain means that it was rewritten or cut. A witness that is named must have cosigned one.
//
// What is checked: the signatures of the checkpoint; that the entries hash to its root (RFC 9162 section 2.1); where they
// do not, which entries are damaged, by the hashes that are still good; and that every tile says what the entries say. Of entries that
// were pruned the hashes are left: they must be on the list of what was pruned, which the log has signed.
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
  /** Entries of which only the hashes are left, as the log says. */
  readonly pruned: number;
  /** What each witness that was named has cosigned. */
  readonly cosignatures: readonly Cosignature[];
  readonly damages: readonly Damage[];
}

export interface Cosignature {
  readonly name: string;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly timeS: number;
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

/** A bundle of `width` entries: their leaf hashes, null where one is missing or cut short, and the bytes behind the last. */
interface Bundle {
  readonly leaves: (Buffer | null)[];
  /** Positions of entries that were pruned: they have no bytes. */
  readonly pruned: number[];
  readonly rest: number;
}

function readBundle(bytes: Buffer | null, width: number): Bundle {
  const leaves: (Buffer | null)[] = [];
  const pruned: number[] = [];
  let at = 0;
  while (leaves.length < width) {
    const end =
      bytes === null || at + 2 > bytes.length ? Number.POSITIVE_INFINITY : at + 2 + bytes.readUInt16BE(at);
    if (bytes === null || end > bytes.length) leaves.push(null);
    else {
      if (end === at + 2) pruned.push(leaves.length);
      leaves.push(hashLeaf(bytes.subarray(at + 2, end)));
      at = end;
    }
  }
  return { leaves, pruned, rest: bytes === null ? 0 : bytes.length - at };
}

interface Signed {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

interface Key {
  readonly name: string;
  readonly id: Buffer;
  /** 1: Ed25519. 4 and 6: Ed25519 and ML-DSA-44 with the time (C2SP tlog-cosignature). */
  readonly kind: number;
  readonly key: KeyObject;
}

/** A key as `name+id+base64`; a text that says what is wrong otherwise. */
function parseKey(text: string): Key | string {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? [];
  const raw = Buffer.from(encoded ?? '', 'base64');
  const kind = raw[0] ?? 0;
  const bytes = raw.subarray(1).toString('base64url');
  const isEd25519 = (kind === 1 || kind === 4) && raw.length === 33;
  if (name === undefined || (!isEd25519 && !(kind === 6 && raw.length === 1313)))
    return 'the key is not an Ed25519 or ML-DSA-44 key as name+id+base64';
  const wanted = sha256(Buffer.from(`${name}\n`), raw).subarray(0, 4);
  if (wanted.toString('hex') !== id) return 'the id of the key is not that of its bytes';
  const jwk: Record<string, string> = isEd25519
    ? { kty: 'OKP', crv: 'Ed25519', x: bytes }
    : { kty: 'AKP', alg: 'ML-DSA-44', pub: bytes };
  return { name, id: wanted, kind, key: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/** What a cosignature of ML-DSA is over. */
function cosignedMessage(signer: string, { origin, size, root }: Signed, time: Buffer): Buffer {
  const named = (text: string): Buffer =>
    Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
  const range = Buffer.alloc(16);
  range.writeBigUInt64BE(BigInt(size), 8);
  return Buffer.concat([Buffer.from('subtree/v1\n\0'), named(signer), time, named(origin), range, root]);
}

/** When `key` has signed the note, seconds since the epoch (0 where it does not say); null when it has not. */
function signedAt(note: string, { name, id, kind, key }: Key): number | null {
  const split = note.lastIndexOf('\n\n');
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2);
  if (split === -1 || !/^(?:— \S+ [A-Za-z0-9+/]+={0,2}\n)+$/u.test(lines)) return null;
  for (const line of lines.split('\n')) {
    const [, signer, signature] = line.split(' ');
    const bytes = Buffer.from(signature ?? '', 'base64');
    // One way to write the same bytes: bits of padding are bits, too.
    if (bytes.toString('base64') !== (signature ?? '')) return null;
    if (signer !== name || !bytes.subarray(0, 4).equals(id)) continue;
    if (kind === 1) return verify(null, Buffer.from(text), key, bytes.subarray(4)) ? 0 : null;
    if (bytes.length < 13) return null;
    const time = bytes.subarray(4, 12);
    const seconds = time.readBigUInt64BE(0);
    const checkpoint = parseCheckpoint(text);
    const message =
      kind === 4
        ? Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)
        : checkpoint === null
          ? null
          : cosignedMessage(name, checkpoint, time);
    return message !== null && verify(null, message, key, bytes.subarray(12)) ? Number(seconds) : null;
  }
  return null;
}

function parseCheckpoint(text: string): Signed | null {
  const [origin, size, root] = text.split('\n') as [string, string, string];
  const hashed = Buffer.from(root ?? '', 'base64');
  if (!/^\d{1,15}$/.test(size) || hashed.length !== HASH) return null;
  return { origin, size: Number(size), root: hashed };
}

/**
 * The checkpoint in a note that all keys have signed; a text that says what is wrong otherwise. An older one was made before
 * there was a second key: of the others only those that are named there must have signed.
 */
function openCheckpoint(note: string, keys: readonly Key[], isOlder = false): Signed | string {
  const isNamed = ({ name, id }: Key): boolean =>
    [...note.matchAll(/^— (\S+) (\S+)$/gmu)].some(
      (line) => line[1] === name && Buffer.from(line[2]!, 'base64').subarray(0, 4).equals(id),
    );
  for (const key of keys)
    if (signedAt(note, key) === null && (!isOlder || key === keys[0] || isNamed(key)))
      return `the checkpoint is not signed by the key${keys.length === 1 ? '' : ` ${key.name}+${key.id.toString('hex')}`}`;
  const checkpoint = parseCheckpoint(note);
  if (checkpoint === null) return 'the checkpoint is not a checkpoint';
  // Extensions would stand between root and signatures; a log of ours has none, and other logs' keys have other names.
  return checkpoint.origin === keys[0]!.name ? checkpoint : 'the checkpoint is of another log than the key';
}

/**
 * Verifies everything. `logKeys`: one key of the log or several, with blanks between; `kept` are notes of checkpoints from elsewhere;
 * `witnesses` are keys of witnesses that must have cosigned. Never throws for what is in the files.
 */
export function verifyTrail(
  folder: string,
  logKeys: string,
  kept: readonly string[] = [],
  witnesses: readonly string[] = [],
): Verification {
  const damages: Damage[] = [];
  const nothing = { origin: '', size: 0, root: '', pruned: 0, cosignatures: [], damages };
  const bad = (what: string, file = 'checkpoint'): number =>
    damages.push({ kind: 'checkpoint', from: -1, to: -1, file, what });
  const keys = logKeys.trim().split(/\s+/).map(parseKey);
  const wrong =
    keys.find((key) => typeof key === 'string') ??
    ((keys[0] as Key).kind === 1 ? undefined : 'the first key is not an Ed25519 key');
  const note = read(folder, 'checkpoint');
  const signed =
    wrong ?? (note === null ? 'there is no checkpoint' : openCheckpoint(note.toString(), keys as Key[]));
  if (typeof signed === 'string') {
    bad(signed);
    return nothing;
  }
  const { origin, size, root } = signed;
  const tree = hashTree(folder, size, damages);
  const found = rootOf(tree, size);
  if (found === null || !found.equals(root)) findDamage(folder, tree, signed, damages);
  else {
    compareTiles(folder, tree, damages);
    compareParts(folder, tree, damages);
  }
  const isWhole = damages.every(({ kind }) => kind === 'tile');
  const pruned = checkPruned(folder, origin, keys as Key[], tree.pruned, damages);
  const cosigned = cosignedNotes(folder);
  for (const text of [...kept, ...cosigned]) checkKept(text, keys as Key[], tree, signed, isWhole, damages);
  const cosignatures: Cosignature[] = [];
  for (const text of witnesses) {
    const key = parseKey(text);
    const newest = typeof key === 'string' ? null : newestOf([...kept, ...cosigned], key);
    if (typeof key === 'string') bad(`a witness: ${key}`, 'cosigned');
    else if (newest === null) bad(`no checkpoint here was cosigned by ${key.name}`, 'cosigned');
    else cosignatures.push(newest);
  }
  return { origin, size, root: root.toString('base64'), pruned, cosignatures, damages };
}

/** The largest checkpoint that the witness has cosigned. */
function newestOf(notes: readonly string[], key: Key): Cosignature | null {
  let newest: Cosignature | null = null;
  for (const note of notes) {
    const timeS = signedAt(note, key);
    const size = parseCheckpoint(note)?.size ?? 0;
    if (timeS !== null && (newest === null || size > newest.size)) newest = { name: key.name, size, timeS };
  }
  return newest;
}

function cosignedNotes(folder: string): string[] {
  const path = join(folder, 'cosigned');
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => !name.endsWith('.new'))
    .map((name) => read(path, name)?.toString() ?? '');
}

/** Entries without bytes must be on the list of what was pruned: the file `pruned`, signed by the log. Answers how many there are. */
function checkPruned(
  folder: string,
  origin: string,
  keys: readonly Key[],
  pruned: readonly number[],
  damages: Damage[],
): number {
  if (pruned.length === 0) return 0;
  const note = read(folder, 'pruned')?.toString() ?? '';
  const isSigned = signedAt(note, keys.find(({ kind }) => kind === 1)!) !== null;
  const [title, ...ranges] = note.slice(0, Math.max(0, note.lastIndexOf('\n\n'))).split('\n');
  const listed =
    isSigned && title === `${origin}/pruned` ? ranges.map((line) => line.split('-').map(Number)) : [];
  let at = 0;
  for (const index of pruned) {
    while (at < listed.length && listed[at]![1]! < index) at++;
    if (at < listed.length && listed[at]![0]! <= index) continue;
    const what = 'the entry was emptied, and no signed list says that it was pruned';
    addRange(damages, index, index, pathOf('entries', Math.floor(index / WIDTH), WIDTH), what);
  }
  return pruned.length;
}

/** Rows of hashes by level of tiles, from the entries; null where entries are missing. */
type Rows = (Buffer | null)[][];

interface Tree {
  readonly rows: Rows;
  /** Indexes of entries that have no bytes; their hashes are those of the tiles. */
  readonly pruned: readonly number[];
}

function hashTree(folder: string, size: number, damages: Damage[]): Tree {
  const leaves: (Buffer | null)[] = [];
  const allPruned: number[] = [];
  for (let index = 0; index * WIDTH < size; index++) {
    const width = Math.min(WIDTH, size - index * WIDTH);
    const file = fileOf(folder, 'entries', index, width);
    const { leaves: some, pruned, rest } = readBundle(read(folder, file), width);
    const stored = pruned.length === 0 ? [] : tileOf(folder, 0, index, width).hashes;
    for (const at of pruned) {
      some[at] = stored[at] ?? null;
      allPruned.push(index * WIDTH + at);
    }
    for (const leaf of some) leaves.push(leaf);
    if (rest > 0 && file === pathOf('entries', index, width) && !some.includes(null)) {
      const [from, to] = [index * WIDTH, index * WIDTH + width - 1];
      damages.push({ kind: 'tile', from, to, file, what: `${rest} bytes stand behind the last entry` });
    }
  }
  const rows: Rows = [leaves];
  for (let row = leaves; row.length >= WIDTH; ) {
    const next: (Buffer | null)[] = [];
    for (let at = 0; at + WIDTH <= row.length; at += WIDTH) {
      const part = row.slice(at, at + WIDTH);
      next.push(part.includes(null) ? null : fold(part as Buffer[], null));
    }
    rows.push(next);
    row = next;
  }
  return { rows, pruned: allPruned };
}

/** Root over the first `size` leaves; null where a hash that it needs is missing. */
function rootOf({ rows }: { readonly rows: Rows }, size: number): Buffer | null {
  if (size === 0) return hash('sha256', Buffer.alloc(0), 'buffer');
  let rest: Buffer | null = null;
  for (let level = 0; level < rows.length; level++) {
    const count = Math.floor(size / WIDTH ** level);
    const isTop = count < WIDTH;
    const from = isTop ? 0 : count - (count % WIDTH);
    const part = rows[level]!.slice(from, count);
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
): { file: string; hashes: Buffer[]; rest: number } {
  const file = fileOf(folder, String(level), index, width);
  const bytes = read(folder, file) ?? Buffer.alloc(0);
  const hashes: Buffer[] = [];
  for (let at = 0; at + HASH <= bytes.length && hashes.length < width; at += HASH)
    hashes.push(bytes.subarray(at, at + HASH));
  const isExact = file === pathOf(String(level), index, width);
  return { file, hashes, rest: isExact ? Math.max(0, bytes.length - width * HASH) : 0 };
}

/** The entries are good: every tile must say what they say. */
function compareTiles(folder: string, { rows }: Tree, damages: Damage[]): void {
  rows.forEach((row, level) => {
    const leaves = WIDTH ** level;
    for (let index = 0; index * WIDTH < row.length; index++) {
      const width = Math.min(WIDTH, row.length - index * WIDTH);
      const { file, hashes, rest } = tileOf(folder, level, index, width);
      const [from, to] = [index * WIDTH * leaves, (index * WIDTH + width) * leaves - 1];
      if (rest > 0) damages.push({ kind: 'tile', from, to, file, what: `${rest} bytes are too many` });
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

/** Parts of the last tiles, as older checkpoints counted them: each is the beginning of what is there now. */
function compareParts(folder: string, { rows }: Tree, damages: Damage[]): void {
  const check = (kind: string, level: number): void => {
    const index = Math.floor(rows[level]!.length / WIDTH);
    const path = `${pathOf(kind, index, WIDTH)}.p`;
    for (const name of existsSync(join(folder, path)) ? readdirSync(join(folder, path)) : []) {
      const width = Number(name);
      const now = rows[level]!.slice(index * WIDTH, index * WIDTH + width);
      // One that is wider is being written, or was when the gate was killed; the newest was looked at.
      const isNewest = index * WIDTH + width === rows[level]!.length;
      if (!/^\d{1,3}$/.test(name) || now.length < width || isNewest) continue;
      const bytes = read(folder, `${path}/${name}`);
      if (bytes === null) continue;
      const { leaves, rest } =
        kind === 'entries'
          ? readBundle(bytes, width)
          : { leaves: tileOf(folder, level, index, width).hashes, rest: bytes.length - width * HASH };
      if (rest === 0 && now.every((hashed, i) => leaves[i]?.equals(hashed!) === true)) continue;
      const [from, to] = [index * WIDTH * WIDTH ** level, (index * WIDTH + width) * WIDTH ** level - 1];
      damages.push({
        kind: 'tile',
        from,
        to,
        file: `${path}/${name}`,
        what: 'an older part is not the beginning',
      });
    }
  };
  check('entries', 0);
  for (let level = 0; level < rows.length; level++) check(String(level), level);
}

/**
 * The entries are not what was signed for. Hashes in tiles that lead to the signed root are good; entries that differ from
 * them are damaged. Where the hashes are damaged too, everything below them is.
 */
function findDamage(folder: string, { rows: tree }: Tree, signed: Signed, damages: Damage[]): void {
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
  const good = rootOf({ rows: stored }, size)?.equals(root) === true;
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
    for (let at = from; at < count; at++) descend(folder, tree, stored, level, at, damages);
  }
}

/** `stored[level][at]` is good: what below it is not? */
function descend(
  folder: string,
  tree: Rows,
  stored: Buffer[][],
  level: number,
  at: number,
  damages: Damage[],
): void {
  if (tree[level]![at]?.equals(stored[level]![at]!) === true) return;
  const leaves = WIDTH ** level;
  const bundle = Math.floor((at * leaves) / WIDTH);
  const file = fileOf(folder, 'entries', bundle, Math.min(WIDTH, tree[0]!.length - bundle * WIDTH));
  if (level === 0) {
    const what = tree[0]![at] === null ? 'the entry is missing' : 'the entry was changed';
    return addRange(damages, at, at, file, what);
  }
  const below = stored[level - 1]!.slice(at * WIDTH, (at + 1) * WIDTH);
  if (below.length < WIDTH || fold(below, null)?.equals(stored[level]![at]!) !== true) {
    const what = 'the entries were changed, and so were the hashes over them';
    return addRange(damages, at * leaves, (at + 1) * leaves - 1, file, what);
  }
  for (let i = 0; i < WIDTH; i++) descend(folder, tree, stored, level - 1, at * WIDTH + i, damages);
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
  keys: readonly Key[],
  tree: Tree,
  now: Signed,
  isWhole: boolean,
  damages: Damage[],
): void {
  const add = (what: string): void => {
    damages.push({ kind: 'checkpoint', from: -1, to: -1, file: 'a checkpoint that was kept', what });
  };
  const kept = openCheckpoint(note, keys, true);
  if (typeof kept === 'string') return add(kept);
  if (kept.origin !== now.origin) return add(`it is of another log, ${kept.origin}`);
  if (kept.size > now.size)
    return add(`it counts ${kept.size} entries, and the trail has ${now.size}: the trail was cut`);
  if (isWhole && rootOf(tree, kept.size)?.equals(kept.root) !== true)
    add(`the first ${kept.size} entries are not those that it counted: the trail was rewritten`);
}

function main(args: readonly string[]): number {
  const witnesses: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++)
    if (args[i] === '--witness') witnesses.push(args[++i] ?? '');
    else rest.push(args[i]!);
  const [folder, key, ...files] = rest;
  if (folder === undefined || key === undefined) {
    process.stderr.write('usage: node verifier.js FOLDER KEY [--witness KEY …] [CHECKPOINT-FILE …]\n');
    return 2;
  }
  const { origin, size, root, pruned, cosignatures, damages } = verifyTrail(
    folder,
    existsSync(key) ? readFileSync(key, 'utf8') : key,
    files.map((file) => readFileSync(file, 'utf8')),
    witnesses,
  );
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  for (const { from, to, file, what } of damages)
    say(`${from === -1 ? '' : `entries ${from} to ${to}: `}${what} (${file})`);
  for (const one of cosignatures)
    say(`${one.name} has cosigned ${one.size} entries at ${new Date(one.timeS * 1000).toISOString()}`);
  if (pruned > 0) say(`${pruned} entries were pruned: their hashes are left`);
  say(
    damages.length === 0
      ? `${origin}: ${size} entries are what ${root} says`
      : `${damages.length} ${damages.length === 1 ? 'damage' : 'damages'}`,
  );
  return damages.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = main(process.argv.slice(2));
