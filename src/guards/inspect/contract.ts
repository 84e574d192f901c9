/** How one operation is inspected. Plain data. */
export interface InspectConfig {
  /** Position of its rules in the configuration's list of rule sets. */
  readonly ruleSet: number;
  /** `detect` records what `block` would have refused, and lets it pass. */
  readonly mode: 'block' | 'detect';
  /** TX variables that rules find set, for instance `blocking_paranoia_level`; names in lower case. */
  readonly variables: readonly { readonly name: string; readonly value: string }[];
  readonly exclusions: readonly InspectExclusion[];
  /** Time that rules may spend on the longer values of one exchange, ms. */
  readonly maxTimeMs: number;
  readonly requestBody: BodyInspection & {
    /** Bodies with a content coding: refused, or decoded for the rules while the upstream gets them as they came. */
    readonly compressed: 'refuse' | 'decode';
  };
  /** Null: answers are not inspected. */
  readonly response: ResponseInspection | null;
}

export interface BodyInspection {
  /** Bytes that rules see. */
  readonly limitBytes: number;
  /** Bodies that are longer: refused, or judged by their first bytes. */
  readonly beyond: 'refuse' | 'partial';
}

export interface ResponseInspection extends BodyInspection {
  /** Media types whose bodies are held and judged, lower case; `text/*` and `+json` stand for families. Others stream. */
  readonly types: readonly string[];
}

/** What rules leave out. At least one of `rule` and `tag` is not null; without `target` the rules do not run at all. */
export interface InspectExclusion {
  readonly rule: number | null;
  readonly tag: string | null;
  /** In SecLang's words, for instance `ARGS:comment`; null: everything. */
  readonly target: string | null;
}

/** Rules in the order they run, with every file they refer to: threads compile them without touching a disk. */
export interface RuleSetConfig {
  /** As the configuration names it, for people. */
  readonly names: readonly string[];
  readonly sources: readonly { readonly file: string; readonly text: string }[];
  /** Files that `Include` directives name, by `dataKey`. */
  readonly includes: Readonly<Record<string, readonly { readonly file: string; readonly text: string }[]>>;
  /** Contents (latin1) of data files by `dataKey`; null where there is none. */
  readonly data: Readonly<Record<string, string | null>>;
  /** Ids of all rules, ascending. */
  readonly ruleIds: readonly number[];
}

/** Under which key a rule set holds what a line in `fromFile` names. */
export const dataKey = (file: string, fromFile: string): string => `${fromFile}\n${file}`;

/** Folder of the rules that come with the package. */
export const builtinRules = new URL('./rules/', import.meta.url);
