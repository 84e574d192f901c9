// What the vault needs of a database to make accounts in it, change passwords and take them away again.

/** How to get in as the account that may manage others. */
export interface DatabaseConnection {
  /** `postgres://{{username}}:{{password}}@host/database`, `redis://host:6379`; the placeholders may be missing. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

export interface NewAccount {
  readonly username: string;
  readonly password: string;
  readonly expiresMs: number;
  readonly statements: readonly string[];
}

export interface DatabaseDriver {
  create(connection: DatabaseConnection, account: NewAccount): Promise<void>;
  /** Takes the account away and ends its sessions. Does nothing when it is not there. */
  revoke(connection: DatabaseConnection, username: string, statements: readonly string[]): Promise<void>;
  renew(
    connection: DatabaseConnection,
    username: string,
    expiresMs: number,
    statements: readonly string[],
  ): Promise<void>;
  /** Done twice it changes nothing the second time. */
  setPassword(connection: DatabaseConnection, username: string, password: string): Promise<void>;
  /** Logs in and, where given, runs `statement`. Rejects when that does not work. */
  check(connection: DatabaseConnection, username: string, password: string, statement: string): Promise<void>;
}

/** Database accounts and passwords are made of these: nothing that SQL, URLs or ACL rules read in another way. */
export const accountPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;
