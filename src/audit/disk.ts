// Files that are there whole or not at all, whatever happens to the process or the machine.
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the entries of a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes `bytes` beside the file, then puts them in its place; durable when it returns. */
export function writeWhole(file: string, bytes: Uint8Array | string, mode = 0o600): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const beside = `${file}.new`;
  const descriptor = openSync(beside, 'w', mode);
  try {
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    for (let at = 0; at < data.length; ) at += writeSync(descriptor, data, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(beside, file);
  syncFolder(folder);
}

/** A file that is written by `writeFiles`. */
export interface PlannedFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Files written at the same time: the journal's syncs share the threads. */
const WRITERS = 2;

/** Writes many files without holding up the thread, each whole or not at all; all are durable when it resolves. */
export async function writeFiles(files: readonly PlannedFile[], mode = 0o600): Promise<void> {
  const folders = new Set(files.map(({ file }) => dirname(file)));
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
  let at = 0;
  const work = async (): Promise<void> => {
    for (let next = files[at++]; next !== undefined; next = files[at++]) {
      const handle = await open(`${next.file}.new`, 'w', mode);
      try {
        await handle.writeFile(next.bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(`${next.file}.new`, next.file);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, work));
  for (const folder of folders) {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
