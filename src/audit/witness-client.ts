// Asks witnesses to cosign the trail's checkpoints (C2SP tlog-witness), and keeps the newest checkpoint that each has cosigned: a
// trail that is rewritten later contradicts it, whoever holds the log's keys. A witness that is away costs nothing but a
// message; one that contradicts is told aloud.
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type NoteVerifier, parseCheckpoint, parseNote, readNote, signatureLine } from '../merkle/index.ts';
import { FetchError, guardedFetch } from '../net/index.ts';
import { AuditError } from './contract.ts';
import { writeWhole } from './disk.ts';
import { TrailReader } from './reader.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;
const FOLDER = 'cosigned';

export interface WitnessSettings {
  readonly name: string;
  /** Prefix of its calls. */
  readonly url: string;
  /** One or both of its keys. */
  readonly keys: readonly NoteVerifier[];
  /** PEM authorities instead of the well-known ones; empty for those. */
  readonly ca: string;
}

export interface CosigningOptions {
  readonly folder: string;
  readonly origin: string;
  readonly secret: string | null;
  readonly witnesses: readonly WitnessSettings[];
}

export interface WitnessResult {
  readonly witness: string;
  /** Entries that it has cosigned; -1 when it has not cosigned this time. */
  readonly size: number;
  /** Why not; empty when it has. */
  readonly problem: string;
  /** It has seen another history: somebody should look. */
  readonly isContradiction: boolean;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export class Cosigning {
  readonly #options: CosigningOptions;
  /** What each witness has seen of the trail, as far as is known here, and what it has cosigned. */
  readonly #sizes = new Map<string, number>();
  readonly #cosigned = new Map<string, number>();

  constructor(options: CosigningOptions) {
    this.#options = options;
    for (const { name } of options.witnesses) {
      const size = this.#sizeOf(name);
      this.#sizes.set(name, size);
      this.#cosigned.set(name, size);
    }
  }

  #fileOf(witness: string): string {
    return join(this.#options.folder, FOLDER, `${hash('sha256', witness, 'hex').slice(0, 32)}`);
  }

  /** Entries of the newest checkpoint that the witness has cosigned; 0 for none. */
  cosigned(witness: string): number {
    return this.#cosigned.get(witness) ?? 0;
  }

  #sizeOf(witness: string): number {
    const file = this.#fileOf(witness);
    if (!existsSync(file)) return 0;
    return parseCheckpoint(parseNote(readFileSync(file, 'utf8'))?.text ?? '')?.size ?? 0;
  }

  /** Asks every witness that has not seen the trail as its checkpoint has it now. */
  async run(): Promise<WitnessResult[]> {
    const { folder, origin, secret, witnesses } = this.#options;
    const reader = new TrailReader(folder, origin, secret);
    return Promise.all(
      witnesses
        .filter(({ name }) => this.cosigned(name) !== reader.size)
        .map((witness) => this.#ask(witness, reader)),
    );
  }

  async #ask(witness: WitnessSettings, reader: TrailReader): Promise<WitnessResult> {
    const failed = (problem: string, isContradiction = false): WitnessResult => ({
      witness: witness.name,
      size: -1,
      problem,
      isContradiction,
    });
    const seen = this.#sizes.get(witness.name)!;
    if (seen > reader.size)
      return failed(`it has cosigned ${seen} entries, and the trail has ${reader.size}`, true);
    try {
      let answer = await this.#post(witness, reader, seen);
      const told = sizeIn(answer);
      if (told !== null) {
        if (told > reader.size)
          return failed(`it has cosigned ${told} entries, and the trail has ${reader.size}`, true);
        if (told === seen) return failed(`it has seen other ${told} entries`, true);
        this.#sizes.set(witness.name, told);
        answer = await this.#post(witness, reader, told);
        if (sizeIn(answer) === told) return failed(`it has seen other ${told} entries`, true);
      }
      if (answer.status === 422)
        return failed('what it has seen before is not the beginning of the trail', true);
      if (answer.status !== 200) return failed(`it answers ${answer.status}`);
      const lines = goodLines(reader.checkpoint, answer.body, witness.keys);
      if (lines === '') return failed('no signature in its answer is one of its keys');
      writeWhole(this.#fileOf(witness.name), reader.checkpoint + lines);
      this.#sizes.set(witness.name, reader.size);
      this.#cosigned.set(witness.name, reader.size);
      return { witness: witness.name, size: reader.size, problem: '', isContradiction: false };
    } catch (error) {
      if (error instanceof FetchError || error instanceof AuditError) return failed(error.message);
      throw error;
    }
  }

  async #post({ url, ca }: WitnessSettings, reader: TrailReader, from: number): Promise<Answer> {
    const proof = from === 0 || from >= reader.size ? [] : reader.proveConsistency(from);
    const head = [`old ${from}`, ...proof].map((line) => `${line}\n`).join('');
    const { status, headers, body } = await guardedFetch({
      url: `${url.replace(/\/$/, '')}/add-checkpoint`,
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: `${head}\n${reader.checkpoint}`,
      ca,
      reach: 'anywhere',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    });
    return { status, contentType: String(headers['content-type'] ?? ''), body };
  }
}

/** What a witness that was asked from another size says that it has seen; null when that is not what it says. */
function sizeIn({ status, contentType, body }: Answer): number | null {
  if (status !== 409 || !/^text\/x\.tlog\.size\b/.test(contentType)) return null;
  const size = /^(\d{1,15})\n$/.exec(body)?.[1];
  return size === undefined ? null : Number(size);
}

/** Lines of the answer that keys of the witness have made over the note; others are left out. */
function goodLines(note: string, answer: string, keys: readonly NoteVerifier[]): string {
  const signatures = parseNote(note + answer)?.signatures ?? [];
  return signatures
    .filter(({ name, id }) =>
      keys.some((key) => key.name === name && key.id.equals(id) && readNote(note + answer, key) !== null),
    )
    .map(signatureLine)
    .join('');
}

/** Checkpoints that witnesses have cosigned, as they lie in the folder of a trail. */
export function cosignedNotes(folder: string): string[] {
  const path = join(folder, FOLDER);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => /^[0-9a-f]{32}$/.test(name))
    .map((name) => readFileSync(join(path, name), 'utf8'));
}
