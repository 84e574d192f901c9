// How commands speak: text for people, one JSON document with --json, documented exit codes.
import { type Diagnostic, formatDiagnostic } from '../core/index.ts';

/** Exit codes, documented in docs/reference/cli.md. */
export const Exit = { ok: 0, failed: 1, usage: 2, configuration: 3, refused: 4 } as const;

/** Ends the command with a message for people and an exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, exitCode: number = Exit.failed, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.diagnostics = diagnostics;
  }
}

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** `text` without control characters: what clients sent must not reach a terminal as commands. */
export const printable = (text: string): string =>
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

const colours = process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined;

/** Diagnostics on standard error. */
export function printDiagnostics(diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) {
    const text = formatDiagnostic(diagnostic);
    const colour = diagnostic.severity === 'error' ? 31 : 33;
    process.stderr.write(colours ? `\x1b[${colour}m${text}\x1b[0m\n` : `${text}\n`);
  }
}

/** Reports an error of a command and returns its exit code. */
export function reportError(error: unknown, json: boolean): number {
  if (!(error instanceof CommandError)) throw error;
  if (json) printJson({ ok: false, error: error.message, diagnostics: error.diagnostics });
  else {
    printDiagnostics(error.diagnostics);
    if (error.message !== '') process.stderr.write(`gatewright: ${error.message}\n`);
  }
  return error.exitCode;
}
