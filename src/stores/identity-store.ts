// Identity's port over SQL. Every change takes the next number of the one revision counter, whose row lock makes writers
// wait for each other: revisions become visible in order, so "everything after revision n" never misses one.
import type { ApiKeyUse, RevocationKindName } from '../credentials/index.ts';
import {
  type ApiKeyRecord,
  type ApiKeyState,
  type ApiKeyView,
  type IdentityChanges,
  IdentityError,
  type IdentityStore,
  type Principal,
  type PrincipalKind,
  type Revocation,
  type SigningKeyRecord,
} from '../identity/index.ts';
import type { SqlDatabase, SqlRow, SqlSession, SqlValue } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';
import { followDisabled } from './oauth-revocations.ts';
import { lockVault } from './vault-store.ts';

/** Keys of one page of a full load. */
const PAGE = 1000;
/** Uses of one statement: bounded by the parameters a statement may have. */
const USES_PAGE = 200;

const keyColumns =
  'api_keys.id, api_keys.principal, api_keys.sha256, api_keys.scopes, api_keys.addresses, api_keys.created_ms, ' +
  'api_keys.expires_ms, api_keys.revoked_ms, api_keys.rotated_from';

export class SqlIdentityStore implements IdentityStore {
  readonly #database: SqlDatabase;
  readonly #seal: FieldSeal;

  constructor(database: SqlDatabase, seal: FieldSeal) {
    this.#database = database;
    this.#seal = seal;
  }

