// Reads a tar archive (ustar with pax and GNU long names) from memory. Only regular files and folders come out: links,
// devices and whatever else an archive can hold are refused, and so is every path that leads out of the folder.

export interface TarFile {
  /** Relative, with `/`, without `.`, `..` or empty parts. */
  readonly path: string;
  readonly content: Buffer;
}

/** The archive can not be unpacked; the message says why. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

const BLOCK = 512;
/** Files of an archive; a CRS release has some 300. */
const MAX_FILES = 20_000;

export function readTar(archive: Buffer): TarFile[] {
  const files: TarFile[] = [];
  let longName: string | null = null;
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header);
    const size = octal(header, 124, 12);
    const content = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length < size) throw new TarError('the archive is cut off');
    const type = String.fromCharCode(header[156]!);
    const name: string = longName ?? ustarName(header);
    longName = null;
    if (type === 'x') longName = paxPath(content);
    else if (type === 'L') longName = content.toString('utf8').replace(/\0.*$/s, '');
    else if (type === '0' || type === '\0') {
      if (files.length >= MAX_FILES) throw new TarError(`the archive has more than ${MAX_FILES} files`);
      files.push({ path: safePath(name), content });
    } else if (type !== '5' && type !== 'g') {
      throw new TarError(`"${name}" is neither a file nor a folder`);
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function checkSum(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  if (sum !== octal(header, 148, 8)) throw new TarError('this is no tar archive, or it is damaged');
}

function octal(header: Buffer, at: number, length: number): number {
  const text = header
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/g, '')
    .trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw new TarError('a number in the archive is not valid');
  return Number.parseInt(text, 8);
}

const cString = (header: Buffer, at: number, length: number): string =>
  header.toString('utf8', at, at + length).replace(/\0.*$/s, '');

function ustarName(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? cString(header, 345, 155) : '';
  const name = cString(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The `path` record of a pax header: `length key=value` lines. */
function paxPath(content: Buffer): string | null {
  let path: string | null = null;
  let at = 0;
  while (at < content.length) {
    const space = content.indexOf(32, at);
    const length = Number(content.toString('latin1', at, space));
    if (space === -1 || !Number.isInteger(length) || length <= space - at || at + length > content.length)
      throw new TarError('a header of the archive is not valid');
    const [key, ...value] = content.toString('utf8', space + 1, at + length - 1).split('=');
    if (key === 'path') path = value.join('=');
    at += length;
  }
  return path;
}

/** Throws TarError for a path that is absolute, leads up, or that another system reads in another way. */
function safePath(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const isSafe =
    !name.startsWith('/') &&
    parts.length > 0 &&
    parts.every((part) => part !== '..' && !/[\\:\x00-\x1f\x7f]/.test(part) && !/[. ]$/.test(part));
  if (!isSafe) throw new TarError(`the path "${name}" is not allowed in an archive`);
  return parts.join('/');
}
