// Schemas compiled to functions (ajv, JSON Schema 2020-12), one at a time and only when they are first needed: ten
// thousand operations must not be compiled before the first request.
import { setFlagsFromString } from 'node:v8';
import { Ajv2020, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { DataValidateFunction } from 'ajv/dist/types/index.js';
import addFormatsModule from 'ajv-formats';
import { DEFINITION_KEYWORD, type RewriteOptions, rewriteApart } from './closed-schema.ts';
import { formats } from './formats/index.ts';
import { lookUp } from './parse-pointer.ts';

// A contract's patterns run on clients' strings. Expressions that backtrack too long fall back to V8's linear engine.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** Where a value breaks its schema. Never holds the value. */
export interface SchemaError {
  /** JSON Pointer (RFC 6901) to the value. */
  readonly pointer: string;
  /** The keyword that failed, for instance `maxLength`. */
  readonly keyword: string;
  readonly message: string;
}

export type SchemaValidator = (value: unknown) => SchemaError | null;

const addFormats = addFormatsModule as unknown as (ajv: Ajv2020) => void;
/** References that follow one another; a longer chain is a circle. */
const MAX_REFERENCES = 32;
const MAX_INT32 = 2 ** 31;

export interface AjvOptions {
  /** False treats `format` as a remark, as JSON Schema does by default. */
  readonly assertFormats?: boolean;
  /** The schemas were checked against the meta-schema before; skipping it makes the first compilation fast. */
  readonly checked?: boolean;
}

/** The validator every schema of the gate goes through. */
export function createAjv({ assertFormats = true, checked = false }: AjvOptions = {}): Ajv2020 {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    validateFormats: assertFormats,
    unicodeRegExp: true,
    logger: false,
    // `constructor` and `__proto__` are names like any other.
    ownProperties: true,
    inlineRefs: false,
    code: { optimize: false },
    ...(checked ? { meta: false, validateSchema: false } : {}),
  });
  if (assertFormats) {
    addFormats(ajv);
    for (const [name, format] of Object.entries(formats)) ajv.addFormat(name, format);
    const integer = (value: number): boolean => Number.isInteger(value);
    ajv.addFormat('int32', {
      type: 'number',
      validate: (v: number) => integer(v) && v >= -MAX_INT32 && v < MAX_INT32,
    });
    ajv.addFormat('int64', { type: 'number', validate: integer });
    ajv.addFormat('float', { type: 'number', validate: Number.isFinite });
    ajv.addFormat('double', { type: 'number', validate: Number.isFinite });
    ajv.addFormat('byte', /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
    ajv.addFormat('binary', true);
    ajv.addFormat('password', true);
  }
  return ajv;
}

/** Compiles `schema` as it is. Throws Error when it is no valid schema or has dangling references. */
export function compileSchema(schema: unknown, ajv: Ajv2020 = createAjv()): SchemaValidator {
  return toValidator(ajv.compile(schema as AnySchema));
}

function toValidator(validate: ValidateFunction): SchemaValidator {
  return (value) => {
    if (validate(value)) return null;
    const error = validate.errors?.[0];
    return error === undefined
      ? { pointer: '', keyword: 'false', message: 'is not allowed' }
      : describe(error);
  };
}

function describe(error: ErrorObject): SchemaError {
  const { keyword, params } = error;
  const name = params['unevaluatedProperty'] ?? params['additionalProperty'];
  // The name of an unknown member is the client's own text: shortened, and JSON escapes the rest.
  if (typeof name === 'string') {
    return { pointer: error.instancePath, keyword, message: `has an unknown member "${name.slice(0, 64)}"` };
  }
  if (keyword === 'false schema') return { pointer: error.instancePath, keyword, message: 'may not be set' };
  return { pointer: error.instancePath, keyword, message: error.message ?? 'is not valid' };
}

/** A schema that others refer to, compiled when a value first reaches it. */
class Definition {
  readonly schema: unknown;
  readonly name: string;
  validate: ValidateFunction | null = null;

  constructor(schema: unknown, name: string) {
    this.schema = schema;
    this.name = name;
  }
}

