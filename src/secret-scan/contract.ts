// What a scan for secrets reads and what it finds.

export interface SourceText {
  /** Path as people know it. */
  readonly path: string;
  /** Git's id of this version of the file, for what comes from the history. */
  readonly blob: string | null;
  readonly text: string;
}

export interface LeakedSecret {
  readonly path: string;
  readonly blob: string | null;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `aws-access-key`, `private-key`, `assigned-password`, … */
  readonly kind: string;
  /** Name of the setting that it is assigned to; null where its form tells what it is. */
  readonly name: string | null;
  /** Enough to recognise it, never the secret. */
  readonly shown: string;
  /** The same for the same secret of the same kind, wherever it is; says nothing of the secret itself. */
  readonly fingerprint: string;
  /** What a verification said; null when it was not asked, or could not tell. */
  readonly live: boolean | null;
}

/** A finding with its secret, for a verification; never written anywhere. */
export interface FoundSecret extends LeakedSecret {
  readonly secret: string;
}
