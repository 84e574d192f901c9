// `gatewright waf install-crs`: fetches a release of the OWASP Core Rule Set, compares its SHA-256 with the one that was
// given, and only then looks into it. Rules decide what reaches a service: nobody gets to choose them on the way.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CommandError, Exit, print, printJson } from '../output.ts';
import { readTar, type TarFile } from './tar.ts';

/** Largest archive and largest content; a release has some 500 KB and 5 MB. */
const MAX_ARCHIVE_BYTES = 50_000_000;
const MAX_CONTENT_BYTES = 200_000_000;
const FETCH_TIMEOUT_MS = 60_000;

type Options = Readonly<Record<string, unknown>>;

export async function runInstallCrs(options: Options, source: string): Promise<number> {
  const sha256 = (options['sha256'] as string).toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new CommandError('--sha256 must be 64 hexadecimal digits', Exit.usage);
  const out = resolve(options['out'] as string);
  if (existsSync(out) && options['force'] !== true)
    throw new CommandError(`${out} exists already; --force replaces it, --out writes elsewhere`);
  const url = releaseUrl(source);
  const archive = await download(url);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== sha256) {
    throw new CommandError(
      `the archive is not the one expected: its SHA-256 is ${actual}. Nothing was unpacked.`,
    );
  }
  const files = unpack(archive);
  await install(files, out);
  const rules = files.filter(({ path }) => /^rules\/.*\.conf$/.test(path)).length;
  if (options['json'] === true) printJson({ ok: true, folder: out, url, sha256, files: files.length, rules });
  else {
    print(`${out}: ${files.length} files, ${rules} of them rules. In the configuration:\n`);
    print(`    inspect: { rules: [ ./${basename(out)} ] }`);
  }
  return Exit.ok;
}

/** `4.28.0` stands for the release of that number; else an https URL, or plain http on this machine. */
export function releaseUrl(source: string): string {
  if (/^v?\d+\.\d+\.\d+$/.test(source)) {
    const version = source.replace(/^v/, '');
    return `https://github.com/coreruleset/coreruleset/releases/download/v${version}/coreruleset-${version}-minimal.tar.gz`;
  }
  if (!URL.canParse(source)) throw new CommandError(`"${source}" is neither a version nor a URL`, Exit.usage);
  const { protocol, hostname } = new URL(source);
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback))
    throw new CommandError('releases are fetched over https only', Exit.usage);
  return source;
}

async function download(url: string): Promise<Buffer> {
  let next = url;
  try {
    // Redirects are followed by hand, so that none of them leaves https.
    for (let hop = 0; hop < 5; hop++) {
      const answer = await fetch(next, { redirect: 'manual', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
      const location = answer.headers.get('location');
      if (answer.status >= 300 && answer.status < 400 && location !== null) {
        next = releaseUrl(new URL(location, next).href);
        continue;
      }
      if (answer.status !== 200 || answer.body === null)
        throw new CommandError(`${next} answered ${answer.status}`);
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of answer.body) {
        size += part.length;
        if (size > MAX_ARCHIVE_BYTES) throw new CommandError('the archive is too large for a release');
        parts.push(part);
      }
      return Buffer.concat(parts);
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { cause, message } = error as Error;
    throw new CommandError(
      `${next} can not be fetched (${cause instanceof Error ? cause.message : message})`,
    );
  }
  throw new CommandError('there were too many redirects');
}

/** Files of the release without the folder that they stand in. */
function unpack(archive: Buffer): TarFile[] {
  let files: TarFile[];
  try {
    files = readTar(gunzipSync(archive, { maxOutputLength: MAX_CONTENT_BYTES }));
  } catch (error) {
    throw new CommandError(`the archive can not be unpacked: ${(error as Error).message}`);
  }
  const folders = new Set(files.map(({ path }) => path.split('/')[0]!));
  const inner = folders.size === 1 ? `${[...folders][0]!}/` : '';
  const stripped = files.map(({ path, content }) => ({ path: path.slice(inner.length), content }));
  const has = (pattern: RegExp): boolean => stripped.some(({ path }) => pattern.test(path));
  if (!has(/^crs-setup\.conf(?:\.example)?$/) || !has(/^rules\/.*\.conf$/))
    throw new CommandError(
      'the archive is no release of the Core Rule Set: crs-setup.conf or rules are missing',
    );
  return stripped.filter(({ path }) => path !== '');
}

/** Writes beside the target and renames: a gate that watches the folder sees all of it or nothing. */
async function install(files: readonly TarFile[], out: string): Promise<void> {
  await mkdir(dirname(out), { recursive: true });
  const fresh = await mkdtemp(`${out}.new-`);
  try {
    for (const { path, content } of files) {
      const target = join(fresh, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    await rm(out, { recursive: true, force: true });
    await rename(fresh, out);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw new CommandError(`${out} can not be written (${(error as NodeJS.ErrnoException).code})`);
  }
}
