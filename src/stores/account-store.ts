// What the authorization server keeps of people: their credentials, sealed; who they are elsewhere; and how often
// somebody has tried to be them.
import { hash } from 'node:crypto';
import { IdentityError } from '../identity/index.ts';
import type { CredentialKind, UserCredential } from '../oauth/contract.ts';
import type { SqlDatabase, SqlRow, SqlSession } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';
import { lockVault } from './vault-store.ts';

/** Attempts are forgotten this long after the last, ms: longer than any window they are counted in. */
const ATTEMPTS_KEPT_MS = 86_400_000;

const place = (id: string): string => `user_credentials/${id}`;

export class AccountStore {
  readonly #database: SqlDatabase;
  readonly #seal: FieldSeal;

  constructor(database: SqlDatabase, seal: FieldSeal) {
    this.#database = database;
    this.#seal = seal;
  }

  async credentials(user: string): Promise<readonly UserCredential[]> {
    const rows = await this.#database.run(
      'SELECT * FROM user_credentials WHERE user_id = $1 ORDER BY created_ms, id',
      [user],
    );
    return Promise.all(rows.map((row) => this.#credentialOf(row)));
  }

  async credential(id: string): Promise<UserCredential | null> {
    const [row] = await this.#database.run('SELECT * FROM user_credentials WHERE id = $1', [id]);
    return row === undefined ? null : this.#credentialOf(row);
  }

  async #credentialOf(row: SqlRow): Promise<UserCredential> {
    const id = String(row['id']);
    return {
      id,
      user: String(row['user_id']),
      kind: row['kind'] as CredentialKind,
      label: String(row['label']),
      value: await this.#seal.open(place(id), String(row['sealed'])),
      counter: Number(row['counter']),
      createdMs: Number(row['created_ms']),
      usedMs: row['used_ms'] as number | null,
    };
  }

