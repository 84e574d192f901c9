// What the parts of the SecLang engine promise each other, and what the engine promises its users. All values are latin1
// "byte strings": one char is one byte, 0 to 255. So every operator and transformation is byte-exact, whatever the
// charset of the client, and V8 keeps the values in its one-byte form.

/** A transformation function (`t:lowercase`). Pure. */
export interface Transformation {
  readonly name: string;
  /** Returns the very same string when nothing changes. */
  readonly run: (value: string) => string;
  /** When not null: a value in which this (non-global) expression finds nothing stays as it is. */
  readonly changesOnly: RegExp | null;
  /** Whether all it ever changes is the case of ASCII letters. */
  readonly changesCaseOnly: boolean;
  /** Whether it makes blanks of `+`, and of a value without `%` nothing else. */
  readonly decodesPlus: boolean;
}

/** An operator (`@rx`, `@pm`, …) with its argument. Pure, apart from `captures`. */
export interface Operator {
  readonly name: string;
  /**
   * `argument` is the argument of the rule with its macros expanded; only an operator that is dynamic reads it.
   * `captures` is null, or an empty array to be filled with the groups 0 to 9 of a match.
   */
  readonly match: (value: string, argument: string, captures: string[] | null) => boolean;
  /** Lower-case literals of which at least one occurs in the lower-cased (ASCII) value whenever it matches; null: none known. */
  readonly factors: readonly string[] | null;
  /** 256 entries, 1 for the bytes of which at least one occurs in the value whenever it matches; null: none known. */
  readonly requiredBytes: Uint8Array | null;
  /** Whether the argument holds a macro, `%{…}`. */
  readonly isDynamic: boolean;
}

export interface OperatorEnvironment {
  /** Bytes (latin1) of a data file named by the rule, or null when it can not be read. */
  readonly readData: (file: string) => string | null;
}

export type CompiledOperator =
  | { readonly kind: 'ok'; readonly operator: Operator }
  | { readonly kind: 'error'; readonly message: string; readonly suggestion: string };

export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** An uploaded file of a multipart body. */
export interface BodyFile {
  /** Name of the form field: FILES_NAMES, and the key of FILES. */
  readonly field: string;
  /** As sent by the client: FILES. */
  readonly filename: string;
  /** In bytes: FILES_SIZES. */
  readonly size: number;
  readonly content: string;
}

/** One header line of a part, with the name of the part: MULTIPART_PART_HEADERS. */
export interface PartHeader {
  readonly part: string;
  /** The whole line, `Content-Type: text/plain`. */
  readonly line: string;
}

/** Flags of the multipart parser; each is 1 where ModSecurity's variable of that name is. */
export interface MultipartFlags {
  readonly strictError: boolean;
  readonly unmatchedBoundary: boolean;
  readonly boundaryQuoted: boolean;
  readonly boundaryWhitespace: boolean;
  readonly dataBefore: boolean;
  readonly dataAfter: boolean;
  readonly headerFolding: boolean;
  readonly lfLine: boolean;
  readonly crlfLfLines: boolean;
  readonly missingSemicolon: boolean;
  readonly invalidQuoting: boolean;
  readonly invalidPart: boolean;
  readonly invalidHeaderFolding: boolean;
  readonly fileLimitExceeded: boolean;
}

export interface XmlElement {
  /** As written, with its prefix. */
  readonly name: string;
  readonly attributes: readonly NamedValue[];
  /** Elements and text (entities and CDATA resolved), in order. */
  readonly children: readonly (XmlElement | string)[];
}

export type BodyProcessor = 'URLENCODED' | 'MULTIPART' | 'JSON' | 'XML';

export interface BodyLimits {
  /** Arguments, parts and JSON values that are kept; more is an error. */
  readonly maxArguments: number;
  /** Nesting of JSON and XML; more is an error. */
  readonly maxDepth: number;
}

export interface ParsedBody {
  /** JSON: `json.a.b`, `json.list.array_0`. */
  readonly args: readonly NamedValue[];
  readonly files: readonly BodyFile[];
  readonly partHeaders: readonly PartHeader[];
  readonly multipart: MultipartFlags | null;
  readonly xml: XmlElement | null;
  /** REQBODY_ERROR_MSG; empty when the body is well-formed. What was read before the error is in the other members. */
  readonly error: string;
}

/** `SecRuleEngine`, or what a user of the engine sets in its place. */
export type EngineMode = 'on' | 'detection-only' | 'off';

export type Phase = 1 | 2 | 3 | 4 | 5;

export interface MatchedVariable {
  /** With its key: `ARGS:q`, `REQUEST_HEADERS:User-Agent`, `REQUEST_FILENAME`. */
  readonly name: string;
  /** After the rule's transformations; cut to 512 bytes. */
  readonly value: string;
}

/** A rule, or a whole chain, that matched. */
export interface RuleMatch {
  readonly ruleId: number;
  readonly file: string;
  readonly line: number;
  readonly phase: Phase;
  /** `msg`, macros expanded; empty when the rule has none. */
  readonly message: string;
  /** `logdata`, macros expanded; empty when the rule has none. */
  readonly logData: string;
  readonly tags: readonly string[];
  /** 0 (emergency) to 7 (debug), or null. */
  readonly severity: number | null;
  /** What matched, of all links of the chain; at most 16. */
  readonly variables: readonly MatchedVariable[];
  /** Whether the rule asks for a line in the log (`log`) … */
  readonly logs: boolean;
  /** … and for the audit log (`auditlog`). */
  readonly audits: boolean;
  /** Whether the rule stopped the transaction, or would have in mode `on`. */
  readonly isDisruptive: boolean;
}

