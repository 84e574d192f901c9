// What the rest of the house knows of an OpenAPI document: its operations, with everything a guard needs,
// references resolved to one level (schemas keep their `$ref` into the document). Plain data.

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

export interface ContractParameter {
  readonly name: string;
  readonly place: ParameterPlace;
  readonly required: boolean;
  /** Serialisation (OpenAPI 3.1 section 4.8.12): simple, form, label, matrix, spaceDelimited, pipeDelimited, deepObject. */
  readonly style: string;
  readonly explode: boolean;
  /** JSON Schema of the value as JSON Schema 2020-12, or null; parameters with `content` have a media type instead. */
  readonly schema: unknown;
  readonly mediaType: string | null;
}

export interface ContractMedia {
  readonly mediaType: string;
  readonly schema: unknown;
  /** How members of forms are written, by name (OpenAPI 3.1 section 4.8.15); absent where nothing says so. */
  readonly encoding?: Readonly<Record<string, ContractEncoding>>;
}

export interface ContractEncoding {
  /** Media types and ranges in lower case; empty for what the schema implies. */
  readonly contentTypes: readonly string[];
  readonly style: string;
  readonly explode: boolean;
}

export interface ContractBody {
  readonly required: boolean;
  /** Media type ranges in lower case without parameters, with their schema (2020-12) or null. */
  readonly content: readonly ContractMedia[];
}

export interface ContractResponse {
  /** `200`, `2XX` or `default`. */
  readonly status: string;
  /** As in `ContractBody`; empty when the answer has no body. */
  readonly content: ContractBody['content'];
}

export interface ContractOperation {
  readonly id: string;
  readonly method: string;
  /** As in the document, without the base path. */
  readonly template: string;
  readonly parameters: readonly ContractParameter[];
  readonly body: ContractBody | null;
  /** Documented answers; absent where nobody has written any down. */
  readonly responses?: readonly ContractResponse[];
  /** Alternatives of the `security` requirement: scheme name → scopes. Null when the document has none at all. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[] | null;
  readonly deprecated: boolean;
  readonly summary: string;
  /** Position of the operation in its file, for diagnostics. */
  readonly line: number;
  readonly column: number;
}
