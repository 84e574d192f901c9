// YAML with positions: one file, or all files of a folder, as one tree whose every value knows where it stood.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnostics, Place } from '../core/index.ts';
import { YamlText } from '../core/yaml-text.ts';

export type Path = readonly (string | number)[];

interface SourceFile {
  readonly file: string;
  readonly text: YamlText;
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
    return { file: source.file, ...source.text.place(path) };
  }
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
    const yaml = new YamlText(text);
    const source = { file: path, text: yaml };
    sources.push(source);
    for (const { kind, line, column, message } of yaml.problems) {
      const place = { file: path, line, column };
      if (kind === 'duplicate-key') diagnostics.error('config-duplicate-key', place, message);
      else if (kind === 'syntax') diagnostics.error('config-yaml-syntax', place, message);
      else
        diagnostics.error('config-yaml-syntax', place, 'Aliases are not supported.', 'Write the value out.');
    }
    if (yaml.problems.length > 0) broken = true;
    if (broken) continue;
    const value = yaml.toJS(0);
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
        diagnostics.error(
          'config-duplicate-section',
          { file: path, ...yaml.place([section]) },
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