export type InterruptionAction = 'deny' | 'drop' | 'redirect';

/** The transaction ends here. */
export interface Interruption {
  readonly action: InterruptionAction;
  readonly status: number;
  /** Id of the rule; 0 for the engine itself (a body over its limit, the work budget). */
  readonly ruleId: number;
  readonly phase: Phase;
  /** All but `rule` are of the engine: too much work, too large a body, too many arguments. */
  readonly reason: 'rule' | 'work-budget' | 'body-limit' | 'argument-limit';
  /** Target of a `redirect`, else empty. */
  readonly location: string;
}

/** Values that live longer than a transaction (`initcol`): IP, GLOBAL, SESSION, USER, RESOURCE. */
export interface PersistentCollections {
  /** Names (lower-case) and values of what has not expired; the engine does not change the map. */
  readonly load: (collection: string, key: string, nowMs: number) => ReadonlyMap<string, string>;
  /** `value` null removes. `expiresAtMs` 0 keeps the timeout of the collection. */
  readonly store: (
    collection: string,
    key: string,
    name: string,
    value: string | null,
    expiresAtMs: number,
    nowMs: number,
  ) => void;
  /** Adds to a number, atomically for all that share the collections, and returns the new value. */
  readonly add: (collection: string, key: string, name: string, delta: number, nowMs: number) => number;
}

/** How one operation uses a rule set; `compileProfile` makes a `Profile` of it once. */
export interface ProfileSettings {
  /** Takes the place of `SecRuleEngine`; null leaves it. */
  readonly mode: EngineMode | null;
  /** TX variables set before the first rule, for instance `blocking_paranoia_level` (names without `tx.`). */
  readonly variables: readonly NamedValue[];
  /** Rules left out. */
  readonly removeRuleIds: readonly number[];
  readonly removeRuleTags: readonly string[];
  /** Targets left out, in SecLang's words (`ARGS:password`), of the rules with an id or tag. */
  readonly removeTargets: readonly {
    readonly target: string;
    readonly ruleId: number | null;
    readonly tag: string | null;
  }[];
  /** Time that rules may spend on one transaction's longer values; what needs more is interrupted. */
  readonly maxInspectionMs: number;
  /**
   * Evaluate rule by rule, without prefilter, memo and watchdog, and record also what does not log. For explaining, and as the
   * yardstick; not for requests of strangers.
   */
  readonly plain: boolean;
}

export interface RuleSource {
  readonly file: string;
  readonly text: string;
}

/** How rules reach other files; the engine itself reads none. */
export interface RuleFileEnvironment {
  /** Bytes (latin1) of a data file (`@pmFromFile`), looked for beside `fromFile`; null when it can not be read. */
  readonly readData: (file: string, fromFile: string) => string | null;
  /** Files that an `Include` names (`*` allowed), in order; empty when there are none. */
  readonly expandInclude: (pattern: string, fromFile: string) => readonly RuleSource[];
}

/**
 * One request and its answer, phase by phase. Implemented by the class `Transaction`:
 * `new Transaction(compileProfile(ruleSet, settings), options)`.
 * Calls come in the order of the members; a phase that is not wanted may be left out. After an interruption
 * only `runLogging` may follow. Texts are latin1 byte strings.
 */
export interface RuleTransaction {
  readonly connection: (
    clientAddress: string,
    clientPort: number,
    serverAddress: string,
    serverPort: number,
  ) => void;
  /** `uri` as sent; `version` as in the request line, `HTTP/1.1`. */
  readonly requestLine: (method: string, uri: string, version: string) => void;
  readonly requestHeader: (name: string, value: string) => void;
  /** Phase 1. */
  readonly runRequestHeaders: () => Interruption | null;
  /** Whether phase 2 wants the body (`SecRequestBodyAccess`). */
  readonly wantsRequestBody: () => boolean;
  /** May be called for each chunk. An interruption says that the body is over its limit. */
  readonly requestBody: (chunk: Uint8Array | string) => Interruption | null;
  /** Parses the body, then phase 2. To be called without a body, too. */
  readonly runRequestBody: () => Interruption | null;
  readonly responseStatus: (status: number, protocol: string) => void;
  readonly responseHeader: (name: string, value: string) => void;
  /** Phase 3. */
  readonly runResponseHeaders: () => Interruption | null;
  /** Whether phase 4 wants the body (`SecResponseBodyAccess`, `SecResponseBodyMimeType`). */
  readonly wantsResponseBody: () => boolean;
  readonly responseBody: (chunk: Uint8Array | string) => Interruption | null;
  /** Phase 4. */
  readonly runResponseBody: () => Interruption | null;
  /** Phase 5; interrupts nothing. Also stores persistent collections. */
  readonly runLogging: () => void;
  /** What matched and logs, in order; with a plain profile also what does not log. */
  readonly matches: readonly RuleMatch[];
  /** The first interruption; in mode `detection-only` always null. */
  readonly interruption: Interruption | null;
  /** A TX variable (without `tx.`, any case), for instance `blocking_inbound_anomaly_score`; null when not set. */
  readonly variable: (name: string) => string | null;
}

/** The words of `severity`, by number. */
export const SEVERITY_NAMES = [
  'EMERGENCY',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
] as const;
