// Reads an OpenAPI 3.0, 3.1 or 3.2 document (YAML or JSON) into operations. Everything that is wrong with it is told at
// once, with line and column. Only this file needs the YAML library; data-plane threads get the result as data.
import { closestName, type DiagnosticId, type Diagnostics, type Place } from '../core/index.ts';
import { type PlacedText, readJsonText } from '../core/json-text.ts';
import { YamlText } from '../core/yaml-text.ts';
import { BundleError, bundle, mayReferElsewhere, type OtherDocuments } from './bundle.ts';
import type { ContractBody, ContractOperation, ContractParameter, ContractResponse } from './contract.ts';
import { convertDraft7, isDraft7 } from './draft7.ts';
import { lookUp } from './parse-pointer.ts';
import { convertSchema30, convertSchemas } from './schema30.ts';
import {
  contentOf,
  dialects,
  ignoredHeaders,
  isObject,
  isPlace,
  isTemplate,
  type Json,
  methods,
  pathItemKeys,
  styles,
} from './vocabulary.ts';

export type ContractVersion = '3.0' | '3.1' | '3.2';

export interface Contract {
  readonly title: string;
  readonly version: ContractVersion;
  /** The document as JSON, schemas as JSON Schema 2020-12; references of schemas point into it. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly operations: readonly ContractOperation[];
  readonly securitySchemes: Readonly<Record<string, SecurityScheme>>;
}

export interface SecurityScheme {
  /** apiKey, http, mutualTLS, oauth2, openIdConnect. */
  readonly type: string;
  /** Of http: bearer, basic, … */
  readonly scheme: string;
  /** Of apiKey: where, and under which name. */
  readonly in: string;
  readonly name: string;
}

const MAX_ALIASES = 100;
/** References followed one after the other. */
const MAX_REFERENCES = 32;

/** Where a contract comes from, for references to documents beside it. */
export interface ContractHome {
  /** Absolute path of its file. */
  readonly path: string;
  readonly others: OtherDocuments;
}

/**
 * Parses `text`; null when nothing useful could be read. Problems go to `diagnostics`. Never throws for bad input. Without a
 * `home`, references to other documents are problems.
 */
export function parseContract(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  home: ContractHome | null = null,
): Contract | null {
  return new ContractParser(text, file, diagnostics, home).run();
}

class ContractParser {
  readonly #file: string;
  readonly #diagnostics: Diagnostics;
  readonly #mentionsDraft7: boolean;
  /** Null where no reference leads elsewhere, or none may. */
  readonly #home: ContractHome | null;
  readonly #yaml: PlacedText;
  #root: Json = {};
  #version: ContractVersion = '3.1';

  constructor(text: string, file: string, diagnostics: Diagnostics, home: ContractHome | null) {
    this.#file = file;
    this.#diagnostics = diagnostics;
    this.#home = home !== null && mayReferElsewhere(text) ? home : null;
    this.#mentionsDraft7 = text.includes('json-schema.org/draft-0');
    this.#yaml = readJsonText(text) ?? new YamlText(text);
  }

  run(): Contract | null {
    const yaml = this.#yaml;
    const mistakes = yaml.problems.filter(({ kind }) => kind !== 'alias');
    for (const { line, column, message } of mistakes) {
      this.#diagnostics.error('contract-syntax', { file: this.#file, line, column }, message);
    }
    if (mistakes.length > 0) return null;
    const aliases = yaml.problems.length;
    if (aliases > MAX_ALIASES) {
      this.#error('contract-syntax', [], `The document uses more than ${MAX_ALIASES} aliases.`);
      return null;
    }
    let root: unknown;
    try {
      root = yaml.toJS(MAX_ALIASES);
    } catch {
      this.#error('contract-syntax', [], 'The document expands to too much data.');
      return null;
    }
    if (!isObject(root)) {
      this.#error('contract-syntax', [], 'The document is not an object.');
      return null;
    }
    if (!this.#takeVersion(root)) return null;
    // Schemas of other dialects become 2020-12 once, here; positions still come from the text.
    const whole = this.#bundled(root);
    if (whole === null) return null;
    this.#root = this.#inOneDialect(whole);
    const operations = this.#operations();
    const title = isObject(this.#root['info']) ? this.#root['info']['title'] : undefined;
    return {
      title: typeof title === 'string' ? title : '',
      version: this.#version,
      document: this.#root,
      operations,
      securitySchemes: this.#schemes(),
    };
  }

  #bundled(root: Json): Json | null {
    if (this.#home === null) return root;
    try {
      return bundle(root, this.#home.path, this.#home.others);
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      this.#error('contract-reference', [], `A reference can not be followed: ${error.message}.`);
      return null;
    }
  }

  #inOneDialect(root: Json): Json {
    if (this.#version === '3.0') return convertSchema30(root);
    const byDefault = isDraft7(root['jsonSchemaDialect']);
    const isOld = (schema: unknown): boolean =>
      isObject(schema) && schema['$schema'] !== undefined ? isDraft7(schema['$schema']) : byDefault;
    // A document that says nothing of draft 7 is not copied: it may be large.
    if (!byDefault && !this.#mentionsDraft7 && this.#home === null) return root;
    return convertSchemas(root, (schema) => (isOld(schema) ? convertDraft7(schema) : schema));
  }

  #takeVersion(root: Json): boolean {
    const version = root['openapi'];
    if (typeof version === 'string' && /^3\.[012]\.\d+/.test(version)) {
      this.#version = version.slice(0, 3) as ContractVersion;
      const dialect = root['jsonSchemaDialect'];
      if (dialect !== undefined && !dialects.has(String(dialect)) && !isDraft7(dialect)) {
        this.#error(
          'contract-dialect',
          ['jsonSchemaDialect'],
          'This JSON Schema dialect is not supported.',
          'Use https://json-schema.org/draft/2020-12/schema, or http://json-schema.org/draft-07/schema#.',
        );
        return false;
      }
      return true;
    }
    if (root['swagger'] !== undefined) {
      this.#error(
        'contract-version',
        ['swagger'],
        'Swagger 2.0 is not supported.',
        'Convert the document to OpenAPI 3.',
      );
    } else {
      this.#error(
        'contract-version',
        ['openapi'],
        'The document has no "openapi: 3.0.x", "3.1.x" or "3.2.x".',
      );
    }
    return false;
  }

