// HOT. Everything that one transaction knows: what was said about the request and its answer, what was derived from it, and
// what rules did. Plain data; the interpreter and the readers of variables work on it. Constructors set every field.

import type {
  BodyFile,
  EngineMode,
  Interruption,
  MultipartFlags,
  PartHeader,
  PersistentCollections,
  Phase,
  RuleMatch,
  XmlElement,
} from '../contract.ts';
import type { VariableName } from '../language/variables.ts';
import type { Profile } from '../rules/profile.ts';
import type { Rule, Target } from '../rules/rule.ts';
import { NamedValues } from './named-values.ts';
import { TxStore } from './tx-store.ts';
import { ValueList } from './value-list.ts';

/** A collection bound by `initcol`: its key, and the values by lower-case name. */
export interface BoundCollection {
  readonly key: string;
  readonly values: Map<string, string>;
}

export interface RemovedTarget {
  readonly rules: Uint8Array;
  readonly target: Target;
}

export class TransactionState {
  readonly profile: Profile;
  readonly persistent: PersistentCollections | null;
  readonly startedAtMs: number;
  readonly uniqueId: string;

  mode: EngineMode;
  phase: Phase = 1;
  /** Ends the request phases (`allow:request`) or all but the last (`allow`): rules of phases up to this are left out. */
  allowedThrough = 0;
  interruption: Interruption | null = null;
  /** Bytes that rules looked at, and the time that took; see budget.ts. */
  work = 0;
  spentMs = 0;
  /** Rules look at values that are worth watching over; see watchdog.ts. */
  hasLongValues = false;

  clientAddress = '';
  clientPort = 0;
  serverAddress = '';
  serverPort = 0;
  method = '';
  /** As sent. */
  uri = '';
  protocol = '';
  /** Percent-decoded, without query; PATH_INFO too. */
  filename = '';
  queryString = '';
  readonly headers = new NamedValues();
  readonly queryArguments = new NamedValues();
  readonly bodyArguments = new NamedValues();
  cookies: NamedValues | null = null;
  hasMalformedEscape = false;

  requestBodyAccess: boolean;
  bodyProcessor = '';
  forcesRequestBody = false;
  rawBody = '';
  isBodyTruncated = false;
  /** REQUEST_BODY; set with phase 2. */
  requestBody = '';
  bodyError = '';
  files: readonly BodyFile[] = [];
  partHeaders: readonly PartHeader[] = [];
  multipart: MultipartFlags | null = null;
  xml: XmlElement | null = null;

  responseStatus = 0;
  responseProtocol = '';
  readonly responseHeaders = new NamedValues();
  responseBodyAccess: boolean;
  responseBody = '';
  isResponseTruncated = false;

  readonly tx: TxStore;
  environment: Map<string, string> | null = null;
  collections: Map<VariableName, BoundCollection> | null = null;

  /** Of the last link that matched. */
  matchedVariable = '';
  matchedName = '';
  readonly matched = new ValueList();
  highestSeverity = 255;
  /** The rule that runs, for RULE and for macros. */
  rule: Rule | null = null;

  /** One byte a rule; null until `ctl` removes one. */
  removedRules: Uint8Array | null = null;
  removedTargets: RemovedTarget[] | null = null;
  readonly matches: RuleMatch[] = [];

  /** Of the fast path: stages whose values were shown (a bit each), and the conditions that they fulfil. */
  shownStages = 0;
  readonly fulfilled: number[] = [];
  /** The phase through which no rule ran that changes TX other than known beforehand. */
  quietThrough = 0;

  constructor(
    profile: Profile,
    persistent: PersistentCollections | null,
    startedAtMs: number,
    uniqueId: string,
  ) {
    const { settings } = profile.ruleSet;
    this.profile = profile;
    this.persistent = persistent;
    this.startedAtMs = startedAtMs;
    this.uniqueId = uniqueId;
    this.mode = profile.mode;
    this.requestBodyAccess = settings.requestBodyAccess;
    this.responseBodyAccess = settings.responseBodyAccess;
    this.tx = new TxStore(profile.ruleSet.txNames, profile.initialTx);
    for (const { name, value } of profile.otherTx) this.tx.writeNamed(name, value, MAX_TX_NAMES);
  }
}

/** TX variables with names made at run time, and values matched by one link: beyond this a request only wants our memory. */
export const MAX_TX_NAMES = 2000;
export const MAX_MATCHED_VALUES = 4096;