  async setCredential(credential: UserCredential): Promise<void> {
    await this.#database.transaction(async (session) => {
      await lockVault(session);
      await this.#seal.renew(session);
      const [owner] = await session.run(`SELECT id FROM principals WHERE id = $1 AND kind = 'user'`, [
        credential.user,
      ]);
      if (owner === undefined) throw new IdentityError('unknown', `there is no user "${credential.user}"`);
      if (credential.kind === 'password') await this.#clear(session, credential.user, 'password');
      await this.#add(session, credential);
    });
  }

  async replaceRecovery(user: string, codes: readonly UserCredential[]): Promise<void> {
    await this.#database.transaction(async (session) => {
      await lockVault(session);
      await this.#seal.renew(session);
      const [owner] = await session.run(`SELECT id FROM principals WHERE id = $1 AND kind = 'user'`, [user]);
      if (owner === undefined) throw new IdentityError('unknown', `there is no user "${user}"`);
      await this.#clear(session, user, 'recovery');
      for (const code of codes) await this.#add(session, { ...code, user });
    });
  }

  async #clear(session: SqlSession, user: string, kind: CredentialKind): Promise<void> {
    await session.run('DELETE FROM user_credentials WHERE user_id = $1 AND kind = $2', [user, kind]);
  }

  async #add(session: SqlSession, credential: UserCredential): Promise<void> {
    const added = await session.run(
      `INSERT INTO user_credentials (id, user_id, kind, label, sealed, counter, created_ms, used_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
      [
        credential.id,
        credential.user,
        credential.kind,
        credential.label,
        this.#seal.close(place(credential.id), credential.value),
        credential.counter,
        credential.createdMs,
        credential.usedMs,
      ],
    );
    if (added.length === 0) throw new IdentityError('exists', 'this credential is there already');
  }

  async removeCredential(user: string, id: string): Promise<boolean> {
    const gone = await this.#database.run(
      'DELETE FROM user_credentials WHERE id = $1 AND user_id = $2 RETURNING id',
      [id, user],
    );
    return gone.length > 0;
  }

  async useCredential(id: string, counter: number, mayRepeat: boolean, nowMs: number): Promise<boolean> {
    const noted = await this.#database.run(
      `UPDATE user_credentials SET counter = $1, used_ms = $2
       WHERE id = $3 AND counter ${mayRepeat ? '<=' : '<'} $1 RETURNING id`,
      [counter, nowMs, id],
    );
    return noted.length > 0;
  }

  async spendCredential(id: string): Promise<boolean> {
    const gone = await this.#database.run('DELETE FROM user_credentials WHERE id = $1 RETURNING id', [id]);
    return gone.length > 0;
  }

  async federatedUser(provider: string, subject: string): Promise<string | null> {
    const [row] = await this.#database.run(
      'SELECT user_id FROM federated_users WHERE provider = $1 AND subject = $2',
      [provider, subject],
    );
    return row === undefined ? null : String(row['user_id']);
  }

  async link(
    provider: string,
    subject: string,
    user: string,
    nowMs: number,
    newScopes: readonly string[] | null,
  ): Promise<void> {
    await this.#database.transaction(async (session) => {
      if (newScopes !== null) {
        const [row] = await session.run(
          'UPDATE revision SET value = value + 1 WHERE one = 1 RETURNING value',
        );
        const added = await session.run(
          `INSERT INTO principals (id, kind, note, scopes, created_ms, disabled_ms, revision)
           VALUES ($1, 'user', '', $2, $3, NULL, $4) ON CONFLICT (id) DO NOTHING RETURNING id`,
          [user, JSON.stringify(newScopes), nowMs, row!['value']!],
        );
        if (added.length === 0) throw new IdentityError('exists', `"${user}" exists already`);
        await this.#database.announce(session);
      }
      const [owner] = await session.run(`SELECT id FROM principals WHERE id = $1 AND kind = 'user'`, [user]);
      if (owner === undefined) throw new IdentityError('unknown', `there is no user "${user}"`);
      const added = await session.run(
        `INSERT INTO federated_users (provider, subject, user_id, created_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING RETURNING user_id`,
        [provider, subject, user, nowMs],
      );
      if (added.length === 0)
        throw new IdentityError('exists', `"${subject}" of ${provider} is linked already`);
    });
  }

  countAttempt(
    buckets: readonly string[],
    nowMs: number,
    windowMs: number,
  ): Promise<readonly { readonly count: number; readonly sinceMs: number }[]> {
    return this.#database.transaction(async (session) => {
      await session.run('DELETE FROM login_attempts WHERE last_ms < $1', [nowMs - ATTEMPTS_KEPT_MS]);
      const counted = new Map<string, { count: number; sinceMs: number }>();
      // Two nodes that count in the same buckets take their rows in the same order.
      for (const bucket of [...new Set(buckets)].sort())
        counted.set(bucket, await countOne(session, bucketId(bucket), nowMs, windowMs));
      return buckets.map((bucket) => counted.get(bucket)!);
    });
  }

  async forgiveAttempt(buckets: readonly string[], all: boolean): Promise<void> {
    await this.#database.transaction(async (session) => {
      for (const bucket of [...new Set(buckets)].sort())
        await session.run(
          all
            ? 'DELETE FROM login_attempts WHERE bucket = $1'
            : 'UPDATE login_attempts SET attempts = attempts - 1 WHERE bucket = $1 AND attempts > 0',
          [bucketId(bucket)],
        );
    });
  }
}

/** Names that strangers type have no place in the database. */
const bucketId = (bucket: string): string => hash('sha256', bucket, 'hex');

async function countOne(
  session: SqlSession,
  bucket: string,
  nowMs: number,
  windowMs: number,
): Promise<{ count: number; sinceMs: number }> {
  const [row] = await session.run(
    `INSERT INTO login_attempts (bucket, attempts, since_ms, last_ms) VALUES ($1, 1, $2, $2)
     ON CONFLICT (bucket) DO UPDATE SET
       attempts = CASE WHEN login_attempts.since_ms <= $3 THEN 1 ELSE login_attempts.attempts + 1 END,
       since_ms = CASE WHEN login_attempts.since_ms <= $3 THEN $2 ELSE login_attempts.since_ms END,
       last_ms = $2
     RETURNING attempts, since_ms`,
    [bucket, nowMs, nowMs - windowMs],
  );
  return { count: Number(row!['attempts']), sinceMs: Number(row!['since_ms']) };
}