  /** Position of the value at `path`, or of the nearest ancestor that is there. */
  #place(path: readonly (string | number)[]): Place {
    return { file: this.#file, ...this.#yaml.place(path) };
  }

  #error(id: DiagnosticId, path: readonly (string | number)[], message: string, suggestion = ''): void {
    this.#diagnostics.error(id, this.#place(path), message, suggestion);
  }

  /** Follows `$ref` within the document; null (and a diagnostic) when it leads nowhere. */
  #resolve(value: unknown, path: readonly (string | number)[]): Json | null {
    let current = value;
    for (let i = 0; i < MAX_REFERENCES; i++) {
      if (!isObject(current)) {
        this.#error('contract-type', path, 'This should be an object.');
        return null;
      }
      const reference = current['$ref'];
      if (reference === undefined) return current;
      if (typeof reference !== 'string' || !reference.startsWith('#/')) {
        this.#error(
          'contract-reference',
          path,
          'References into other documents are not followed here.',
          'Bundle the contract into one file first.',
        );
        return null;
      }
      current = lookUp(this.#root, reference);
      if (current === undefined) {
        this.#error('contract-reference', path, `The reference ${reference} leads nowhere.`);
        return null;
      }
    }
    this.#error('contract-reference', path, 'The references form a circle.');
    return null;
  }

  #operations(): ContractOperation[] {
    const paths = this.#root['paths'];
    if (!isObject(paths)) {
      this.#error('contract-paths', ['paths'], 'The document has no paths.');
      return [];
    }
    const operations: ContractOperation[] = [];
    const ids = new Set<string>();
    const shapes = new Map<string, string>();
    for (const [template, item] of Object.entries(paths)) {
      if (template.startsWith('x-')) continue;
      const at = ['paths', template];
      if (!isTemplate(template)) {
        this.#error(
          'contract-template',
          at,
          `"${template}" is not a path template.`,
          'Templates start with "/", and parameters stand as {name}.',
        );
        continue;
      }
      const shape = template.replace(/\{[^{}]*\}/g, '{}');
      const twin = shapes.get(shape);
      if (twin !== undefined)
        this.#error('contract-template', at, `"${template}" and "${twin}" match the same paths.`);
      shapes.set(shape, template);
      const resolved = this.#resolve(item, at);
      if (resolved === null) continue;
      for (const key of Object.keys(resolved)) {
        if (!pathItemKeys.includes(key) && !key.startsWith('x-')) {
          const near = closestName(key, pathItemKeys);
          this.#error(
            'contract-unknown-key',
            [...at, key],
            `"${key}" is no method.`,
            near === null ? '' : `Did you mean "${near}"?`,
          );
        }
      }
      const shared = this.#parameters(resolved['parameters'], [...at, 'parameters']);
      for (const method of methods) {
        if (resolved[method] === undefined) continue;
        const operation = this.#operation(resolved[method], method, template, shared, [...at, method]);
        if (operation === null) continue;
        if (ids.has(operation.id)) {
          this.#error(
            'contract-operation-id',
            [...at, method, 'operationId'],
            `The operationId "${operation.id}" stands twice.`,
          );
        }
        ids.add(operation.id);
        operations.push(operation);
      }
    }
    return operations;
  }

  #operation(
    value: unknown,
    method: string,
    template: string,
    shared: readonly ContractParameter[],
    at: readonly (string | number)[],
  ): ContractOperation | null {
    if (!isObject(value)) {
      this.#error('contract-type', at, 'This should be an object.');
      return null;
    }
    const own = this.#parameters(value['parameters'], [...at, 'parameters']);
    const parameters = [
      ...shared.filter((entry) => !own.some((o) => o.name === entry.name && o.place === entry.place)),
      ...own,
    ];
    const names = [...template.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!);
    for (const name of names) {
      if (!parameters.some((entry) => entry.place === 'path' && entry.name === name)) {
        this.#error(
          'contract-parameter',
          at,
          `The path parameter {${name}} is not described.`,
          `Add "- { name: ${name}, in: path, required: true, schema: { type: string } }" to its parameters.`,
        );
      }
    }
    for (const entry of parameters) {
      if (entry.place === 'path' && !names.includes(entry.name)) {
        this.#error('contract-parameter', at, `The path has no parameter {${entry.name}}.`);
      }
    }
    const place = this.#place(at);
    const id = value['operationId'];
    return {
      id: typeof id === 'string' && id !== '' ? id : `${method.toUpperCase()} ${template}`,
      method: method.toUpperCase(),
      template,
      parameters,
      body: this.#body(value['requestBody'], [...at, 'requestBody']),
      responses: this.#responses(value['responses'], [...at, 'responses']),
      security: this.#security(value['security'] ?? this.#root['security'], [...at, 'security']),
      deprecated: value['deprecated'] === true,
      summary: typeof value['summary'] === 'string' ? value['summary'] : '',
      line: place.line,
      column: place.column,
    };
  }

  #parameters(list: unknown, at: readonly (string | number)[]): ContractParameter[] {
    if (list === undefined) return [];
    if (!Array.isArray(list)) {
      this.#error('contract-type', at, 'Parameters are a list.');
      return [];
    }
    const out: ContractParameter[] = [];
    list.forEach((entry, index) => {
      const here = [...at, index];
      const value = this.#resolve(entry, here);
      if (value === null) return;
      const name = value['name'];
      const place = value['in'];
      if (typeof name !== 'string' || !isPlace(place)) {
        this.#error(
          'contract-parameter',
          here,
          'A parameter needs a name and "in": path, query, header or cookie.',
        );
        return;
      }
      const style = String(value['style'] ?? (place === 'query' || place === 'cookie' ? 'form' : 'simple'));
      if (!styles[place].includes(style)) {
        this.#error(
          'contract-parameter',
          here,
          `The style "${style}" is not supported for parameters in ${place}.`,
          `Use ${styles[place].join(' or ')}.`,
        );
        return;
      }
      if (place === 'header' && ignoredHeaders.has(name.toLowerCase())) return;
      const content = isObject(value['content']) ? Object.entries(value['content'])[0] : undefined;
      out.push({
        name: place === 'header' ? name.toLowerCase() : name,
        place,
        required: value['required'] === true || place === 'path',
        style,
        explode: typeof value['explode'] === 'boolean' ? value['explode'] : style === 'form',
        schema:
          content === undefined
            ? (value['schema'] ?? null)
            : ((content[1] as Json | null)?.['schema'] ?? null),
        mediaType: content === undefined ? null : content[0],
      });
    });
    return out;
  }

  #responses(value: unknown, at: readonly (string | number)[]): ContractResponse[] {
    if (value === undefined) return [];
    if (!isObject(value)) {
      this.#error('contract-type', at, 'Responses are an object by status.');
      return [];
    }
    const out: ContractResponse[] = [];
    for (const [status, entry] of Object.entries(value)) {
      if (status.startsWith('x-')) continue;
      const here = [...at, status];
      if (!/^(?:[1-5](?:\d\d|XX)|default)$/.test(status)) {
        this.#error('contract-type', here, `"${status}" is no status.`, 'Write 200, 2XX or default.');
        continue;
      }
      const response = this.#resolve(entry, here);
      if (response !== null) out.push({ status, content: contentOf(response['content']) });
    }
    return out;
  }

  #body(value: unknown, at: readonly (string | number)[]): ContractBody | null {
    if (value === undefined) return null;
    const body = this.#resolve(value, at);
    if (body === null) return null;
    const content = body['content'];
    if (!isObject(content)) {
      this.#error('contract-type', at, 'A request body needs "content".');
      return null;
    }
    return {
      required: body['required'] === true,
      content: contentOf(content),
    };
  }

  #security(value: unknown, at: readonly (string | number)[]): ContractOperation['security'] {
    if (value === undefined) return null;
    if (!Array.isArray(value) || !value.every(isObject)) {
      this.#error('contract-type', at, 'Security is a list of requirements.');
      return null;
    }
    return value.map((entry) =>
      Object.fromEntries(
        Object.entries(entry).map(([name, scopes]) => [
          name,
          Array.isArray(scopes) ? scopes.map(String) : [],
        ]),
      ),
    );
  }

  #schemes(): Record<string, SecurityScheme> {
    const components = this.#root['components'];
    const schemes = isObject(components) ? components['securitySchemes'] : undefined;
    const out: Record<string, SecurityScheme> = Object.create(null);
    if (!isObject(schemes)) return out;
    for (const [name, value] of Object.entries(schemes)) {
      const scheme = this.#resolve(value, ['components', 'securitySchemes', name]);
      if (scheme === null) continue;
      out[name] = {
        type: String(scheme['type'] ?? ''),
        scheme: String(scheme['scheme'] ?? '').toLowerCase(),
        in: String(scheme['in'] ?? ''),
        name: String(scheme['name'] ?? ''),
      };
    }
    return out;
  }
}
