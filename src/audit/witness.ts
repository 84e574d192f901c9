// A witness of logs (C2SP tlog-witness): it cosigns a checkpoint only when everything that it has cosigned before is the
// beginning of it, so that a log can not show one history here and another there. It keeps the newest checkpoint of each log, on
// disk before it answers, and what proves that a log has lied.
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../core/index.ts';
import {
  type Checkpoint,
  EMPTY_ROOT,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseNote,
  signatureLine,
  signatureOf,
  verifierText,
  verifyConsistency,
} from '../merkle/index.ts';
import { AuditError } from './contract.ts';
import { writeWhole } from './disk.ts';
import { TrailKeys } from './keys.ts';
import { takeLock } from './lock.ts';

/** Largest request: sixteen signatures of ML-DSA and a proof, bytes. */
export const MAX_REQUEST_BYTES = 131_072;
const MAX_PROOF_LINES = 63;
/** Notes that are kept as evidence; more are told, and not kept. */
const MAX_EVIDENCE = 100;

export interface WitnessOptions {
  readonly folder: string;
  /** Name of the witness in its signatures, such as witness.example.com/w1. */
  readonly name: string;
  /** Keys of the logs it knows; a log's origin is the name of its key. */
  readonly logs: readonly NoteVerifier[];
  /** Seals its keys; null where none is configured. */
  readonly secret: string | null;
  readonly clock?: Clock;
  /** Hears of each checkpoint that contradicts what was cosigned before. */
  readonly onContradiction?: (origin: string, what: string) => void;
}

export interface WitnessAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

interface Request {
  readonly oldSize: number;
  readonly proof: readonly Buffer[];
  readonly note: string;
}

export class Witness {
  readonly #options: WitnessOptions;
  readonly #clock: Clock;
  readonly #signers: readonly NoteSigner[];
  readonly #release: () => void;

  private constructor(options: WitnessOptions, release: () => void) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#release = release;
    this.#signers = new TrailKeys(options.folder, options.secret).witnessSigners(options.name);
  }

  /** Throws AuditError when another process runs the witness, or its keys can not be read. */
  static open(options: WitnessOptions): Witness {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const release = takeLock(options.folder);
    if (release === null)
      throw new AuditError(`another process runs the witness in ${options.folder}: there is one`);
    try {
      return new Witness(options, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** What logs and auditors are told: keys as `name+id+key`. */
  get keys(): readonly string[] {
    return this.#signers.map(verifierText);
  }

  /**
   * Answers a call of `add-checkpoint`.
   * INVARIANT: does not wait between the look at the newest checkpoint and its replacement.
   */
  addCheckpoint(body: string): WitnessAnswer {
    const request = parseRequest(body);
    if (request === null) return plain(400, 'the request is not one of add-checkpoint');
    const { oldSize, note } = request;
    const text = parseNote(note)?.text ?? '';
    const checkpoint = parseCheckpoint(text);
    if (checkpoint === null) return plain(400, 'there is no checkpoint');
    const { origin, size } = checkpoint;
    const keys = this.#options.logs.filter(({ name }) => name === origin);
    if (keys.length === 0) return plain(404, 'the log is not known here');
    if (!isSignedByAll(note, keys)) return plain(403, 'no key of the log has signed this');
    if (oldSize > size) return plain(400, 'the old size is above the size');
    const newest = this.#newest(origin);
    if (oldSize !== newest.size) return sizeAnswer(newest.size);
    if (oldSize === size && size > 0 && !same(newest.root, checkpoint.root)) {
      this.#contradiction(origin, note, `two trees of ${size} entries`);
      return sizeAnswer(newest.size);
    }
    if (!isConsistent(request, newest, checkpoint)) {
      this.#contradiction(origin, note, `${size} entries that do not begin with the ${oldSize} seen before`);
      return plain(422, 'the proof does not show that the old tree begins the new one');
    }
    writeWhole(this.#fileOf(origin), note);
    const timeS = Math.floor(this.#clock.epochMs() / 1000);
    const lines = this.#signers.map((signer) => signatureLine(signatureOf(text, signer, timeS)));
    return { status: 200, contentType: 'text/plain; charset=utf-8', body: lines.join('') };
  }

  #fileOf(origin: string): string {
    return join(this.#options.folder, 'logs', hash('sha256', origin, 'hex'));
  }

  /** The newest checkpoint of a log; that of no entries where none was seen. Throws AuditError when it can not be read. */
  #newest(origin: string): Checkpoint {
    const file = this.#fileOf(origin);
    if (!existsSync(file)) return { origin, size: 0, root: EMPTY_ROOT };
    const checkpoint = parseCheckpoint(parseNote(readFileSync(file, 'utf8'))?.text ?? '');
    if (checkpoint === null || checkpoint.origin !== origin)
      throw new AuditError(`${file} is damaged: restore it from a backup; without it nothing is cosigned`);
    return checkpoint;
  }

  #contradiction(origin: string, note: string, what: string): void {
    const folder = join(this.#options.folder, 'evidence');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const name = `${hash('sha256', note, 'hex').slice(0, 32)}.txt`;
    if (readdirSync(folder).length < MAX_EVIDENCE) writeWhole(join(folder, name), note);
    this.#options.onContradiction?.(origin, what);
  }

  close(): void {
    this.#release();
  }
}

const plain = (status: number, what: string): WitnessAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${what}\n`,
});

const sizeAnswer = (size: number): WitnessAnswer => ({
  status: 409,
  contentType: 'text/x.tlog.size',
  body: `${size}\n`,
});

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** A signature of a known key that does not hold spoils the note; one key that has signed is enough. */
function isSignedByAll(note: string, keys: readonly NoteVerifier[]): boolean {
  const claimed = parseNote(note)!.signatures;
  const present = keys.filter(({ name, id }) =>
    claimed.some((one) => one.name === name && one.id.equals(id)),
  );
  return present.length > 0 && present.every((key) => openNote(note, key) !== null);
}

function isConsistent({ oldSize, proof }: Request, newest: Checkpoint, next: Checkpoint): boolean {
  if (next.size === 0) return proof.length === 0 && same(next.root, EMPTY_ROOT);
  return verifyConsistency(oldSize, next.size, proof, newest.root, next.root);
}

/** Null for what is no request. */
function parseRequest(body: string): Request | null {
  const split = body.indexOf('\n\n');
  if (split === -1 || body.length > MAX_REQUEST_BYTES) return null;
  const [first, ...lines] = body.slice(0, split).split('\n');
  const old = /^old (0|[1-9][0-9]{0,15})$/.exec(first ?? '');
  if (old === null || !Number.isSafeInteger(Number(old[1])) || lines.length > MAX_PROOF_LINES) return null;
  const proof: Buffer[] = [];
  for (const line of lines) {
    const bytes = Buffer.from(line, 'base64');
    if (bytes.length !== 32 || bytes.toString('base64') !== line) return null;
    proof.push(bytes);
  }
  return { oldSize: Number(old[1]), proof, note: body.slice(split + 2) };
}
