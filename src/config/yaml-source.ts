// YAML with positions: one file, or all files of a folder, as one tree whose every value knows where it stood.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml';
import type { Diagnostics, Place } from '../core/index.ts';

export type Path = readonly (string | number)[];

interface SourceFile {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

export class YamlSource {
  /** The merged tree as plain data; null when a file could not be read. */
  readonly data: Record<string, unknown> | null;
  readonly files: readonly string[];
  readonly #sections: ReadonlyMap<string, SourceFile>;
  readonly #sources: readonly SourceFile[];

  constructor(
    data: Record<string, unknown> | null,
    sources: readonly SourceFile[],
    sections: ReadonlyMap<string, SourceFile>,
  ) {
    this.data = data;
    this.files = sources.map((source) => source.file);
    this.#sources = sources;
    this.#sections = sections;
  }

  /** Place of the key or value at `path`, or of the nearest ancestor that is there. */
  place(path: Path): Place {
    const source = this.#sections.get(String(path[0])) ?? this.#sources[0];
    if (source === undefined) return { file: '', line: 0, column: 0 };
    for (let length = path.length; length > 0; length--) {
      const range = rangeOf(source.document, path.slice(0, length));
      if (range === null) continue;
      const { line, col } = source.lines.linePos(range);
      return { file: source.file, line, column: col };
    }
    return { file: source.file, line: 1, column: 1 };
  }
}

/** Offset of the key at `path`, or of the item in a list. */
function rangeOf(document: Document, path: Path): number | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path[path.length - 1]!;
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(last),
    );
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? null;
    return null;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}

/** Reads `file`, or every `*.yaml` and `*.yml` of it when it is a folder. Problems go to `diagnostics`. */
export async function readYaml(file: string, diagnostics: Diagnostics): Promise<YamlSource> {
  let files: string[];
  try {
    files = (await stat(file)).isDirectory()
      ? (await readdir(file))
          .filter((name) => /\.ya?ml$/.test(name))
          .sort()
          .map((name) => join(file, name))
      : [file];
  } catch (error) {
    diagnostics.error(
      'config-unreadable',
      { file, line: 0, column: 0 },
      `The configuration can not be read (${codeOf(error)}).`,
      'Write one with "gatewright init openapi.yaml --upstream http://localhost:3000", or name it with --config.',
    );
    return new YamlSource(null, [], new Map());
  }
  if (files.length === 0) {
    diagnostics.error('config-unreadable', { file, line: 0, column: 0 }, 'The folder has no *.yaml file.');
    return new YamlSource(null, [], new Map());
  }
  const sources: SourceFile[] = [];
  const sections = new Map<string, SourceFile>();
  const data: Record<string, unknown> = {};
  let broken = false;
  for (const path of files) {
    const lines = new LineCounter();
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      diagnostics.error(
        'config-unreadable',
        { file: path, line: 0, column: 0 },
        `The file can not be read (${codeOf(error)}).`,
      );
      broken = true;
      continue;
    }
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
    const source = { file: path, document, lines };
    sources.push(source);
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      const isTwice = error.code === 'DUPLICATE_KEY';
      const id = isTwice ? 'config-duplicate-key' : 'config-yaml-syntax';
      const message = isTwice ? 'The key stands twice in its map.' : `${error.message}.`;
      diagnostics.error(id, { file: path, line, column: col }, message);
      broken = true;
    }
    if (document.errors.length > 0) continue;
    visit(document, (_key, node) => {
      if (!isAlias(node)) return;
      const { line, col } = lines.linePos(node.range?.[0] ?? 0);
      diagnostics.error(
        'config-yaml-syntax',
        { file: path, line, column: col },
        'Aliases are not supported.',
        'Write the value out.',
      );
      broken = true;
    });
    if (broken) continue;
    const value: unknown = document.toJS();
    if (value === null || value === undefined) continue;
    if (typeof value !== 'object' || Array.isArray(value)) {
      diagnostics.error(
        'config-type',
        { file: path, line: 1, column: 1 },
        'The file is not a map of sections.',
      );
      broken = true;
      continue;
    }
    for (const [section, content] of Object.entries(value)) {
      if (sections.has(section)) {
        const { line, column } = new YamlSource(null, [source], new Map([[section, source]])).place([
          section,
        ]);
        diagnostics.error(
          'config-duplicate-section',
          { file: path, line, column },
          `The section "${section}" stands in ${sections.get(section)!.file} too.`,
        );
        broken = true;
        continue;
      }
      sections.set(section, source);
      data[section] = content;
    }
  }
  return new YamlSource(broken ? null : data, sources, sections);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';
