// Diagnostics are what a user reads when a file of theirs (configuration, contract, keys) is wrong: all of
// them at once, each with a place and, where one is known, a way out.

import type { DiagnosticId } from './diagnostic-table.ts';

export type Severity = 'error' | 'warning';

/** Position in a text file; line and column count from 1, 0 when there is no position. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Diagnostic extends Place {
  /** Stable id, kebab-case, for instance `config-unknown-key`; documented in docs/reference/diagnostics.md. */
  readonly id: DiagnosticId;
  readonly severity: Severity;
  /** What is wrong, one sentence, ends with a full stop. Never contains a secret. */
  readonly message: string;
  /** What to do about it; empty when there is nothing better than the message. */
  readonly suggestion: string;
}

export class Diagnostics {
  readonly all: Diagnostic[] = [];

  error(id: DiagnosticId, place: Place, message: string, suggestion = ''): void {
    this.all.push({ id, severity: 'error', ...pick(place), message, suggestion });
  }

  warning(id: DiagnosticId, place: Place, message: string, suggestion = ''): void {
    this.all.push({ id, severity: 'warning', ...pick(place), message, suggestion });
  }

  get hasErrors(): boolean {
    return this.all.some((d) => d.severity === 'error');
  }
}

/** The place of an offset into the file's text. */
export function placeAt(text: string, file: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { file, line, column: offset - start + 1 };
}

const pick = (place: Place): Place => ({ file: place.file, line: place.line, column: place.column });

/** One diagnostic as compilers print them: `file:line:column: error[id]: message`, then the suggestion. */
export function formatDiagnostic(d: Diagnostic): string {
  const at = d.line > 0 ? `${d.file}:${d.line}:${d.column}` : d.file;
  const head = `${at}: ${d.severity}[${d.id}]: ${d.message}`;
  return d.suggestion === '' ? head : `${head}\n    ${d.suggestion}`;
}

/** The known name closest to `name` (Levenshtein distance at most 2, or 3 for long names), or null. */
export function closestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = name.length > 8 ? 4 : 3;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
