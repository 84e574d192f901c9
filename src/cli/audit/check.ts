// `gatewright audit check`: whether what somebody was given about a trail holds, by the keys of the trail alone. The file is untrusted: it
// may say anything, its own key included, which is not believed.
import { existsSync, readFileSync } from 'node:fs';
import {
  type Checkpoint,
  leafHash,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseVerifier,
  readNote,
  verifyConsistency,
  verifyLeafInclusion,
} from '../../merkle/index.ts';
import { CommandError, Exit, print, printable, printJson } from '../output.ts';

type Options = Readonly<Record<string, unknown>>;
type Json = Readonly<Record<string, unknown>>;

export async function runAuditCheck(options: Options, file: string): Promise<number> {
  const keys = readKeys(options['key'] as string);
  const witnesses = ((options['witness'] as string[] | undefined) ?? []).flatMap(readKeys);
  const result = checkProofs(readText(file), keys, witnesses);
  const isFine = result.problems.length === 0;
  if (options['json'] === true) printJson({ ok: isFine, ...result });
  else {
    for (const problem of result.problems.slice(0, 100)) print(printable(problem));
    print(isFine ? `${result.what}.` : `${result.problems.length} of it does not hold.`);
  }
  return Promise.resolve(isFine ? Exit.ok : Exit.failed);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`, Exit.usage);
  }
}

function readKeys(text: string): NoteVerifier[] {
  const lines = existsSync(text) ? readText(text).trim().split(/\s+/) : [text];
  return lines.map((line) => {
    const key = parseVerifier(line);
    if (key === null) throw new CommandError(`"${printable(line.slice(0, 60))}" is no key`, Exit.usage);
    return key;
  });
}

export interface ProofCheck {
  /** What holds, in words. */
  readonly what: string;
  readonly problems: readonly string[];
}

/** Never throws for what is in the text. */
export function checkProofs(
  text: string,
  keys: readonly NoteVerifier[],
  witnesses: readonly NoteVerifier[],
): ProofCheck {
  const documents = parseAll(text);
  const [first] = documents;
  if (first === undefined) return { what: '', problems: ['the file holds no proof'] };
  const checkpoint = openAll(first['checkpoint'], keys, witnesses);
  if (typeof checkpoint === 'string') return { what: '', problems: [checkpoint] };
  if (typeof first['from'] === 'string') return checkGrowth(first, checkpoint, keys);
  const entries = documents.length === 1 && first['index'] !== undefined ? [first] : documents.slice(1);
  const problems = entries.map((entry) => checkEntry(entry, checkpoint)).filter((problem) => problem !== '');
  const { origin, size } = checkpoint;
  return { what: `${entries.length} entries are in ${origin} as it was with ${size} entries`, problems };
}

/** One JSON document, or one a line. */
function parseAll(text: string): Json[] {
  const parse = (one: string): Json[] => {
    const value: unknown = JSON.parse(one);
    return typeof value === 'object' && value !== null ? [value as Json] : [];
  };
  try {
    return parse(text);
  } catch {}
  try {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap(parse);
  } catch {
    return [];
  }
}

/** The checkpoint that all keys have signed; else what is wrong. */
function openAll(
  note: unknown,
  keys: readonly NoteVerifier[],
  witnesses: readonly NoteVerifier[],
): Checkpoint | string {
  if (typeof note !== 'string') return 'there is no checkpoint';
  const missing = [...keys, ...witnesses].find((key) => readNote(note, key) === null);
  if (missing !== undefined)
    return `the checkpoint is not signed by ${missing.name}+${missing.id.toString('hex')}`;
  const checkpoint = parseCheckpoint(openNote(note, keys[0]!) ?? '');
  return checkpoint ?? 'the checkpoint is no checkpoint';
}

const hashes = (value: unknown): Buffer[] =>
  Array.isArray(value) ? value.map((one) => Buffer.from(String(one), 'base64')) : [];

function checkEntry(line: Json, { size, root }: Checkpoint): string {
  const { index, entry, leaf, proof } = line;
  const at = Number(index);
  const bytes = Buffer.from(typeof entry === 'string' ? entry : '', 'base64');
  // A pruned entry is proven by its hash.
  const hashed = bytes.length > 0 ? leafHash(bytes) : Buffer.from(String(leaf), 'hex');
  if (bytes.length > 0 && hashed.toString('hex') !== leaf) return `entry ${at} is not the one of its hash`;
  const said = bytes.length === 0 ? [] : saidOtherwise(line, bytes);
  if (said.length > 0) return `entry ${at} has another ${said.join(', ')} than is said beside it`;
  return hashed.length === 32 && verifyLeafInclusion(hashed, at, size, hashes(proof), root)
    ? ''
    : `entry ${at} is not in the trail of the checkpoint`;
}

/** Members that stand in clear in the entry, and otherwise beside it. */
function saidOtherwise(line: Json, bytes: Buffer): string[] {
  const [entry = {}] = parseAll(bytes.toString());
  return ['id', 'at', 'action', 'outcome', 'key'].filter(
    (name) => line['at'] !== undefined && line[name] !== entry[name],
  );
}

function checkGrowth({ from, proof }: Json, now: Checkpoint, keys: readonly NoteVerifier[]): ProofCheck {
  // Before there was another key, the first alone has signed.
  const before = openAll(from, keys.slice(0, 1), []);
  if (typeof before === 'string') return { what: '', problems: [`of the older one: ${before}`] };
  const holds = verifyConsistency(before.size, now.size, hashes(proof), before.root, now.root);
  return {
    what: `the ${before.size} entries of then are the first of the ${now.size} of now`,
    problems: holds ? [] : [`the ${before.size} entries of then are not the first of the ${now.size} of now`],
  };
}
