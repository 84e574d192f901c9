// Looks for secrets in one text.
import { createHash } from 'node:crypto';
import { Finder } from '../sensitive/index.ts';
import { findAssignments } from './assignments.ts';
import type { FoundSecret, SourceText } from './contract.ts';

const finder = new Finder(['credential']);
/** On a line, or the line before: what stands there is meant to. */
const ALLOW = 'gatewright:allow-secret';
const SHOWN_MIN = 16;

/** Secrets in a text, in order. */
export function scanText({ path, blob, text }: SourceText): FoundSecret[] {
  const spans = finder
    .find(text)
    .map(({ kind, start, end }) => ({ kind, name: null as string | null, start, end }));
  for (const { kind, name, value, start } of findAssignments(path, text)) {
    const end = start + value.length;
    if (!spans.some((span) => span.start < end && start < span.end)) spans.push({ kind, name, start, end });
  }
  if (spans.length === 0) return [];
  const lines = new Lines(text);
  return spans
    .sort((a, b) => a.start - b.start)
    .filter(({ start }) => !lines.isAllowed(start))
    .map(({ kind, name, start, end }) => {
      const secret = text.slice(start, end);
      const { line, column } = lines.placeOf(start);
      return {
        path,
        blob,
        line,
        column,
        kind,
        name,
        secret,
        shown: shownOf(kind, secret),
        fingerprint: fingerprintOf(kind, secret),
        live: null,
      };
    });
}

/** Enough for the reader who knows the secret. */
function shownOf(kind: string, secret: string): string {
  if (kind === 'private-key') return '-----BEGIN … PRIVATE KEY-----';
  if (secret.length < SHOWN_MIN) return '***';
  return `${secret.slice(0, 4)}…${secret.slice(-2)} (${secret.length} characters)`;
}

/** Short enough that many texts have the same one: nobody learns a weak password from a baseline that is checked in. */
const FINGERPRINT_LENGTH = 8;

const fingerprintOf = (kind: string, secret: string): string =>
  `${kind}:${createHash('sha256').update(`gatewright secret\n${kind}\n${secret}`).digest('hex').slice(0, FINGERPRINT_LENGTH)}`;

class Lines {
  readonly #text: string;
  readonly #starts: number[] = [0];

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  placeOf(offset: number): { line: number; column: number } {
    const index = this.#indexOf(offset);
    return { line: index + 1, column: offset - this.#starts[index]! + 1 };
  }

  isAllowed(offset: number): boolean {
    const index = this.#indexOf(offset);
    const from = this.#starts[Math.max(0, index - 1)]!;
    const to = this.#starts[index + 1] ?? this.#text.length;
    return this.#text.slice(from, to).includes(ALLOW);
  }
}
