// YAML with places, in time that grows with its length: the library compares each key with all keys before it in its
// map, and finds a path by walking lists, which a file with a hundred thousand entries does not survive.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';

/** Where something stands, counted from 1, and what is wrong there. */
export interface YamlProblem {
  readonly kind: 'syntax' | 'duplicate-key' | 'alias';
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export class YamlText {
  /** Mistakes of the text; `toJS` is of use only without any of kind `syntax` or `duplicate-key`. */
  readonly problems: readonly YamlProblem[];
  readonly #document: Document;
  readonly #lines = new LineCounter();
  /** Keys of the maps that were asked for, by their text. */
  readonly #keys = new WeakMap<YAMLMap, Map<string, YAMLMap['items'][number]>>();

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      uniqueKeys: false,
      prettyErrors: false,
    });
    const problems: YamlProblem[] = [];
    const report = (kind: YamlProblem['kind'], offset: number, message: string): void => {
      const { line, col } = this.#lines.linePos(offset);
      problems.push({ kind, line, column: col, message });
    };
    for (const error of this.#document.errors) report('syntax', error.pos[0], `${error.message}.`);
    visit(this.#document, {
      Alias: (_key, node) => report('alias', node.range?.[0] ?? 0, 'An alias.'),
      Map: (_key, map) => {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          // Numbers and texts that look alike become one member of the object.
          const name = isScalar(key) ? String(key.value) : key;
          if (seen.has(name)) report('duplicate-key', offsetOf(key), 'The key stands twice in its map.');
          seen.add(name);
        }
      },
    });
    this.problems = problems;
  }

  /** The text as plain data. Throws ReferenceError when aliases expand to more than `maxAliases` times. */
  toJS(maxAliases: number): unknown {
    return this.#document.toJS({ maxAliasCount: maxAliases });
  }

  /** Line and column of the key or list item at `path`, or of the nearest thing above it that is there. */
  place(path: readonly (string | number)[]): { readonly line: number; readonly column: number } {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = this.#pair(node, String(step));
        if (pair === undefined) break;
        offset = offsetOf(pair.key);
        node = pair.value;
      } else {
        const item: unknown = isSeq(node) ? node.items[Number(step)] : undefined;
        if (!isNode(item)) break;
        offset = offsetOf(item);
        node = item;
      }
    }
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #pair(map: YAMLMap, name: string): YAMLMap['items'][number] | undefined {
    let keys = this.#keys.get(map);
    if (keys === undefined) {
      keys = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]));
      this.#keys.set(map, keys);
    }
    return keys.get(name);
  }
}

const offsetOf = (key: unknown): number => (isNode(key) ? (key.range?.[0] ?? 0) : 0);
