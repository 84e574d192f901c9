// Schemas compiled to functions (ajv, JSON Schema 2020-12), one at a time and only when they are first needed: ten
// thousand operations must not be compiled before the first request.
import { setFlagsFromString } from 'node:v8';
import { Ajv2020, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { type RewriteOptions, rewriteSchema } from './closed-schema.ts';

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
    ...(checked ? { meta: false, validateSchema: false } : {}),
  });
  if (assertFormats) {
    addFormats(ajv);
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

/** Schemas of one contract. */
export class SchemaSet {
  readonly #document: unknown;
  readonly #ajv: Ajv2020;
  /** By the text of the schema, references written out: the same schema in many places is one function. */
  readonly #compiled = new Map<string, SchemaValidator>();

  constructor(document: unknown, options: AjvOptions = {}) {
    this.#document = document;
    this.#ajv = createAjv(options);
  }

  /** Compiles now. Throws Error when the schema is not valid. */
  compile(schema: unknown, options: RewriteOptions): SchemaValidator {
    const plain = rewriteSchema(schema, this.#document, options);
    const text = JSON.stringify(plain);
    let validator = this.#compiled.get(text);
    if (validator === undefined) {
      validator = compileSchema(plain, this.#ajv);
      this.#compiled.set(text, validator);
    }
    return validator;
  }

  /** Compiles at the first call. A schema that can not be compiled throws there, which denies the request. */
  lazy(schema: unknown, options: RewriteOptions): SchemaValidator {
    let validator: SchemaValidator | null = null;
    return (value) => {
      validator ??= this.compile(schema, options);
      return validator(value);
    };
  }

  /** The schema behind references, for looking at its `type`. */
  resolve(schema: unknown): Readonly<Record<string, unknown>> {
    const plain = rewriteSchema(schema, this.#document, {
      undocumentedFields: 'allow',
      refuse: null,
    });
    let current = plain as Readonly<Record<string, unknown>> | boolean | null;
    const definitions = (current as { $defs?: Record<string, unknown> } | null)?.$defs ?? {};
    for (
      let i = 0;
      i < 32 && typeof current === 'object' && current !== null && typeof current['$ref'] === 'string';
      i++
    ) {
      current = definitions[current['$ref'].slice('#/$defs/'.length)] as Readonly<Record<string, unknown>>;
    }
    return typeof current === 'object' && current !== null ? current : {};
  }
}
