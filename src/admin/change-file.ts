// Changes the configuration file in one place: comments and everything else stay as they were written. What the gate does not
// take is taken back, and the file is never half written.
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type Document, parseDocument } from 'yaml';
import { type AdminParts, AdminProblem, type ReloadOutcome } from './contract.ts';

async function replace(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}.draft`;
  try {
    await writeFile(draft, text, { mode, flag: 'wx', flush: true });
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** One change after the other. */
let running: Promise<unknown> = Promise.resolve();

export function changeFile(
  file: string,
  parts: AdminParts,
  change: (document: Document) => void,
): Promise<ReloadOutcome> {
  const run = running.then(() => changeOnce(file, parts, change));
  running = run.catch(() => {});
  return run;
}

async function changeOnce(
  file: string,
  parts: AdminParts,
  change: (document: Document) => void,
): Promise<ReloadOutcome> {
  const { mode } = await stat(file);
  const before = await readFile(file, 'utf8');
  const document = parseDocument(before);
  if (document.errors.length > 0)
    throw new AdminProblem('resource-conflict', 'The configuration file is no YAML at the moment.');
  change(document);
  await replace(file, document.toString({ lineWidth: 0 }), mode);
  const outcome = await parts.reload();
  if (!outcome.ok) {
    await replace(file, before, mode);
    await parts.reload();
  }
  return outcome;
}
