// Documents that a contract refers to, from files. Nothing is fetched: what a contract says is decided when it is written, not
// when a gate starts somewhere.
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { readJsonText } from '../core/json-text.ts';
import { YamlText } from '../core/yaml-text.ts';
import { BundleError, type OtherDocuments } from './bundle.ts';

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FILES = 1000;
const MAX_ALIASES = 100;

/**
 * Documents below `folders`, absolute paths; `onRead` is told of each file. A link that leads out of them is not followed, so
 * that a contract from elsewhere reads nothing that it should not.
 */
export function localDocuments(
  folders: readonly string[],
  onRead: (file: string) => void = () => {},
): OtherDocuments {
  let bytes = 0;
  let files = 0;
  const isWithin = (path: string): boolean =>
    folders.some((folder) => {
      const from = relative(realpathSync(folder), path);
      return from !== '' && from !== '..' && !from.startsWith(`..${sep}`);
    });
  return {
    resolve(reference, base) {
      if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(reference))
        throw new BundleError(`${reference} is not local; put a copy beside the contract`);
      let name: string;
      try {
        name = decodeURIComponent(reference);
      } catch {
        throw new BundleError(`${reference} is no valid reference`);
      }
      return resolve(dirname(base), name);
    },
    read(path) {
      const shown = relative(folders[0] ?? '.', path);
      let text: string;
      try {
        const real = realpathSync(path);
        if (!isWithin(real)) throw new BundleError(`${shown} is outside of the folder of the contract`);
        bytes += statSync(real).size;
        files++;
        if (bytes > MAX_BYTES || files > MAX_FILES)
          throw new BundleError('the contract has too many files, or too large ones');
        text = readFileSync(real, 'utf8');
      } catch (error) {
        if (error instanceof BundleError) throw error;
        throw new BundleError(`${shown} can not be read (${(error as NodeJS.ErrnoException).code})`);
      }
      onRead(path);
      const parsed = readJsonText(text) ?? new YamlText(text);
      const [mistake] = parsed.problems.filter(({ kind }) => kind !== 'alias');
      if (mistake !== undefined)
        throw new BundleError(`${shown}:${mistake.line}:${mistake.column}: ${mistake.message}`);
      try {
        return parsed.toJS(MAX_ALIASES);
      } catch {
        throw new BundleError(`${shown} expands to too much data`);
      }
    },
  };
}