/** Those of one set of options share definitions. */
interface Family {
  readonly ajv: Ajv2020;
  /** By schema, and by name. */
  readonly definitions: Map<unknown, Definition>;
  readonly byName: Map<string, Definition>;
  readonly options: RewriteOptions;
}

/**
 * Schemas of one contract. What is referred to is a function of its own, made once however many schemas lead to it, so that
 * the first use of a schema costs what a value touches and not all that could be reached.
 */
export class SchemaSet {
  readonly #document: unknown;
  readonly #options: AjvOptions;
  readonly #families = new Map<string, Family>();
  /** By the text of the schema: the same schema in many places is one function. */
  readonly #compiled = new Map<string, SchemaValidator>();
  /** What `warm` has still to do: definitions, and validators that nobody has called. */
  readonly #cold: (() => void)[] = [];

  constructor(document: unknown, options: AjvOptions = {}) {
    this.#document = document;
    this.#options = options;
  }

  /** Compiles now, but for what it refers to. Throws Error when the schema is not valid. */
  compile(schema: unknown, options: RewriteOptions): SchemaValidator {
    const family = this.#family(options);
    const plain = this.#rewrite(schema, family);
    const text = `${options.undocumentedFields} ${options.refuse} ${JSON.stringify(plain)}`;
    let validator = this.#compiled.get(text);
    if (validator === undefined) {
      validator = compileSchema(plain, family.ajv);
      this.#compiled.set(text, validator);
    }
    return validator;
  }

  /** Compiles at the first call. A schema that can not be compiled throws there, which denies the request. */
  lazy(schema: unknown, options: RewriteOptions): SchemaValidator {
    let validator: SchemaValidator | null = null;
    this.#cold.push(() => {
      validator ??= this.compile(schema, options);
    });
    return (value) => {
      validator ??= this.compile(schema, options);
      return validator(value);
    };
  }

  /**
   * Compiles one thing that would otherwise be compiled by a request; false when there is none left. Throws Error when it
   * can not be.
   */
  warm(): boolean {
    const next = this.#cold.pop();
    next?.();
    return next !== undefined;
  }

  #family(options: RewriteOptions): Family {
    const key = `${options.undocumentedFields} ${options.refuse}`;
    let family = this.#families.get(key);
    if (family === undefined) {
      const made: Family = {
        ajv: createAjv(this.#options),
        definitions: new Map(),
        byName: new Map(),
        options,
      };
      made.ajv.addKeyword({
        keyword: DEFINITION_KEYWORD,
        schemaType: 'string',
        errors: 'full',
        compile: (name: string) => this.#call(made.byName.get(name)!, made),
      });
      this.#families.set(key, made);
      family = made;
    }
    return family;
  }

  #rewrite(schema: unknown, family: Family): unknown {
    return rewriteApart(schema, this.#document, family.options, (target) => {
      let definition = family.definitions.get(target);
      if (definition === undefined) {
        const made = new Definition(target, String(family.byName.size));
        family.definitions.set(target, made);
        family.byName.set(made.name, made);
        this.#cold.push(() => this.#ready(made, family));
        definition = made;
      }
      return definition.name;
    });
  }

  #ready(definition: Definition, family: Family): ValidateFunction {
    definition.validate ??= family.ajv.compile(this.#rewrite(definition.schema, family) as AnySchema);
    return definition.validate;
  }

  #call(definition: Definition, family: Family): DataValidateFunction {
    const call: DataValidateFunction = (value, context) => {
      const validate = definition.validate ?? this.#ready(definition, family);
      if (validate(value)) return true;
      const error = validate.errors?.[0];
      if (error !== undefined && context !== undefined)
        call.errors = [{ ...error, instancePath: context.instancePath + error.instancePath }];
      return false;
    };
    return call;
  }

  /** The schema behind references, for looking at its `type`. */
  resolve(schema: unknown): Readonly<Record<string, unknown>> {
    let current = schema;
    for (let i = 0; i < MAX_REFERENCES; i++) {
      if (typeof current !== 'object' || current === null || Array.isArray(current)) return {};
      const record = current as Readonly<Record<string, unknown>>;
      const reference = record['$ref'];
      if (typeof reference !== 'string') return record;
      current = reference === '#' ? this.#document : lookUp(this.#document, reference);
    }
    return {};
  }
}
