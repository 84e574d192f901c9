// The authorization server's port over SQL: artifacts of the protocol under hashes of their ids, and clients.
import { IdentityError } from '../identity/index.ts';
import {
  type Artifact,
  type ArtifactChange,
  ArtifactConflict,
  type ArtifactKey,
  type ClientSettings,
  defaultSettings,
  type OAuthClient,
  type OAuthStore,
  type OAuthUser,
  type StoredArtifact,
} from '../oauth/contract.ts';
import { AccountStore } from './account-store.ts';
import type { SqlDatabase, SqlRow, SqlSession } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';
import { notePlace, putRevocation } from './identity-store.ts';
import { lockVault } from './vault-store.ts';

/** Consumed codes and tokens are remembered this long after their end, so that reuse is still recognised, ms. */
const REMEMBER_MS = 86_400_000;

const columnOf: Readonly<Record<ArtifactKey, string>> = { id: 'id', uid: 'uid', 'user-code': 'user_code' };

export class SqlOAuthStore extends AccountStore implements OAuthStore {
  readonly #database: SqlDatabase;
  readonly #seal: FieldSeal;

  constructor(database: SqlDatabase, seal: FieldSeal) {
    super(database, seal);
    this.#database = database;
    this.#seal = seal;
  }

  async artifact(model: string, key: ArtifactKey, value: string): Promise<StoredArtifact | null> {
    const [row] = await this.#database.run(
      `SELECT id, payload, consumed_ms, expires_ms FROM oauth_artifacts WHERE model = $1 AND ${columnOf[key]} = $2`,
      [model, value],
    );
    if (row === undefined) return null;
    return {
      id: String(row['id']),
      payload: String(row['payload']),
      consumedMs: row['consumed_ms'] as number | null,
      expiresMs: Number(row['expires_ms']),
    };
  }

  async commit(changes: readonly ArtifactChange[]): Promise<void> {
    if (changes.length === 0) return;
    const seals = changes.some(({ kind }) => kind === 'client');
    const tells = seals || changes.some(({ kind }) => kind === 'revoke');
    await this.#database.transaction(async (session) => {
      if (seals) {
        await lockVault(session);
        await this.#seal.renew(session);
      }
      // The revision's row lock first, as everywhere: writers of revocations wait for each other in one order.
      const revision = tells ? await nextRevision(session) : 0;
      for (const change of changes) {
        if (change.kind === 'client') await this.#addClient(session, change, revision);
        else await apply(session, change, revision);
      }
      if (tells) await this.#database.announce(session);
    });
  }

  async #addClient(
    session: SqlSession,
    { client, atMs }: Extract<ArtifactChange, { kind: 'client' }>,
    revision: number,
  ): Promise<void> {
    const { id, note, scopes, settings } = client;
    const added = await session.run(
      `INSERT INTO principals (id, kind, note, scopes, created_ms, disabled_ms, revision)
       VALUES ($1, 'client', $2, $3, $4, NULL, $5) ON CONFLICT (id) DO NOTHING RETURNING id`,
      [id, this.#seal.closeNote(notePlace(id), note), JSON.stringify(scopes), atMs, revision],
    );
    if (added.length === 0) throw new ArtifactConflict(`"${id}" exists already`);
    await session.run('INSERT INTO oauth_clients (id, settings, revision) VALUES ($1, $2, $3)', [
      id,
      JSON.stringify(settings),
      revision,
    ]);
  }

  async pruneArtifacts(nowMs: number): Promise<number> {
    const gone = await this.#database.run(
      'DELETE FROM oauth_artifacts WHERE expires_ms <= $1 RETURNING model',
      [nowMs - REMEMBER_MS],
    );
    return gone.length;
  }

  async client(id: string): Promise<OAuthClient | null> {
    const [row] = await this.#database.run(
      `SELECT principals.id, note, scopes, disabled_ms, settings FROM oauth_clients
       JOIN principals ON principals.id = oauth_clients.id WHERE oauth_clients.id = $1`,
      [id],
    );
    if (row === undefined) return null;
    return this.#clientOf(row);
  }

  async clients(after: string, limit: number): Promise<readonly OAuthClient[]> {
    const rows = await this.#database.run(
      `SELECT principals.id, note, scopes, disabled_ms, settings FROM oauth_clients
       JOIN principals ON principals.id = oauth_clients.id WHERE oauth_clients.id > $1 ORDER BY oauth_clients.id LIMIT $2`,
      [after, limit],
    );
    return Promise.all(rows.map((row) => this.#clientOf(row)));
  }

  async #clientOf(row: SqlRow): Promise<OAuthClient> {
    const user = await this.#userOf(row);
    return {
      ...user,
      settings: { ...defaultSettings, ...(JSON.parse(String(row['settings'])) as ClientSettings) },
    };
  }

  async setClient(id: string, settings: ClientSettings): Promise<void> {
    await this.#database.transaction(async (session) => {
      const revision = await nextRevision(session);
      const [owner] = await session.run(`SELECT id FROM principals WHERE id = $1 AND kind <> 'user'`, [id]);
      if (owner === undefined) throw new IdentityError('unknown', `there is no client "${id}"`);
      await session.run(
        `INSERT INTO oauth_clients (id, settings, revision) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, revision = excluded.revision`,
        [id, JSON.stringify(settings), revision],
      );
      await this.#database.announce(session);
    });
  }

  async user(id: string): Promise<OAuthUser | null> {
    const [row] = await this.#database.run(
      `SELECT id, note, scopes, disabled_ms FROM principals WHERE id = $1 AND kind = 'user'`,
      [id],
    );
    return row === undefined ? null : this.#userOf(row);
  }

  async #userOf(row: SqlRow): Promise<OAuthUser> {
    const id = String(row['id']);
    return {
      id,
      note: await this.#seal.openNote(notePlace(id), String(row['note'])),
      scopes: JSON.parse(String(row['scopes'])) as string[],
      disabledMs: row['disabled_ms'] as number | null,
    };
  }
}

