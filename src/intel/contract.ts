// What is known of bad addresses, names and clients, as plain data: where it comes from, and what it says.

/** What an indicator is looked for in: the client's address, the request's host, its URL, its User-Agent. */
export type IndicatorKind = 'address' | 'domain' | 'url' | 'user-agent';

export interface IndicatorValue {
  readonly kind: IndicatorKind;
  /** An address or CIDR block; a name in lower case; an absolute URL; a User-Agent as it is sent. */
  readonly value: string;
}

export interface Indicator {
  /** STIX id. */
  readonly id: string;
  /** Name of the feed. */
  readonly feed: string;
  readonly name: string;
  /** 0 to 100. */
  readonly confidence: number;
  /** Ms since the epoch; null: as long as the feed has it. */
  readonly untilMs: number | null;
  readonly values: readonly IndicatorValue[];
  /** STIX `modified`, for feeds that send versions; empty for others. */
  readonly modified: string;
}

/** What a record says of a match. */
export interface ThreatMatch {
  readonly feed: string;
  readonly indicator: string;
  readonly name: string;
  readonly kind: IndicatorKind;
  readonly value: string;
  readonly confidence: number;
}

export interface TaxiiServerConfig {
  /** API root, with its path. */
  readonly url: string;
  readonly collection: string;
  /** Value of Authorization; empty for none. */
  readonly authorization: string;
  /** PEM; empty for the well-known authorities. */
  readonly ca: string;
}

/** How a plain feed proves that it is what its maker published. */
export type FeedProof =
  | { readonly kind: 'none' }
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'sha256-url'; readonly url: string }
  | { readonly kind: 'ed25519'; readonly key: string; readonly url: string };

export type FeedSource =
  | { readonly kind: 'taxii'; readonly server: TaxiiServerConfig }
  | {
      readonly kind: 'plain';
      /** URL, or the absolute path of a file. */
      readonly from: string;
      readonly ca: string;
      /** `lines`: a value a line. `csv`: the first row names columns. */
      readonly format: 'lines' | 'csv';
      readonly column: string;
      readonly proof: FeedProof;
    };

export interface FeedConfig {
  readonly name: string;
  readonly source: FeedSource;
  readonly everyMs: number;
  /** Of indicators that do not say theirs. */
  readonly confidence: number;
  /** Indicators below it are not used. */
  readonly minConfidence: number;
  /** How long indicators without an end are used after the feed was last read; 0: for good. */
  readonly keepMs: number;
}

export interface SightingsConfig {
  readonly to:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'taxii'; readonly server: TaxiiServerConfig };
  /** Matches of so long are one sighting, ms. */
  readonly everyMs: number;
  /** Name of who has seen it. */
  readonly identity: string;
}

export interface IntelConfig {
  /** Folder of what was fetched, absolute. */
  readonly folder: string;
  readonly maxIndicators: number;
  readonly feeds: readonly FeedConfig[];
  readonly sightings: SightingsConfig | null;
}

/** A feed can not be used: the message says why. What is known already stays. */
export class IntelError extends Error {
  override readonly name = 'IntelError';
}
