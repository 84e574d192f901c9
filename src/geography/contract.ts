// What the gate knows of places, as plain data that threads share.

/** Databases of networks and places, asked in this order: what the first does not know the next may. */
export interface GeographyConfig {
  readonly databases: readonly {
    /** As it stands in the configuration. */
    readonly name: string;
    /** Absolute path of a file in MaxMind DB format. */
    readonly file: string;
  }[];
}

/** A database in memory that all threads share. */
export interface DatabaseMemory {
  readonly name: string;
  readonly buffer: SharedArrayBuffer;
}

/** What a database says of itself. */
export interface DatabaseInfo {
  readonly type: string;
  readonly builtMs: number;
  /** 4: knows IPv4 alone. */
  readonly ipVersion: number;
}