async function nextRevision(session: SqlSession): Promise<number> {
  const [row] = await session.run('UPDATE revision SET value = value + 1 WHERE one = 1 RETURNING value');
  return Number(row!['value']);
}

async function apply(
  session: SqlSession,
  change: Exclude<ArtifactChange, { kind: 'client' }>,
  revision: number,
): Promise<void> {
  switch (change.kind) {
    case 'put':
    case 'create': {
      const added = await insert(session, change.artifact, change.kind === 'put');
      if (!added) throw new ArtifactConflict(`${change.artifact.model} is there already`);
      return;
    }
    case 'consume': {
      const used = await session.run(
        `UPDATE oauth_artifacts SET consumed_ms = $1 WHERE model = $2 AND id = $3 AND consumed_ms IS NULL RETURNING id`,
        [change.atMs, change.model, change.id],
      );
      if (used.length === 0) throw new ArtifactConflict(`${change.model} was used before`);
      return;
    }
    case 'remove':
      await session.run('DELETE FROM oauth_artifacts WHERE model = $1 AND id = $2', [
        change.model,
        change.id,
      ]);
      return;
    case 'remove-grant':
      await session.run('DELETE FROM oauth_artifacts WHERE model = $1 AND grant_id = $2', [
        change.model,
        change.grantId,
      ]);
      return;
    case 'remove-user':
      await session.run('DELETE FROM oauth_artifacts WHERE user_id = $1', [change.user]);
      return;
    case 'revoke':
      await putRevocation(session, change.revocation, revision);
  }
}

/** False when it may not take the place of one that is there. What was used stays used. */
async function insert(session: SqlSession, artifact: Artifact, mayReplace: boolean): Promise<boolean> {
  const { model, id, payload, grantId, uid, userCode, clientId, user, expiresMs } = artifact;
  const rows = await session.run(
    `INSERT INTO oauth_artifacts
       (model, id, payload, grant_id, uid, user_code, client_id, user_id, expires_ms, consumed_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL) ON CONFLICT (model, id) ${
       mayReplace
         ? `DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id, uid = excluded.uid,
              user_code = excluded.user_code, client_id = excluded.client_id, user_id = excluded.user_id,
              expires_ms = excluded.expires_ms`
         : 'DO NOTHING'
     } RETURNING id`,
    [
      model,
      id,
      payload,
      grantId === '' ? null : grantId,
      uid === '' ? null : uid,
      userCode === '' ? null : userCode,
      clientId,
      user,
      expiresMs,
    ],
  );
  return rows.length > 0;
}
