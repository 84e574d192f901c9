// The port of service identities over SQL. Changes take the next number of the one revision counter, as identity's do, so that
// writers wait for each other and every node's look at the state finds them.
import { hash } from 'node:crypto';
import type {
  AuthorityRecord,
  BindingRecord,
  BundleRecord,
  IssueProof,
  JoinTokenRecord,
  ServiceStore,
  SightingRecord,
  StoredCallerRecord,
  SvidRecord,
} from '../identity/index.ts';
import { IdentityError } from '../identity/index.ts';
import type { SqlDatabase, SqlRow, SqlSession } from './contract.ts';
import type { FieldSeal } from './field-seal.ts';
import { putRevocation } from './identity-store.ts';
import { authorityOf, bindingOf, sightingOf, svidOf, tokenOf } from './service-rows.ts';
import { lockVault } from './vault-store.ts';

/** Most bindings that one principal is listed with, and sightings in a report. */
const MAX_LIST = 10_000;

export class SqlServiceStore implements ServiceStore {
  readonly #database: SqlDatabase;
  readonly #seal: FieldSeal;

  constructor(database: SqlDatabase, seal: FieldSeal) {
    this.#database = database;
    this.#seal = seal;
  }

  #change<T>(work: (session: SqlSession, revision: number) => Promise<T>, seals = false): Promise<T> {
    return this.#database.transaction(async (session) => {
      const [row] = await session.run('UPDATE revision SET value = value + 1 WHERE one = 1 RETURNING value');
      if (seals) {
        await lockVault(session);
        await this.#seal.renew(session);
      }
      const result = await work(session, Number(row!['value']));
      await this.#database.announce(session);
      return result;
    });
  }

  // Authorities.

  async authorities(trustDomain: string): Promise<readonly AuthorityRecord[]> {
    const rows = await this.#database.run(
      'SELECT * FROM authorities WHERE trust_domain = $1 ORDER BY active_ms, id',
      [trustDomain],
    );
    return Promise.all(
      rows.map(async (row) => {
        const [place, sealed] = [`authorities/${String(row['id'])}`, String(row['sealed'])];
        return authorityOf(row, sealed === '' ? '' : await this.#seal.open(place, sealed));
      }),
    );
  }

  addAuthorities(
    records: readonly Omit<AuthorityRecord, 'revision'>[],
    unlessIssuingActiveMs: number | null,
  ): Promise<boolean> {
    return this.#change(async (session, revision) => {
      const [first] = records;
      if (first === undefined) return false;
      if (unlessIssuingActiveMs !== null) {
        const [newer] = await session.run(
          `SELECT id FROM authorities WHERE trust_domain = $1 AND kind = 'issuing' AND certificate <> ''
           AND revoked_ms IS NULL AND active_ms >= $2 LIMIT 1`,
          [first.trustDomain, unlessIssuingActiveMs],
        );
        if (newer !== undefined) return false;
      }
      for (const record of records) {
        const sealed = record.key === '' ? '' : this.#seal.close(`authorities/${record.id}`, record.key);
        await session.run(
          `INSERT INTO authorities
             (id, kind, trust_domain, parent, certificate, sealed, created_ms, active_ms, until_ms, revision)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
          [
            record.id,
            record.kind,
            record.trustDomain,
            record.parent === '' ? null : record.parent,
            record.certificate,
            sealed,
            record.createdMs,
            record.activeMs,
            record.untilMs,
            revision,
          ],
        );
      }
      return true;
    }, true);
  }

  completeAuthority(
    id: string,
    certificate: string,
    parent: string,
    activeMs: number,
    untilMs: number,
  ): Promise<void> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        `UPDATE authorities SET certificate = $1, parent = $2, active_ms = $3, until_ms = $4, revision = $5
         WHERE id = $6 AND certificate = '' RETURNING id`,
        [certificate, parent, activeMs, untilMs, revision, id],
      );
      if (changed.length === 0) throw new IdentityError('unknown', 'no request waits for this certificate');
    });
  }

  revokeAuthority(id: string, fingerprint: string, nowMs: number, untilMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        'UPDATE authorities SET revoked_ms = $1, revision = $2 WHERE id = $3 AND revoked_ms IS NULL RETURNING id',
        [nowMs, revision, id],
      );
      if (changed.length === 0) throw new IdentityError('unknown', `there is no authority "${id}"`);
      await revokeCertificate(session, fingerprint, untilMs, nowMs, 'authority withdrawn', revision);
    });
  }

  bundleSequence(trustDomain: string, nowMs: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      // The row of the counter is taken first: nobody changes what is published meanwhile.
      await session.run('UPDATE revision SET value = value WHERE one = 1');
      const roots = await session.run(
        `SELECT id FROM authorities WHERE trust_domain = $1 AND kind = 'root' AND revoked_ms IS NULL
         AND until_ms > $2 ORDER BY id`,
        [trustDomain, nowMs],
      );
      const keys = await session.run(
        "SELECT id FROM signing_keys WHERE purpose = 'jwt-svid' AND until_ms > $1 ORDER BY id",
        [nowMs],
      );
      const content = hash('sha256', JSON.stringify([roots, keys].map((rows) => rows.map(({ id }) => id))));
      const [known] = await session.run(
        'SELECT content, sequence FROM bundle_sequences WHERE trust_domain = $1',
        [trustDomain],
      );
      if (known?.['content'] === content) return Number(known['sequence']);
      const sequence = Number(known?.['sequence'] ?? 0) + 1;
      await session.run(
        `INSERT INTO bundle_sequences (trust_domain, content, sequence) VALUES ($1, $2, $3)
         ON CONFLICT (trust_domain) DO UPDATE SET content = excluded.content, sequence = excluded.sequence`,
        [trustDomain, content, sequence],
      );
      return sequence;
    });
  }

  // Join tokens.

  addJoinToken(token: JoinTokenRecord): Promise<void> {
    return this.#change(async (session, revision) => {
      await requireService(session, token.principal);
      await session.run(
        `INSERT INTO join_tokens (id, sha256, principal, created_ms, expires_ms, revision)
         VALUES ($1, $2, $3, $4, $5, $6)`,
        [token.id, token.sha256, token.principal, token.createdMs, token.expiresMs, revision],
      );
    });
  }

  async joinTokens(nowMs: number): Promise<readonly JoinTokenRecord[]> {
    const rows = await this.#database.run(
      'SELECT * FROM join_tokens WHERE used_ms IS NULL AND expires_ms > $1 ORDER BY expires_ms, id',
      [nowMs],
    );
    return rows.map(tokenOf);
  }

  removeJoinToken(id: string): Promise<boolean> {
    return this.#change(async (session) => {
      const gone = await session.run(
        'DELETE FROM join_tokens WHERE id = $1 AND used_ms IS NULL RETURNING id',
        [id],
      );
      return gone.length > 0;
    });
  }

  async tokenOwner(sha256: string, nowMs: number): Promise<string | null> {
    const [row] = await this.#database.run(
      'SELECT principal FROM join_tokens WHERE sha256 = $1 AND used_ms IS NULL AND expires_ms > $2',
      [sha256, nowMs],
    );
    return row === undefined ? null : String(row['principal']);
  }

  // SVIDs.

  addSvid(record: SvidRecord, proof: IssueProof, nowMs: number): Promise<void> {
    return this.#change(async (session, revision) => {
      await requireService(session, record.principal);
      const [authority] = await session.run(
        'SELECT id FROM authorities WHERE id = $1 AND revoked_ms IS NULL AND until_ms > $2',
        [record.authority, nowMs],
      );
      if (authority === undefined) throw new IdentityError('revoked', 'the issuing authority was withdrawn');
      if (proof.kind === 'token') {
        const used = await session.run(
          `UPDATE join_tokens SET used_ms = $1, svid = $2, revision = $3
           WHERE sha256 = $4 AND principal = $5 AND used_ms IS NULL AND expires_ms > $1 RETURNING id`,
          [nowMs, record.serial, revision, proof.sha256, record.principal],
        );
        if (used.length === 0)
          throw new IdentityError('revoked', 'the join token is unknown, was used or has ended');
      }
      await session.run(
        `INSERT INTO svids (serial, principal, spiffe_id, authority, fingerprint, key_sha256, attestation,
           not_before_ms, not_after_ms, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          record.serial,
          record.principal,
          record.spiffeId,
          record.authority,
          record.fingerprint,
          record.keySha256,
          record.attestation,
          record.notBeforeMs,
          record.notAfterMs,
          revision,
        ],
      );
    });
  }

  async serviceStands(principal: string): Promise<boolean> {
    const [row] = await this.#database.run(
      "SELECT id FROM principals WHERE id = $1 AND kind = 'service' AND disabled_ms IS NULL",
      [principal],
    );
    return row !== undefined;
  }

  async svids(
    principal: string,
    nowMs: number,
    ended: boolean,
    limit: number,
  ): Promise<readonly SvidRecord[]> {
    const rows = await this.#database.run(
      `SELECT * FROM svids WHERE (principal = $1 OR $1 = '') AND not_after_ms > $2
       ORDER BY not_before_ms DESC, serial LIMIT $3`,
      [principal, ended ? 0 : nowMs, limit],
    );
    return rows.map(svidOf);
  }

  async svid(serial: string): Promise<SvidRecord | null> {
    const [row] = await this.#database.run('SELECT * FROM svids WHERE serial = $1', [serial]);
    return row === undefined ? null : svidOf(row);
  }

  async svidByFingerprint(fingerprint: string): Promise<SvidRecord | null> {
    const [row] = await this.#database.run('SELECT * FROM svids WHERE fingerprint = $1', [fingerprint]);
    return row === undefined ? null : svidOf(row);
  }

  revokeSvid(serial: string, nowMs: number): Promise<SvidRecord> {
    return this.#change(async (session, revision) => {
      const [row] = await session.run(
        `UPDATE svids SET revoked_ms = CASE WHEN revoked_ms IS NULL THEN $1 ELSE revoked_ms END, revision = $2
         WHERE serial = $3 RETURNING *`,
        [nowMs, revision, serial],
      );
      if (row === undefined) throw new IdentityError('unknown', `there is no SVID "${serial}"`);
      const record = svidOf(row);
      await revokeCertificate(
        session,
        record.fingerprint,
        record.notAfterMs,
        nowMs,
        'svid withdrawn',
        revision,
      );
      return record;
    });
  }

  async revokedSvids(nowMs: number): Promise<readonly SvidRecord[]> {
    const rows = await this.#database.run(
      'SELECT * FROM svids WHERE revoked_ms IS NOT NULL AND not_after_ms > $1 ORDER BY serial',
      [nowMs],
    );
    return rows.map(svidOf);
  }

  // Bindings.

  addBinding(binding: BindingRecord): Promise<void> {
    return this.#change(async (session, revision) => {
      const [owner] = await session.run('SELECT id FROM principals WHERE id = $1', [binding.principal]);
      if (owner === undefined) throw new IdentityError('unknown', `there is no "${binding.principal}"`);
      const added = await session.run(
        `INSERT INTO bindings (identity, principal, created_ms, removed, revision) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (identity) DO UPDATE SET principal = excluded.principal, created_ms = excluded.created_ms,
           removed = 0, revision = excluded.revision
         WHERE bindings.removed = 1 OR bindings.principal = excluded.principal RETURNING identity`,
        [binding.identity, binding.principal, binding.createdMs, revision],
      );
      if (added.length === 0)
        throw new IdentityError('exists', `"${binding.identity}" stands for somebody else already`);
    });
  }

  removeBinding(identity: string): Promise<boolean> {
    return this.#change(async (session, revision) => {
      const changed = await session.run(
        'UPDATE bindings SET removed = 1, revision = $1 WHERE identity = $2 AND removed = 0 RETURNING identity',
        [revision, identity],
      );
      return changed.length > 0;
    });
  }

  async bindings(principal: string): Promise<readonly BindingRecord[]> {
    const rows = await this.#database.run(
      `SELECT * FROM bindings WHERE removed = 0 AND (principal = $1 OR $1 = '') ORDER BY identity LIMIT ${MAX_LIST}`,
      [principal],
    );
    return rows.map(bindingOf);
  }

  async bindingOf(identity: string): Promise<BindingRecord | null> {
    const [row] = await this.#database.run('SELECT * FROM bindings WHERE identity = $1 AND removed = 0', [
      identity,
    ]);
    return row === undefined ? null : bindingOf(row);
  }

  async callers(trustDomain: string | null): Promise<readonly StoredCallerRecord[]> {
    const bound = await this.#database.run(
      `SELECT identity, principals.id, scopes FROM bindings JOIN principals ON principals.id = principal
       WHERE removed = 0 AND identity NOT LIKE 'kubernetes:%' ORDER BY identity`,
    );
    const services =
      trustDomain === null
        ? []
        : await this.#database.run("SELECT id, scopes FROM principals WHERE kind = 'service' ORDER BY id");
    const scopesOf = (row: SqlRow): readonly string[] => JSON.parse(String(row['scopes'])) as string[];
    const own = services.map((row) => ({
      identity: `spiffe:spiffe://${trustDomain}/${String(row['id'])}`,
      id: String(row['id']),
      scopes: scopesOf(row),
    }));
    return [
      ...bound.map((row) => ({
        identity: String(row['identity']),
        id: String(row['id']),
        scopes: scopesOf(row),
      })),
      // INVARIANT: last, so that no binding takes a service's own id for another.
      ...own,
    ];
  }

  // Bundles of others, and where credentials were seen.

  async bundles(): Promise<readonly BundleRecord[]> {
    const rows = await this.#database.run('SELECT * FROM trust_bundles ORDER BY trust_domain');
    return rows.map((row) => ({
      trustDomain: String(row['trust_domain']),
      document: String(row['document']),
      fetchedMs: Number(row['fetched_ms']),
    }));
  }

  putBundle(bundle: BundleRecord): Promise<void> {
    return this.#change(async (session, revision) => {
      await session.run(
        `INSERT INTO trust_bundles (trust_domain, document, fetched_ms, revision) VALUES ($1, $2, $3, $4)
         ON CONFLICT (trust_domain) DO UPDATE SET document = excluded.document,
           fetched_ms = excluded.fetched_ms, revision = excluded.revision`,
        [bundle.trustDomain, bundle.document, bundle.fetchedMs, revision],
      );
    });
  }

  /** Takes no revision: nobody has to be told. */
  async noteSightings(sightings: readonly SightingRecord[]): Promise<void> {
    if (sightings.length === 0) return;
    const order = (s: SightingRecord): string => JSON.stringify([s.kind, s.credential, s.caller, s.address]);
    // Two nodes that note the same take their rows in the same order.
    const sorted = sightings.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
    await this.#database.transaction(async (session) => {
      for (const { kind, credential, caller, address, firstMs, lastMs } of sorted) {
        await session.run(
          `INSERT INTO sightings (kind, credential, caller, address, first_ms, last_ms)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (kind, credential, caller, address) DO UPDATE SET last_ms = excluded.last_ms
           WHERE excluded.last_ms > sightings.last_ms`,
          [kind, credential, caller, address, firstMs, lastMs],
        );
      }
    });
  }

  async sightings(sinceMs: number): Promise<readonly SightingRecord[]> {
    const rows = await this.#database.run(
      `SELECT * FROM sightings WHERE last_ms >= $1 AND (kind, credential) IN (
         SELECT kind, credential FROM sightings WHERE last_ms >= $1 GROUP BY kind, credential HAVING COUNT(*) > 1
       ) ORDER BY kind, credential, caller, address LIMIT ${MAX_LIST}`,
      [sinceMs],
    );
    return rows.map(sightingOf);
  }

  async sharedKeys(nowMs: number): Promise<readonly SightingRecord[]> {
    const rows = await this.#database.run(
      `SELECT 'key' AS kind, key_sha256 AS credential, principal AS caller, '' AS address,
         MIN(not_before_ms) AS first_ms, MAX(not_before_ms) AS last_ms FROM svids
       WHERE not_after_ms > $1 AND key_sha256 IN (
         SELECT key_sha256 FROM svids WHERE not_after_ms > $1 GROUP BY key_sha256 HAVING COUNT(DISTINCT principal) > 1
       ) GROUP BY key_sha256, principal ORDER BY key_sha256, principal LIMIT ${MAX_LIST}`,
      [nowMs],
    );
    return rows.map(sightingOf);
  }

  pruneServices(beforeMs: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      const gone = [
        await session.run('DELETE FROM join_tokens WHERE expires_ms <= $1 RETURNING id', [beforeMs]),
        await session.run('DELETE FROM svids WHERE not_after_ms <= $1 RETURNING serial', [beforeMs]),
        await session.run('DELETE FROM sightings WHERE last_ms <= $1 RETURNING kind', [beforeMs]),
      ];
      return gone.reduce((sum, rows) => sum + rows.length, 0);
    });
  }

  onChange(callback: () => void): () => void {
    return this.#database.onChange(callback);
  }
}

async function requireService(session: SqlSession, id: string): Promise<void> {
  const [row] = await session.run('SELECT kind, disabled_ms FROM principals WHERE id = $1', [id]);
  if (row === undefined || row['kind'] !== 'service')
    throw new IdentityError('unknown', `there is no service "${id}": add it with "gatewright services add"`);
  if (row['disabled_ms'] !== null) throw new IdentityError('revoked', `the service "${id}" is disabled`);
}

/** Threads look for the fingerprint among the withdrawn keys. */
const revokeCertificate = (
  session: SqlSession,
  fingerprint: string,
  untilMs: number,
  nowMs: number,
  reason: string,
  revision: number,
): Promise<void> =>
  putRevocation(
    session,
    { kind: 'key', value: fingerprint, issuedBeforeMs: null, untilMs, createdMs: nowMs, reason },
    revision,
  );