  /** As `#change`, for work that seals: no key is retired between the sealing and the end of the transaction. */
  #changeSealed<T>(work: (session: SqlSession, revision: number) => Promise<T>): Promise<T> {
    return this.#change(async (session, revision) => {
      await lockVault(session);
      await this.#seal.renew(session);
      return work(session, revision);
    });
  }

  /** Runs `work` with the next revision, in one transaction. */
  #change<T>(work: (session: SqlSession, revision: number) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (session) => {
      const [row] = await session.run('UPDATE revision SET value = value + 1 WHERE one = 1 RETURNING value');
      const result = await work(session, Number(row!['value']));
      await this.#database.announce(session);
      return result;
    });
  }

  // Principals.

  addPrincipal(principal: Principal, key: ApiKeyRecord | null): Promise<void> {
    return this.#changeSealed(async (session, revision) => {
      const added = await session.run(
        `INSERT INTO principals (id, kind, note, scopes, created_ms, disabled_ms, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING id`,
        [
          principal.id,
          principal.kind,
          this.#seal.closeNote(notePlace(principal.id), principal.note),
          JSON.stringify(principal.scopes),
          principal.createdMs,
          principal.disabledMs,
          revision,
        ],
      );
      if (added.length === 0) throw new IdentityError('exists', `"${principal.id}" exists already`);
      if (key !== null) await insertKey(session, key, revision);
    });
  }

  updatePrincipal(
    id: string,
    change: Partial<Pick<Principal, 'note' | 'scopes' | 'disabledMs'>>,
  ): Promise<void> {
    return this.#changeSealed(async (session, revision) => {
      const [row] = await session.run('SELECT note, scopes, disabled_ms FROM principals WHERE id = $1', [id]);
      if (row === undefined) throw new IdentityError('unknown', `there is no "${id}"`);
      const scopes = change.scopes === undefined ? row['scopes']! : JSON.stringify(change.scopes);
      await session.run(
        'UPDATE principals SET note = $1, scopes = $2, disabled_ms = $3, revision = $4 WHERE id = $5',
        [
          change.note === undefined ? row['note']! : this.#seal.closeNote(notePlace(id), change.note),
          scopes,
          change.disabledMs === undefined ? row['disabled_ms']! : change.disabledMs,
          revision,
          id,
        ],
      );
    });
  }

  setDisabled(id: string, disabledMs: number | null, untilMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        'UPDATE principals SET disabled_ms = $1, revision = $2 WHERE id = $3 RETURNING id',
        [disabledMs, revision, id],
      );
      if (changed.length === 0) throw new IdentityError('unknown', `there is no "${id}"`);
      if (disabledMs === null) await dropRevocation(session, 'subject', id, revision);
      else {
        const reason = 'disabled';
        const whole = {
          kind: 'subject',
          value: id,
          issuedBeforeMs: null,
          untilMs,
          createdMs: disabledMs,
          reason,
        } as const;
        await putRevocation(session, whole, revision);
      }
      await followDisabled(session, id, disabledMs, untilMs, revision);
    });
  }

  async principal(id: string): Promise<Principal | null> {
    const [row] = await this.#database.run('SELECT * FROM principals WHERE id = $1', [id]);
    return row === undefined ? null : this.#principalOf(row);
  }

  async principals(kind: PrincipalKind | null, after: string, limit: number): Promise<readonly Principal[]> {
    const rows =
      kind === null
        ? await this.#database.run('SELECT * FROM principals WHERE id > $1 ORDER BY id LIMIT $2', [
            after,
            limit,
          ])
        : await this.#database.run(
            'SELECT * FROM principals WHERE id > $1 AND kind = $3 ORDER BY id LIMIT $2',
            [after, limit, kind],
          );
    return Promise.all(rows.map((row) => this.#principalOf(row)));
  }

  async #principalOf(row: SqlRow): Promise<Principal> {
    const principal = principalOf(row);
    return { ...principal, note: await this.#seal.openNote(notePlace(principal.id), principal.note) };
  }

  // Keys.

  addKey(key: ApiKeyRecord): Promise<void> {
    return this.#change((session, revision) => insertKey(session, key, revision));
  }

  rotateKey(next: ApiKeyRecord, oldExpiresMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        `UPDATE api_keys SET revision = $1, expires_ms =
           CASE WHEN expires_ms IS NULL OR expires_ms > $2 THEN $2 ELSE expires_ms END
         WHERE id = $3 AND revoked_ms IS NULL RETURNING id`,
        [revision, oldExpiresMs, next.rotatedFrom],
      );
      if (changed.length === 0)
        throw new IdentityError('revoked', `the key "${next.rotatedFrom}" is not there or revoked`);
      await insertKey(session, next, revision);
    });
  }

  revokeKey(id: string, revokedMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        `UPDATE api_keys SET revoked_ms = CASE WHEN revoked_ms IS NULL THEN $1 ELSE revoked_ms END, revision = $2
         WHERE id = $3 RETURNING id`,
        [revokedMs, revision, id],
      );
      if (changed.length === 0) throw new IdentityError('unknown', `there is no key "${id}"`);
    });
  }

  async key(id: string): Promise<ApiKeyView | null> {
    const [row] = await this.#database.run(
      `SELECT ${keyColumns}, last_used_ms FROM api_keys LEFT JOIN key_uses ON key_id = id WHERE id = $1`,
      [id],
    );
    return row === undefined ? null : { ...keyOf(row), lastUsedMs: row['last_used_ms'] as number | null };
  }

  async keys(principal: string, after: string, limit: number): Promise<readonly ApiKeyView[]> {
    const rows = await this.#database.run(
      `SELECT ${keyColumns}, last_used_ms FROM api_keys LEFT JOIN key_uses ON key_id = id
       WHERE id > $1 AND (principal = $3 OR $3 = '') ORDER BY id LIMIT $2`,
      [after, limit, principal],
    );
    return rows.map((row) => ({ ...keyOf(row), lastUsedMs: row['last_used_ms'] as number | null }));
  }

  /** Uses change no revision: nobody has to be told. A key that is gone is left out. */
  async noteUses(uses: readonly ApiKeyUse[]): Promise<void> {
    if (uses.length === 0) return;
    // Two nodes that note the same keys take their rows in the same order.
    const sorted = [...uses].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    await this.#database.transaction(async (session) => {
      for (let at = 0; at < sorted.length; at += USES_PAGE) {
        const page = sorted.slice(at, at + USES_PAGE);
        const known = await session.run(
          `SELECT id FROM api_keys WHERE id IN (${page.map((_, i) => `$${i + 1}`).join(', ')})`,
          page.map((use) => use.id),
        );
        const ids = new Set(known.map((row) => row['id']));
        for (const { id, usedMs } of page) {
          if (!ids.has(id)) continue;
          await session.run(
            `INSERT INTO key_uses (key_id, last_used_ms) VALUES ($1, $2)
             ON CONFLICT (key_id) DO UPDATE SET last_used_ms = excluded.last_used_ms
             WHERE excluded.last_used_ms > key_uses.last_used_ms`,
            [id, usedMs],
          );
        }
      }
    });
  }

  // Revocations.

  addRevocation(revocation: Revocation): Promise<void> {
    return this.#change((session, revision) => putRevocation(session, revocation, revision));
  }

  removeRevocation(kind: RevocationKindName, value: string): Promise<boolean> {
    return this.#change((session, revision) => dropRevocation(session, kind, value, revision));
  }

  async revocations(nowMs: number): Promise<readonly Revocation[]> {
    const rows = await this.#database.run(
      'SELECT * FROM revocations WHERE removed = 0 AND until_ms > $1 ORDER BY created_ms, kind, value',
      [nowMs],
    );
    return rows.map(revocationOf);
  }

  async prune(nowMs: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      const gone = await session.run('DELETE FROM revocations WHERE until_ms <= $1 RETURNING kind', [nowMs]);
      const keys = await session.run('DELETE FROM signing_keys WHERE until_ms <= $1 RETURNING id', [nowMs]);
      return gone.length + keys.length;
    });
  }

  // Signing keys.

  async signingKeys(purpose: string, nowMs: number): Promise<readonly SigningKeyRecord[]> {
    const rows = await this.#database.run(
      'SELECT * FROM signing_keys WHERE purpose = $1 AND until_ms > $2 ORDER BY active_ms, id',
      [purpose, nowMs],
    );
    const signingKeyOf = async (row: SqlRow): Promise<SigningKeyRecord> => ({
      id: String(row['id']),
      purpose: String(row['purpose']),
      algorithm: String(row['algorithm']),
      jwk: await this.#seal.open(`signing_keys/${String(row['id'])}`, String(row['sealed'])),
      createdMs: Number(row['created_ms']),
      activeMs: Number(row['active_ms']),
      untilMs: Number(row['until_ms']),
    });
    return Promise.all(rows.map(signingKeyOf));
  }

  async addSigningKey(key: SigningKeyRecord, unlessActiveMs: number): Promise<boolean> {
    return this.#changeSealed(async (session, revision) => {
      const sealed = this.#seal.close(`signing_keys/${key.id}`, key.jwk);
      const [newer] = await session.run(
        'SELECT id FROM signing_keys WHERE purpose = $1 AND active_ms >= $2 LIMIT 1',
        [key.purpose, unlessActiveMs],
      );
      if (newer !== undefined) return false;
      await session.run(
        `INSERT INTO signing_keys (id, purpose, algorithm, sealed, created_ms, active_ms, until_ms, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [key.id, key.purpose, key.algorithm, sealed, key.createdMs, key.activeMs, key.untilMs, revision],
      );
      return true;
    });
  }

  retireSigningKeys(purpose: string, keep: string, untilMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      await session.run(
        'UPDATE signing_keys SET until_ms = $1, revision = $2 WHERE purpose = $3 AND id <> $4 AND until_ms > $1',
        [untilMs, revision, purpose, keep],
      );
    });
  }

  // Changes.

  async revision(): Promise<number> {
    const [row] = await this.#database.run('SELECT value FROM revision WHERE one = 1');
    return Number(row!['value']);
  }

  async changesSince(
    since: number,
    onKeys: (keys: readonly ApiKeyState[]) => void,
  ): Promise<IdentityChanges> {
    // The counter first: what is written meanwhile is told now or the next time, or both.
    const revision = await this.revision();
    if (revision === since) return { revision, revocations: [], restored: [] };
    // Everything is read in the order of ids; a few changes are found by their revisions.
    const filter =
      since === 0
        ? ''
        : `AND api_keys.id IN (
             SELECT id FROM api_keys WHERE revision > $3
             UNION SELECT api_keys.id FROM principals JOIN api_keys ON principal = principals.id
                   WHERE principals.revision > $3
           )`;
    let after = '';
    for (;;) {
      const rows = await this.#database.run(
        `SELECT ${keyColumns}, principals.scopes AS principal_scopes, principals.disabled_ms
         FROM api_keys JOIN principals ON principals.id = api_keys.principal
         WHERE api_keys.id > $1 ${filter} ORDER BY api_keys.id LIMIT $2`,
        since === 0 ? [after, PAGE] : [after, PAGE, since],
      );
      if (rows.length > 0) onKeys(rows.map(stateOf));
      if (rows.length < PAGE) break;
      after = String(rows.at(-1)!['id']);
    }
    const changed = await this.#database.run('SELECT * FROM revocations WHERE revision > $1', [since]);
    return {
      revision,
      revocations: changed.filter((row) => row['removed'] === 0).map(revocationOf),
      restored: changed
        .filter((row) => row['removed'] !== 0)
        .map((row) => ({ kind: row['kind'] as RevocationKindName, value: String(row['value']) })),
    };
  }

  onChange(callback: () => void): () => void {
    return this.#database.onChange(callback);
  }
}

export async function putRevocation(
  session: SqlSession,
  revocation: Revocation,
  revision: number,
): Promise<void> {
  await session.run(
    `INSERT INTO revocations (kind, value, issued_before_ms, until_ms, created_ms, reason, removed, revision)
     VALUES ($1, $2, $3, $4, $5, $6, 0, $7)
     ON CONFLICT (kind, value) DO UPDATE SET issued_before_ms = excluded.issued_before_ms,
       until_ms = excluded.until_ms, created_ms = excluded.created_ms, reason = excluded.reason,
       removed = 0, revision = excluded.revision`,
    [
      revocation.kind,
      revocation.value,
      revocation.issuedBeforeMs,
      revocation.untilMs,
      revocation.createdMs,
      revocation.reason,
      revision,
    ],
  );
}

export async function dropRevocation(
  session: SqlSession,
  kind: RevocationKindName,
  value: string,
  revision: number,
): Promise<boolean> {
  const changed = await session.run(
    'UPDATE revocations SET removed = 1, revision = $1 WHERE kind = $2 AND value = $3 AND removed = 0 RETURNING kind',
    [revision, kind, value],
  );
  return changed.length > 0;
}

async function insertKey(session: SqlSession, key: ApiKeyRecord, revision: number): Promise<void> {
  const [owner] = await session.run('SELECT id FROM principals WHERE id = $1', [key.principal]);
  if (owner === undefined) throw new IdentityError('unknown', `there is no "${key.principal}"`);
  const parameters: SqlValue[] = [
    key.id,
    key.principal,
    key.sha256,
    key.scopes === null ? null : JSON.stringify(key.scopes),
    JSON.stringify(key.addresses),
    key.createdMs,
    key.expiresMs,
    key.revokedMs,
    key.rotatedFrom === '' ? null : key.rotatedFrom,
    revision,
  ];
  const added = await session.run(
    `INSERT INTO api_keys
       (id, principal, sha256, scopes, addresses, created_ms, expires_ms, revoked_ms, rotated_from, revision)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id`,
    parameters,
  );
  if (added.length === 0) throw new IdentityError('exists', `a key "${key.id}" exists already`);
}

const list = (value: SqlValue | undefined): readonly string[] =>
  JSON.parse(String(value)) as readonly string[];

export const notePlace = (id: string): string => `principals.note/${id}`;

const principalOf = (row: SqlRow): Principal => ({
  id: String(row['id']),
  kind: row['kind'] as PrincipalKind,
  note: String(row['note']),
  scopes: list(row['scopes']),
  createdMs: Number(row['created_ms']),
  disabledMs: row['disabled_ms'] as number | null,
});

const keyOf = (row: SqlRow): ApiKeyRecord => ({
  id: String(row['id']),
  principal: String(row['principal']),
  sha256: String(row['sha256']),
  scopes: row['scopes'] === null ? null : list(row['scopes']),
  addresses: list(row['addresses']),
  createdMs: Number(row['created_ms']),
  expiresMs: row['expires_ms'] as number | null,
  revokedMs: row['revoked_ms'] as number | null,
  rotatedFrom: row['rotated_from'] === null ? '' : String(row['rotated_from']),
});

const stateOf = (row: SqlRow): ApiKeyState => ({
  key: keyOf(row),
  principal: {
    id: String(row['principal']),
    scopes: list(row['principal_scopes']),
    disabledMs: row['disabled_ms'] as number | null,
  },
});

const revocationOf = (row: SqlRow): Revocation => ({
  kind: row['kind'] as RevocationKindName,
  value: String(row['value']),
  issuedBeforeMs: row['issued_before_ms'] as number | null,
  untilMs: Number(row['until_ms']),
  createdMs: Number(row['created_ms']),
  reason: String(row['reason']),
});
