// What is kept of the access log where it goes to segments: which classes of lines there are, what the chain says of each
// segment, and the port by which the chain is anchored elsewhere.

/** Lines are kept apart by what they are worth: refusals and what inspection found, and everything else. */
export const lineClasses = ['security', 'traffic'] as const;
export type LineClass = (typeof lineClasses)[number];

/** A finished segment as the chain knows it. */
export interface SegmentFact {
  readonly class: LineClass;
  /** Name inside the folder. */
  readonly file: string;
  /** Of the whole file, lower-case hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  readonly lines: number;
  /** Earliest and latest `time` of its lines, ms since the epoch; 0 where no line had one. */
  readonly fromMs: number;
  readonly untilMs: number;
}

interface LinkBase {
  readonly version: 1;
  /** Position in the chain, from 0. */
  readonly link: number;
  /** SHA-256 of the text of the link before, without line feed; zeros for the first. */
  readonly previous: string;
  /** Wall clock, RFC 3339. */
  readonly at: string;
}

/** One run of the log became segments. */
export interface SealedLink extends LinkBase {
  readonly kind: 'sealed';
  /** Number of the run, rising. */
  readonly run: number;
  readonly segments: readonly SegmentFact[];
  /** Lines that had to be dropped since the link before, because a ring was full. */
  readonly lost: number;
  /** Bytes at the end of the run that a crash left without meaning. */
  readonly tornBytes: number;
}

/** Segments were removed because their time was over. */
export interface RemovedLink extends LinkBase {
  readonly kind: 'removed';
  readonly files: readonly string[];
  readonly reason: string;
}

export type Link = SealedLink | RemovedLink;

/**
 * Anchors the chain, for instance in an audit trail: takes every link and its hash, in order, again after a crash
 * (at least once). While it rejects, later links wait; the log goes on.
 */
export type ChainAnchor = (link: Link, sha256: string) => Promise<void>;

export interface SegmentSettings {
  readonly folder: string;
  /** Secret of at least 32 characters; null: segments are not encrypted. */
  readonly seal: string | null;
  /** Secrets that older segments were sealed with. */
  readonly olderSeals: readonly string[];
  /** A run of so many bytes of lines becomes segments. */
  readonly rotateBytes: number;
  /** So does one that is so old, ms. */
  readonly rotateMs: number;
  /** How long finished segments are kept, ms. */
  readonly keepMs: Readonly<Record<LineClass, number>>;
}

/** The folder can not be used or a segment not be read: the message says why. */
export class LogError extends Error {
  override readonly name = 'LogError';
}
