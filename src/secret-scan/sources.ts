// Where texts come from: files, what is staged for a commit, and everything that a repository's history ever held.
import { execFile, spawn } from 'node:child_process';
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import type { SourceText } from './contract.ts';

const run = promisify(execFile);
/** Larger files are named as not read. */
const MAX_BYTES = 5 * 1024 * 1024;
/** Bytes in which a NUL tells that a file is no text. */
const PROBE_BYTES = 8192;
const skippedFolders = new Set(['.git', 'node_modules', '.hg', '.svn']);
const MAX_OUTPUT = 1 << 28;

export interface Skipped {
  readonly path: string;
  readonly reason: 'too large' | 'not readable';
}

const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, PROBE_BYTES).includes(0);

async function git(folder: string, ...args: string[]): Promise<string | null> {
  try {
    return (await run('git', ['-C', folder, ...args], { maxBuffer: MAX_OUTPUT })).stdout;
  } catch {
    return null;
  }
}

/** Files below `root`: those that git knows or would take, or all where there is no repository. */
async function filesBelow(root: string): Promise<string[]> {
  if (statSync(root).isFile()) return [root];
  const listed = await git(root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  if (listed !== null)
    return [...new Set(listed.split('\0').filter((name) => name !== ''))].map((name) => join(root, name));
  const files: string[] = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true }) as Dirent[]) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !skippedFolders.has(entry.name)) folders.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  return files;
}

/** Texts of the files below `roots`. Throws for a root that is not there. */
export async function* fileTexts(
  roots: readonly string[],
  onSkipped: (skipped: Skipped) => void,
): AsyncGenerator<SourceText> {
  const seen = new Set<string>();
  for (const root of roots) {
    for (const file of (await filesBelow(root)).sort()) {
      const path = relative(process.cwd(), file).split(sep).join('/') || file;
      if (seen.has(path)) continue;
      seen.add(path);
      try {
        const { size } = statSync(file);
        if (size > MAX_BYTES) {
          onSkipped({ path, reason: 'too large' });
          continue;
        }
        const bytes = readFileSync(file);
        if (!isBinary(bytes)) yield { path, blob: null, text: bytes.toString() };
      } catch (error) {
        // Deleted but known to git: nothing to find.
        if (
          (error as NodeJS.ErrnoException).code !== 'ENOENT' &&
          (error as NodeJS.ErrnoException).code !== 'EISDIR'
        )
          onSkipped({ path, reason: 'not readable' });
      }
    }
  }
}

/** What the next commit would take, as it is staged. Null outside of a repository. */
export async function stagedTexts(folder: string): Promise<SourceText[] | null> {
  const names = await git(folder, 'diff', '--cached', '--name-only', '-z', '--diff-filter=d');
  if (names === null) return null;
  const texts: SourceText[] = [];
  for (const path of names.split('\0').filter((name) => name !== '')) {
    const text = await git(folder, 'show', `:${path}`);
    if (text !== null && !text.slice(0, PROBE_BYTES).includes('\0')) texts.push({ path, blob: null, text });
  }
  return texts;
}

/**
 * Every version of every file that any reference leads to, each once, with the path it had. Throws Error outside of a
 * repository, and when git fails on the way: a history that was read by half is not free of secrets.
 */
export async function* historyTexts(
  folder: string,
  onSkipped: (skipped: Skipped) => void,
): AsyncGenerator<SourceText> {
  const listed = await git(folder, 'rev-list', '--objects', '--all');
  if (listed === null) throw new Error('there is no git repository');
  const named = new Map<string, string>();
  for (const line of listed.split('\n')) {
    const at = line.indexOf(' ');
    if (at !== -1 && line.length > at + 1) named.set(line.slice(0, at), line.slice(at + 1));
  }
  const child = spawn('git', ['-C', folder, 'cat-file', '--batch'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });
  child.stdin.on('error', () => {});
  child.stdin.end([...named.keys()].map((id) => `${id}\n`).join(''));
  const parts: Buffer[] = [];
  let length = 0;
  /** Bytes until an object is whole: no buffer is joined before. */
  let needed = 1;
  let count = 0;
  for await (const chunk of child.stdout) {
    parts.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length < needed) continue;
    let rest = Buffer.concat(parts.splice(0));
    for (;;) {
      const line = rest.indexOf(0x0a);
      const [id = '', type, size] = line === -1 ? [] : rest.toString('latin1', 0, line).split(' ');
      const end = line + 1 + Number(size);
      needed = line === -1 ? rest.length + 1 : end + 1;
      if (rest.length < needed) break;
      const bytes = rest.subarray(line + 1, end);
      rest = rest.subarray(end + 1);
      count++;
      if (type !== 'blob') continue;
      const path = named.get(id)!;
      if (bytes.length > MAX_BYTES) onSkipped({ path, reason: 'too large' });
      else if (!isBinary(bytes)) yield { path, blob: id.slice(0, 12), text: bytes.toString() };
    }
    parts.push(rest);
    length = rest.length;
  }
  if ((await ended) !== 0 || count !== named.size) throw new Error('git did not give all of the history');
}
