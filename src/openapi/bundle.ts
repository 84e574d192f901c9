// Contracts of several files: what a reference to another document leads to is brought into this one, and the reference
// leads there. Schemas become components, so that what is said of them (dialects, discriminators) holds wherever they were.
import { lookUp } from './parse-pointer.ts';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Another document, by its absolute path. Throws BundleError. */
export interface OtherDocuments {
  /** Absolute path of `reference`, which stands in the document at `base`. */
  resolve(reference: string, base: string): string;
  read(path: string): unknown;
}

/** A reference that can not be followed. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
}

/** Where what is no schema is put. */
const PARTS = 'gatewright-parts';
/** Keys below which schemas stand, and keys of schemas whose values are none. */
const schemaKeys = new Set(['schema', 'schemas', '$defs', 'definitions']);
const data = new Set(['example', 'examples', 'default', 'enum', 'const']);
const MAX_TARGETS = 20_000;

/** Whether the text of a document may refer to others. */
export const mayReferElsewhere = (text: string): boolean => /\$ref["']?\s*:\s*["']?[^#"'\s]/.test(text);

/** The document with what it refers to elsewhere inside. The input is left as it is. Throws BundleError. */
export function bundle(root: Json, path: string, others: OtherDocuments): Json {
  return new Bundler(root, path, others).run();
}

class Bundler {
  readonly #root: Json;
  readonly #path: string;
  readonly #others: OtherDocuments;
  /** References into this document, by what they lead to. */
  readonly #targets = new Map<string, string>();
  readonly #schemas: Record<string, unknown> = {};
  readonly #parts: Record<string, unknown> = {};
  readonly #documents = new Map<string, unknown>();

  constructor(root: Json, path: string, others: OtherDocuments) {
    this.#root = root;
    this.#path = path;
    this.#others = others;
    this.#documents.set(path, root);
  }

  run(): Json {
    const out = this.#copy(this.#root, this.#path, false) as Json;
    if (this.#targets.size === 0) return out;
    const components = isObject(out['components']) ? out['components'] : {};
    const schemas = isObject(components['schemas']) ? components['schemas'] : {};
    return {
      ...out,
      components: { ...components, schemas: { ...schemas, ...this.#schemas }, [PARTS]: this.#parts },
    };
  }

  #copy(value: unknown, base: string, isSchema: boolean): unknown {
    if (Array.isArray(value)) return value.map((entry) => this.#copy(entry, base, isSchema));
    if (!isObject(value)) return value;
    const out: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      const copied =
        key === '$ref' && typeof entry === 'string'
          ? this.#reference(entry, base, isSchema)
          : key === 'mapping' && isSchema && isObject(entry)
            ? this.#mapping(entry, base)
            : data.has(key)
              ? entry
              : this.#copy(entry, base, isSchema || schemaKeys.has(key));
      Object.defineProperty(out, key, {
        value: copied,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return out;
  }

  /** Values of a discriminator's mapping are names of schemas, or references. */
  #mapping(mapping: Json, base: string): Json {
    return Object.fromEntries(
      Object.entries(mapping).map(([name, target]) => [
        name,
        typeof target === 'string' && /[#/]|\.(?:ya?ml|json)$/.test(target)
          ? this.#reference(target, base, true)
          : target,
      ]),
    );
  }

  #reference(reference: string, base: string, isSchema: boolean): string {
    const hash = reference.indexOf('#');
    const name = hash === -1 ? reference : reference.slice(0, hash);
    const pointer = hash === -1 ? '' : reference.slice(hash + 1);
    const path = name === '' ? base : this.#others.resolve(name, base);
    if (pointer !== '' && !pointer.startsWith('/')) {
      // Anchors of schemas: within this document they are the validator's to find.
      if (path === this.#path) return `#${pointer}`;
      throw new BundleError(`the reference ${reference} is no JSON Pointer`);
    }
    if (path === this.#path) return `#${pointer}`;
    const key = JSON.stringify([path, pointer, isSchema]);
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    if (this.#targets.size >= MAX_TARGETS)
      throw new BundleError(`more than ${MAX_TARGETS} references lead elsewhere`);
    const document = this.#document(path);
    const target = pointer === '' ? document : lookUp(document, `#${pointer}`);
    if (target === undefined) throw new BundleError(`the reference ${reference} leads nowhere`);
    const home = isSchema ? this.#schemas : this.#parts;
    const own = this.#nameFor(isSchema, pointer, path);
    const inside = `#/components/${isSchema ? 'schemas' : PARTS}/${own}`;
    // Known before it is copied: it may refer to itself.
    this.#targets.set(key, inside);
    home[own] = null;
    home[own] = this.#copy(target, path, isSchema);
    return inside;
  }

  #document(path: string): unknown {
    if (!this.#documents.has(path)) this.#documents.set(path, this.#others.read(path));
    return this.#documents.get(path);
  }

  /** A schema keeps its name where it is free: a discriminator may imply it. */
  #nameFor(isSchema: boolean, pointer: string, path: string): string {
    const last = (pointer === '' ? path : pointer).split(/[/\\]/).at(-1) ?? '';
    const plain = last.replace(/\.(?:ya?ml|json)$/, '').replace(/[^A-Za-z0-9._-]/g, '_') || 'part';
    const components = this.#root['components'];
    const taken = isObject(components) && isSchema ? components['schemas'] : {};
    const isFree = (name: string): boolean =>
      !Object.hasOwn(isSchema ? this.#schemas : this.#parts, name) &&
      !(isObject(taken) && Object.hasOwn(taken, name));
    if (isFree(plain)) return plain;
    let number = 2;
    while (!isFree(`${plain}-${number}`)) number++;
    return `${plain}-${number}`;
  }
}
