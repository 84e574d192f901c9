// Where the shared corpora are and what to say when they are not there. They are data of others under their own
// licences and stand beside the repository, so a checkout alone skips their tests, and says so.
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../../shared/corpora/', import.meta.url);

export interface Corpus {
  /** For the `skip` option of a test: false, or the reason. */
  readonly skip: string | false;
  readonly folder: URL;
}

/** The corpus called `name`, which need not exist. */
export function findCorpus(name: string): Corpus {
  const folder = new URL(`${name}/`, root);
  return { folder, skip: existsSync(folder) ? false : `the corpus ../shared/corpora/${name} is not here` };
}

/** JSON of a file of `corpus`, believed to have the shape `T`. */
export function readCorpusJson<T>(corpus: Corpus, file: string): T {
  return JSON.parse(readFileSync(new URL(file, corpus.folder), 'utf8')) as T;
}
